"""Where the tiles of SpaceNet-2 Las Vegas lie on disk, under either of their names.

The first release has ``AOI_2_Vegas_Train/RGB-PanSharpen/RGB-PanSharpen_AOI_2_Vegas_img1.tif`` and
``geojson/buildings/buildings_AOI_2_Vegas_img1.geojson`` beside it, which torchgeo expects below
``SN2_buildings/train``. The bucket has ``SN2_buildings/train/AOI_2_Vegas/PS-RGB`` and ``geojson_buildings``, with the
path in every name (torchgeo's issue 2683).
"""

from __future__ import annotations

import re
from pathlib import Path

from rsbench.datasets import tile_layout
from rsbench.datasets.tile_layout import Found, TileLayout

TITLE = "SpaceNet-2 Las Vegas"
AREA = "AOI_2_Vegas"
PAGE = "https://spacenet.ai/spacenet-buildings-dataset-v2/"
BUCKET = "s3://spacenet-dataset/spacenet/SN2_buildings"
TARBALL = "SN2_buildings_train_AOI_2_Vegas.tar.gz"
_GET = (
    "Download it (an archive of about 23 GB) with `--download` of rsbench run or sweep, or by hand with `aws s3 cp "
    f"--no-sign-request {BUCKET}/tarballs/{TARBALL} .`, and unpack it; or copy only the folders PS-RGB and "
    f"geojson_buildings of {BUCKET}/train/AOI_2_Vegas; see {PAGE}."
)
_NEW = "SN2_buildings_train_AOI_2_Vegas"
_NUMBER = r"_img([1-9]\d{0,4})"
_ABOVE = (".", "sn2_buildings/train", "sn2_buildings", "train", "spacenet/sn2_buildings/train", "train/train")
_AREAS = (".", "aoi_2_vegas_train", "aoi_2_vegas")
_OTHERS = ("MUL", "PAN", f"{_NEW}_MS", f"{_NEW}_PAN", f"{_NEW}_PS-MS")
_WHY = "Files that begin with {} belong to another folder: the RGB tiles are read."

LAYOUT = TileLayout(
    title=TITLE,
    area=AREA,
    bases=tuple(f"{above}/{area}".replace("./", "").removesuffix("/.") for above in _ABOVE for area in _AREAS),
    images=("rgb-pansharpen", "ps-rgb"),
    labels=("geojson/buildings", "geojson_buildings", "geojson"),
    labels_named="geojson/buildings, geojson_buildings and geojson",
    image=re.compile(rf"(?:RGB-PanSharpen_AOI_2_Vegas|{_NEW}_PS-RGB){_NUMBER}\.tiff?", re.IGNORECASE),
    label=re.compile(rf"(?:buildings_AOI_2_Vegas|{_NEW}_geojson_buildings){_NUMBER}\.geojson", re.IGNORECASE),
    usual_image=f"RGB-PanSharpen_AOI_2_Vegas_img1.tif or {_NEW}_PS-RGB_img1.tif",
    usual_label=f"buildings_AOI_2_Vegas_img1.geojson or {_NEW}_geojson_buildings_img1.geojson",
    example="AOI_2_Vegas_Train/RGB-PanSharpen/RGB-PanSharpen_AOI_2_Vegas_img1.tif",
    others={
        "mul-pansharpen": "the 8-band tiles",
        "ps-ms": "the 8-band tiles",
        "mul": "the 8-band tiles of 1.24 m",
        "ms": "the 8-band tiles of 1.24 m",
        "pan": "the panchromatic tiles",
    },
    remedy=f"unpack that folder too. {_GET}",
    strangers={start.lower(): _WHY.format(start) for start in _OTHERS},
    tarballs=(TARBALL,),
    get=_GET,
    no_labels="The tiles of the test part have none that are public.",
)


def find_tiles(root: str | Path) -> Found:
    """Finds the labelled tiles under ``root``; see ``rsbench.datasets.tile_layout.find_tiles``."""
    return tile_layout.find_tiles(root, LAYOUT)

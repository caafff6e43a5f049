"""Where the tiles of SpaceNet-1 Rio lie on disk, under either of their names, and which footprints belong to which."""

from __future__ import annotations

import re
from pathlib import Path

from rsbench.datasets import tile_layout
from rsbench.datasets.tile_layout import Found, TileLayout

TITLE = "SpaceNet-1 Rio"
AREA = "AOI_1_RIO"
PAGE = "https://spacenet.ai/spacenet-buildings-dataset-v1/"
BUCKET = "s3://spacenet-dataset/spacenet/SN1_buildings/tarballs"
TARBALLS = ("SN1_buildings_train_AOI_1_Rio_3band.tar.gz", "SN1_buildings_train_AOI_1_Rio_geojson_buildings.tar.gz")
_GET = (
    "Download it (3.7 GB when unpacked) with `--download` of rsbench run or sweep, or by hand with "
    + " and ".join(f"`aws s3 cp --no-sign-request {BUCKET}/{name} .`" for name in TARBALLS)
    + f", and unpack both; see {PAGE}."
)
_NUMBER = r"_img([1-9]\d{0,4})"

LAYOUT = TileLayout(
    title=TITLE,
    area=AREA,
    bases=(
        ".", "sn1_buildings/train", "train", "processeddata", "processedbuildinglabels", "aoi_1_rio/processeddata",
        "processeddata/processedbuildinglabels", "aoi_1_rio", "aoi_1_rio_train", "sn1_buildings",
    ),
    images=("3band",),
    labels=(
        "geojson", "geojson/buildings", "geojson/geojson", "geojson_buildings", "vectordata/geojson",
        "vectordata/geojson/geojson",
    ),
    labels_named="geojson, geojson/buildings, geojson_buildings and vectorData/geoJson",
    image=re.compile(rf"3band_(?:AOI_1_RIO|\d+_Public){_NUMBER}\.tiff?", re.IGNORECASE),
    label=re.compile(rf"(?:Geo_AOI_1_RIO{_NUMBER}|\d+_Public{_NUMBER}_Geo)\.geojson", re.IGNORECASE),
    usual_image="3band_AOI_1_RIO_img1.tif or 3band_013022223130_Public_img1.tif",
    usual_label="Geo_AOI_1_RIO_img1.geojson or 013022223130_Public_img1_Geo.geojson",
    example="SN1_buildings/train/3band/3band_AOI_1_RIO_img1.tif",
    others={"8band": "the 8-band tiles"},
    remedy=f"get the other archive. {_GET}",
    strangers={"8band": "Files that begin with 8band belong to another folder: the 3-band tiles are read."},
    tarballs=TARBALLS,
    get=_GET,
    no_labels="The tiles of the test part have none that are public.",
)  # fmt: skip


def tile_id(number: int) -> str:
    """Returns the item id of a tile, whatever its files are called.

    >>> tile_id(7)
    'AOI_1_RIO_img7'
    """
    return LAYOUT.tile_id(number)


def find_tiles(root: str | Path) -> Found:
    """Finds the labelled tiles under ``root``; see ``rsbench.datasets.tile_layout.find_tiles``."""
    return tile_layout.find_tiles(root, LAYOUT)

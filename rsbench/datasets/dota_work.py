"""One image of DOTA becomes tiles and a note that says what was made; done notes make a preparation go on."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from rsbench.datasets.dota_labels import Labels, read_labels
from rsbench.datasets.dota_layout import Source
from rsbench.datasets.dota_tiles import Settings, cut_objects, tile_name, tiles_of
from rsbench.datasets.images import load_image
from rsbench.datasets.items import file_sha256
from rsbench.errors import UserError

_COMPRESSION = 1  # of PNG: the default takes more than twice the time for files that are as large


@dataclass(frozen=True)
class Job:
    """An image to be cut.

    Args:
        source: image and labels.
        labels: what the label file holds.
        tiles: folder of the tiles.
        note: file that is written when all tiles are.
        settings: how to cut.
    """

    source: Source
    labels: Labels
    tiles: Path
    note: Path
    settings: Settings


def cut_image(job: Job) -> None:
    """Decodes an image once and writes its tiles, and at last the note.

    The note has the digests of the source and of the tiles. Those of the tiles tell later whether they are still what
    was cut, and no more: another library compresses the same pixels to other bytes.

    Raises:
        UserError: the image cannot be decoded or is too large, no object lies in it, or the disk is full.
    """
    path = job.source.image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # only twice that size is refused
        image = load_image(path)
        with Image.open(path) as opened:
            mode = opened.mode
    height, width = image.shape[:2]
    annotations, counts = cut_objects(job.labels, height, width, job.settings)
    if len(job.labels) and counts.outside == len(job.labels):
        raise UserError(
            f"All objects of {job.source.labels} lie outside its image of {width} x {height} pixels.",
            "Labels and image do not belong together: restore them from the archives.",
        )
    tiles = []
    try:
        for (left, top, right, bottom), found in zip(tiles_of(height, width, job.settings), annotations, strict=True):
            name = tile_name(job.source.stem, left, top)
            piece = Image.fromarray(image[top:bottom, left:right])
            coded = io.BytesIO()
            piece.save(coded, "PNG", compress_level=_COMPRESSION)
            (job.tiles / name).write_bytes(coded.getvalue())
            digest = hashlib.sha256(coded.getvalue()).hexdigest()
            about = {"file_name": name, "height": piece.height, "width": piece.width, "sha256": digest}
            tiles.append({**about, "annotations": found})
        digest = file_sha256(path).hex()
        note = {"of": _origin(job.source), "sha256": digest, "mode": mode, "counts": asdict(counts), "tiles": tiles}
        write_json(job.note, note)
    except OSError as error:
        raise UserError(
            f"The tiles of {path} cannot be written to {job.tiles}: {error.strerror or error}.",
            "Free space, or choose another folder with --output, and run again: it goes on where it broke off.",
        ) from None


def read_note(source: Source, note: Path, sizes: Mapping[str, int]) -> dict[str, Any] | None:
    """Returns the note of an image whose tiles are there; None if it must be cut (again), as after an older version.

    Args:
        source: image and labels; both must be those of which the tiles were made.
        note: file of the note.
        sizes: of the files in the folder of the tiles, in bytes.
    """
    try:
        found = json.loads(note.read_bytes())
        there = all(sizes.get(tile["file_name"]) and tile["sha256"] for tile in found["tiles"])
        if found["of"] == _origin(source) and found["sha256"] and there:
            return dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def plan(sources: tuple[Source, ...], tiles: Path, notes: Path, settings: Settings) -> list[Job]:
    """Returns what is still to be cut of a part, after all its label files were read: what is wrong shows at once."""
    sizes = {entry.name: entry.stat().st_size for entry in os.scandir(tiles)}
    jobs = []
    for source in sources:
        note = notes / f"{source.stem}.json"
        if read_note(source, note, sizes) is None:
            jobs.append(Job(source, read_labels(source.labels), tiles, note, settings))
    return jobs


def write_json(path: Path, content: Any) -> str:
    """Writes a file so that it is there when it is whole, one process at a time; returns the SHA-256 of its bytes."""
    partial = path.with_name(f".{path.name}.part")
    data = json.dumps(content, separators=(",", ":")).encode()
    partial.write_bytes(data)
    partial.replace(path)
    return hashlib.sha256(data).hexdigest()


def _origin(source: Source) -> dict[str, Any]:
    """Returns what tells whether a source has changed; an image of the same size in bytes counts as the same."""
    try:
        digest = hashlib.sha256(source.labels.read_bytes()).hexdigest()
        return {"image": source.image.name, "bytes": source.image.stat().st_size, "labels": digest}
    except OSError as error:
        raise UserError(f"The file {error.filename} cannot be read: {error.strerror}.", "Restore it.") from None

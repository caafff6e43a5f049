"""Cuts DOTA v1.0 into tiles once: in parallel, resumable, to tiles in PNG and annotations in the form of COCO."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from rsbench.datasets.classes import DOTA as CLASSES
from rsbench.datasets.dota_layout import FLAT, TITLE, Source, find_parts
from rsbench.datasets.dota_tiles import Counts, Settings
from rsbench.datasets.dota_work import Job, cut_image, plan, read_note, write_json
from rsbench.datasets.items import file_sha256
from rsbench.environment import cores
from rsbench.errors import RunError, UserError
from rsbench.locks import exclusive

MANIFEST = "tiling.json"  # says that a folder is one of tiles, of which parts and with which settings
SUMMARY = "summary.txt"
FORMAT = 2  # to be raised when the same sources give other tiles or annotations: it is part of the fingerprint
_NOTES = ".done"
_FEW = 8  # images that are cut without processes of their own, which take a second to start
_FIRST_ID = {FLAT: 1, "train": 1, "val": 1_000_001}  # of images: apart, so that both parts fit into one file

Report = Callable[[int, int], Any]


def prepare(
    root: str | Path,
    output: str | Path | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    workers: int = 0,
    report: Report = lambda done, total: None,
) -> Path:
    """Cuts the images under ``root`` into tiles; what is done already is not done again.

    The result is a folder named after the settings: tiles in ``<part>/``, annotations in ``<part>.json``, settings in
    ``tiling.json``, and what was counted in ``summary.txt``. What has changed since is made anew: an image of another
    size in bytes, a label file, a tile that is gone, annotations, and all that an older version of rsbench has made.

    Args:
        root: folder of the dataset (``rsbench.datasets.dota_layout``).
        output: folder that receives the folder of tiles; ``root`` by default.
        settings: how to cut, or those values that are not the default by name.
        workers: processes; 0 is one for each core, and none for a few images.
        report: is told how many images are done and how many there are.

    Returns:
        The folder of tiles.

    Raises:
        UserError: images or labels are not there or not valid, or the folder cannot be written.
        RunError: a process was killed.
    """
    settings = settings if isinstance(settings, Settings) else Settings.of(settings or {})
    if (Path(root).expanduser() / MANIFEST).is_file():
        raise UserError(f"{root} is a folder of tiles already.", "Give the folder of the dataset as it was published.")
    parts = find_parts(root)
    folder = Path(output or root).expanduser() / settings.name
    with exclusive(folder, f"Another process is preparing {folder}; waiting for it."):
        try:
            digests = _claim(folder, settings, parts)
            jobs = {part: _plan(folder, part, sources, settings) for part, sources in parts.items()}
            total = sum(map(len, parts.values()))
            before = total - sum(map(len, jobs.values()))
            report(before, total)
            for done, _ in enumerate(_cut([job for some in jobs.values() for job in some], workers), start=before + 1):
                report(done, total)
            for part, sources in parts.items():
                path = folder / f"{part}.json"
                if jobs[part] or not path.is_file() or file_sha256(path).hex() != digests.get(part):
                    digests[part] = _assemble(folder, part, sources, settings)
                    _write_manifest(folder, settings, parts, digests)
            _summarise(folder, [*parts])
        except OSError as error:
            where = error.filename or folder
            raise UserError(f"{where} cannot be written: {error.strerror}.", "Choose another --output.") from None
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """Returns ``tiling.json`` of a folder of tiles: ``format``, ``settings``, ``parts``, digests of ``annotations``.

    Raises:
        UserError: it cannot be read, or another version of rsbench wrote it.
    """
    found = _manifest(folder)
    if found["format"] != FORMAT:
        raise UserError(
            f"{folder} is in the format {found['format']} of another version of rsbench.",
            "Make its tiles anew by rsbench data prepare --task dota with the same settings.",
        )
    return found


def _manifest(folder: Path) -> dict[str, Any]:
    """Returns ``tiling.json``, of an older version too."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())
        version, _, _ = int(found["format"]), found["settings"], found["parts"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder / MANIFEST} cannot be read.", "Delete the folder and prepare it again.") from None
    if version > FORMAT:
        raise UserError(
            f"{folder} is in the format {version} of another version of rsbench.",
            "Update rsbench, or prepare the tiles elsewhere.",
        )
    return {"annotations": {}, **found}


def _claim(folder: Path, settings: Settings, parts: Mapping[str, Any]) -> dict[str, str]:
    """Makes the folder, or checks that it was made with the same settings; returns the digests of its annotations."""
    digests: dict[str, str] = {}
    if (folder / MANIFEST).is_file():
        found = _manifest(folder)
        if found["settings"] != settings.as_dict():
            raise UserError(
                f"{folder} was prepared with other settings: {found['settings']}.", "Choose another --output."
            )
        if found["format"] == FORMAT:
            digests = found["annotations"]
    elif folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is there and is no folder of tiles.", "Move it away, or choose another --output.")
    folder.mkdir(exist_ok=True)
    _write_manifest(folder, settings, parts, digests)
    return digests


def _write_manifest(folder: Path, settings: Settings, parts: Mapping[str, Any], digests: Mapping[str, str]) -> None:
    known = {part: digests[part] for part in parts if part in digests}
    content = {"of": TITLE, "settings": settings.as_dict(), "parts": [*parts], "annotations": known}
    write_json(folder / MANIFEST, {"format": FORMAT, **content})


def _plan(folder: Path, part: str, sources: tuple[Source, ...], settings: Settings) -> list[Job]:
    """Returns what is to be done; annotations that will not be those of the tiles are taken away first."""
    tiles, notes = folder / part, folder / _NOTES / part
    tiles.mkdir(exist_ok=True)
    notes.mkdir(exist_ok=True, parents=True)
    known = {source.stem for source in sources}
    gone = [path for path in notes.glob("*.json") if path.stem not in known and not path.name.startswith(".")]
    jobs = plan(sources, tiles, notes, settings)
    if gone or jobs:
        (folder / f"{part}.json").unlink(missing_ok=True)
    for path in gone:
        for tile in json.loads(path.read_bytes())["tiles"]:
            (tiles / tile["file_name"]).unlink(missing_ok=True)
        path.unlink()
    return jobs


def _cut(jobs: Sequence[Job], workers: int) -> Iterator[None]:
    """Cuts images, the largest files first, and yields once for each that is done. The first error stops all."""
    count = min(workers or cores() or 1, len(jobs))
    ordered = sorted(jobs, key=lambda job: -job.source.image.stat().st_size)
    if count <= 1 or (not workers and len(jobs) <= _FEW):
        for job in ordered:
            cut_image(job)
            yield
        return
    # spawned, not forked: the process that calls may have threads, and torch
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_start)
    try:
        for future in as_completed([pool.submit(cut_image, job) for job in ordered]):
            future.result()
            yield
    except BrokenProcessPool:
        raise RunError(
            "A process that cuts images was killed, for lack of memory most likely.",
            "Give fewer --workers and run again: it goes on where it broke off.",
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    """Sets up a worker: an interruption is the parent's to handle, and without the parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def _assemble(folder: Path, part: str, sources: tuple[Source, ...], settings: Settings) -> str:
    """Writes the annotations of a part in the form of COCO, from the notes of its images; returns their digest."""
    sizes = {entry.name: entry.stat().st_size for entry in os.scandir(folder / part)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    counts, modes, digests = Counts(), dict[str, int](), dict[str, dict[str, Any]]()
    for source in sources:
        note = read_note(source, folder / _NOTES / part / f"{source.stem}.json", sizes)
        if note is None:
            raise UserError(f"{source.image} has changed while it was cut.", "Run again when nothing writes to it.")
        counts += Counts(**note["counts"])
        modes[note["mode"]] = modes.get(note["mode"], 0) + 1
        tiles = {tile["file_name"]: tile["sha256"] for tile in note["tiles"]}
        digests[source.stem] = {"image": note["sha256"], "labels": note["of"]["labels"], "tiles": tiles}
        for tile in note["tiles"]:
            image_id = _FIRST_ID[part] + len(images)
            images.append({"id": image_id, **{key: tile[key] for key in ("file_name", "height", "width")}})
            for found in tile["annotations"]:
                annotations.append({"id": len(annotations) + 1, "image_id": image_id, **found})
    return write_json(
        folder / f"{part}.json",
        {
            "info": {
                "description": f"{TITLE}, part {part}, cut into tiles by rsbench",
                "settings": settings.as_dict(),
                "images": len(sources),
                "tiles": len(images),
                "counts": asdict(counts),
                "modes": dict(sorted(modes.items())),
                "sha256": digests,
            },
            "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES, start=1)],
            "images": images,
            "annotations": annotations,
        },
    )


def _summarise(folder: Path, parts: Sequence[str]) -> None:
    """Writes in words what the parts have: images, tiles, objects and what became of them."""
    lines = []
    for part in parts:
        info = json.loads((folder / f"{part}.json").read_bytes())["info"]
        c = Counts(**info["counts"])
        share = info["settings"]["inside"]
        lines.append(
            f"{part}: {info['images']:,} images, {info['tiles']:,} tiles. {c.objects:,} objects, {c.difficult:,} of "
            f"them difficult, give {c.annotations:,} annotations ({c.crowd:,} crowd). {c.cut:,} parts of objects have "
            f"less than {share:g} of their area in a tile ({info['settings']['cut']}), and {c.nowhere:,} objects are "
            f"in no tile. Left out: {c.no_area:,} without area, {c.outside:,} outside their image.\n"
        )
    (folder / SUMMARY).write_text("".join(lines))

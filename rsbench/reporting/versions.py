"""What a split stands for: a rule may draw another list from every folder, and a list may have other images.

Numbers on different lists or images are never compared, so a split that has several of them needs names for these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from rsbench.records import Record

# Digits of the digests of list and images that a name has, in the order in which names are tried: none, some, all.
_DIGITS = ((0, 0), (8, 0), (0, 8), (8, 8), (None, None))


class Version(NamedTuple):
    """One list of one split on one set of images.

    Args:
        task, split: names.
        list: SHA-256 of the split list; ``unknown`` where the record has none.
        images: fingerprint of the dataset, likewise.
    """

    task: str
    split: str
    list: str
    images: str


def version(record: Record) -> Version:
    """Returns what a record was measured on."""
    digests = (str(record.dataset.get(key) or "unknown") for key in ("split_sha256", "fingerprint"))
    return Version(record.task, record.split, *digests)


def version_names(records: Iterable[Record]) -> dict[Version, str]:
    """Names the versions of each split for readers; a name is empty where a split has one version only.

    A name has the counts, ``7 train, 3 val``, and where these are equal the first digits of the digest that differs,
    ``7 train, 3 val, list 0f3a96c1``; names of the versions of one split differ.
    """
    counts: dict[Version, Mapping[str, Any]] = {}
    for record in records:
        counts.setdefault(version(record), record.dataset.get("counts") or {})
    splits: dict[tuple[str, str], list[Version]] = {}
    for one in counts:
        splits.setdefault((one.task, one.split), []).append(one)
    names: dict[Version, str] = {}
    for several in splits.values():
        if len(several) == 1:
            names[several[0]] = ""
            continue
        for digits in _DIGITS:
            tried = {one: _name(one, counts[one], *digits) for one in several}
            if len(set(tried.values())) == len(several):
                break
        names |= tried
    return names


def _name(one: Version, counts: Mapping[str, Any], of_list: int | None, of_images: int | None) -> str:
    said = [f"{count} {part}" for part, count in counts.items()] or ["counts unknown"]
    for word, digest, digits in (("list", one.list, of_list), ("images", one.images, of_images)):
        if digits != 0:
            said.append(f"{word} {digest[:digits]}")
    return ", ".join(said)

"""What a split stands for: a rule may draw another list from every folder, and a list may have other images.

Numbers on different lists or images are never compared, so a split that has several of them needs names for these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

    A name has the counts and the policies of the dataset that differ, ``7 train, 3 val, difficult=drop``, and where
    these are equal or not known the first digits of the digest that differs, ``7 train, 3 val, list 0f3a96c1``; names
    of the versions of one split differ.
    """
    counts: dict[Version, Mapping[str, Any]] = {}
    policies: dict[Version, Mapping[str, Any]] = {}
    for record in records:
        counts.setdefault(version(record), record.dataset.get("counts") or {})
        if isinstance(found := record.selected.get("data"), Mapping):  # a run that failed has none
            policies.setdefault(version(record), found)
    splits: dict[tuple[str, str], list[Version]] = {}
    for one in counts:
        splits.setdefault((one.task, one.split), []).append(one)
    names: dict[Version, str] = {}
    for several in splits.values():
        if len(several) == 1:
            names[several[0]] = ""
            continue
        differing = _differing([policies[one] for one in several if one in policies])
        for digits in _DIGITS:
            tried = {one: _name(one, counts[one], _said(policies.get(one, {}), differing), *digits) for one in several}
            if len(set(tried.values())) == len(several):
                break
        names |= tried
    return names


def shown(value: object) -> str:
    """Returns a setting for readers.

    >>> shown([512, 1024]), shown(0.5)
    ('512,1024', '0.5')
    """
    return ",".join(map(shown, value)) if isinstance(value, list) else str(value)


def _differing(policies: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the names of the policies that are not the same in all, in alphabetical order."""
    names = sorted({name for one in policies for name in one})
    return [name for name in names if any(one.get(name) != policies[0].get(name) for one in policies)]


def _said(policies: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Returns what a name has of these policies: not the digests of files, which say no more than that of all."""
    told = {name: policies[name] for name in names if not isinstance(policies.get(name), Mapping | None)}
    return [f"{name}={shown(value)}" for name, value in told.items() if not str(value).startswith("sha256 ")]


def _name(
    one: Version, counts: Mapping[str, Any], policies: Sequence[str], of_list: int | None, of_images: int | None
) -> str:
    said = [f"{count} {part}" for part, count in counts.items()] or ["counts unknown"]
    said += policies
    for word, digest, digits in (("list", one.list, of_list), ("images", one.images, of_images)):
        if digits != 0:
            said.append(f"{word} {digest[:digits]}")
    return ", ".join(said)

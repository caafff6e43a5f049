"""Split lists: which image belongs to which part, as a small text file that shows its changes in a diff.

The format is plain text in UTF-8::

    # where the partition comes from
    name seco
    ids {class}/{class}_{number}.jpg
    codes t=train v=val s=test
    AnnualCrop<TAB>ttvst-t...
    Forest<TAB>...

One line per class; character ``i`` (from 0) is the part of image number ``i + 1`` of the class, and ``-`` is an image
that exists and is not used. ``ids`` spells the item id, which is the path of the image inside the dataset;
``{number:03d}`` pads with zeros.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import ascii_letters
from types import MappingProxyType

from rsbench.errors import UserError
from rsbench.task import Split

UNUSED = "-"
_USUAL = {"train": "t", "val": "v", "test": "s"}
_FIELD = re.compile(r"\{(class|number)(?::0(\d)d)?\}")
_PART = re.compile(r"[a-z][a-z0-9_-]*")
_CLASS = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029/\\#{}][^\x00-\x1f\x7f-\x9f\u2028\u2029/\\{}]*")


@dataclass(frozen=True)
class SplitList:
    """A partition of a dataset, as a split file has it.

    Args:
        name: of the partition.
        parts: the item ids of each part, sorted; the parts are disjoint.
        sha256: hexadecimal digest of the bytes of the file, also where no file was written.
        unused: ids of images that exist in the dataset and belong to no part, sorted.
    """

    name: str
    parts: Mapping[str, tuple[str, ...]]
    sha256: str
    unused: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType(dict(self.parts)))

    @property
    def counts(self) -> dict[str, int]:
        """Images per part."""
        return {part: len(ids) for part, ids in self.parts.items()}


def spell(pattern: str, class_name: str, number: int) -> str:
    """Returns the item id of image ``number`` (from 1) of a class.

    >>> spell("{class}/{class}_{number:03d}.jpg", "airplane", 7)
    'airplane/airplane_007.jpg'
    """
    return _FIELD.sub(lambda m: class_name if m[1] == "class" else str(number).zfill(int(m[2] or 0)), pattern)


def the_partition(name: str) -> str:
    """Returns a partition and the options that take it, for the remedy of a message.

    >>> the_partition("present")
    'the partition present (rsbench run --split present, rsbench score --partition present)'
    """
    return f"the partition {name} (rsbench run --split {name}, rsbench score --partition {name})"


def resolve_split(split: Split, root: str | Path) -> SplitList:
    """Returns the partition that a Split stands for: read from its file, or drawn from the files under ``root``.

    Raises:
        UserError: see ``read_split``; or the rule does not fit what lies under ``root``.
    """
    if split.draw is None:
        return read_split(split)
    found: SplitList = split.draw(Path(root))
    if found.name != split.name:
        raise UserError(
            f"The rule of the split {split.name!r} draws one that is called {found.name!r}.", "Give both the same name."
        )
    return found


def read_split(source: Split | str | Path) -> SplitList:
    """Reads a split file and checks it.

    Args:
        source: a path, or the Split of a task, whose file is taken from its package and whose name, sha256 and counts
            must agree.

    Raises:
        UserError: the file is missing or not in the format, or it is not the file that the Split describes.
    """
    if isinstance(source, Split):
        if not source.file:
            raise UserError(f"The split {source.name!r} has no file: it is drawn from what is there.", "Give a folder.")
        where = f"{source.package}/{source.file}"
        try:
            data = resources.files(source.package).joinpath(source.file).read_bytes()
        except (OSError, ModuleNotFoundError) as error:
            raise UserError(f"The split file {where} cannot be read: {error}.", "Reinstall the package.") from None
    else:
        where = str(source)
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise UserError(f"The split file {where} cannot be read: {error.strerror}.", "Check the path.") from None
    found = _parse(data, where)
    if isinstance(source, Split):
        _compare(found, source, where)
    return found


def write_split(
    path: str | Path, *, name: str, ids: str, assignment: Mapping[str, Sequence[str]], origin: Iterable[str] = ()
) -> SplitList:
    """Writes a split file atomically and returns what a reader finds in it.

    Args:
        path: of the file; one that exists is replaced.
        name: of the partition, without a line break.
        ids: pattern of the item ids, with ``{class}`` and ``{number}`` or ``{number:03d}``.
        assignment: for each class the part of image 1, 2, ...; an empty string for an unused image.
        origin: comment lines that say where the partition comes from.

    Raises:
        UserError: a name or pattern that the format cannot hold.
    """
    data = _compose(name, ids, assignment, origin)
    found = _parse(data, str(path))  # whatever the format cannot hold is refused before a file exists
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(partial).chmod(0o644)
        Path(partial).replace(target)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    return found


def make_split(
    *, name: str, ids: str, assignment: Mapping[str, Sequence[str]], origin: Iterable[str] = ()
) -> SplitList:
    """Returns what ``write_split`` would write and return, without a file.

    >>> make_split(name="mine", ids="{class}_{number}", assignment={"a": ["train", "val", "train"]}).parts["train"]
    ('a_1', 'a_3')
    """
    return _parse(_compose(name, ids, assignment, origin), name)


def draw_order(class_name: str, numbers: Iterable[int], seed: int) -> list[int]:
    """Shuffles image numbers of a class: in the order of the SHA-256 of ``seed/class/number``.

    It is the same on every machine and for ever, which no random generator of a library promises, and the order of
    two images does not depend on which others are there.

    >>> draw_order("ship", [1, 2, 3, 4], seed=0)
    [4, 3, 2, 1]
    """
    return sorted(numbers, key=lambda number: _digest(f"{seed}/{class_name}/{number}".encode()))


def stratified(sizes: Mapping[str, int], shares: Mapping[str, float], seed: int) -> dict[str, list[str]]:
    """Draws a partition that has the same shares in every class.

    The order of the draw is that of ``draw_order``.

    Args:
        sizes: images per class.
        shares: share of each part; they add to 1.
        seed: of the draw.

    Returns:
        For each class the part of image 1, 2, ..., as ``write_split`` takes it.

    >>> rows = stratified({"ship": 10}, {"train": 0.8, "test": 0.2}, seed=0)
    >>> rows["ship"].count("train"), rows["ship"].count("test")
    (8, 2)
    """
    if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) < 0:
        raise UserError(f"The shares {dict(shares)} do not add to 1.", "Give shares such as 0.6, 0.2 and 0.2.")
    rows = {}
    for class_name, size in sizes.items():
        order = draw_order(class_name, range(1, size + 1), seed)
        row, start, total = [""] * size, 0, 0.0
        for part, share in shares.items():
            total += share
            stop = round(total * size)
            for number in order[start:stop]:
                row[number - 1] = part
            start = stop
        rows[class_name] = row
    return rows


def _compose(name: str, ids: str, assignment: Mapping[str, Sequence[str]], origin: Iterable[str]) -> bytes:
    """Returns the bytes of a split file."""
    codes = _choose_codes({part for row in assignment.values() for part in row if part})
    lines = [f"# {line}" for text in origin for line in text.splitlines()]
    lines += [f"name {name}", f"ids {ids}", "codes " + " ".join(f"{code}={part}" for part, code in codes.items())]
    lines += [f"{key}\t" + "".join(codes[part] if part else UNUSED for part in row) for key, row in assignment.items()]
    return ("\n".join(lines) + "\n").encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _choose_codes(used: set[str]) -> dict[str, str]:
    """Gives each part a character of its own; the usual parts come first and have their usual letters."""
    codes = {part: code for part, code in _USUAL.items() if part in used}
    for part in sorted(used - set(_USUAL)):
        free = [c for c in part + ascii_letters if c.isalnum() and c not in (*codes.values(), *_USUAL.values())]
        if not free:
            raise UserError(f"A split of {len(used)} parts is too much for the format.", "Use at most 40 parts.")
        codes[part] = free[0]
    return codes


def _parse(data: bytes, where: str) -> SplitList:
    def fault(reason: str) -> UserError:
        return UserError(
            f"The split file {where} is not valid: {reason}.", "See rsbench/datasets/splits.py for the format."
        )

    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise fault("it is not UTF-8 text") from None
    header: dict[str, str] = {}
    rows: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        if not line or line.startswith("#"):
            continue
        key, tab, value = line.partition("\t")
        if not tab:
            key, _, value = line.partition(" ")
            if key not in ("name", "ids", "codes") or not value.strip():
                raise fault(f"line {number} is neither a comment, nor name, ids or codes, nor a class with a TAB")
        elif not _CLASS.fullmatch(key) or key in (".", ".."):
            raise fault(f"line {number} names the class {key!r}, which cannot be a folder")
        known = rows if tab else header
        if key in known:
            raise fault(f"line {number} gives {key!r} a second time")
        known[key] = value
    missing = [key for key in ("name", "ids", "codes") if key not in header]
    if missing or not rows:
        raise fault(f"it lacks {', '.join(missing) or 'classes'}")
    names = _parse_codes(header["codes"])
    if names is None:
        raise fault("codes must read like 't=train v=val', with letters and names that differ")
    if not _good_pattern(header["ids"]):
        raise fault(f"the pattern of the ids, {header['ids']!r}, lacks {{class}} or {{number}} or leaves the dataset")
    found: dict[str, list[str]] = {code: [] for code in [*names, UNUSED]}
    for class_name, row in rows.items():
        for number, code in enumerate(row, start=1):
            if code not in found:
                raise fault(f"image {number} of {class_name} has the code {code!r}, which has no part")
            found[code].append(spell(header["ids"], class_name, number))
    if len({item for ids in found.values() for item in ids}) != sum(map(len, found.values())):
        raise fault("two images have the same id")
    parts = {part: tuple(sorted(found[code])) for code, part in names.items()}
    return SplitList(header["name"], parts, _digest(data), tuple(sorted(found[UNUSED])))


def _parse_codes(text: str) -> dict[str, str] | None:
    """Reads ``t=train v=val``; None if it does not read so."""
    pairs = [word.partition("=") for word in text.split()]
    codes = {code: part for code, _, part in pairs}
    good = all(len(code) == 1 and code.isalnum() and _PART.fullmatch(part) for code, part in codes.items())
    return codes if good and len(set(codes.values())) == len(pairs) else None


def _good_pattern(pattern: str) -> bool:
    fields = {match[1] for match in _FIELD.finditer(pattern)}
    rest = _FIELD.sub("x", pattern)
    pieces = rest.split("/")
    return (
        fields == {"class", "number"}
        and not set("{}\\\t") & set(rest)
        and all(p not in ("", ".", "..") for p in pieces)
    )


def _compare(found: SplitList, expected: Split, where: str) -> None:
    wrong = [
        f"{what} {got}, expected {wanted}"
        for what, got, wanted in (
            ("name", found.name, expected.name),
            ("sha256", found.sha256, expected.sha256),
            ("counts", found.counts, dict(expected.counts)),
        )
        if got != wanted
    ]
    if wrong:
        raise UserError(
            f"The split file {where} is not the one that is described: {'; '.join(wrong)}.",
            "Restore the file, or correct the Split if the change is meant.",
        )

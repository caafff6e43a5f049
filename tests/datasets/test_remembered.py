"""A fingerprint that is remembered is the one that reading all files would give, whatever happens to them."""

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsbench.datasets import remembered as module
from rsbench.datasets.classification import open_eurosat
from rsbench.datasets.items import fingerprint
from rsbench.datasets.remembered import forget, remembered
from rsbench.datasets.splits import SplitList
from rsbench.datasets.stamps import stamps

Data = tuple[Path, SplitList]
CALLS: list[int] = []


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A cache of the test's own, in which files count as old as soon as the clock has ticked."""
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "own-cache"))
    monkeypatch.setattr(module, "YOUNG", 0)
    return tmp_path / "own-cache" / "fingerprints"


def tick(folder: Path) -> None:
    """Waits until the clock of the file system has moved on."""
    probe = folder / ".tick"
    probe.touch()
    began = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == began:
        probe.touch()
    probe.unlink()


def truth(files: list[tuple[str, Path]]) -> str:
    """What a fingerprint depends on, without anything of rsbench."""
    return hashlib.sha256(repr([(key, path.read_bytes()) for key, path in files]).encode()).hexdigest()


def asked(files: list[tuple[str, Path]], *more: bytes) -> tuple[str, bool]:
    """The fingerprint, and whether files were read for it."""
    CALLS.clear()

    def compute() -> str:
        CALLS.append(1)
        return truth(files)

    return remembered(files, compute, more), bool(CALLS)


def some(folder: Path, count: int = 3) -> list[tuple[str, Path]]:
    folder.mkdir(exist_ok=True)
    for index in range(count):
        (folder / f"{index}.tif").write_bytes(bytes([index]) * 10)
    tick(folder)
    return [(f"id{index}", folder / f"{index}.tif") for index in range(count)]


def test_files_are_read_once(cache, tmp_path):
    files = some(tmp_path / "data")
    assert asked(files) == (truth(files), True)
    assert asked(files) == (truth(files), False)
    assert [path.suffix for path in cache.iterdir()] == [".json"], "and nothing else is left behind"
    assert forget() > 0 and list(cache.iterdir()) == [] and forget() == 0
    assert asked(files) == (truth(files), True)


def restored(path: Path, change) -> None:
    """Changes a file and gives it back the times that it had."""
    before = path.stat()
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    with path.open("r+b") as stream:
        stream.write(content)


def replace(path: Path) -> None:
    flip(shutil.copy2(path, path.with_suffix(".new")))
    os.utime(path.with_suffix(".new"), ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    path.with_suffix(".new").replace(path)


def move_link(path: Path) -> None:
    """The path becomes a link to a file of the same size and times of modification."""
    target = path.with_suffix(".target")
    flip(shutil.copy2(path, target.with_suffix(".moved")))
    target.with_suffix(".moved").replace(target)
    os.utime(target, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    path.unlink()
    path.symlink_to(target)


CHANGES = {
    "flip": flip,
    "flip, times restored": lambda path: restored(path, flip),
    "grow": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "replace, times restored": replace,
    "link, times restored": move_link,
    "touch": lambda path: path.touch(),
    "mode": lambda path: path.chmod(0o600),
    "nothing": lambda path: None,
}


@given(st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 2), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_change_of_any_file_is_noticed(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(folder / "cache"))
        patch.setattr(module, "YOUNG", 0)
        files = some(folder)
        assert asked(files) == (truth(files), True)
        for change, index, twice in steps:
            CHANGES[change](files[index][1])
            tick(folder)
            assert asked(files)[0] == truth(files)
            if twice:
                assert asked(files) == (truth(files), False), "and remembered again"


def test_two_files_that_change_places_are_noticed(cache, tmp_path):
    files = some(tmp_path / "data")
    asked(files)
    (_, first), (_, second), _ = files
    first.rename(tmp_path / "aside")
    second.rename(first)
    (tmp_path / "aside").rename(second)
    tick(tmp_path)
    assert asked(files) == (truth(files), True)


def test_ids_their_order_and_what_else_counts_are_told_apart(cache, tmp_path):
    files = some(tmp_path / "data")
    renamed = [("other", files[0][1]), *files[1:]]
    for listed in (files, renamed, files[::-1], files[:2]):
        for more in ((), (b"a",), (b"b",), (b"a", b"b"), (b"ab",)):
            assert asked(listed, *more) == (truth(listed), True)
            assert asked(listed, *more) == (truth(listed), False)


def test_the_same_relative_path_elsewhere_is_another_file(cache, tmp_path, monkeypatch):
    for name in ("one", "two"):
        some(tmp_path / name)
    flip(tmp_path / "two" / "0.tif")
    tick(tmp_path)
    files = [(f"id{index}", Path(f"{index}.tif")) for index in range(3)]
    for name in ("one", "two"):
        monkeypatch.chdir(tmp_path / name)
        assert asked(files) == (truth(files), True)
        assert asked(files) == (truth(files), False)


def test_files_that_were_just_written_are_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "own-cache"))
    files = some(tmp_path / "data")
    assert asked(files) == asked(files) == (truth(files), True)
    monkeypatch.setattr(module, "YOUNG", 0)
    assert asked(files)[1] and not asked(files)[1]
    later = time.time() + 3600
    os.utime(files[1][1], (later, later))  # a clock that is ahead, or was
    tick(tmp_path)
    assert asked(files) == asked(files) == (truth(files), True)


def test_a_file_that_changes_while_files_are_read_is_not_remembered(cache, tmp_path):
    files = some(tmp_path / "data")

    def compute() -> str:
        found = truth(files)
        tick(tmp_path)
        restored(files[0][1], flip)
        tick(tmp_path)
        return found

    stale = remembered(files, compute)
    assert list(cache.glob("*.json")) == []
    assert stale != truth(files) and asked(files) == (truth(files), True)


def test_a_file_that_is_not_there_is_left_to_whoever_reads_it(cache, tmp_path):
    files = some(tmp_path / "data")
    files[1][1].unlink()
    with pytest.raises(FileNotFoundError):
        asked(files)
    assert not cache.exists()


def test_an_error_is_not_remembered(cache, tmp_path):
    files = some(tmp_path / "data")

    def compute() -> str:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        remembered(files, compute)
    assert asked(files) == (truth(files), True)


@given(position=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_memory_that_is_damaged_is_none(tmp_path_factory, position, byte, cut):
    folder = tmp_path_factory.mktemp("damage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(folder / "cache"))
        patch.setattr(module, "YOUNG", 0)
        files = some(folder)
        asked(files)
        (memory,) = (folder / "cache" / "fingerprints").glob("*.json")
        content = bytearray(memory.read_bytes())
        position %= len(content)
        if cut:
            del content[position:]
        else:
            content[position] = byte
        memory.write_bytes(content)
        assert asked(files)[0] == truth(files)
        assert asked(files) == (truth(files), False), "it is made anew"


@pytest.mark.parametrize("content", ["", "null", "[]", '{"stamps": 1}', "[" * 100_000, '{"fingerprint": ["a"]}'])
def test_a_memory_that_is_something_else_is_none(cache, tmp_path, content):
    files = some(tmp_path / "data")
    asked(files)
    (memory,) = cache.glob("*.json")
    memory.write_text(content)
    assert asked(files) == (truth(files), True)
    memory.unlink()
    memory.mkdir()
    assert asked(files) == asked(files) == (truth(files), True)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "YOUNG", 0)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "file"))
    files = some(tmp_path / "data")
    assert asked(files) == asked(files) == (truth(files), True)
    assert forget() == 0


def test_file_systems_that_keep_no_time_of_change_are_not_believed(tmp_path, monkeypatch):
    paths = [str(path) for _, path in some(tmp_path / "data")]
    device = Path(paths[0]).stat().st_dev
    for kind, believed in (("ext4", True), ("nfs4", True), ("squashfs", False), ("vfat", False), ("fuse.x", False)):
        mounts = tmp_path / kind
        mounts.write_text(
            "a line of another form\n"
            f"36 35 {os.major(device)}:{os.minor(device)} / /data rw,noatime master:1 - {kind} /dev/x rw\n"
            "37 35 0:99 / /other rw - squashfs /dev/y ro\n"
        )
        assert (stamps(paths, mounts) is not None) == believed, kind
    assert stamps(paths, tmp_path / "absent") is not None

    real = os.stat

    def whole_seconds(path):
        found = real(path)
        fields = {name: getattr(found, name) for name in ("st_size", "st_ino", "st_dev", "st_mtime_ns")}
        return type("Found", (), {**fields, "st_ctime_ns": found.st_ctime_ns // 10**9 * 10**9})()

    monkeypatch.setattr(os, "stat", whole_seconds)
    assert stamps(paths, tmp_path / "absent") is None


class Digest:
    """What stands for an item: its size, and a number that comes from elsewhere."""

    def __init__(self, folder: Path, number: int, depends: bytes | None) -> None:
        self.folder, self.number, self.asked = folder, number, 0
        if depends is not None:
            self.depends = depends

    def __call__(self, key: str) -> bytes:
        self.asked += 1
        return bytes([self.number, (self.folder / key).stat().st_size])


def test_items_depend_on_more_and_on_what_stands_for_them(cache, tmp_path):
    folder = tmp_path / "data"
    names = tuple(path.name for _, path in some(folder))
    parts = {"train": names[:2], "val": names[1:]}

    def take(digest=None, more=()) -> str:
        return fingerprint(parts, lambda key: (folder / key,), more, digest)

    plain = take()
    assert take() == plain and len(list(cache.iterdir())) == 1
    assert len({plain, take(more=[b"a"]), take(more=[b"b"]), take(more=iter([b"a", b"b"]))}) == 4
    assert take(more=iter([b"a"])) == take(more=[b"a"])

    secret = Digest(folder, 1, None)  # nobody knows what it depends on
    first = take(secret)
    secret.number = 2
    assert take(secret) != first

    one, two = Digest(folder, 1, b"1"), Digest(folder, 2, b"2")
    assert take(one) == first != take(two) and one.asked == 3
    assert take(one) == first and one.asked == 3, "remembered"
    (folder / names[0]).write_bytes(b"larger than before")
    tick(tmp_path)
    assert take(one) != first and one.asked == 6
    assert take() != plain


def test_a_dataset_whose_files_are_as_they_were_is_not_read(cache, eurosat_copy: Data):
    """EuroSAT through its own reader; the interpreter tells which files are opened."""
    root, split = eurosat_copy
    tick(root)
    opened: list[str] = []
    listening = [True]

    def hook(event: str, arguments: tuple) -> None:
        if listening and event == "open" and str(arguments[0]).startswith(str(root)):
            opened.append(str(arguments[0]))

    sys.addaudithook(hook)  # there is no way to take one away
    try:
        before = open_eurosat(root, split).fingerprint
        assert len(opened) == len({*opened}) == 50
        opened.clear()
        assert open_eurosat(root, split).fingerprint == before and opened == []
        restored(root / "eurosat" / "2750" / "Forest" / "Forest_1.jpg", flip)
        tick(root)
        assert open_eurosat(root, split).fingerprint != before and len(opened) > 50
    finally:
        listening.clear()

    total = hashlib.sha256()
    for key in sorted(key for keys in split.parts.values() for key in keys):
        total.update(key.encode() + b"\0" + hashlib.sha256((root / "eurosat" / "2750" / key).read_bytes()).digest())
    assert open_eurosat(root, split).fingerprint == total.hexdigest() != before

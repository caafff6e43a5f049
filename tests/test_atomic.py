"""Files that appear whole or not at all."""

import os

import pytest

from rsbench.atomic import write_whole


def test_text_and_bytes_are_written_as_they_are_and_replace_what_was_there(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_whole(path, "Maß\r\n")
    assert path.read_bytes() == "Maß\r\n".encode()
    write_whole(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [one.name for one in path.parent.iterdir()] == ["a.txt"]


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text() == "old" and [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_what_is_no_file_is_never_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(OSError, match="no file") as caught:
            write_whole(tmp_path / name, "new")
        assert caught.value.strerror
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "pipe"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "real" / "a.txt")
    write_whole(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real" / "a.txt").read_text() == "new"


def test_the_longest_name_that_a_folder_takes_can_be_written(tmp_path):
    path = tmp_path / ("a" * 255)
    write_whole(path, "new")
    assert path.read_text() == "new"

"""Attacks on the reader, each found by trying: nothing is written, changed, followed, awaited or allocated."""

import argparse
import io
import pickle
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch
from upstream.pickles import call, name, value

from rsbench import UserError
from rsbench.checkpoints.read import read_tensors

BUILD, MEMOIZED, GET = b"b", b"q\x01", b"h\x01"


def torch_zip(file, code, members=(), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + code + b".")
        archive.writestr("a/version", "3\n")
        for member, data in members:
            archive.writestr(f"a/{member}", data)
    return file


def old_tar(file, members):
    """A tar of 1979, without the word by which later ones are known: (name, type, data, link) per member."""
    stream = io.BytesIO()
    for member, kind, data, link in members:
        header = bytearray(512)
        for start, field in ((0, member.encode()), (100, b"0000666\0"), (108, b"0000000\0"), (116, b"0000000\0")):
            header[start : start + len(field)] = field
        header[124:136], header[136:148] = b"%011o\0" % len(data), b"00000000000\0"
        header[156:157], header[157 : 157 + len(link)] = kind, link.encode()
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        stream.write(bytes(header) + data + bytes(-len(data) % 512))
    file.write_bytes(stream.getvalue() + bytes(1024))
    return file


def test_an_old_tar_writes_no_file(tmp_path):
    kept = tmp_path / "written"
    state = value({"dump_patches": True, "__name__": str(kept)})
    code = name("torch", "UntypedStorage") + MEMOIZED + b"N" + state + b"\x86" + BUILD + b"0"
    code += GET + value("source.py") + value("a line\n") + b"\x87Q0}"
    empty = pickle.dumps(0, 2) + pickle.dumps([], 2)
    members = [("storages", b"0", empty, ""), ("tensors", b"0", pickle.dumps(0, 2), "")]
    file = old_tar(tmp_path / "w.pth", [*members, ("pickle", b"0", b"\x80\x02" + code + b".", "")])
    with pytest.raises(UserError):
        read_tensors(file)
    assert [path.name for path in tmp_path.iterdir()] == ["w.pth"]


@pytest.mark.parametrize(("kind", "link"), [(b"6", ""), (b"2", "/dev/zero")])
def test_an_old_tar_is_not_unpacked(tmp_path, kind, link):
    with pytest.raises(UserError):  # a pipe would be waited for, a link followed
        read_tensors(old_tar(tmp_path / "w.pth", [("storages", kind, b"", link)]))


@pytest.mark.parametrize("target", ["torch.UntypedStorage", "torch.Size", "torch.device", "collections.OrderedDict"])
@pytest.mark.parametrize("slots", [False, True])
def test_a_pickle_cannot_change_what_it_is_read_with(tmp_path, target, slots):
    module, attribute = target.rsplit(".", 1)
    state = b"N" + value({"changed": 7}) + b"\x86" if slots else value({"changed": 7})
    with pytest.raises(UserError):
        read_tensors(torch_zip(tmp_path / "w.pth", name(module, attribute) + state + BUILD + b"0}"))
    for thing in (torch.UntypedStorage, torch.Size, torch.device, OrderedDict):
        assert not hasattr(thing, "changed")


def test_a_mapping_within_itself_ends(tmp_path):
    code = b"}" + MEMOIZED + value("model") + GET + b"s"
    with pytest.raises(UserError, match="no tensors"):
        read_tensors(torch_zip(tmp_path / "w.pth", code))


def test_attributes_of_a_mapping_are_not_taken(tmp_path):
    items = call(name("foo", "bar"))
    code = call(name("collections", "OrderedDict")) + value("a") + b"K\x01s}" + value("items") + items + b"s" + BUILD
    with pytest.raises(UserError, match="no tensors"):
        read_tensors(torch_zip(tmp_path / "w.pth", code))


def legacy(tmp_path, change):
    """A legacy file whose pickle and storages were changed: change(bytes of the pickles, keys, bytes after them)."""
    stream = io.BytesIO()
    torch.save(OrderedDict(a=torch.ones(1000)), stream, _use_new_zipfile_serialization=False)
    raw = stream.getvalue()
    keys_at = raw.rindex(b"\x80\x02]")
    end = raw.index(b".", keys_at) + 1
    file = tmp_path / "w.pth"
    file.write_bytes(change(raw[:keys_at], raw[keys_at:end], raw[end:]))
    return file


def test_a_storage_that_is_not_listed_is_no_memory_of_ours(tmp_path):
    with pytest.raises(UserError, match="not those that its pickle names"):
        read_tensors(legacy(tmp_path, lambda head, keys, rest: head + pickle.dumps([], 2) + rest))
    with pytest.raises(UserError, match="not those that its pickle names"):
        read_tensors(legacy(tmp_path, lambda head, keys, rest: head + keys + rest + b"more"))


def test_a_claim_is_refused_before_anything_is_allocated(tmp_path):
    count, claimed = b"M\xe8\x03", b"J" + struct.pack("<i", 2**30)

    def lie(head, keys, rest):
        return head.replace(count + b"Nt", claimed + b"Nt") + keys + rest

    with pytest.raises(UserError, match="1073741824 numbers, which are not in the file"):
        read_tensors(legacy(tmp_path, lie))
    stream = io.BytesIO()
    torch.save(OrderedDict(a=torch.ones(1000)), stream)
    with zipfile.ZipFile(stream) as archive:
        code = archive.read("archive/data.pkl")[2:-1].replace(count + b"tq", claimed + b"tq")
        data = archive.read("archive/data/0")
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = torch_zip(tmp_path / "z.pth", code, [("data/0", data)], compression)
        with pytest.raises(UserError, match="1073741824 numbers, which are not in the file"):
            read_tensors(file)


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    file = torch_zip(tmp_path / "w.pth", b"}", [("data/0", bytes(50_000_000))], zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 100_000
    with pytest.raises(UserError, match="many times its size"):
        read_tensors(file)


@pytest.mark.parametrize("key", ["evil\x1b[31m", "a\nError: injected", "\u202egnp"])
def test_control_characters_do_not_reach_the_terminal(tmp_path, key):
    torch.save({"model": {"a": torch.ones(2), key: torch.ones(2)}}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="no name of a tensor") as caught:
        read_tensors(tmp_path / "w.pth")
    assert caught.value.message.isprintable()


def test_a_policy_of_torch_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    torch.save({"model": {"a": torch.ones(2)}, "args": argparse.Namespace(lr=1)}, tmp_path / "w.pth")
    assert torch.equal(read_tensors(tmp_path / "w.pth").tensors["a"], torch.ones(2))

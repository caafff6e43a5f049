"""Downloads against a server on this machine: right bytes, wrong bytes, no bytes, half of them."""

import dataclasses
import hashlib
import importlib.util
import io
import re
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rsbench import locks
from rsbench.datasets import download, vegas_layout
from rsbench.datasets.download import (
    EUROSAT_ZIP,
    RIO_TARBALLS,
    VEGAS_TARBALL,
    VHR10_JSON,
    VHR10_ZIP,
    Archive,
    download_rio,
    download_vegas,
    download_vhr10,
    get_archive,
)
from rsbench.datasets.unpack import unpack, untar, unzip
from rsbench.datasets.vhr10_layout import find_folder, find_images
from rsbench.download import fetch
from rsbench.errors import UserError
from rsbench.paths import data_home

BODY = bytes(range(256)) * 4000
GOOD = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    requests: list[tuple[str, str]] = []  # noqa: RUF012 - the server makes the handlers, they share this
    files: dict[str, bytes] = {}  # noqa: RUF012

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.requests.append((self.path, wanted))
        body = self.files.get(self.path.partition("?")[0])
        if body is None:
            self.send_error(404)
            return
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        asked = self.headers.get("If-Range")
        wanted = wanted if asked in (None, etag) else ""
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and "norange" not in self.path else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if "noetag" not in self.path:
            self.send_header("ETag", etag)
        self.end_headers()
        rest = body[start:]
        if self.path.endswith("?slow"):  # so that a second one who fetches comes while this one is at it
            self.wfile.write(rest[: len(rest) // 2])
            time.sleep(0.3)
            rest = rest[len(rest) // 2 :]
        self.wfile.write(rest[: len(rest) // 2] if self.path.endswith("?cut") else rest)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requests, Handler.files = [], {"/good": BODY, "/bad": BODY[:-1] + b"x"}
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


def test_good_file_is_fetched_once(server: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = fetch([f"{server}/good"], tmp_path / "deep" / "file", GOOD, title="a file")
    assert path.read_bytes() == BODY
    assert fetch([f"{server}/good"], path, GOOD) == path
    assert len(Handler.requests) == 1
    assert [p.name for p in path.parent.iterdir()] == ["file"]
    assert capsys.readouterr().out == ""  # progress goes to standard error


def test_next_mirror_is_tried(server: str, tmp_path: Path) -> None:
    urls = [f"{server}/absent", f"{server}/bad", f"{server}/good"]
    assert fetch(urls, tmp_path / "file", GOOD).read_bytes() == BODY
    assert [path for path, _ in Handler.requests] == ["/absent", "/bad", "/good"]


def test_every_failure_is_named(server: str, tmp_path: Path) -> None:
    urls = [f"{server}/absent", f"{server}/bad", "http://127.0.0.1:1/closed"]
    with pytest.raises(UserError) as error:
        fetch(urls, tmp_path / "file", GOOD, title="The data", page="https://example.org")
    assert "HTTP status 404" in error.value.message and "checksum is not sha256:" in error.value.message
    assert "127.0.0.1:1" in error.value.message
    assert str(tmp_path / "file") in error.value.hint and "https://example.org" in error.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("second", ["good", "good?norange"])
def test_interrupted_transfer_goes_on(server: str, tmp_path: Path, second: str) -> None:
    with pytest.raises(UserError, match="could not be downloaded"):
        fetch([f"{server}/good?cut"], tmp_path / "file", GOOD)
    assert not (tmp_path / "file").exists()
    arrived = (tmp_path / "file.part").stat().st_size
    assert 0 < arrived <= len(BODY) // 2
    assert fetch([f"{server}/{second}"], tmp_path / "file", GOOD).read_bytes() == BODY
    assert Handler.requests[-1] == (f"/{second}", f"bytes={arrived}-")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_whole_part_is_taken_and_a_spoilt_one_thrown_away(server: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY)
    assert fetch([f"{server}/good"], tmp_path / "file", GOOD).read_bytes() == BODY
    (tmp_path / "other.part").write_bytes(b"x" * 1000)
    with pytest.raises(UserError, match="checksum"):
        fetch([f"{server}/good"], tmp_path / "other", GOOD)
    assert fetch([f"{server}/good"], tmp_path / "other", GOOD).read_bytes() == BODY


def zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def archive_of(server: str, content: bytes) -> Archive:
    Handler.files["/data.zip"] = content
    return Archive(
        title="data",
        file="data.zip",
        urls=(f"{server}/data.zip",),
        checksum=f"md5:{hashlib.md5(content).hexdigest()}",
        holds="2750",
        page="https://example.org",
    )


def test_archive_is_unpacked_and_removed(server: str, tmp_path: Path) -> None:
    archive = archive_of(server, zipped({"2750/Forest/Forest_1.jpg": b"f", "__MACOSX/._x": b"m"}))
    for _ in range(2):
        get_archive(archive, tmp_path / "eurosat")
    assert (tmp_path / "eurosat/2750/Forest/Forest_1.jpg").read_bytes() == b"f"
    assert [p.name for p in (tmp_path / "eurosat").iterdir()] == ["2750"]
    assert len(Handler.requests) == 1


@pytest.mark.parametrize("name", ["../evil", "/evil", "2750/../../evil", "2750\\..\\..\\evil", "C:/evil"])
def test_archive_may_not_leave_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.zip").write_bytes(zipped({"2750/a": b"a", name: b"e"}))
    with pytest.raises(UserError, match="leaves the folder"):
        unzip(tmp_path / "in" / "a.zip", tmp_path / "in", "2750")
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "a.zip"]


def test_damaged_archives(tmp_path: Path) -> None:
    whole = zipped({"2750/a": bytes(9000), "b": b""})
    for content, reason in (
        (whole[:4000], "not a whole ZIP"),
        (b"", "not a whole ZIP"),
        (whole.replace(bytes(8), b"damaged!", 1), "not a whole ZIP"),
        (zipped({"other/a": b"a"}), "no folder '2750'"),
    ):
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(UserError, match=reason):
            unzip(tmp_path / "a.zip", tmp_path, "2750")
        assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def tarred(*entries: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("prefix", ["", "./"])
def test_tar_archive(prefix: str, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(
        tarred((f"{prefix}3band/one.tif", b"1"), (f"{prefix}3band/deep/two.tif", b"2"), (f"{prefix}else/three", b"3"))
    )
    untar(tmp_path / "a.tar.gz", tmp_path, "3band")
    found = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*.tif")}
    assert found == {"3band/one.tif": b"1", "3band/deep/two.tif": b"2"}
    assert {p.name for p in tmp_path.iterdir()} == {"a.tar.gz", "3band"}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [(("../evil", b"e"), "leaves the folder"), (("/evil", b"e"), "leaves the folder"),
     (("3band/../../evil", b"e"), "leaves the folder"), (("C:/evil", b"e"), "leaves the folder"),
     (special("3band/evil", tarfile.SYMTYPE, "/etc/passwd"), "neither a file nor a folder"),
     (special("3band/evil", tarfile.LNKTYPE, "3band/a"), "neither a file nor a folder"),
     (special("3band/evil", tarfile.FIFOTYPE, ""), "neither a file nor a folder"),
     (special("evil", tarfile.CHRTYPE, ""), "neither a file nor a folder")],
)  # fmt: skip
def test_tar_archive_may_not_leave_the_folder(
    entry: tuple[str, bytes] | tarfile.TarInfo, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar.gz").write_bytes(tarred(("3band/a", b"a"), entry))
    with pytest.raises(UserError, match=reason):
        untar(tmp_path / "in" / "a.tar.gz", tmp_path / "in", "3band")
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "a.tar.gz"]


def test_damaged_tar_archives(tmp_path: Path) -> None:
    whole = tarred(("3band/a", bytes(range(256)) * 400))
    for content, reason in (
        (whole[: len(whole) // 2], "not a whole TAR"),
        (b"", "not a whole TAR"),
        (b"no archive at all", "not a whole TAR"),
        (whole[:60] + bytes(20) + whole[80:], "not a whole TAR"),
        (tarred(("other/a", b"a")), "no folder '3band'"),
    ):
        (tmp_path / "a.tar.gz").write_bytes(content)
        with pytest.raises(UserError, match=reason):
            untar(tmp_path / "a.tar.gz", tmp_path, "3band")
        assert [p.name for p in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rsbench.datasets.unpack._FLOOR", 2**16)
    path, zeros = tmp_path / f"a.{form}", bytes(2**24)
    zipped_zeros = zipped({"in/a": zeros}, zipfile.ZIP_DEFLATED)
    path.write_bytes(zipped_zeros if form == "zip" else tarred(("in/a", zeros)))
    with pytest.raises(UserError, match="over 100 times its size"):
        unpack(path, tmp_path, "in")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    monkeypatch.undo()
    unpack(path, tmp_path, "in")  # a small one may: it harms nobody
    assert (tmp_path / "in" / "a").stat().st_size == len(zeros)


def test_rio_is_fetched_to_where_it_is_read(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = []
    for archive in RIO_TARBALLS:
        content = tarred((f"{archive.holds}/one", archive.holds.encode()))
        Handler.files[f"/{archive.file}"] = content
        checksum = f"md5:{hashlib.md5(content).hexdigest()}"
        local.append(dataclasses.replace(archive, urls=(f"{server}/{archive.file}",), checksum=checksum))
    monkeypatch.setattr(download, "RIO_TARBALLS", tuple(local))
    for _ in range(2):
        download_rio(tmp_path)
    train = tmp_path / "SN1_buildings" / "train"
    assert sorted(p.name for p in train.iterdir()) == ["3band", "geojson"]
    assert (train / "3band" / "one").read_bytes() == b"3band"
    assert len(Handler.requests) == 2


def test_rio_that_cannot_be_fetched_comes_with_the_way_to_get_it(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tuple(dataclasses.replace(archive, urls=(f"{server}/absent",)) for archive in RIO_TARBALLS)
    monkeypatch.setattr(download, "RIO_TARBALLS", local)
    with pytest.raises(UserError, match=r"footprints could not be downloaded") as error:
        download_rio(tmp_path)
    for word in ("aws s3 cp --no-sign-request s3://spacenet-dataset/", str(tmp_path), "md5:b6e02fbd"):
        assert word in error.value.hint


def test_vegas_is_fetched_to_where_it_is_read(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = "RGB-PanSharpen/RGB-PanSharpen_AOI_2_Vegas_img1.tif"
    labels = "geojson/buildings/buildings_AOI_2_Vegas_img1.geojson"
    content = tarred(*((f"{VEGAS_TARBALL.holds}/{name}", b"x") for name in (image, labels)))
    Handler.files["/vegas"] = content
    checksum = f"md5:{hashlib.md5(content).hexdigest()}"
    local = dataclasses.replace(VEGAS_TARBALL, urls=(f"{server}/vegas",), checksum=checksum)
    monkeypatch.setattr(download, "VEGAS_TARBALL", local)
    for _ in range(2):
        download_vegas(tmp_path)
    assert len(Handler.requests) == 1
    assert list(vegas_layout.find_tiles(tmp_path).tiles) == [1]


def test_archives_of_spacenet_agree_with_torchgeo() -> None:
    """torchgeo is an independent source of the names and the checksums."""
    spec = importlib.util.find_spec("torchgeo")
    assert spec is not None and spec.origin is not None
    source = "".join(path.read_text() for path in (Path(spec.origin).parent / "datasets").rglob("spacenet*.py"))
    for archive in (*RIO_TARBALLS, VEGAS_TARBALL):
        assert archive.file in source and archive.checksum.removeprefix("md5:") in source


def test_vhr10_is_fetched_to_where_it_is_read(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "NWPU VHR-10 dataset"
    content = zipped({f"{folder}/positive image set/001.jpg": b"1", f"{folder}/negative image set/001.jpg": b"0"})
    Handler.files |= {"/images": content, "/json": b"{}"}
    checksum = f"md5:{hashlib.md5(content).hexdigest()}"
    monkeypatch.setattr(
        download, "VHR10_ZIP", dataclasses.replace(VHR10_ZIP, urls=(f"{server}/images",), checksum=checksum)
    )
    monkeypatch.setattr(download, "VHR10_JSON", (f"{server}/json", f"md5:{hashlib.md5(b'{}').hexdigest()}"))
    for _ in range(2):
        download_vhr10(tmp_path)
    assert len(Handler.requests) == 2
    assert [path.name for path in tmp_path.iterdir()] == [folder]
    found = find_folder(tmp_path)
    assert (found / "annotations.json").read_bytes() == b"{}"
    assert list(find_images(found)) == ["positive image set/001.jpg"]


def test_archive_of_vhr10_agrees_with_torchgeo() -> None:
    spec = importlib.util.find_spec("torchgeo")
    assert spec is not None and spec.origin is not None
    source = (Path(spec.origin).parent / "datasets" / "vhr10.py").read_text()
    for url, checksum in ((VHR10_ZIP.urls[0], VHR10_ZIP.checksum), VHR10_JSON):
        assert url.replace("huggingface.co", "hf.co") in source and checksum.removeprefix("md5:") in source


def at_once(function: Callable[[], object], times: int = 3) -> list[object]:
    """Calls ``function`` in several threads at the same time; flock keeps threads apart as it does processes."""
    start = threading.Barrier(times)

    def call() -> object:
        start.wait()
        return function()

    with ThreadPoolExecutor(times) as pool:
        return [future.result(timeout=20) for future in [pool.submit(call) for _ in range(times)]]


needs_flock = pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")


@pytest.mark.parametrize("etag", ["etag", "noetag"])
def test_two_versions_of_a_file_are_never_put_together(server: str, tmp_path: Path, etag: str) -> None:
    """Without a checksum only the server can say whether the rest belongs to what is there."""
    path, newer = tmp_path / "file", bytes(reversed(BODY))
    url = f"{server}/good?{etag}"
    with pytest.raises(UserError, match="broke off"):
        fetch([f"{url}?cut"], path, None)
    Handler.files["/good"] = newer
    assert fetch([url, f"{url}?cut"], path, None).read_bytes() == newer
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_rest_is_asked_for_where_the_server_has_the_same_version(server: str, tmp_path: Path) -> None:
    path, url = tmp_path / "file", f"{server}/good?etag?cut"
    with pytest.raises(UserError, match="broke off"):
        fetch([url], path, None)
    with pytest.raises(UserError, match="broke off"):  # half of the rest
        fetch([url], path, None)
    assert re.fullmatch(r"bytes=[1-9]\d*-", Handler.requests[1][1])
    other = f"{server}/good?etag"  # another address: all of it comes anew
    assert fetch([other], path, None).read_bytes() == BODY
    assert Handler.requests[-1] == ("/good?etag", "")


@needs_flock
@pytest.mark.parametrize("checksum", [GOOD, None])
def test_one_file_that_several_want_is_fetched_once(server: str, tmp_path: Path, checksum: str | None) -> None:
    path = tmp_path / "file"
    assert at_once(lambda: fetch([f"{server}/good?slow"], path, checksum)) == [path] * 3
    assert path.read_bytes() == BODY
    assert len(Handler.requests) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@needs_flock
def test_one_archive_that_several_want_is_fetched_and_unpacked_once(server: str, tmp_path: Path) -> None:
    content = zipped({f"2750/{i}": bytes(1000) for i in range(200)})
    archive = archive_of(server, content)
    slow = dataclasses.replace(archive, urls=(f"{server}/data.zip?slow",))
    at_once(lambda: get_archive(slow, tmp_path / "eurosat"))
    assert len(Handler.requests) == 1
    assert [p.name for p in (tmp_path / "eurosat").iterdir()] == ["2750"]
    assert len(list((tmp_path / "eurosat/2750").iterdir())) == 200


def test_a_folder_that_another_process_put_there_meanwhile_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"2750/a": b"mine"}))
    (tmp_path / "2750").mkdir()
    (tmp_path / "2750" / "a").write_bytes(b"theirs")
    unzip(tmp_path / "a.zip", tmp_path, "2750")
    assert (tmp_path / "2750" / "a").read_bytes() == b"theirs"
    assert {p.name for p in tmp_path.iterdir()} == {"2750", "a.zip"}


@needs_flock
def test_one_holds_a_lock_and_nothing_of_it_stays(tmp_path: Path) -> None:
    (tmp_path / ".file.lock").touch()  # left by a process that was killed
    inside, most = [], []

    def enter() -> None:
        with locks.exclusive(tmp_path / "file"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    at_once(enter, times=8)
    assert most == [1] * 8
    assert list(tmp_path.iterdir()) == []


def test_without_flock_it_goes_without_a_lock(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    assert fetch([f"{server}/good"], tmp_path / "file", GOOD).read_bytes() == BODY
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_written_is_the_users_error(server: str, tmp_path: Path) -> None:
    (tmp_path / "no").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot be written"):
        fetch([f"{server}/good"], tmp_path / "no" / "file", GOOD)
    with pytest.raises(UserError, match="cannot be written"):
        get_archive(archive_of(server, zipped({"2750/a": b"a"})), tmp_path / "no" / "eurosat")


def test_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("RSBENCH_DATA", raising=False)
    assert data_home() == tmp_path / "rsbench" / "data"
    monkeypatch.setenv("RSBENCH_DATA", str(tmp_path / "mine"))
    assert data_home() == tmp_path / "mine"
    monkeypatch.delenv("RSBENCH_DATA")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_home() == Path.home() / ".cache" / "rsbench" / "data"


def test_addresses_agree_with_torchvision() -> None:
    """torchvision is an independent source of the address and the checksum of EuroSAT."""
    import inspect

    from torchvision.datasets import EuroSAT

    source = inspect.getsource(EuroSAT.download)
    assert EUROSAT_ZIP.checksum.removeprefix("md5:") in source
    assert any(url in source for url in EUROSAT_ZIP.urls)

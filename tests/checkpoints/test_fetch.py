"""Getting files of weights: from the first mirror that has the right one, once, known again, with accepted terms."""

import functools
import hashlib
import http.server
import json
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from networks import trained_state

from rsbench import ByHand, Method, Preprocess, Url, UserError, Weights
from rsbench.checkpoints.fetch import obtain
from rsbench.checkpoints.load import load
from rsbench.checkpoints.state import state


def method(source, **weights) -> Method:
    facts = {"licence": "MIT", "architecture": "nano", "preprocess": Preprocess(size=128)} | weights
    return Method(name="mine", title="Mine", paradigm="masked", variants={"nano": Weights(source=source, **facts)})


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on this machine; returns its address, the folder that it serves, and the paths asked for."""
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache"))
    folder, asked = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *given):
            pass

        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}", folder, asked
        web.shutdown()


@pytest.fixture
def served(server):
    """The server with a good file of weights, ``w.pt``; returns address, folder, paths asked for, sha256."""
    address, folder, asked = server
    torch.save(trained_state(), folder / "w.pt")
    return address, folder, asked, hashlib.sha256((folder / "w.pt").read_bytes()).hexdigest()


def test_weights_are_downloaded_once_and_known_again(tmp_path, served):
    address, folder, asked, _ = served
    source = Url((f"{address}/gone.pt", f"{address}/w.pt"), "w.pt")
    assert state("mine/nano", method(source).weights()) == "downloadable"
    first = load(method(source), "nano")
    assert first.source == "url" and asked == ["/gone.pt", "/w.pt"]
    assert state("mine/nano", method(source).weights()) == "ready"
    assert load(method(source), "nano").digest == first.digest and len(asked) == 2

    local = next((tmp_path / "cache").rglob("w.pt"))
    torch.save(trained_state(seed=4), local)
    with pytest.raises(UserError, match="sha256"):  # it is not what was downloaded
        load(method(source), "nano")
    local.unlink()
    torch.save(trained_state(seed=4), folder / "w.pt")
    with pytest.raises(UserError, match="checksum"):  # nor is what the server has now
        load(method(source), "nano")
    assert not local.exists()


@pytest.mark.parametrize("digits", [8, 12, 64])
def test_a_mirror_with_another_file_is_passed_over(served, digits):
    address, folder, _, sha256 = served
    torch.save(trained_state(seed=4), folder / "other.pt")
    source = Url((f"{address}/other.pt", f"{address}/w.pt"), "w.pt")
    assert load(method(source, sha256=sha256[:digits]), "nano").file_sha256 == sha256
    with pytest.raises(UserError, match=r"other\.pt") as caught:
        obtain(Method(name="else", title="Else", paradigm="masked", variants=method(
            Url((f"{address}/other.pt",), "w.pt", page="https://example.org/page"), sha256=sha256[:digits]
        ).variants), "nano")  # fmt: skip
    assert "https://example.org/page" in caught.value.hint


def test_an_md5_is_compared_too(served):
    address, folder, _, _ = served
    md5 = hashlib.md5((folder / "w.pt").read_bytes()).hexdigest()
    source = Url((f"{address}/w.pt",), "w.pt")
    with pytest.raises(UserError, match="md5"):
        load(method(source, md5="0" * 32), "nano")
    assert load(method(source, md5=md5), "nano").source == "url"


def test_an_md5_learned_later_is_compared_too(served):
    address, _, _, _ = served
    source = Url((f"{address}/w.pt",), "w.pt")
    load(method(source), "nano")
    with pytest.raises(UserError, match="md5"):
        load(method(source, md5="0" * 32), "nano")


def test_what_is_no_checkpoint_does_not_stay(served):
    address, folder, _, _ = served
    (folder / "quota.pt").write_text('{"error": "quota exceeded"}')
    source = Url((f"{address}/quota.pt",), "w.pt")
    for _ in range(2):
        with pytest.raises(UserError, match="cannot be read as a checkpoint"):
            load(method(source), "nano")
    (folder / "quota.pt").write_bytes((folder / "w.pt").read_bytes())
    assert load(method(source), "nano").source == "url"


def test_a_file_damaged_on_its_way_is_passed_over(served):
    address, folder, _, _ = served
    damaged = bytearray((folder / "w.pt").read_bytes())
    damaged[len(damaged) // 2] ^= 1  # a bit inside a tensor: only the checksum of the zip knows
    (folder / "damaged.pt").write_bytes(damaged)
    with pytest.raises(UserError, match="is damaged"):
        load(method(Url((f"{address}/damaged.pt",), "w.pt")), "nano")


def test_a_file_that_the_user_takes_in_spite_of_its_digest(tmp_path, served):
    address, _, _, _ = served
    wanted = method(Url((f"{address}/w.pt",), "w.pt"))
    load(wanted, "nano")
    local = next((tmp_path / "cache").rglob("w.pt"))
    torch.save(trained_state(seed=4), local)
    with pytest.raises(UserError, match="as when it was first used") as caught:
        load(wanted, "nano")
    note = re.search(r"delete (\S+) beside it", caught.value.hint)[1]
    local.with_name(note).unlink()
    assert load(wanted, "nano").source == "url"


def test_a_web_page_in_place_of_the_file_is_no_weights(served):
    address, folder, _, _ = served
    (folder / "page.pt").write_text("<!DOCTYPE html><title>Virus scan warning</title>")
    with pytest.raises(UserError, match="web page"):
        load(method(Url((f"{address}/page.pt",), "w.pt")), "nano")
    assert load(method(Url((f"{address}/page.pt", f"{address}/w.pt"), "w.pt")), "nano").source == "url"


def test_several_who_want_one_file_fetch_it_once(served):
    address, _, asked, _ = served
    wanted = method(Url((f"{address}/w.pt",), "w.pt"))
    with ThreadPoolExecutor(4) as pool:
        digests = {loaded.digest for loaded in pool.map(lambda _: load(wanted, "nano"), range(4))}
    assert len(digests) == 1 and asked == ["/w.pt"]


def test_a_file_that_was_verified_is_verified_by_its_network_the_next_time(tmp_path, served, monkeypatch):
    address, _, _, sha256 = served
    wanted = method(Url((f"{address}/w.pt",), "w.pt"))
    first = load(wanted, "nano")
    hashed = []
    import rsbench.checkpoints.load as module

    original = module.sha256_file
    monkeypatch.setattr(module, "sha256_file", lambda file: hashed.append(file) or original(file))
    again = load(wanted, "nano")
    assert (again.file_sha256, again.digest, hashed) == (sha256, first.digest, [])

    local = next((tmp_path / "cache").rglob("w.pt"))
    os.utime(local)  # touched: hashed again, and found to be the same
    assert load(wanted, "nano").file_sha256 == sha256 and hashed == [local]

    note = next((tmp_path / "cache").rglob("w.pt.verified.json"))
    content = json.loads(note.read_text())
    content["networks"] = dict.fromkeys(content["networks"], "0" * 64)
    note.write_text(json.dumps(content))  # another network than before: the file must prove itself
    assert load(wanted, "nano").digest == first.digest and hashed == [local, local]
    with pytest.raises(UserError, match="has sha256"):  # the method has learnt its digest, and it is another one
        load(wanted.replaced("nano", sha256="0" * 64), "nano")
    note.write_text("not json")
    assert load(wanted, "nano").digest == first.digest and len(hashed) == 4


def test_a_file_that_only_a_person_can_get(tmp_path, monkeypatch):
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache"))
    wanted = method(ByHand("tov.pth.tar", how="Open the folder and click."))
    assert state("mine/nano", wanted.weights()) == "needs a file"
    with pytest.raises(UserError, match="No program can fetch") as caught:
        load(wanted, "nano")
    place = tmp_path / "cache" / "weights" / "mine" / "nano" / "tov.pth.tar"
    assert "Open the folder and click." in caught.value.hint and str(place) in caught.value.hint
    place.parent.mkdir(parents=True)
    torch.save({"state_dict": trained_state()}, place)
    assert state("mine/nano", wanted.weights()) == "ready"
    assert load(wanted, "nano").source == "by-hand"
    torch.save({"state_dict": trained_state(seed=4)}, place)
    with pytest.raises(UserError, match="has sha256"):  # noted when it was used first
        load(wanted, "nano")


@pytest.mark.parametrize("facts", [{"licence": ""}, {"licence": "CC-BY-NC-4.0", "terms": "Non-commercial only."}])
def test_terms_are_accepted_once_and_in_their_wording(served, facts):
    address, _, asked, _ = served
    wanted = method(Url((f"{address}/w.pt",), "w.pt"), **facts)
    assert state("mine/nano", wanted.weights()) == "needs licence acceptance"
    with pytest.raises(UserError, match="terms") as caught:
        load(wanted, "nano")
    assert "--accept-licence" in caught.value.hint and asked == []
    assert load(wanted, "nano", accept_licence=True).source == "url"
    assert load(wanted, "nano").source == "url"
    changed = method(Url((f"{address}/w.pt",), "w.pt"), licence="X", terms="Other terms.")
    with pytest.raises(UserError, match="Other terms"):
        load(changed, "nano")


def test_a_file_of_the_users_has_no_terms_of_ours(tmp_path):
    torch.save(trained_state(), tmp_path / "w.pt")
    wanted = method(Url(("http://127.0.0.1:9/none",), "w.pt"), licence="", sha256="0" * 64)
    assert load(wanted, "nano", tmp_path / "w.pt").source == "checkpoint"

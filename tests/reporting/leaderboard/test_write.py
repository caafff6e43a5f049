"""The files of the leaderboard, without a browser."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rsbench.cli.leaderboard import leaderboard
from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.leaderboard import write_leaderboard
from rsbench.reporting.leaderboard.page import embedded_json

app = typer.Typer()
app.command()(leaderboard)
SOURCES = Path(__file__).parents[3] / "rsbench" / "reporting" / "leaderboard" / "page"


def embedded(folder):
    text = (folder / "index.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


@given(st.text() | st.sampled_from(["</script>", "<!--", "\u2028", "]]>", "&lt;"]))
def test_embedded_json_comes_back_and_is_no_markup(text):
    found = embedded_json({text: [text]})
    assert json.loads(found) == {text: [text]}
    assert not re.search("[<>&\u2028\u2029]", found)


def test_half_a_character_does_not_stop_the_page(tmp_path, registry):
    write_leaderboard(tmp_path / "none", tmp_path / "out", registry, "a\ud800b")
    assert embedded(tmp_path / "out")["title"] == "a?b"


def test_records_beside_the_page_are_those_of_the_store(filled, out):
    records = {path.stem: path.read_bytes() for path in (out / "records").iterdir()}
    assert records == {run: (filled.root / run / "record.json").read_bytes() for run in filled.ids()}


def test_equal_runs_give_equal_files(filled, out, tmp_path, registry):
    shutil.copytree(filled.root, tmp_path / "elsewhere")
    write_leaderboard(tmp_path / "elsewhere", tmp_path / "again", registry, "Made up")
    assert (tmp_path / "again" / "index.html").read_bytes() == (out / "index.html").read_bytes()


def test_a_second_page_replaces_the_first(tmp_path, make, registry):
    store, out = Store(tmp_path / "runs"), tmp_path / "out"
    first, second = make(seed=1), make(seed=2)
    store.write(first)
    (out / "records").mkdir(parents=True)
    (out / "records" / "notes.txt").write_text("of the user")
    write_leaderboard(store.root, out, registry)
    shutil.rmtree(store.root / first.id)
    store.write(second)
    write_leaderboard(store.root, out, registry)
    assert sorted(path.name for path in (out / "records").iterdir()) == sorted([f"{second.id}.json", "notes.txt"])
    assert embedded(out)["runs"]["id"] == [second.id]


def test_only_what_the_page_brings_along_may_run(out):
    text = (out / "index.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert f"{tag}-src 'sha256-{b64encode(hashlib.sha256(inside.encode()).digest()).decode()}'" in policy


def test_the_title_is_text(tmp_path, registry):
    write_leaderboard(tmp_path / "none", tmp_path / "out", registry, "<b>@@DATA@@ & more")
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert text.count("<h1>&lt;b&gt;@@DATA@@ &amp; more</h1>") == 1


def test_sources_stay_small_and_ask_for_nothing():
    files = sorted(SOURCES.iterdir())
    assert len(files) > 10
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 250, path.name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|fetch\(|XMLHttp|import\(|eval\(", text
        )
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def broken_store(root, make):
    """One good run, and one of each kind that cannot be used."""
    store = Store(root)
    good, newer, edited, twice = (make(seed=seed) for seed in range(4))
    for record in (good, newer, edited, twice):
        store.write(record)

    def change(folder, **fields):
        path = root / folder / "record.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    change(newer.id, schema_version=99)
    change(edited.id, metrics={"val/top1": 99.9})
    shutil.copytree(root / twice.id, root / "copy")
    Store(root / "tmp").write(make(seed=3, metrics={"val/top1": 77.7}))
    shutil.rmtree(root / "copy")
    shutil.move(root / "tmp" / twice.id, root / "copy")
    shutil.rmtree(root / "tmp")
    (root / "0123456789abcdef").mkdir()
    (root / "fedcba9876543210").mkdir()
    (root / "fedcba9876543210" / "record.json").write_text('{"id": "fedc')
    return good


def test_what_cannot_be_used_is_left_out_and_named(tmp_path, make, registry):
    good = broken_store(tmp_path / "runs", make)
    written = write_leaderboard(tmp_path / "runs", tmp_path / "out", registry)
    data = embedded(tmp_path / "out")
    assert data["runs"]["id"] == [good.id]
    reasons = "\n".join(broken["reason"] for broken in data["broken"])
    for said in ("schema version 99", "was changed after it was written", "several times with different results",
                 "has no record.json", "is not JSON"):  # fmt: skip
        assert said in reasons
    assert str(tmp_path) not in reasons
    assert len(written.warnings) == len(data["broken"]) == 6
    assert [path.stem for path in (tmp_path / "out" / "records").iterdir()] == [good.id]


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_command_warns_of_what_is_left_out(tmp_path, make):
    broken_store(tmp_path / "runs", make)
    result = run("--results", tmp_path / "runs", "--out", tmp_path / "out", "--title", "Ours")
    assert result.exit_code == 0, result.exception
    assert "warning: 0123456789abcdef is left out: " in result.stderr
    assert result.stderr.count("warning: ") == 6
    assert result.stderr.rstrip().endswith("index.html with 1 run")
    assert embedded(tmp_path / "out")["title"] == "Ours"


def test_without_runs_there_is_a_page_with_cards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("--out", "page").exit_code == 0
    data = embedded(tmp_path / "page")
    assert data["cells"] == [] and "ctxmim" in data["methods"]
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--results", "nowhere", "--out", "page"), "results folder nowhere does not exist"),
        (("--results", "runs", "--out", "runs"), "inside the folder of runs"),
        (("--results", "runs", "--out", "runs/page"), "inside the folder of runs"),
        (("--results", "runs", "--out", "file"), "is a file"),
        (("--results", "runs", "--out", "site"), "page of another kind"),
    ],
)
def test_mistakes_are_the_users_errors(tmp_path, monkeypatch, arguments, match):
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path("file").write_text("")
    Path("site").mkdir()
    Path("site/index.html").write_text("<title>My home page</title>")
    result = run(*arguments)
    assert isinstance(result.exception, UserError)
    assert match in str(result.exception)
    assert Path("site/index.html").read_text() == "<title>My home page</title>"


def test_unreadable_predictions_take_the_interval_and_nothing_else(tmp_path, make, hits, registry):
    store = Store(tmp_path / "runs")
    for seed in range(2):
        record = make(seed=seed, metrics={"val/top1": 50.0}, intervals={"val/top1": (45.0, 55.0)})
        store.write(record, hits(0.5, seed))
    (store.root / record.id / "predictions.parquet").write_bytes(b"PAR1 and no more")
    write_leaderboard(store.root, tmp_path / "out", registry)
    (cell,) = embedded(tmp_path / "out")["cells"]
    assert cell["mean"] == [50.0] and "low" not in cell
    assert any("cannot be read" in remark for remark in cell["remarks"])


def test_it_imports_neither_torch_nor_pandas(filled, tmp_path):
    code = (
        "import sys, pathlib; from rsbench.cli.leaderboard import leaderboard;"
        f"leaderboard(pathlib.Path({str(tmp_path)!r}), pathlib.Path({str(filled.root)!r}), 'Made up');"
        "print([m for m in ('torch', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


LIGHT, DARK = "light", "dark"


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_colours_have_the_contrast_of_wcag_aa(theme):
    css = (SOURCES / "page.css").read_text(encoding="utf-8")
    block = re.search(
        r":root \{(.*?)\}" if theme == LIGHT else r':root\[data-theme="dark"\] \{(.*?)\}', css, re.DOTALL
    )[1]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", block))

    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one, other):
        high, low = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for ground in ("page", "raised", "band"):
        for ink in ("ink", "soft", "accent", "bad"):
            assert contrast(ink, ground) >= 4.5, (ink, ground)
        for mark in ("random", "supervised", "contrastive", "masked", "hybrid", "unknown"):
            assert contrast(mark, ground) >= 3, (mark, ground)

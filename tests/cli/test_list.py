"""``rsbench list``: what it shows on a terminal, in a pipe and as JSON, and what it must not import."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsbench.cli import _main
from rsbench.cli.lists import SHOWN, methods, table, tasks
from rsbench.plugins import load


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert _main(["list", *arguments]) == 0
    return capsys.readouterr().out


def test_in_a_pipe_every_method_is_one_whole_line(capsys):
    lines = listed(capsys, "methods").splitlines()
    names = [f"{name}/{variant}" for name, item in load().methods.items.items() for variant in item.variants]
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(names)
    row = next(line for line in lines if line.startswith("simmim-rs/nano "))
    assert "SimMIM (CtxMIM without C-E), re-implemented, nano" in row


def test_the_default_variant_comes_first_and_is_marked(capsys):
    lines = [line for line in listed(capsys, "methods").splitlines() if line.startswith("ctxmim/")]
    assert lines[0].startswith("ctxmim/nano ")
    assert [line.endswith("yes") for line in lines] == [True] + [False] * (len(lines) - 1)


def test_weights_that_only_the_user_has_are_told(capsys):
    row = next(line for line in listed(capsys, "methods").splitlines() if line.startswith("ctxmim/swin_b "))
    assert "needs a file" in row


def test_the_state_of_weights_follows_what_the_user_accepts_and_places(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path))

    def state(name):
        rows = json.loads(listed(capsys, "methods", "--json"))["methods"]
        return next(row["state"] for row in rows if row["method"] == name)

    assert state("ctxmim/nano") == state("random/vit_l") == "ready"
    assert state("seco/resnet50") == "downloadable"
    assert state("cmid/swin_b") == "needs licence acceptance"
    assert state("tov/resnet50") == "needs a file, needs licence acceptance"
    run = ["run", "--method", "tov", "--task", "eurosat", "--data", "demo", "--accept-licence"]
    assert _main(run) == 2  # accepted, but the file is still to be placed
    place = re.search(r"Put the file at (\S+), or", capsys.readouterr().err)[1]
    assert state("tov/resnet50") == "needs a file"
    Path(place).parent.mkdir(parents=True)
    Path(place).write_bytes(b"a file")
    assert state("tov/resnet50") == "ready"


def test_tasks_show_splits_protocols_and_what_ranks(capsys):
    row = next(line for line in listed(capsys, "tasks").splitlines() if line.startswith("resisc45 "))
    for text in ("60-20-20, 80-20", "paper, swept, knn, finetune", "val/top1", "45", "CC-BY-NC-4.0"):
        assert text in row


def test_json_of_methods_is_complete(capsys):
    rows = {row["method"]: row for row in json.loads(listed(capsys, "methods", "--json"))["methods"]}
    method, _ = load().method("ctxmim")
    weights, row = method.weights("nano"), rows["ctxmim/nano"]
    assert row["preprocess"]["mean"] == list(weights.preprocess.mean)
    assert row["pretraining_data"] == list(weights.pretraining_data)
    assert row["note"] == weights.note
    assert row["origin"] == "rsbench.methods.ctxmim"
    assert row["citation"] == method.citation
    assert row["reimplemented"] is True
    assert rows["ctxmim/swin_b"]["kwargs"] == {"image_size": 192, "window": 6}
    assert "rsbench pretrain" in rows["ctxmim/swin_b"]["source"]["how"]


def test_json_of_tasks_is_complete(capsys):
    rows = {row["task"]: row for row in json.loads(listed(capsys, "tasks", "--json"))["tasks"]}
    task = load().task("eurosat")
    row = rows["eurosat"]
    assert row["class_names"] == list(task.classes)
    assert row["split_files"][0]["sha256"] == task.splits[0].sha256
    assert row["split_files"][0]["counts"] == {"train": 16200, "val": 5400, "test": 5400}
    for name, value in task.protocol("paper").settings.items():
        assert row["settings"]["paper"][name] == (list(value) if isinstance(value, tuple) else value)


def test_json_of_tasks_names_rules_and_what_a_source_leaves_open(capsys):
    rows = {row["task"]: row for row in json.loads(listed(capsys, "tasks", "--json"))["tasks"]}
    rules = {split["name"]: split["draw"] for split in rows["spacenet-rio"]["split_files"]}
    assert rules["5000-1940"] is None and rules["blocks"] == "rsbench.datasets.rio_splits:blocks"
    assert "epochs" in rows["spacenet-rio"]["assumed"]["paper"]


def test_json_lists_broken_plugins(capsys, tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("raise ValueError('no luck')\n")
    found = json.loads(listed(capsys, "tasks", "--json", "--plugin", str(path)))
    assert found["broken"] == [{"origin": str(path), "reason": "ValueError: no luck"}]
    assert _main(["--debug", "list", "tasks", "--json", "--plugin", str(path)]) == 0
    assert "line 1" in json.loads(capsys.readouterr().out)["broken"][0]["traceback"]


def test_it_imports_neither_torch_nor_pandas_nor_rich(tmp_path):
    probe = tmp_path / "probe.py"
    heavy = {"torch", "torchvision", "timm", "pandas", "pyarrow", "numpy", "rich", "lightning"}
    probe.write_text(
        "import sys\nfrom rsbench.cli import _main\n"
        f"assert _main(sys.argv[1:]) == 0\nprint(sorted({heavy!r} & {{*sys.modules}}), file=sys.stderr)\n"
    )
    for what in ("methods", "tasks"):
        command = [sys.executable, str(probe), "list", what]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert done.stderr.strip() == "[]"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_on_a_terminal_lines_fit_it(tmp_path):
    main, side = os.openpty()
    environment = {**os.environ, "COLUMNS": "90"}
    command = [sys.executable, "-m", "rsbench", "list", "methods"]
    process = subprocess.Popen(command, stdout=side, stderr=side, cwd=tmp_path, env=environment)
    os.close(side)
    shown = b""
    try:
        while block := os.read(main, 1 << 16):
            shown += block
    except OSError:  # Linux ends a pseudo-terminal so
        pass
    os.close(main)
    assert process.wait() == 0
    lines = shown.decode().splitlines()
    assert max(map(len, lines)) <= 90
    assert len(lines) > 1 + len(methods(load())), "the titles need more than one line each"


words = st.text("abcdefgh-", min_size=1, max_size=9)
cell = st.lists(words, max_size=6).map(" ".join)


@given(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=5), st.integers(1, 120))
def test_folding_loses_no_word_and_keeps_the_width_where_words_allow(rows: Sequence[tuple[str, ...]], width: int):
    columns = ("a", "b", "c")
    lines = table([dict(zip(columns, row, strict=True)) for row in rows], columns, width)
    wanted = sorted(word for row in [columns, *rows] for text in row for word in text.split())
    assert sorted(word for line in lines for word in line.split()) == wanted
    longest = [max(len(word) for row in [columns, *rows] for word in row[n].split()) for n in range(3)]
    assert max(map(len, lines)) <= max(width, sum(longest) + 4)


def test_every_shown_column_is_there():
    found = load()
    for rows, what in ((methods(found), "methods"), (tasks(found), "tasks")):
        assert all(set(SHOWN[what]) <= row.keys() for row in rows)

"""Suites: what is right becomes cells, and everything that is wrong is told at once with its line."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rsbench.errors import UserError
from rsbench.plugins import Registry, load
from rsbench.sweeps.suites.block import FIELDS
from rsbench.sweeps.suites.shapes import RESOURCES, SLURM
from rsbench.sweeps.suites.suite import Suite, from_options, load_suite, shipped_suites
from rsbench.sweeps.suites.yaml_lines import LARGEST

ROOT = Path(__file__).parents[2]
ONCE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load()


@pytest.fixture
def read(tmp_path, registry):
    """Reads a suite from its text."""

    def read(text: str, **options) -> Suite:
        file = tmp_path / "mine.yaml"
        file.write_text(text, encoding="utf-8")
        return load_suite(str(file), registry, **options)

    return read


def faults(call, *arguments, **options) -> list[tuple[str, str]]:
    """The mistakes that a call tells: (line or option, text)."""
    with pytest.raises(UserError) as caught:
        call(*arguments, **options)
    found = []
    for line in caught.value.message.splitlines()[1:]:
        where, _, text = line.strip().partition(": ")
        found.append((where.rpartition(":")[2], text))
    return found


GOOD = """\
title: Good
seeds: 0-1
blocks:
  - methods: [ctxmim, random/nano]
    tasks: [eurosat, dota]
    protocols:
      eurosat: [swept, knn]
      dota: frozen
    set:
      image_size: 64
      dota: {epochs: 2, lr: 1e-3, anchors: [8, 16, 32, 64, 128]}
    data: demo
    resources:
      memory: 4
      dota: {hours: 8, slurm: {partition: gpu}}
  - methods:
      - imagenet/resnet50
    tasks: resisc45
    seeds: [3, 5-6]
    precision: bf16
    device: cuda
    batch_size: 32
    split: 80-20
"""


def test_a_suite_becomes_cells(read):
    suite = read(GOOD)
    assert (suite.name, suite.title, suite.shipped) == ("mine", "Good", False)
    rows = [(cell.spec.method, cell.spec.task, cell.spec.protocol, cell.seed, cell.line) for cell in suite.cells]
    matrix = [
        (method, *column, seed, 4)
        for method in ("ctxmim/nano", "random/nano")
        for column in (("eurosat", "swept"), ("eurosat", "knn"), ("dota", "frozen"))
        for seed in (0, 1)
    ]
    assert rows == matrix + [("imagenet/resnet50", "resisc45", "paper", seed, 17) for seed in (3, 5, 6)]
    by_task = {cell.spec.task: cell for cell in suite.cells}
    assert dict(by_task["eurosat"].spec.changes) == {"image_size": "64"}
    settings = suite.chosen[by_task["dota"].spec].protocol.settings
    assert (settings["image_size"], settings["lr"], settings["anchors"]) == (64, 1e-3, (8.0, 16.0, 32.0, 64.0, 128.0))
    assert by_task["eurosat"].resources.facts() == {
        "processes": 1, "nodes": 1, "cpus": None, "memory": 4.0, "hours": None, "slurm": {},
    }  # fmt: skip
    assert (by_task["dota"].resources.hours, dict(by_task["dota"].resources.slurm)) == (8.0, {"partition": "gpu"})
    spec = by_task["resisc45"].spec
    assert (spec.precision, spec.device, spec.batch_size, spec.split, spec.data) == ("bf16", "cuda", 32, "80-20", None)
    assert by_task["eurosat"].spec.data == "demo"
    assert {cell.spec for cell in suite.cells} == set(suite.chosen)


def test_options_go_before_the_file(read):
    suite = read(GOOD, seeds="7", device="cpu", precision="fp32", batch_size=2)
    assert {(c.seed, c.spec.device, c.spec.precision, c.spec.batch_size) for c in suite.cells} == {
        (7, "cpu", "fp32", 2)
    }
    assert faults(read, GOOD, seeds="x") == [("--seeds", "The seeds 'x' cannot be read. Write 0, 0-4 or 0,2,7.")]


def test_folders_are_absolute_and_begin_at_the_suite(read, tmp_path):
    (tmp_path / "w.pth").write_bytes(b"weights")
    (tmp_path / "sets" / "eurosat").mkdir(parents=True)
    text = """
checkpoint: {ctxmim/swin_b: w.pth}
blocks:
  - {methods: ctxmim/swin_b, tasks: [eurosat, resisc45], data: sets}
  - {methods: random, tasks: eurosat, data: sets}
  - {methods: random, tasks: resisc45, data: sets/../one}
  - {methods: random, tasks: [dota, vhr10-det], data: {dota: /x/y, vhr10-det: demo}}
"""
    cells = read(text).cells
    assert [(c.spec.task, c.spec.data, c.spec.checkpoint) for c in cells] == [
        ("eurosat", str(tmp_path / "sets/eurosat"), str(tmp_path / "w.pth")),
        ("resisc45", str(tmp_path / "sets/resisc45"), str(tmp_path / "w.pth")),
        ("eurosat", str(tmp_path / "sets/eurosat"), None),
        ("resisc45", str(tmp_path / "one"), None),
        ("dota", "/x/y", None),
        ("vhr10-det", "demo", None),
    ]


def test_all_mistakes_at_once_each_at_its_line(read):
    text = """\
title: [no, title]
colour: blue
data: demo
blocks:
  - methods: [ctxmin, random/nano, ctxmim/swin_b, ctxmim/swin]
    tasks: [eurosat, dota, eurosatt]
    protocols: [paper, swept]
    set:
      epoch: 3
      backbone.foo: 2
      dota: {anchors: [1, 2]}
      vegas: {lr: 1}
    resources: {processes: 3, cpu: 2, eurosat: {hours: -1}, slurm: {export: ALL, partition: [a]}}
  - methods:
      - imagenet/vit_b
      - random/resnet50
    tasks: eurosat
    set: {image_size: 65, epochs: x}
    precision: fp16
    device: gpu
    batch_size: 0
    split: seco
    checkpoint: x.pth
  - methods: random/nano
    tasks: [eurosat]
    protocols: {resisc45: paper}
    seeds: 0-1,1000000-2000000000
    seeds: 1
  - foo
  - methods: random/nano
    tasks: [eurosat]
  - methods: [random/nano]
    tasks: vhr10-seg
    set: {detector: retinanet}
    checkpoint: nowhere.pth
  - methods: [random/nano, random/nano]
    tasks: []
    seed: 1
  - {methods: random/nano, tasks: eurosat, seeds: 0-3}
"""
    found = faults(read, text)
    expected = [
        ("1", "title is a list"), ("2", "no 'colour'"), ("5", "'ctxmin'"), ("5", "no public weights"),
        ("5", "no variant 'swin'"), ("6", "'eurosatt'"), ("7", "'dota' has no protocol 'swept'"),
        ("9", "no setting 'epoch'"), ("10", "no setting 'foo'"), ("11", "2 anchor sizes"), ("12", "no task 'vegas'"),
        ("13", "no 'cpu'"), ("13", "hours is '-1'"), ("13", "3 processes cannot share a batch of 4"),
        ("13", "no 'export'"), ("13", "partition is a list"), ("18", "multiples of 16 px, not 65"),
        ("18", "epochs='x'"), ("19", "no precision 'fp16'"), ("20", "no device 'gpu'"), ("21", "batch_size is '0'"),
        ("22", "split of their own"), ("23", "checkpoint is that of one method"), ("26", "no 'resisc45'"),
        ("27", "cannot be read"), ("28", "line 27 already"), ("29", "This block is a text"),
        ("34", "'octaves'"), ("35", "does not exist"),
        ("36", "'random/nano' stands in methods already"), ("37", "tasks is an empty list"), ("38", "no 'seed'"),
            ("39", "seed 0, is wanted by line 30 already"),
    ]  # fmt: skip
    for line, part in expected:
        assert any(where == line and part in what for where, what in found), (line, part, found)
    assert {line for line, _ in found} == {line for line, _ in expected}
    assert [int(line) for line, _ in found] == sorted(int(line) for line, _ in found)


# A mistake: what replaces a line of GOOD (1-based), or stands behind it, and the line that must be named.
MISTAKES = st.sampled_from(
    [
        ("after", 1, "colour: blue", 2), ("after", 1, "title: again", 2), ("instead", 2, "seeds: 4-1", 2),
        ("instead", 2, "seeds: {a: 1}", 2), ("instead", 4, "  - methods: [ctxmim, random/nanu]", 4),
        ("instead", 4, "  - methods: [ctxmim, [random]]", 4), ("instead", 5, "    tasks: [eurosat, dotta]", 5),
        ("instead", 7, "      eurosat: [swept, knnn]", 7), ("instead", 8, "      dota: swept", 8),
        ("instead", 8, "      resisc45: paper", 8), ("instead", 10, "      image_sise: 64", 10),
        ("instead", 10, "      image_size: 30", 10), ("instead", 10, "      image_size: [a, [b]]", 10),
        ("instead", 11, "      dota: {epochs: 0}", 11), ("instead", 11, "      dota: {anchors: [1, 2]}", 11),
        ("instead", 11, "      dota: {lr: .inf}", 11), ("instead", 11, "      dota: {lr: 1e999}", 11),
        ("instead", 12, "    data: [demo]", 12), ("instead", 12, "    data:", 12),
        ("instead", 14, "      memory: much", 14), ("instead", 14, "      memroy: 4", 14),
        ("instead", 15, "      dota: {slurm: {wrap: ls}}", 15), ("instead", 15, "      dota: {nodes: 3}", 15),
        ("after", 15, "    checkpoint: nowhere.pth", 16), ("after", 15, "    engine: detectron2", 16),
        ("instead", 17, "      - tov/resnet51", 17), ("instead", 17, "      - ctxmim/swin_b", 17),
        ("instead", 18, "    tasks: resisc", 18), ("instead", 19, "    seeds: [3, 3-4]", 19),
        ("instead", 20, "    precision: fp16", 20), ("instead", 21, '    device: "cu\\nda"', 21),
        ("instead", 22, "    batch_size: 3.5", 22), ("instead", 23, "    split: 50-50", 23),
    ]
)  # fmt: skip


@ONCE
@given(MISTAKES, st.integers(0, 5))
def test_a_mistake_anywhere_is_told_with_its_line(registry, tmp_path, mistake, comments):
    how, line, text, expected = mistake
    lines = GOOD.splitlines()
    lines[line - (how == "instead") : line] = [text]
    if how == "after":
        assert lines[line] == text
    file = tmp_path / "mine.yaml"
    file.write_text("# ...\n" * comments + "\n".join(lines), encoding="utf-8")
    assert str(expected + comments) in {where for where, _ in faults(load_suite, str(file), registry)}


def test_mistakes_are_told_in_words_that_fit(read, registry, tmp_path):
    assert faults(read, "blocks:\n  -\n") == [("2", "This block is empty. Write - methods: ...")]
    long = "blocks:\n  - methods: " + "x" * 5000 + "\n    tasks: eurosat\n"
    assert faults(read, long) == [("2", "This text has 5,000 characters; 4,096 is the most.")], "and nothing else of it"
    found = faults(from_options, "random", "eurosat", registry, device="gpu")
    assert found == [("--device", "There is no device 'gpu'. Did you mean 'cuda'?")]
    (tmp_path / "w.pth").write_bytes(b"weights")
    found = faults(from_options, "random,ctxmim", "eurosat", registry, checkpoint=tmp_path / "w.pth")
    assert [text for where, text in found if where == "--checkpoint"] == [
        "A checkpoint is that of one method, and here are 2. Give a single method, or write a suite."
    ]


HOSTILE = {
    "code": "title: !!python/object/apply:os.system ['touch PWNED']\n",
    "tag": "title: !mine x\n",
    "bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nblocks: [*c]\n",
    "itself": "blocks: &a [*a]\n",
    "merge": "base: &b {seeds: 0}\nblocks: [{<<: *b, methods: random, tasks: eurosat}]\n",
    "deep": "[" * 5000,
    "nul": "title: \0\n",
    "number": "%YAML 1." + "9" * 5000 + "\n---\n{}\n",
    "escape": 'title: "\\UFFFFFFFF"\n',
    "half": "blocks: [{methods: random\n",
    "two": "a: 1\n---\nb: 2\n",
    "empty": "",
    "list": "- a\n",
    "word": "suite",
    "tab": "blocks:\n\t- methods: random\n",
    "many": "blocks: [{methods: [random], tasks: [eurosat], seeds: 0-9999}" + ", {}" * 20 + "]\nseeds: 0-9999\n"
    "methods: [random, ctxmim]\ntasks: [eurosat, resisc45, dota]\nprotocols: {eurosat: [paper, knn, swept]}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_error(read, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        read(HOSTILE[name])
    assert "mine.yaml" in str(caught.value)
    assert not (tmp_path / "PWNED").exists()


def test_files_that_are_none(registry, tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\x80\x81\n" * 9)
    (tmp_path / "huge.yaml").write_text("#" * (LARGEST + 1))
    (tmp_path / "folder.yaml").mkdir()
    for name, part in {
        "binary.yaml": "binary.yaml:1: this is no text", "huge.yaml": "larger than 256 KiB",
        "folder.yaml": "is a folder", "none.yaml": "is not there", "/dev/zero": "is no regular file",
        "demoo": "no suite 'demoo'",
    }.items():  # fmt: skip
        with pytest.raises(UserError, match=part):
            load_suite(str(tmp_path / name) if name.endswith(".yaml") else name, registry)


WORDS = st.sampled_from(["demo", "0-4", "eurosat", "random", "paper"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | WORDS, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["title", "blocks", *FIELDS])


@ONCE
@given(st.dictionaries(KEYS, ANYTHING, max_size=3), st.dictionaries(KEYS, ANYTHING, max_size=3))
def test_wrong_types_anywhere_are_mistakes(registry, tmp_path, top, inside):
    block = {"methods": "random/nano", "tasks": ["eurosat"], "data": "demo", **inside}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"blocks": [block], **top}, allow_unicode=True), encoding="utf-8")
    try:
        suite = load_suite(str(file), registry)
    except UserError as error:
        str(error).encode()  # can be printed
    else:
        assert {cell.spec.method.partition("/")[0] for cell in suite.cells} <= set(registry.methods.items)


@ONCE
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_noise_is_an_error(registry, tmp_path, noise):
    file = tmp_path / "mine.yaml"
    file.write_bytes(noise if isinstance(noise, bytes) else noise.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError) as caught:
        load_suite(str(file), registry)
    str(caught.value).encode()


def test_options_become_cells(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sets").mkdir()
    suite = from_options(
        "ctxmim, random/nano", "eurosat,resisc45", registry, seeds="0-4", protocol="swept,knn", data="sets",
        changes={"image_size": "64"}, precision="bf16", resources={"processes": 2},
    )  # fmt: skip
    assert len(suite.cells) == 2 * 2 * 2 * 5
    cell = suite.cells[0]
    assert (cell.spec.data, cell.line, cell.resources.processes) == (str(tmp_path / "sets/eurosat"), None, 2)
    one = from_options("random", "eurosat", registry, data="sets").cells[0]
    assert (one.spec.data, one.spec.protocol, one.seed) == (str(tmp_path / "sets"), "paper", 0)


def test_all_mistakes_of_options_at_once(registry):
    found = faults(
        from_options, "ctxmin,ctxmim/swin_b,random", "eurosat,dotta", registry, seeds="1-x", protocol="sweptt",
        changes={"epoch": "3"}, precision="fp3", device="gpu", batch_size=-1, data="demo", split="seco",
        resources={"cpus": 0}, checkpoint="none.pth",
    )  # fmt: skip
    assert {where for where, _ in found} == {
        "--methods", "--tasks", "--seeds", "--protocol", "--precision", "--device", "--batch-size", "--split", "--cpus",
        "--checkpoint",
    }  # fmt: skip
    assert faults(from_options, "random", "eurosat", registry, changes={"epoch": "3"})[0][0] == "--set"


def test_the_engine_that_is_not_installed_is_told(registry, monkeypatch):
    monkeypatch.setattr("rsbench.sweeps.suites.possible.find_spec", lambda name: None)
    found = faults(from_options, "random", "dota", registry, changes={"engine": "detectron2"})
    assert found == [("--set", "dota: detectron2 is not installed. docs/detectron2.md says how it is had.")]


@pytest.mark.parametrize("name", sorted(shipped_suites()))
def test_shipped_suites_are_valid(registry, name):
    suite = load_suite(name, registry)
    assert suite.shipped
    assert suite.cells
    assert suite.title != name


def test_the_demo_has_all_tasks(registry):
    suite = load_suite("demo", registry)
    assert {cell.spec.task for cell in suite.cells} == set(registry.tasks.items)
    assert {cell.spec.data for cell in suite.cells} == {"demo"}
    assert all(cell.spec.method.endswith("/nano") for cell in suite.cells)


@pytest.mark.parametrize("number", range(1, 6))
def test_the_suites_of_the_paper_are_its_tables(registry, number):
    cells = load_suite(f"table{number}", registry).cells
    with (ROOT / "results" / "published" / f"table{number}.csv").open(encoding="utf-8") as stream:
        rows = {row["variant"] for row in csv.DictReader(stream)}
    tables = tomllib.loads((ROOT / "configs" / "tables.toml").read_text(encoding="utf-8"))
    tasks = {column["task"] for column in tables[str(number)]["columns"]}
    assert {(cell.spec.method, cell.spec.task) for cell in cells} == {(row, task) for row in rows for task in tasks}
    assert {cell.spec.protocol for cell in cells} == {"paper"}


def test_missing_weights_stop_suites_of_the_user_alone(registry, tmp_path):
    copy = tmp_path / "table5.yaml"
    copy.write_text(shipped_suites()["table5"].read_text(encoding="utf-8"), encoding="utf-8")
    found = faults(load_suite, str(copy), registry)
    assert all("has no public weights" in text for _, text in found)
    lines = copy.read_text(encoding="utf-8").splitlines()
    assert ["ctxmim/swin_b" in lines[int(where) - 1] for where, _ in found] == [True, False]


PAGE = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.splitlines()[0])
def test_examples_of_the_page_are_suites(read, tmp_path, text):
    (tmp_path / "weights").mkdir()
    for name in re.findall(r"weights/\w+\.pth", text):
        (tmp_path / name).write_bytes(b"weights")
    assert read(text).cells


def test_the_page_tells_every_field_suite_and_option():
    told = set(re.findall(r"`([^`\n]+)`", PAGE)) | set(
        re.findall(r"^ *(?:- )?(\w+):", "\n".join(EXAMPLES), re.MULTILINE)
    )
    assert {*FIELDS, *RESOURCES, *SLURM, "demo"} <= told
    assert len(EXAMPLES) > 6


@pytest.mark.parametrize(
    ("method", "task", "protocol", "size", "fits"),
    [
        ("random/vit_b", "eurosat", "swept", 80, True), ("random/vit_b", "eurosat", "swept", 72, False),
        ("random/nano", "eurosat", "swept", 36, True), ("random/nano", "eurosat", "swept", 34, False),
        ("random/resnet50", "eurosat", "swept", 35, True), ("random/resnet50", "eurosat", "swept", 31, False),
        ("spectralgpt", "spacenet-rio", "paper", 40, True), ("spectralgpt", "spacenet-rio", "frozen", 40, False),
        ("random/vit_b", "dota", "paper", 100, True),  # objects lie on a canvas of whole patches
    ],
)  # fmt: skip
def test_sizes_of_inputs_that_a_backbone_cannot_take(registry, method, task, protocol, size, fits):
    options = {"protocol": protocol, "data": "demo", "changes": {"image_size": str(size)}}
    if fits:
        assert len(from_options(method, task, registry, **options).cells) == 1
    else:
        ((where, text),) = faults(from_options, method, task, registry, **options)
        assert where == "--set"
        assert str(size) in text

"""Plugins through their public doors: the tutorial's own code, files, the environment, entry points, and mistakes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from rsbench import Method, Preprocess, Random, UserError, Weights
from rsbench.plugins import Registry, load

PAGE = Path(__file__).parent.parent / "docs" / "plugins.md"
BROKEN = "1 / 0\n"


def example(name: str) -> str:
    """The Python code of the tutorial page that begins with the comment ``# name``."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if block.startswith(f"# {name}\n"))


def method(name: str, title: str = "Mine") -> str:
    """Code of a plugin with one method."""
    weights = 'Weights(architecture="nano", preprocess=Preprocess(size=128), source=Random())'
    return (
        "from rsbench import Method, Preprocess, Random, Weights\n"
        f'one = Method(name="{name}", title="{title}", paradigm="masked", variants={{"nano": {weights}}})\n'
    )


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def install(folder: Path, name: str, module: str) -> None:
    """Does what pip does for entry points, without pip: a dist-info beside the modules in ``folder``."""
    info = folder / f"{name}-1.0.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    write(info / "entry_points.txt", f"[rsbench.plugins]\n{name} = {module}\n")


@pytest.mark.slow
def test_the_ten_lines_of_the_tutorial_run_on_demo_scenes(cli, tmp_path):
    code = example("my_method.py")
    assert len(code.splitlines()) <= 12
    write(tmp_path / "my_method.py", code)
    commands = re.findall(r"^rsbench run --plugin my_method.py .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 1, "the page shows the command that this test runs"
    done = cli(*commands[0].split()[1:], "--protocol", "knn", "--json", RSBENCH_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["status"], record["method"], record["data"]) == ("done", "mymim/nano", "demo")
    assert 0 < record["metrics"]["val/top1"] <= 100
    assert (tmp_path / "results" / "runs" / record["id"] / "record.json").is_file()


@pytest.mark.slow
def test_the_backbone_of_the_tutorial_runs_on_the_task_of_the_tutorial(cli, tmp_path):
    for name in ("my_backbone.py", "my_task.py"):
        write(tmp_path / name, example(name))
    plugins = ("--plugin", "my_backbone.py", "--plugin", "my_task.py", "--json")
    arguments = ("run", *plugins, "--method", "patches", "--task", "two-fields", "--data", "demo", "--protocol", "knn")
    arguments += ("--set", "k=5")
    first = cli(*arguments, RSBENCH_CACHE=str(tmp_path / "cache"))
    assert first.returncode == 0, first.stderr
    record = json.loads(first.stdout)
    assert record["metrics"]["test/top1"] == 100  # green and yellow noise can be told apart by any network
    assert record["weights"]["architecture"].endswith(":Patches")

    write(tmp_path / "my_backbone.py", example("my_backbone.py").replace(".relu()", ".abs()"))
    second = cli(*arguments, RSBENCH_CACHE=str(tmp_path / "cache"))
    assert second.returncode == 0, second.stderr
    changed = json.loads(second.stdout)
    assert changed["weights"]["digest"] == record["weights"]["digest"]
    assert not changed["cost"]["features_from_cache"], "the features of the older code were taken for the new one's"
    assert changed["id"] != record["id"]


@pytest.mark.slow
def test_the_segmentation_task_of_the_tutorial_runs(cli, tmp_path):
    write(tmp_path / "my_masks.py", example("my_masks.py"))
    command = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if "my_masks.py --task" in line)
    small = ("--set", "image_size=96", "--set", "epochs=4", "--json")
    done = cli(*command.split()[1:], *small, RSBENCH_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert {"val/mIoU", "val/IoU_road", "val/IoU_water", "val/Acc_meadow"} <= set(record["metrics"])
    assert len(list((tmp_path / "results" / "runs" / record["id"] / "pictures").glob("*.png"))) == 3


def test_a_file_named_in_the_environment_is_listed_with_its_origin(cli, tmp_path):
    one, two = write(tmp_path / "a" / "one.py", method("first")), write(tmp_path / "b" / "two.py", method("second"))
    done = cli("list", "methods", "--json", RSBENCH_PLUGINS=f"{one}:{two}")
    assert done.returncode == 0, done.stderr
    origins = {row["method"]: row["origin"] for row in json.loads(done.stdout)["methods"]}
    assert origins["first/nano"] == str(one)
    assert origins["second/nano"] == str(two)
    assert origins["ctxmim/nano"] == "rsbench.methods.ctxmim"


def test_an_installed_entry_point_is_found(cli, tmp_path):
    site = tmp_path / "site"
    write(site / "their_methods.py", method("theirs"))
    install(site, "their-methods", "their_methods")
    done = cli("list", "methods", "--json", PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    assert {"theirs/nano"} <= {row["method"] for row in json.loads(done.stdout)["methods"]}


def test_an_installed_package_is_searched_but_neither_run_nor_looked_into_its_private_modules(cli, tmp_path):
    package = tmp_path / "site" / "theirs"
    write(package / "__init__.py", "from theirs.public import one\n")
    write(package / "public.py", method("public"))
    write(package / "_private.py", method("private"))
    write(package / "__main__.py", "raise SystemExit('the program was run')\n")
    install(tmp_path / "site", "theirs", "theirs")
    done = cli("list", "methods", "--json", PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    names = [row["method"] for row in listed["methods"]]
    assert names.count("public/nano") == 1
    assert "private/nano" not in names
    assert listed["broken"] == []


def test_two_claims_to_one_name_are_an_error_that_names_both(cli, tmp_path):
    one, two = write(tmp_path / "one.py", method("twice")), write(tmp_path / "two.py", method("twice", "Other"))
    done = cli("list", "methods", "--plugin", one, "--plugin", two)
    assert done.returncode == 2
    assert str(one) in done.stderr
    assert str(two) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_claim_to_a_built_in_name_is_an_error_that_names_both(tmp_path):
    path = write(tmp_path / "mine.py", method("ctxmim"))
    with pytest.raises(UserError, match=r"rsbench\.methods\.ctxmim and .*mine\.py"):
        load([path])


def test_a_broken_plugin_is_listed_with_its_reason_and_harms_nobody(cli, tmp_path):
    broken, good = write(tmp_path / "broken.py", BROKEN), write(tmp_path / "good.py", method("good"))
    done = cli("list", "methods", "--plugin", broken, "--plugin", good)
    assert done.returncode == 0
    assert "good/nano" in done.stdout
    assert f"Broken plugin {broken}: ZeroDivisionError: division by zero" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in cli("--debug", "list", "methods", "--plugin", broken).stderr


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (BROKEN, "ZeroDivisionError"),
        ("def f(:\n", "SyntaxError"),
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "SystemExit"),
        (method("Upper Case"), "Upper Case"),
        (method("mine").replace("size=128", "size=2"), "too small. Use at least 8 px"),
        (
            "import functools\n"
            + method("mine").replace('architecture="nano"', "architecture=functools.partial(print)"),
            "has no name to be recorded",
        ),
        (method("mine").replace('"nano", pre', '"nano", kwargs={"size": {1}}, pre'), "kwargs cannot be recorded"),
    ],
)
def test_whatever_goes_wrong_inside_a_plugin_is_its_own(tmp_path, code, reason):
    found = load([write(tmp_path / "bad.py", code)])
    assert [item.origin for item in found.broken] == [str(tmp_path / "bad.py")]
    assert reason in found.broken[0].reason
    assert "bad.py" in found.broken[0].traceback
    assert found.methods.get("ctxmim")


def test_a_name_that_may_be_in_a_broken_plugin_brings_its_reason(tmp_path):
    found = load([write(tmp_path / "bad.py", BROKEN)])
    with pytest.raises(UserError) as caught:
        found.method("mymim")
    assert f"Broken plugin {tmp_path / 'bad.py'}: ZeroDivisionError" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [("ctxmin", "'ctxmim'"), ("ctxmim/nanno", "'nano'"), ("randm/nano", "'random'")],
)
def test_near_misses_of_methods(name, hint):
    with pytest.raises(UserError) as caught:
        load().method(name)
    assert caught.value.hint == f"Did you mean {hint}?"


def test_near_miss_of_a_task():
    with pytest.raises(UserError, match="Did you mean 'eurosat'"):
        load().task("eurosta")


@pytest.mark.parametrize(("name", "reason"), [("absent.py", "does not exist"), ("notes.txt", "is not a Python file")])
def test_a_plugin_that_is_no_file_is_the_users_error(cli, tmp_path, name, reason):
    write(tmp_path / "notes.txt", "")
    done = cli("list", "methods", "--plugin", name)
    assert done.returncode == 2
    assert reason in done.stderr
    assert name in done.stderr


def test_the_same_file_given_twice_is_loaded_once(tmp_path, monkeypatch):
    path = write(tmp_path / "mine.py", method("mine"))
    monkeypatch.setenv("RSBENCH_PLUGINS", str(path))
    monkeypatch.chdir(tmp_path)
    assert load(["mine.py", path]).methods.get("mine").title == "Mine"


def test_an_object_seen_in_two_modules_is_no_collision_and_keeps_its_first_origin():
    weights = Weights(architecture="nano", preprocess=Preprocess(size=128), source=Random())
    one = Method(name="one", title="One", paradigm="random", variants={"nano": weights})
    registry = Registry()
    registry.methods.add(one, "here")
    registry.methods.add(one, "there")
    assert registry.methods.origins == {"one": "here"}


@pytest.mark.parametrize("title", ["", "two\nlines", "red \x1b[31m", "nothing \x00", "turned \u202e"])
def test_a_title_that_cannot_be_printed_is_refused_where_it_is_made(title):
    method = load().method("ctxmim")[0]
    for of, field in ((method, "title"), (load().task("eurosat"), "title")):
        with pytest.raises(UserError, match="cannot be printed in one line"):
            replace(of, **{field: title})
    if title:
        with pytest.raises(UserError, match="backbone of ctxmim/nano"):
            method.replaced("nano", backbone=title)

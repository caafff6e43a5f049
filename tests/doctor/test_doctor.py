"""The whole command: a sound machine, every kind of damage, and that nothing ends the report."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from rsbench.cli import _main
from rsbench.doctor import cache, checks, devices, disk, line
from rsbench.plugins import load
from rsbench.probing.cache import FEATURES, MANIFEST, FeatureCache
from rsbench.records import Record, Store, run_id


def failed(result):
    return {name for name, found in result.lines.items() if found.status == "failed"}


def test_areas_stand_in_order_and_every_task_and_weight_has_a_line(doctor):
    result = doctor()
    areas = list(dict.fromkeys(found["area"] for found in result.found["lines"]))
    assert areas == [
        "python", "packages", "devices", "plugins", "datasets", "weights", "caches", "store", "disk", "tools",
    ]  # fmt: skip
    registry = load()
    owners = {f"weights {name}/{own}" for name, method in registry.methods.items.items() for own in method.variants}
    assert owners | {f"datasets {name}" for name in registry.tasks.items} <= set(result.lines)
    assert result.found["schema_version"] == 1
    assert sum(result.found["counts"].values()) == len(result.lines)


def test_plain_lines_are_those_of_the_json(doctor, capsys):
    result = doctor()
    code = _main(["doctor"])
    out, _ = capsys.readouterr()
    *plain, summary = out.splitlines()
    wanted = []
    for found in result.found["lines"]:
        remedy = f" -> {found['remedy']}" if found["remedy"] else ""
        told = " ".join(f"{found['area']}: {found['what']}: {found['value']}{remedy}".split())
        wanted.append(f"{found['status']:7}  {told}")

    def steady(lines):  # free space changes between two runs
        return [text.partition(" GiB free")[2] or text for text in lines]

    assert steady(plain) == steady(wanted)
    assert summary == ", ".join(f"{number} {status}" for status, number in result.found["counts"].items())
    assert code == result.code


def test_a_machine_without_anything_yet_has_not_failed_for_it(doctor):
    result = doctor()
    assert {name for name in failed(result) if not name.startswith("packages")} == set()
    for name, task in load().tasks.items.items():
        found = result.lines[f"datasets {name}"]
        assert (found.status, found.value.partition(":")[0]) == ("info", "absent")
        assert ("--download" in found.remedy) == (task.download is not None)
    assert result.lines["store runs"].value.startswith("none yet")
    assert not Path("results").exists() and not Path("cache").exists()


def test_a_dataset_is_found_by_task_or_as_the_folder_itself_and_damage_fails(doctor, tmp_path):
    root = tmp_path / "datasets" / "vhr10-det"
    load().task("vhr10-det").demo(root, 0)
    found = doctor().lines["datasets vhr10-det"]
    assert found.status == "warning" and "partition present: train" in found.value and "rsprompter" in found.value
    assert "--split present" in found.remedy
    direct = doctor("--data", root).lines
    assert direct["datasets vhr10-det"].value == found.value
    assert direct["datasets eurosat"].status == "info", "the folder of another dataset is no damage"
    next(root.rglob("annotations.json")).unlink()
    assert "datasets vhr10-det" in failed(doctor())


def test_a_folder_that_the_user_names_and_that_is_not_there(doctor, tmp_path):
    assert "datasets --data" in failed(doctor("--data", "nowhere"))
    (tmp_path / "file").write_text("")
    result = doctor("--data", "file", "--results", "file")
    assert {"datasets --data", "store runs", "disk results", "disk data"} <= failed(result)


def test_broken_plugins_are_named_and_the_rest_goes_on(doctor, tmp_path):
    (tmp_path / "bad.py").write_text("raise ValueError('no luck')\n")
    result = doctor("--plugin", "bad.py")
    found = result.lines[f"plugins {tmp_path / 'bad.py'}"]
    assert (found.status, found.value) == ("failed", "broken: ValueError: no luck")
    assert result.lines["plugins registered"].status == "ok" and "datasets eurosat" in result.lines


def test_plugins_that_cannot_be_loaded_at_all_leave_the_other_checks(doctor):
    result = doctor("--plugin", "no.py")
    assert {"plugins plugins", "datasets datasets", "weights weights"} <= failed(result)
    assert "does not exist" in result.lines["plugins plugins"].value
    assert "tools TeX" in result.lines


def test_a_reader_of_a_plugin_that_raises_is_a_line_of_its_own(doctor, tmp_path):
    (tmp_path / "odd.py").write_text(
        "from rsbench.datasets.layout import EUROSAT\n"
        "from rsbench.probing.protocols import PROTOCOLS\n"
        "from rsbench.task import Split, Task\n"
        "def broken(root, *rest):\n    raise ZeroDivisionError('in the reader')\n"
        "odd = Task(name='odd', title='Odd', kind='classification', open=broken, demo=broken,\n"
        "    splits=(Split(name='own', draw=broken),), protocols=PROTOCOLS, rank='val/top1', metrics=('top1',),\n"
        "    classes=('a', 'b'))\n"
    )
    (tmp_path / "datasets" / "odd" / "images").mkdir(parents=True)
    result = doctor("--plugin", "odd.py")
    assert result.lines["datasets odd"].value == "ZeroDivisionError: in the reader"
    assert result.lines[f"plugins {tmp_path / 'odd.py'}"].status == "ok"
    assert result.lines["datasets resisc45"].status == "info"


def raises(*given, **named):
    raise ZeroDivisionError("by zero")


NAMES = sorted(name for name in vars(checks) if name.startswith("check_"))


@pytest.mark.parametrize("name", NAMES)
def test_a_check_that_raises_is_a_failed_line_and_the_others_go_on(doctor, monkeypatch, name):
    monkeypatch.setattr(checks, name, raises)
    result = doctor()
    hit = [found for found in result.lines.values() if found.value == "ZeroDivisionError: by zero"]
    assert hit and {found.status for found in hit} == {"failed"}


def test_the_checks_are_found():
    assert len(NAMES) >= 12


def test_debug_shows_where_a_check_raised(doctor, monkeypatch, capsys):
    monkeypatch.setattr(checks, "check_tools", raises)
    assert "Traceback" not in doctor().err
    assert _main(["--debug", "doctor"]) == 1
    assert "in raises" in capsys.readouterr().err


def test_little_space_is_a_warning_with_a_remedy(doctor, monkeypatch):
    real = shutil.disk_usage
    for free, status in ((disk.LEAST - 1, "warning"), (disk.LEAST, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: real(path)._replace(free=free))
        result = doctor()
        assert {result.lines[f"disk {name}"].status for name in ("results", "cache", "data")} == {status}
    assert "5.0 GiB free" in result.lines["disk results"].value


def test_a_folder_that_cannot_be_written_fails_unless_it_is_only_read(doctor, monkeypatch):
    def refused(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setattr(disk.tempfile, "TemporaryFile", refused)
    result = doctor()
    assert {"disk results", "disk cache"} <= failed(result)
    assert (
        "Permission denied" in result.lines["disk cache"].value and "RSBENCH_CACHE" in result.lines["disk cache"].remedy
    )
    assert result.lines["disk data"].status == "ok"


def test_little_memory_is_a_warning(doctor, monkeypatch):
    assert 2**28 < devices.usable_memory() < 2**50
    for memory, status in ((2**31, "warning"), (2**33, "ok"), (None, "info")):
        monkeypatch.setattr(devices, "usable_memory", lambda memory=memory: memory)
        assert doctor().lines["devices memory"].status == status


def test_a_torch_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(devices, "SECONDS", 0.01)
    (found,) = devices.check_torch()
    assert found.status == "failed" and "did not answer" in found.value


def features(number):
    return np.random.default_rng(number).normal(size=(5, 3)).astype(np.float32)


def test_damaged_features_are_named(doctor, monkeypatch):
    entries = FeatureCache()
    for number in range(3):
        entries.put({"weights": str(number), "images": "b"}, features(number), {"method": "m/x"})
    assert doctor().lines["caches features"].value.startswith("3 entries")
    one, two, _ = entries
    (one.folder / FEATURES).write_bytes(b"half")
    manifest = json.loads((two.folder / MANIFEST).read_text())
    (two.folder / MANIFEST).write_text(json.dumps({**manifest, "identity": 3}))
    result = doctor()
    assert {f"caches features {one.key}", f"caches features {two.key}"} == {n for n in failed(result) if "caches" in n}
    assert result.lines[f"caches features {one.key}"].remedy == "rsbench cache clear --damaged"
    monkeypatch.setattr(cache, "SECONDS", -1.0)
    assert "the newest 1 were read again" in doctor().lines["caches features"].value


def record(seed):
    identity = {"seed": seed}
    return Record(
        id=run_id(identity), identity=identity, status="done", method="made/up", title="Made up", task="eurosat",
        kind="classification", protocol="paper", settings={}, split="seco", data="real", seed=seed, input_size=64,
        metrics={"val/top1": 1.0}, started="2026-01-01T00:00:00+00:00", finished="2026-01-01T00:01:00+00:00",
    )  # fmt: skip


def test_the_store_counts_runs_and_names_what_tables_leave_out(doctor, tmp_path):
    store = Store(tmp_path / "runs")
    for seed in range(3):
        store.write(record(seed))
    assert doctor("--results", "runs").lines["store runs"].value == "3 runs in runs: 3 done"
    (store.root / record(1).id / "record.json").write_text("{")
    left = store.root / ".abc.tmp-1234"
    left.mkdir()
    os.utime(left, (0, 0))
    (store.root / ".training" / "x").mkdir(parents=True)
    result = doctor("--results", "runs")
    assert result.lines["store runs"].value == "2 runs in runs: 2 done"
    assert f"store {record(1).id}" in failed(result)
    assert (
        result.lines["store leftovers"].status == "warning" and ".abc.tmp-1234" in result.lines["store leftovers"].value
    )
    assert result.lines["store unfinished training"].status == "info"


def test_many_broken_folders_are_counted(doctor, tmp_path):
    for number in range(25):
        (tmp_path / "runs" / f"{number:02}").mkdir(parents=True)
    result = doctor("--results", "runs")
    assert result.lines["store broken folders"].value.startswith("15 more")
    assert len([name for name in failed(result) if name.startswith("store")]) == 11


def test_weights_of_another_size_than_their_method_says(doctor, monkeypatch):
    from rsbench.checkpoints.fetch import place

    weights = load().method("imagenet")[0].weights("resnet50")
    file = place("imagenet/resnet50", weights.source)
    assert doctor().lines["weights imagenet/resnet50"].status == "info"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"short")
    assert "5 bytes" in doctor().lines["weights imagenet/resnet50"].value
    os.truncate(file, weights.size_bytes)
    assert doctor().lines["weights imagenet/resnet50"].status == "ok"


def test_a_line_without_a_remedy_cannot_be_made():
    for status in ("warning", "failed"):
        with pytest.raises(ValueError, match="not what to do"):
            line.Line(status, "disk", "results", "0 GiB")

"""``rsbench run`` on demo scenes: records, JSON, cache, protocols, failures."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from networks import trained_state

from rsbench import __version__
from rsbench.cli import _main
from rsbench.records import Store

SMALL = ["--set", "image_size=64"]


def scenes(shared) -> Path:
    """Where the demo scenes of EuroSAT lie."""
    return shared / "demo" / __version__ / "eurosat-0"


def test_a_run_prints_its_record_as_one_json_object_and_writes_it(run, tmp_path):
    code, (record,), err = run("--protocol", "knn", *SMALL)
    assert code == 0 and "Traceback" not in err
    assert record["status"] == "done" and record["data"] == "demo" and record["seed"] == 0
    assert (record["method"], record["task"], record["protocol"]) == ("random/nano", "eurosat", "knn")
    assert set(record["metrics"]) == {
        "val/top1", "val/mean_class_accuracy", "test/top1", "test/mean_class_accuracy",
    }  # fmt: skip
    assert 10 < record["metrics"]["val/top1"] < 100
    assert record["input_size"] == 64 and record["changed"] == {"image_size": 64}
    assert "demo scenes" in record["flags"]
    assert record["cost"]["parameters"] == 1_624_359 and record["cost"]["gflops"] > 0.01
    folder = tmp_path / "runs" / record["id"]
    assert json.loads((folder / "record.json").read_text()) == record
    table = pyarrow.parquet.read_table(folder / "predictions.parquet").to_pandas()
    for part in ("val", "test"):
        rows = table[table.part == part]
        assert (rows.top1 == (rows.label == rows.prediction)).all()
        assert 100 * rows.top1.mean() == pytest.approx(record["metrics"][f"{part}/top1"])
        recalls = rows.groupby("label").top1.mean()
        assert 100 * recalls.mean() == pytest.approx(record["metrics"][f"{part}/mean_class_accuracy"])
        low, high = record["intervals"][f"{part}/top1"]
        assert low < record["metrics"][f"{part}/top1"] < high


def test_a_second_run_takes_features_from_the_cache_and_gives_the_same(run, monkeypatch):
    _, (first,), _ = run("--protocol", "knn", "--seeds", "5", *SMALL)
    import rsbench.probing.features as module

    def fail(*given, **more):
        raise AssertionError("the backbone was run again")

    monkeypatch.setattr(module, "extract", fail)
    code, (second,), _ = run("--protocol", "knn", "--seeds", "5", *SMALL)
    assert code == 0
    assert second["id"] == first["id"] and second["metrics"] == first["metrics"]
    assert (first["cost"]["features_from_cache"], second["cost"]["features_from_cache"]) == (False, True)
    with pytest.raises(AssertionError, match="run again"):
        run("--protocol", "knn", "--seeds", "5", "--no-cache", *SMALL)


@pytest.mark.parametrize(
    "change", [["--seeds", "1"], ["--set", "k=5"], ["--precision", "bf16"], ["--set", "image_size=96"]]
)
def test_whatever_can_change_the_number_changes_the_id(run, change):
    _, (base,), _ = run("--protocol", "knn", "--set", "standardise=false")
    _, (other,), _ = run("--protocol", "knn", "--set", "standardise=false", *change)
    assert base["id"] != other["id"]


def test_several_seeds_give_a_record_each_in_one_go(run, tmp_path):
    code, records, _ = run("--protocol", "paper", "--set", "epochs=5", "--set", "lr=0.01", "--seeds", "0-2", *SMALL)
    assert code == 0 and [record["seed"] for record in records] == [0, 1, 2]
    assert len({record["weights"]["digest"] for record in records}) == 3  # random weights follow the seed
    assert len(list(Store(tmp_path / "runs"))) == 3
    assert len({tuple(record["metrics"].values()) for record in records}) > 1


def test_the_sweep_records_its_grid_and_its_choice(run):
    code, (record,), _ = run("--protocol", "swept", "--set", "epochs=5", *SMALL)
    assert code == 0
    assert record["selected"]["lr"] in record["settings"]["lrs"]
    assert record["selected"]["held_out_images"] == 40  # a tenth of 36 in each of 10 classes, rounded
    assert len(record["selected"]["grid_top1"]) == 39


@pytest.mark.slow
def test_fine_tuning_trains_the_backbone_too(run):
    code, (record,), _ = run(
        "--protocol", "finetune", "--set", "epochs=3", "--set", "lr=0.01", "--set", "image_size=32"
    )  # fmt: skip
    assert code == 0 and record["metrics"]["val/top1"] > 15
    _, (again,), _ = run(
        "--protocol", "finetune", "--set", "epochs=3", "--set", "lr=0.01", "--set", "image_size=32"
    )  # fmt: skip
    assert again["metrics"] == record["metrics"]


def test_a_checkpoint_of_the_user_takes_the_place_of_the_methods_own(run, tmp_path):
    state = trained_state()
    torch.save(state, tmp_path / "mine.pt")
    code, (record,), _ = run("--checkpoint", str(tmp_path / "mine.pt"), "--protocol", "knn", *SMALL)
    assert code == 0
    assert record["weights"]["source"] == "checkpoint" and record["weights"]["keys"]["mapped"] == len(state)
    assert any("checkpoint of the user" in flag for flag in record["flags"])


def test_a_failed_seed_leaves_a_record_with_its_reason_and_exit_code_1(run, tmp_path):
    state = trained_state()
    state["norm.weight"] = torch.full_like(state["norm.weight"], 3e38)
    torch.save(state, tmp_path / "broken.pt")
    code, (record,), _ = run("--checkpoint", str(tmp_path / "broken.pt"), "--protocol", "knn", *SMALL)
    assert code == 1
    assert record["status"] == "failed" and "not finite" in record["reason"] and record["metrics"] == {}
    assert (tmp_path / "runs" / record["id"] / "record.json").exists()


def test_a_backbone_that_ignores_its_input_fails(run, tmp_path):
    state = {key: torch.zeros_like(value) for key, value in trained_state().items()}
    state["norm.bias"] += 1
    torch.save(state, tmp_path / "zeros.pt")
    code, (record,), _ = run("--checkpoint", str(tmp_path / "zeros.pt"), "--protocol", "knn", *SMALL)
    assert code == 1 and "same embedding" in record["reason"]


def test_an_interruption_leaves_a_record(run, monkeypatch, tmp_path):
    import rsbench.probing.features as module

    def interrupt(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "extract", interrupt)
    code, _, _ = run("--protocol", "knn", "--no-cache", *SMALL)
    assert code == 130
    (record,) = Store(tmp_path / "runs")
    assert record.status == "interrupted"


def test_real_data_are_flagged_when_the_weights_have_seen_them(run, shared, tmp_path):
    """The demo folder stands in for a real one: the reader is the same, and so is the flag."""
    run("--protocol", "knn", *SMALL)
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from rsbench import Method, Preprocess, Random, Weights\n"
        "from rsbench.datasets.splits import read_split\n"
        "from rsbench.tasks.eurosat import eurosat as base\n"
        f"demo = base.demo(Path({str(scenes(shared))!r}), 0)\n"
        "little = replace(base, name='little', open=lambda root, split: base.open(root, demo))\n"
        "seen = Method(name='seen', title='Seen', paradigm='random', variants={'nano': Weights(\n"
        "    architecture='nano', preprocess=Preprocess(size=64), source=Random(),\n"
        "    pretraining_data=('little/train', 'other'))})\n"
    )
    code, (record,), _ = run(
        "--protocol", "knn", "--plugin", str(plugin), task="little", method="seen",
        data=str(scenes(shared)),
    )  # fmt: skip
    assert code == 0 and record["data"] == "real"
    assert record["flags"] == ["pretrained on EuroSAT train images"]


def test_a_truncated_image_is_named(run, shared, tmp_path):
    run("--protocol", "knn", *SMALL)
    root = tmp_path / "copy"
    shutil.copytree(scenes(shared), root)
    victim = sorted(root.rglob("*.jpg"))[3]
    victim.write_bytes(victim.read_bytes()[:-300])
    from rsbench.plugins import load

    task = load().task("eurosat")
    split = task.demo(root, 0)
    dataset = task.open(root, split)
    from rsbench.errors import UserError

    with pytest.raises(UserError, match=victim.name):
        for items in dataset.parts.values():
            for path in items.paths:
                dataset.load(path)
    assert len(np.unique(dataset.parts["val"].labels)) == 10


def test_human_output_is_a_row_and_where_its_record_lies(shared, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RSBENCH_CACHE", str(shared))
    monkeypatch.chdir(tmp_path)
    assert (
        _main(["run", "--method", "random/nano", "--task", "eurosat", "--data", "demo", "--protocol", "knn", *SMALL])
        == 0
    )
    out = capsys.readouterr().out
    assert "Random Init., nano | EuroSAT | knn | 64 px | seed 0 | val/top1 " in out
    assert "note: demo scenes" in out
    line = next(line for line in out.splitlines() if "record:" in line)
    assert (tmp_path / line.split("record: ")[1]).is_file()
    assert _main(["table", "1"]) == 0
    table = capsys.readouterr().out
    assert "98.87" in table and "Demo scenes" in table


def test_cache_is_listed_verified_and_cleared(run, capsys):
    run("--protocol", "knn", *SMALL)
    assert _main(["cache", "list"]) == 0
    assert "random/nano on eurosat (demo)" in capsys.readouterr().out
    assert _main(["cache", "verify"]) == 0
    assert "0 damaged" in capsys.readouterr().out
    assert _main(["cache", "clear", "--method", "random/nano"]) == 0
    assert _main(["cache", "list"]) == 0
    assert "random/nano" not in capsys.readouterr().out
    assert _main(["cache", "clear"]) == 0
    assert _main(["cache", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.split("MiB.\n")[-1])["entries"] == []


@pytest.mark.parametrize(
    "setting", ["epochs=0", "epochs=-1", "lr=-1", "lr=nan", "momentum=2", "batch_size=0", "gamma=-0.1", "image_size=-3"]
)
def test_settings_out_of_range_are_refused(run, setting):
    code, records, err = run("--protocol", "paper", "--set", setting)
    assert code == 2 and records == [] and setting.partition("=")[0] in err and "Traceback" not in err


def test_an_empty_list_of_settings_is_refused(run):
    code, _, err = run("--protocol", "swept", "--set", "lrs=")
    assert code == 2 and "lrs" in err


def test_a_file_in_the_place_of_the_results_is_refused_before_anything_is_computed(run, tmp_path):
    (tmp_path / "runs").write_text("")
    code, records, err = run("--protocol", "knn", *SMALL)
    assert code == 2 and records == [] and "--results" in err and "Traceback" not in err


def test_demo_scenes_take_neither_split_nor_download(run):
    for more in (["--split", "seco"], ["--download"]):
        code, _, err = run(*more)
        assert code == 2 and "Demo scenes" in err


def test_a_full_disk_is_one_line(run, monkeypatch):
    import rsbench.probing.cache as module

    def full(*given):
        raise OSError(28, "No space left on device", "features.safetensors")

    monkeypatch.setattr(module, "save_file", full)
    code, _, err = run("--protocol", "knn", "--seeds", "41", *SMALL)
    assert code == 2 and "features: No space left on device." in err and "Traceback" not in err

"""Classification in several processes: the same features, predictions and record as in one; nobody waits for ever."""

import json
import time

import numpy as np
import pyarrow.parquet
import pytest
import tiny_classification
from hypothesis import given
from hypothesis import strategies as st
from launching import finish, srun, start_step, torchrun
from safetensors.numpy import load_file

from rsbench.cli import _main
from rsbench.errors import UserError
from rsbench.probing.finetune import check_shares
from rsbench.team import shares

PLUGIN = tiny_classification.__file__
BASE = ["run", "--task", "tiny-scenes", "--data", "demo", "--plugin", PLUGIN, "--device", "cpu", "--json"]
LOUD = [*BASE, "--method", "loud"]


@pytest.fixture
def alone(tmp_path, monkeypatch, capsys):
    """Runs the command line in this process, with a cache of its own; returns the records."""

    def call(*arguments):
        monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache of one"))
        capsys.readouterr()
        assert _main([*arguments, "--results", str(tmp_path / "one")]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return call


def predictions(folder, record):
    return pyarrow.parquet.read_table(folder / record["id"] / "predictions.parquet").to_pydict()


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 6))
def test_shares_are_a_partition_into_batches_of_one_process(count, size, world):
    own = [shares(count, size, rank, world) for rank in range(world)]
    assert sorted(np.concatenate(own)) == list(range(count))
    whole = {tuple(range(start, min(start + size, count))) for start in range(0, count, size)}
    made = {tuple(rows[start : start + size]) for rows in own for start in range(0, len(rows), size)}
    assert made == whole


@pytest.mark.slow
@pytest.mark.parametrize("batch", [[], ["--batch-size", "4"]], ids=["one share is empty", "odd shares"])
def test_two_processes_give_the_features_predictions_and_record_of_one(alone, tmp_path, batch):
    arguments = [*LOUD, "--protocol", "paper", "--set", "epochs=40", "--seeds", "0,1", *batch]
    one = alone(*arguments)
    log, cache = tmp_path / "log", tmp_path / "cache of two"
    code, two, err = torchrun(2, *arguments, "--results", tmp_path / "two", RSBENCH_CACHE=cache, TINY_LOG=log)
    assert code == 0, err
    assert [record["id"] for record in two] == [record["id"] for record in one]
    assert [record["metrics"] for record in two] == [record["metrics"] for record in one]
    assert [record["selected"] for record in two] == [record["selected"] for record in one]
    for record in one:
        assert predictions(tmp_path / "one", record) == predictions(tmp_path / "two", record)
    files = sorted((tmp_path / "cache of one" / "features").glob("*/features.safetensors"))
    assert len(files) == 2  # random weights follow the seed
    for file in files:
        other = cache / "features" / file.parent.name / file.name
        assert np.array_equal(load_file(file)["features"], load_file(other)["features"])
    seen = [line.split() for line in log.read_text().splitlines()]
    assert sum(int(images) for _, images in seen) == 2 * tiny_classification.IMAGES, "an image was embedded twice"
    assert len({process for process, _ in seen}) == (2 if batch else 1)


@pytest.mark.slow
def test_fine_tuning_in_two_processes_takes_the_steps_of_one(alone, tmp_path):
    arguments = [*BASE, "--method", "random/nano", "--protocol", "finetune", "--set", "image_size=32", "--seeds", "0"]
    (one,) = alone(*arguments)
    code, (two,), err = torchrun(2, *arguments, "--batch-size", "3", "--results", tmp_path / "two")
    assert code == 0, err
    losses = [[epoch["loss"] for epoch in record["history"]] for record in (one, two)]
    np.testing.assert_allclose(*losses, rtol=1e-4)  # batches of 8, 8 and 7 images: unequal shares
    assert losses[0][0] != losses[0][-1]
    assert predictions(tmp_path / "one", one) == predictions(tmp_path / "two", two)
    assert two["identity"]["processes"] == 2 and "processes" not in one["identity"]


def test_a_process_that_fails_fails_in_all_and_leaves_one_record(tmp_path):
    arguments = [*LOUD, "--protocol", "knn", "--seeds", "0,1", "--batch-size", "4", "--results", tmp_path]
    code, records, err = torchrun(2, *arguments, TINY_BROKEN=1, RSBENCH_CACHE=tmp_path / "cache")
    assert code == 1
    assert [(record["seed"], record["status"]) for record in records] == [(0, "failed"), (1, "failed")], err
    assert all("v05 cannot be read" in record["reason"] for record in records)
    assert not list((tmp_path / "cache" / "features").glob("[!.]*"))


@pytest.mark.slow
def test_tasks_of_srun_work_together_and_write_one_record(tmp_path):
    arguments = [*LOUD, "--protocol", "knn", "--batch-size", "4", "--results", tmp_path / "runs"]
    done = srun(2, *arguments, TINY_LOG=tmp_path / "log", RSBENCH_CACHE=tmp_path / "cache")
    assert [code for code, _, _ in done] == [0, 0], done[0][2] + done[1][2]
    assert [len(records) for _, records, _ in done] == [1, 0]
    seen = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert sum(int(images) for _, images in seen) == tiny_classification.IMAGES
    assert len({process for process, _ in seen}) == 2


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others(tmp_path):
    log = tmp_path / "log"
    arguments = [*LOUD, "--protocol", "knn", "--batch-size", "4", "--results", tmp_path / "runs"]
    first, second = start_step(2, *arguments, TINY_LOG=log, TINY_SLOW=2, RSBENCH_CACHE=tmp_path / "cache")
    while not log.exists() or f"{second.pid} " not in log.read_text():
        assert first.poll() is None and second.poll() is None
        time.sleep(0.05)
    second.kill()
    second.communicate()
    code, records, err = finish(first)
    assert code and not records and "Another process of this run has ended before its time." in err
    assert "Traceback" not in err
    assert not list((tmp_path / "cache" / "features").glob("[!.]*"))


@pytest.mark.parametrize(
    ("count", "size", "world", "message"),
    [(23, 9, 2, "cannot share a batch of 9"), (17, 8, 2, "The last batch of an epoch has 1 of 17 images")],
)
def test_batches_that_cannot_be_shared_are_refused(count, size, world, message):
    with pytest.raises(UserError, match=message):
        check_shares(count, size, world)
    check_shares(count, size, 1)

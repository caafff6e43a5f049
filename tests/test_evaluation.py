"""From outcomes to records: what is written, what is removed, and which process does it."""

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rsbench import evaluation
from rsbench.errors import UserError
from rsbench.plugins import load
from rsbench.records import Store
from rsbench.request import Failure, Outcome, Request

PREDICTIONS = {"part": ["val"], "item": ["a"], "top1": [1]}


def outcome(**changes):
    """What a made-up evaluation gives."""
    fields = {"metrics": {"val/top1": 12.5}, "intervals": {}, "predictions": PREDICTIONS, "selected": {}, "flags": []}
    return Outcome(**{**fields, "weights": {}, "timings": {}, "cost": {}, **changes})


@pytest.fixture
def request_():
    """A request for a made-up dataset."""
    found = load()
    task = found.task("eurosat")
    return Request(
        method=found.method("random/nano")[0], variant="nano", task=task, protocol=task.protocol(), data="demo",
        dataset=SimpleNamespace(fingerprint="f", classes=("a", "b")),
        split=SimpleNamespace(name="made-up", sha256="s", counts={"val": 1}),
    )  # fmt: skip


@pytest.fixture
def run(request_, tmp_path, monkeypatch):
    """Runs a made-up evaluation that gives the outcomes of the seeds 0, 1, ... and returns (records, store)."""

    def call(outcomes, request=request_):
        module = ModuleType("made_up_evaluation")
        module.evaluate = lambda request, seeds: zip(seeds, outcomes, strict=False)
        monkeypatch.setitem(sys.modules, "made_up_evaluation", module)
        monkeypatch.setitem(evaluation.EVALUATIONS, request.task.kind, "made_up_evaluation")
        store = Store(tmp_path / "runs")
        return [record for record, _ in evaluation.run(request, range(9), store, {}, "")], store

    return call


def test_columns_become_the_table_of_predictions(run):
    [record], store = run([outcome()])
    assert store.predictions(record.id).to_pydict() == PREDICTIONS


def test_a_file_of_predictions_is_moved_and_attachments_are_copied(run, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    pq.write_table(pa.table(PREDICTIONS), scratch / "made.parquet")
    (scratch / "drawn.png").write_bytes(b"a picture")
    attached = {"pictures/a.png": scratch / "drawn.png"}
    [record], store = run([outcome(predictions=scratch / "made.parquet", attachments=attached, scratch=scratch)])
    assert store.predictions(record.id).to_pydict() == PREDICTIONS
    assert (store.root / record.id / "pictures" / "a.png").read_bytes() == b"a picture"
    assert not scratch.exists()


def test_scratch_stays_if_the_record_cannot_be_written(run, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(OSError, match="No space"):
        run([outcome(scratch=scratch)])
    assert scratch.exists()


def start_as(monkeypatch, rank):
    """Makes this process one of two, as torchrun does."""
    variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


def test_only_the_first_of_several_processes_writes_and_the_others_evaluate_to_the_end(run, tmp_path, monkeypatch):
    taken = []

    def outcomes():
        for number in range(2):
            taken.append(number)
            yield outcome(scratch=tmp_path)

    start_as(monkeypatch, 1)
    records, store = run(outcomes())
    assert (records, taken, store.ids()) == ([], [0, 1], [])
    assert tmp_path.exists()
    start_as(monkeypatch, 0)
    records, store = run([outcome()])
    assert [record.id for record in records] == store.ids()


def test_a_task_of_srun_that_is_not_the_first_writes_nothing(run, monkeypatch):
    step = {"SLURM_STEP_ID": 0, "SLURM_STEP_NUM_TASKS": 2, "SLURM_STEP_TASKS_PER_NODE": 2}
    for name, value in {**step, "SLURM_PROCID": 1, "SLURM_LOCALID": 1}.items():
        monkeypatch.setenv(name, str(value))
    records, store = run([outcome()])
    assert (records, store.ids()) == ([], [])


def test_an_interruption_goes_on_to_the_caller_in_every_process(run, monkeypatch):
    stopped = Failure(reason="Interrupted.", status="interrupted")
    with pytest.raises(KeyboardInterrupt):
        run([stopped])
    start_as(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        run([stopped])


def test_a_process_that_does_not_know_which_one_it_is_evaluates_nothing(run, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="RANK, LOCAL_RANK, LOCAL_WORLD_SIZE are not set"):
        run([outcome()])


def test_settings_on_which_the_source_is_silent_are_named_as_assumed(run, request_):
    [plain], _ = run([outcome()])
    assert set(plain.arguments) == {"given", "resolved"}
    protocol = replace(request_.protocol, assumed=("epochs",))
    [record], _ = run([outcome()], replace(request_, protocol=protocol))
    assert record.arguments == {**plain.arguments, "assumed": ["epochs"]}
    assert record.id == plain.id


def test_pictures_cannot_be_fewer_than_none(request_):
    with pytest.raises(UserError, match="-1 pictures"):
        replace(request_, pictures=-1)

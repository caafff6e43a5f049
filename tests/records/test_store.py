"""The store: atomic, mergeable, and silent about nothing."""

import hashlib
import json
import os
import shutil
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rsbench.errors import UserError
from rsbench.records import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def unsealed(record):
    """The record as it was before the store gave it the digests."""
    return record.model_copy(update={"files": {}, "digest": None})


def folders(store):
    return [path.name for path in store.root.iterdir() if path.is_dir()]


TABLE = pa.table({"part": ["val", "val"], "item": ["a", "b"], "top1": [1.0, 0.0]})


def test_a_run_comes_back_as_it_was_written(store, make):
    record = make()
    folder = store.write(record, TABLE)
    assert folder == store.root / record.id
    assert sorted(path.name for path in folder.iterdir()) == ["predictions.parquet", "record.json"]
    assert unsealed(store.read(record.id)) == record
    assert store.predictions(record.id).equals(TABLE)
    assert folders(store) == [record.id]


def test_some_columns_of_the_predictions_are_read_as_far_as_they_are_there(store, make):
    store.write(make(), TABLE)
    assert store.predictions(make().id, ["top1", "mask", "part"]).equals(TABLE.select(["top1", "part"]))


def test_a_missing_store_is_empty_and_is_not_made_by_reading(store):
    assert list(store) == []
    assert not store.root.exists()


def test_absent_predictions_are_none_and_an_unknown_run_is_an_error(store, make):
    record = make()
    store.write(record)
    assert store.predictions(record.id) is None
    with pytest.raises(UserError, match="no run '0000000000000000'"):
        store.predictions("0" * 16)


def test_a_newer_run_replaces_the_earlier_one_whole(store, make):
    store.write(make(), TABLE)
    second = make(metrics={"val/top1": 50.0}, finished="2026-01-02T00:00:00+00:00")
    store.write(second)
    assert unsealed(store.read(second.id)) == second
    assert store.predictions(second.id) is None


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_that_is_not_done_never_replaces_a_done_one(store, make, status):
    done = make()
    store.write(done, TABLE)
    assert store.write(make(status=status)) == store.root / done.id
    assert unsealed(store.read(done.id)) == done
    assert store.predictions(done.id).equals(TABLE)


def test_a_done_run_replaces_a_failed_one_and_a_failed_one_a_failed_one(store, make):
    store.write(make(status="failed", reason="first"))
    store.write(make(status="failed", reason="second"))
    assert store.read(make().id).reason == "second"
    store.write(make())
    assert store.read(make().id).status == "done"


def test_records_come_in_the_order_in_which_they_started(store, make):
    days = [3, 1, 2]
    for seed, day in enumerate(days):
        store.write(make(seed=seed, started=f"2026-01-0{day}T00:00:00+00:00", finished="2026-01-09T00:00:00+00:00"))
    assert [record.seed for record in store] == [1, 2, 0]


def test_stores_merge_by_copying_folders(store, make, tmp_path):
    other = Store(tmp_path / "other")
    store.write(make(seed=0), TABLE)
    other.write(make(seed=1), TABLE)
    shutil.copytree(other.root, store.root, dirs_exist_ok=True)
    assert {record.seed for record in store} == {0, 1}
    assert store.predictions(make(seed=1).id).equals(TABLE)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "record.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "record.json").write_text("[" * 100_000), "is not JSON"),
        (lambda folder: (folder / "record.json").write_text('{"seed": ' + "9" * 5000 + "}"), "is not JSON"),
        (lambda folder: (folder / "record.json").unlink(), "has no record.json"),
        (lambda folder: (folder / "record.json").write_bytes(b"\xff\xfe\x00"), "is no UTF-8"),
        (lambda folder: (folder / "record.json").write_text("[]"), "not a record"),
        (lambda folder: edit(folder, colour="red"), "colour"),
        (lambda folder: edit(folder, seed="x"), "seed"),
        (lambda folder: edit(folder, identity={"seed": 9}), "not the digest"),
        (lambda folder: edit(folder, schema_version=99), "schema version 99"),
        (lambda folder: edit(folder, schema_version="99"), 'schema version "99"; this rsbench reads 1 to 2'),
        (lambda folder: edit(folder, schema_version="2"), 'schema version "2"'),
        (lambda folder: edit(folder, schema_version=True, digest=None), "schema version true"),
        (lambda folder: edit(folder, schema_version=0, digest=None), "schema version 0"),
        (lambda folder: edit(folder, schema_version=-7, digest=None), "schema version -7"),
        (lambda folder: edit(folder, schema_version=2.0), "schema version 2.0"),
        (lambda folder: edit(folder, schema_version=None), "schema version null"),
        (lambda folder: edit(folder, schema_version={"a": "x" * 10**6}), 'schema version {"a": "xx'),
        (lambda folder: edit(folder, dataset={"counts": "abc"}), "how many items"),
        (lambda folder: edit(folder, changed={"x": "\ud800"}), "not valid Unicode"),
        (lambda folder: edit(folder, title="\x1b[2J"), r"'\x1b'"),
        (lambda folder: edit(folder, **{"\x1b[2J": 1}), r"\x1b[2J"),
        (lambda folder: ((folder / "record.json").unlink(), (folder / "record.json").mkdir()), "cannot be read"),
        (
            lambda folder: ((folder / "record.json").unlink(), (folder / "record.json").symlink_to("record.json")),
            "cannot be read",
        ),
        (lambda folder: edit(folder, metrics={"val/top1": 99.0}), "changed after it was written"),
        (lambda folder: edit(folder, digest=None), "changed after it was written"),
    ],
)
def test_a_broken_folder_is_named_with_its_reason_and_harms_no_other(store, make, spoil, reason):
    good, bad = make(seed=0), make(seed=1)
    store.write(good)
    spoil(store.write(bad))
    assert [record.id for record in store] == [good.id]
    [(path, why)] = store.broken
    assert path == store.root / bad.id
    assert reason in why
    assert "\x1b" not in why
    with pytest.raises(UserError):
        store.read(bad.id)


def edit(folder, **changes):
    path = folder / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_folder_under_another_name_is_broken(store, make):
    store.write(make()).rename(store.root / "copy-of-it")
    assert list(store) == []
    assert "holds the run" in store.broken[0][1]


def test_a_folder_with_the_record_of_another_run_is_refused(store, make):
    store.write(make()).rename(store.root / "copy-of-it")
    with pytest.raises(UserError, match=f"'copy-of-it' .* holds the run {make().id}; rename it"):
        store.read("copy-of-it")
    with pytest.raises(UserError, match="holds the run"):
        store.predictions("copy-of-it")


@pytest.mark.parametrize("run", ["", ".", "..", "/", "a\0b", "a" * 300, "no such run", "../other/0123456789abcdef"])
def test_what_is_no_id_is_the_users_error(store, make, run):
    store.write(make(), TABLE)
    for ask in (store.read, store.trusted, store.predictions, store.columns):
        with pytest.raises(UserError):
            ask(run)


def test_an_empty_id_is_told(store, make):
    store.write(make())
    with pytest.raises(UserError, match="id of a run is empty"):
        store.read("")


def test_a_run_whose_records_differ_is_not_trusted(store, make):
    store.write(make()).rename(store.root / "other")
    store.write(make(metrics={"val/top1": 50.0}))
    assert store.read(make().id).metrics == {"val/top1": 50.0}
    with pytest.raises(UserError, match="several times with different results") as refused:
        store.trusted(make().id)
    assert make().id in str(refused.value) and "other" in str(refused.value)


def test_a_run_of_which_all_copies_say_the_same_is_trusted(store, make):
    shutil.copytree(store.write(make()), store.root / "copy-of-it")
    broken = store.root / "broken"
    shutil.copytree(store.root / make().id, broken)
    edit(broken, metrics={"val/top1": 99.0})  # it does not give its digest, so it contradicts nobody
    store.write(make(seed=1))
    assert unsealed(store.trusted(make().id)) == make()
    with pytest.raises(UserError, match="no run"):
        store.trusted("0" * 16)


def test_the_names_of_columns_are_had_without_the_rest(store, make):
    store.write(make(), TABLE)
    store.write(make(seed=1))
    assert store.columns(make().id) == TABLE.column_names
    assert store.columns(make(seed=1).id) == []


def test_predictions_of_another_file_are_refused(store, make):
    folder = store.write(make(), TABLE)
    assert store.predictions(make().id).equals(TABLE)
    pq.write_table(TABLE.slice(0, 1), folder / "predictions.parquet")
    with pytest.raises(UserError, match=r"predictions\.parquet was changed after the run was written"):
        store.predictions(make().id)
    with pytest.raises(UserError, match="was changed"):
        store.columns(make().id)
    store.write(make(), TABLE)
    assert store.predictions(make().id).equals(TABLE)


def test_predictions_are_read_while_the_run_is_written_over(store, make):
    """A reader sees the file of one run or the other, never an error."""
    tables = [TABLE, TABLE.slice(0, 1)]
    store.write(make(), TABLE)
    stop, errors = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                found = Store(store.root).predictions(make().id)
                assert any(found.equals(table) for table in tables)
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(40):
        store.write(make(), tables[turn % 2])
    stop.set()
    reader.join()
    assert errors == []


def test_a_copy_of_a_run_is_left_out_and_named(store, make):
    folder = store.write(make())
    shutil.copytree(folder, store.root / "copy-of-it")
    assert [record.id for record in store] == [make().id]
    [(path, why)] = store.broken
    assert path == store.root / "copy-of-it"
    assert "is a copy of the run" in why


def test_of_two_records_of_one_run_that_differ_none_is_used(store, make):
    store.write(make(seed=1))
    store.write(make()).rename(store.root / "other")
    store.write(make(metrics={"val/top1": 50.0}))
    assert [record.seed for record in store] == [1]
    assert {path.name for path, _ in store.broken} == {make().id, "other"}
    assert all("different results" in why for _, why in store.broken)


def test_a_folder_that_a_writer_left_half_written_is_named_after_an_hour(store, make):
    store.write(make())
    left = store.root / ".0123456789abcdef.tmp-00000000"
    left.mkdir()
    assert [len(list(store)), store.broken] == [1, []]
    os.utime(left, (0, 0))
    assert len(list(store)) == 1
    assert [path for path, _ in store.broken] == [left]


def test_a_record_names_the_digest_of_its_predictions(store, make):
    folder = store.write(make(), TABLE)
    expected = hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()
    assert store.read(make().id).files == {"predictions.parquet": expected}


def test_a_record_of_the_first_schema_has_no_digest_and_is_read(store, make):
    folder = store.write(make())
    content = json.loads((folder / "record.json").read_text())
    content = {name: value for name, value in content.items() if name not in ("digest", "files", "history")}
    (folder / "record.json").write_text(json.dumps({**content, "schema_version": 1}))
    assert store.read(make().id).digest is None


def test_a_newer_schema_is_refused_with_the_remedy(store, make):
    edit(store.write(make()), schema_version=3)
    with pytest.raises(UserError, match="newer rsbench"):
        store.read(make().id)


def test_a_crash_while_writing_leaves_the_earlier_run(store, make, monkeypatch):
    first = make()
    store.write(first, TABLE)

    def crash(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        store.write(make(metrics={"val/top1": 50.0}))
    monkeypatch.undo()
    assert list(map(unsealed, store)) == [first]
    assert store.broken == []


def test_a_crash_between_the_two_moves_loses_nothing(store, make, monkeypatch):
    first = make()
    store.write(first, TABLE)
    rename = Path.rename
    calls = []

    def crash_at_second(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", crash_at_second)
    with pytest.raises(KeyboardInterrupt):
        store.write(make(metrics={"val/top1": 50.0}))
    monkeypatch.undo()
    assert list(map(unsealed, store)) == [first]
    assert store.predictions(first.id).equals(TABLE)
    store.write(make(status="failed"))
    assert list(map(unsealed, store)) == [first]
    store.write(make(metrics={"val/top1": 50.0}))
    assert store.read(first.id).metrics == {"val/top1": 50.0}
    assert folders(store) == [first.id]


def test_readers_and_writers_at_once_always_see_one_whole_run(store, make):
    store.write(make(), TABLE)
    seen, errors, stop = [], [], threading.Event()

    def read():
        while not stop.is_set():
            try:
                seen.append((len(list(store)), tuple(store.broken)))
            except Exception as error:
                errors.append(error)

    def write(value):
        try:
            for _ in range(15):
                store.write(make(metrics={"val/top1": value}), TABLE)
        except Exception as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(value,)) for value in (1.0, 2.0)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert errors == []
    assert set(seen) == {(1, ())}
    assert folders(store) == [make().id]


def test_a_finished_file_of_predictions_is_moved_into_the_run(store, make, tmp_path):
    path = tmp_path / "scratch.parquet"
    pq.write_table(TABLE, path)
    store.write(make(), path)
    assert store.predictions(make().id).equals(TABLE)
    assert not path.exists()


def test_across_file_systems_the_file_is_copied_and_then_removed(store, make, tmp_path, monkeypatch):
    def other_device(*args):
        raise OSError(18, "Invalid cross-device link")

    path = tmp_path / "scratch.parquet"
    pq.write_table(TABLE, path)
    monkeypatch.setattr(Path, "hardlink_to", other_device)
    store.write(make(), path)
    assert store.predictions(make().id).equals(TABLE)
    assert not path.exists()


def test_a_crash_leaves_the_file_of_predictions_where_it_was(store, make, tmp_path, monkeypatch):
    def crash(*args):
        raise KeyboardInterrupt

    path = tmp_path / "scratch.parquet"
    pq.write_table(TABLE, path)
    monkeypatch.setattr(Path, "rename", crash)
    with pytest.raises(KeyboardInterrupt):
        store.write(make(), path)
    assert pq.read_table(path).equals(TABLE)
    assert folders(store) == []


def test_attachments_lie_in_the_folder_of_the_run_under_the_names_given(store, make, tmp_path):
    (tmp_path / "drawn" / "val").mkdir(parents=True)
    (tmp_path / "drawn" / "val" / "worst.png").write_bytes(b"a picture")
    (tmp_path / "steps").write_text("a log")
    attached = {"pictures": tmp_path / "drawn", "logs/train.jsonl": tmp_path / "steps"}
    folder = store.write(make(), attachments=attached)
    assert (folder / "pictures" / "val" / "worst.png").read_bytes() == b"a picture"
    assert (folder / "logs" / "train.jsonl").read_text() == "a log"
    assert (tmp_path / "drawn" / "val" / "worst.png").exists()
    assert (tmp_path / "steps").exists()
    assert list(map(unsealed, store)) == [make()]


@pytest.mark.parametrize(
    "name",
    ["", ".", "/pictures", "..", "../other", "a/../../b", r"..\b", r"C:\b", "record.json", "./predictions.parquet"],
)
def test_an_attachment_that_would_leave_the_folder_or_replace_its_files_is_refused(store, make, tmp_path, name):
    (tmp_path / "steps").write_text("a log")
    with pytest.raises(ValueError, match=r"is (no|a) name"):
        store.write(make(), attachments={name: tmp_path / "steps"})
    assert not store.root.exists()


def test_find_takes_values_and_sets_of_values(store, make):
    for seed in range(3):
        store.write(make(seed=seed))
    store.write(make(task="resisc45"))
    assert [record.task for record in store.find(task="resisc45")] == ["resisc45"]
    assert {record.seed for record in store.find(task="eurosat", seed={0, 2})} == {0, 2}
    with pytest.raises(UserError, match="Did you mean 'seed'"):
        store.find(seeds=1)


def test_the_frame_has_a_row_per_record_and_absent_stays_absent(store, make):
    store.write(make(seed=0, intervals={"val/top1": (10.0, 15.0)}))
    store.write(make(seed=1, metrics={"test/top1": 20.0}, started="2026-01-01T00:00:01+00:00"))
    frame = store.frame()
    assert frame["seed"].tolist() == [0, 1]
    assert frame["val/top1"].isna().tolist() == [False, True]
    assert frame["val/top1/low"][0] == 10.0
    assert Store(store.root / "none").frame().empty

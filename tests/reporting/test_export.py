"""``rsbench export``: pandas and pyarrow read back what the records say, whatever they say."""

import json
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rsbench.cli import _main
from rsbench.records import Store
from rsbench.reporting.export import METADATA_KEY, SCHEMA_VERSION, export, schema

# A record holds no control characters, and nothing that changes the direction of writing.
TEXTS = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"), exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    ),
    max_size=9,
)
NUMBERS = st.floats(0, 100)
METRICS = st.dictionaries(
    st.sampled_from(["val/top1", "test/top1", "val/AP50_ship", "val/IoU@0.5"]),
    st.tuples(NUMBERS, st.none() | st.tuples(NUMBERS, NUMBERS).map(sorted)), min_size=1,
)  # fmt: skip
COST = st.dictionaries(
    st.sampled_from(["gflops", "images_per_second", "peak_memory_mib"]), st.floats(0, 1e9) | st.integers(0, 10**9)
)
RUNS = st.lists(
    st.fixed_dictionaries(
        {
            "metrics": METRICS, "cost": COST, "seed": st.integers(-(2**40), 2**40),
            "flags": st.lists(TEXTS),
            "title": TEXTS.filter(bool), "failed": st.booleans(), "lr": st.none() | NUMBERS,
            "input_size": st.none() | st.integers(8, 2000), "parameters": st.none() | st.integers(0, 10**12),
            "started": st.datetimes().map(lambda t: t.isoformat() + "+00:00"),
        }
    ),
    max_size=4,
)  # fmt: skip


def written(root, runs, make):
    """A store of made-up runs, and the rows that a reader must find, from the records alone."""
    store, rows = Store(root), []
    for number, run in enumerate(runs):
        metrics = {} if run["failed"] else {key: value for key, (value, _) in run["metrics"].items()}
        bounds = {key: pair for key, (_, pair) in run["metrics"].items() if pair is not None and key in metrics}
        cost = run["cost"] | ({} if run["parameters"] is None else {"parameters": run["parameters"]})
        record = make(
            identity={"number": number}, title=run["title"], seed=run["seed"], metrics=metrics, intervals=bounds,
            cost=cost, flags=run["flags"], changed={} if run["lr"] is None else {"lr": run["lr"]},
            input_size=run["input_size"], started=run["started"], status="failed" if run["failed"] else "done",
        )  # fmt: skip
        store.write(record)
        for key in metrics or [None]:
            part, metric = key.split("/") if key else (None, None)
            low, high = bounds.get(key, (None, None))
            rows.append((record, part, metric, metrics.get(key), low, high))
    return store, sorted(rows, key=lambda row: (row[0].started, row[0].id))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=RUNS)
def test_a_reader_finds_every_run_metric_and_interval_and_null_for_what_is_not_known(runs, make, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    store, rows = written(folder / "runs", runs, make)
    export(store, folder / "a.parquet")
    table = pq.read_table(folder / "a.parquet")
    assert table.schema.equals(schema())
    assert json.loads(table.schema.metadata[METADATA_KEY])["schema_version"] == SCHEMA_VERSION == 1
    found = table.to_pylist()
    assert len(found) == len(rows)
    for own, (record, part, metric, value, low, high) in zip(found, rows, strict=True):
        assert (own["part"], own["metric"], own["value"], own["low"], own["high"]) == (part, metric, value, low, high)
        for name in ("id", "status", "reason", "method", "title", "task", "kind", "protocol", "split", "data", "seed",
                     "precision", "input_size", "flags", "command"):  # fmt: skip
            assert own[name] == getattr(record, name)
        assert json.loads(own["changed"]) == record.changed and json.loads(own["settings"]) == record.settings
        assert own["started"].isoformat() == pd.Timestamp(record.started).to_pydatetime().isoformat()
        for name in ("parameters", "gflops", "images_per_second", "peak_memory_mib"):
            assert own[name] == record.cost.get(name)
    frame = pd.read_parquet(folder / "a.parquet")
    assert list(frame.columns) == schema().names and len(frame) == len(rows)
    assert frame["value"].notna().sum() == sum(row[3] is not None for row in rows)


def test_the_same_store_gives_the_same_bytes_in_the_order_of_the_runs(made, tmp_path):
    for name in "ab":
        export(made, tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    ids = pd.read_parquet(tmp_path / "a.parquet")["id"]
    assert list(dict.fromkeys(ids)) == [record.id for record in made]


def test_a_failed_run_keeps_one_row_with_its_reason(made, tmp_path):
    export(made, tmp_path / "a.parquet")
    frame = pd.read_parquet(tmp_path / "a.parquet")
    [failed] = frame[frame.status == "failed"].to_dict("records")
    assert failed["method"] == "seco/resnet50" and "constant" in failed["reason"]
    assert pd.isna(failed["value"]) and pd.isna(failed["metric"])
    means = frame[frame.status == "done"].groupby(["method", "data", "protocol"])["value"].mean()
    assert means["imagenet/resnet50", "real", "paper"] == pytest.approx(12.0)


def test_facts_of_weights_machine_and_data_have_columns(make, tmp_path):
    store = Store(tmp_path / "runs")
    store.write(
        make(
            identity={"device": "cuda"}, weights={"digest": "aa", "source": {"kind": "url"}},
            dataset={"split_sha256": "bb", "fingerprint": "cc"},
            environment={"rsbench": "0.1.0", "commit": "dd", "cpu": "some processor", "gpu": "some accelerator"},
        )
    )  # fmt: skip
    [row] = export(store, tmp_path / "a.parquet").table.to_pylist()
    names = ("weights_digest", "weights_source", "split_sha256", "fingerprint", "version", "commit", "device")
    assert [row[name] for name in names] == ["aa", "url", "bb", "cc", "0.1.0", "dd", "cuda"]
    assert row["processor"] == "some accelerator"


@pytest.mark.parametrize("schema_version", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"cost": {"gflops": 10**400}}, {"cost": {"parameters": 10**30}}, {"seed": 2**70}, {"input_size": 2**40},
        {"cost": {"parameters": True, "gflops": False}}, {"cost": {"parameters": "many", "gflops": [1]}},
        {"weights": {"source": {"kind": ["x"]}, "digest": 5}}, {"environment": {"gpu": {"x": None}, "rsbench": 1}},
        {"dataset": {"split_sha256": None, "fingerprint": 7}}, {"metrics": {"val/top1": 10**2}},
    ],
)  # fmt: skip
def test_no_record_that_the_store_yields_ends_the_command(changes, schema_version, make, tmp_path, capsys):
    """A value that no column holds leaves its run out, by name; the others are written."""
    store = Store(tmp_path / "runs")
    store.write(make(method="good/one"))
    try:
        odd = make(method="odd/one", **changes)
        store.write(odd)
    except ValueError:
        return  # the record itself refuses it
    if schema_version == 1:  # as an older rsbench wrote it
        file = store.root / odd.id / "record.json"
        about = json.loads(file.read_text())
        del about["digest"]
        file.write_text(json.dumps({**about, "schema_version": 1}))
    yielded = {record.id for record in Store(store.root)}
    assert _main(["export", "--results", str(store.root), "--out", str(tmp_path / "a.parquet")]) == 0
    said = capsys.readouterr().err
    written = pd.read_parquet(tmp_path / "a.parquet")
    assert "good/one" in set(written["method"])
    for run in yielded - set(written["id"]):
        assert f"left out: run {run} has a value that its column cannot hold" in said
    for row in written[written["method"] == "odd/one"].to_dict("records"):
        assert pd.isna(row["parameters"]) and pd.isna(row["gflops"])


DOC = Path(__file__).parents[2] / "docs" / "export.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=["pandas", "duckdb"])
def test_the_examples_of_the_documentation_average_seeds_and_nothing_else(block, make, tmp_path, monkeypatch, capsys):
    pytest.importorskip("duckdb" if "duckdb" in block else "pandas")
    store = Store(tmp_path / "runs")
    checkpoints = [{"source": "checkpoint", "digest": name} for name in ("aaaa", "bbbb")]
    kinds = [
        *({"weights": weights} for weights in checkpoints), {"dataset": {"fingerprint": "other"}},
        {"dataset": {"split_sha256": "other"}}, {"precision": "bf16"}, {"input_size": 64}, {"changed": {"lr": 1.0}},
    ]  # fmt: skip
    for number, changes in enumerate(kinds):
        for seed in (0, 1):
            store.write(make(seed=seed, identity={"n": number, "seed": seed}, **changes))
    for seed in (0, 1, 2):  # drawn anew by each seed
        store.write(make(seed=seed, method="random/nano", weights={"source": "random", "digest": f"d{seed}"}))
    export(store, tmp_path / "runs.parquet")
    monkeypatch.chdir(tmp_path)
    shown = []
    exec(block, {"print": shown.append})
    [made] = shown
    counts = (made["count"] if hasattr(made, "groupby") else made.df()["seeds"]).tolist()
    assert sorted(counts) == [2] * len(kinds) + [3]


def test_the_command_warns_of_broken_folders_and_writes_the_rest(made, make, tmp_path, capsys):
    store = Store(tmp_path / "runs")
    store.write(make())
    (tmp_path / "runs" / "0123456789abcdef").mkdir()
    out = tmp_path / "new" / "runs.parquet"
    assert _main(["export", "--results", str(store.root), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "0123456789abcdef was left out" in said.err and "1 run, 1 row)" in said.out
    assert len(pd.read_parquet(out)) == 1
    assert [path.name for path in out.parent.iterdir()] == ["runs.parquet"]


def test_an_empty_store_gives_an_empty_table_with_all_columns(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    assert _main(["export", "--results", str(tmp_path / "runs"), "--out", str(tmp_path / "a.parquet")]) == 0
    table = pq.read_table(tmp_path / "a.parquet")
    assert len(table) == 0 and table.schema.equals(schema())


def test_what_cannot_be_written_is_named_and_an_older_file_stays(made, tmp_path, capsys):
    given = ["export", "--results", str(made.root), "--out"]
    assert _main([*given, str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
    (tmp_path / "file").write_text("mine")
    assert _main([*given, str(tmp_path / "file" / "a.parquet")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
    assert _main(["export", "--results", str(tmp_path / "none"), "--out", str(tmp_path / "a.parquet")]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]

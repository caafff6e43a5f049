"""The code of the page on records does with predictions of segmentation what the page says."""

import io
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from rsbench.records import Record, Store, run_id
from rsbench.segmentation.metrics import scores
from rsbench.segmentation.predictions import PredictionWriter, confusions

PAGE = Path(__file__).parents[2] / "docs" / "records.md"
NAMES = ("background", "building")


@pytest.fixture
def page():
    return PAGE.read_text(encoding="utf-8")


def run(folder: Path) -> Record:
    """Leaves a made-up run under the folder where the page looks for it."""
    rng = np.random.default_rng(0)
    with PredictionWriter(folder / "made.parquet", NAMES) as writer:
        for part in ("test", "val"):
            for tile in range(3):
                labels, predicted = rng.integers(0, 2, (2, 5, 7 + tile)).astype(np.uint8)
                writer.add(part, f"{part}{tile}", labels, predicted)
    values = scores(confusions(folder / "made.parquet", "val")[1].sum(axis=0), NAMES)
    time = "2026-01-01T00:00:00+00:00"
    record = Record(
        id=run_id({"made": "up"}), identity={"made": "up"}, status="done", method="made/up", title="Made, up",
        task="spacenet-rio", kind="segmentation", protocol="paper", split="made-up", data="demo", seed=0,
        metrics={"val/mIoU": 100 * values["mIoU"]}, started=time, finished=time,
    )  # fmt: skip
    Store(folder / "results" / "runs").write(record, folder / "made.parquet")
    return record


def test_the_code_reads_a_mask_back_and_gives_the_miou_of_the_record(page, tmp_path, monkeypatch, capsys):
    record = run(tmp_path)
    [code] = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "read_mask" in code]
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    name, item, *shape, computed, recorded = capsys.readouterr().out.split()
    assert (name, item, " ".join(shape)) == (record.id, "val0", "(5, 7)")
    assert float(computed) == pytest.approx(float(recorded)) == record.metrics["val/mIoU"]


def test_the_two_lines_that_need_no_rsbench_say_the_same(page, tmp_path):
    record = run(tmp_path)
    table = Store(tmp_path / "results" / "runs").predictions(record.id)
    image, counts = (line for line in re.findall(r"`([^`\n]+)`", page) if line.startswith("numpy."))
    known = {"numpy": np, "io": io, "PIL": PIL, "table": table, "data": table["mask"][0].as_py()}
    assert eval(image, known).shape == (5, 7)
    assert (
        eval(counts, known).tolist()
        == sum(confusions(table, part)[1].sum(0).ravel() for part in ("test", "val")).tolist()
    )


def test_every_column_is_explained(page, tmp_path):
    table = Store(tmp_path / "results" / "runs").predictions(run(tmp_path).id)
    told = re.search(r"### Segmentation(.*?)\n#", page, re.DOTALL)[1]
    assert all(f"`{name}`" in told for name in table.column_names)

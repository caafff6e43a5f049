"""``rsbench data prepare`` as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rsbench.cli import _main

PLUGIN = """
from pathlib import Path
from rsbench.segmentation.protocols import PROTOCOLS
from rsbench.task import Split, Task

def prepare(root, output, settings, workers, report):
    made = (output or root) / "made"
    made.mkdir()
    report(1, 1)
    (made / "summary.txt").write_text(f"{settings} {workers}")
    return made

mine = Task(
    name="mine", title="Mine", kind="segmentation", open=print, demo=print, prepare=prepare,
    splits=(Split(name="any", draw=print),), protocols=PROTOCOLS, rank="val/mIoU", metrics=("mIoU",),
    report=("val",), classes=("a", "b"),
)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part, count in (("train", 2), ("val", 1)):
        for name in ("images", "labelTxt"):
            (tmp_path / "dota" / part / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(np.full((60, 90, 3), 80, np.uint8)).save(
                tmp_path / "dota" / part / "images" / f"P{number}.png"
            )
            (tmp_path / "dota" / part / "labelTxt" / f"P{number}.txt").write_text("5 5 30 5 30 20 5 20 ship 1\n")
    return tmp_path / "dota"


def test_dota_is_prepared_and_prepared_again(folder: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["data", "prepare", "--task", "dota", "--data", str(folder), "--tile", "64", "--stride", "32"]
    for _ in range(2):
        assert _main([*command, "--difficult", "crowd", "--workers", "1"]) == 0
        out = capsys.readouterr().out
        assert "train: 2 images, 4 tiles. 2 objects, 2 of them difficult" in out and "val: 1 images, 2 tiles" in out
        assert "tiles-64-32-difficult-crowd" in out
    info = json.loads((folder / "tiles-64-32-difficult-crowd" / "train.json").read_text())["info"]
    assert info["settings"] == {
        "tile": 64, "stride": 32, "inside": 0.7, "cut": "drop", "difficult": "crowd", "area": "polygon",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--task", "eurosat", "--data", "."], "there is nothing to prepare"),
        (["--task", "dota", "--data", "none"], "DOTA v1.0 is not at none"),
        (["--task", "dota"], "DOTA v1.0 is not at"),
        (["--task", "dota", "--data", "dota", "--cut", "half"], "cut cannot be 'half'"),
        (["--task", "dota", "--data", "dota", "--stride", "801"], "leaves gaps"),
        (["--task", "dota", "--data", "dota", "--output", "dota/train/images/P0.png"], "is a file"),
        (["--task", "doto", "--data", "dota"], "doto"),
    ],
)
def test_mistakes(
    folder: Path, arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(folder.parent)
    assert _main(["data", "prepare", *arguments]) == 2
    assert reason in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["train", "val"]


def test_a_task_of_a_plugin(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    command = ["data", "prepare", "--task", "mine", "--data", str(tmp_path), "--tile", "9", "--workers", "3"]
    assert _main([*command, "--plugin", str(tmp_path / "mine.py")]) == 0
    assert "{'tile': 9} 3" in capsys.readouterr().out

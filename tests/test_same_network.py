"""One trained network gives the same predictions and scores in one process and in two, to the last digit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from launching import PATIENCE, environment

SCRIPT = Path(__file__).with_name("same_network.py")


def run(processes: int, *arguments: str) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), str(SCRIPT), *arguments]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["segmentation", "detection", "instance-segmentation"])
def test_two_processes_predict_and_score_as_one_does(tmp_path, kind):
    for processes in (1, 2):
        run(processes, kind, str(tmp_path))
    one, two = (json.loads((tmp_path / f"{processes}.json").read_text()) for processes in (1, 2))
    assert one == two
    assert len(one["found"]) == 7, "an odd number of images, each once"
    if kind == "segmentation":
        assert all(len(row) == 2 and sum(row) > 0 for row in zip(*one["counts"], strict=True)), "one class everywhere"
    else:
        assert sum(len(image["boxes"]) for image in one["found"].values()) > 10
        assert bool(sum(len(image["masks"]) for image in one["found"].values())) == (kind == "instance-segmentation")

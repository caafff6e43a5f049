"""The training loop: what happens when it is stopped while it writes."""

import pytest
import torch
from torch import nn

from rsbench.errors import UserError
from rsbench.fabric import launch_on
from rsbench.training import CHECKPOINT, Plan, train


def run(folder):
    fabric = launch_on("cpu", "fp32")
    module = nn.Linear(2, 1)
    wrapped, optimizer = fabric.setup(module, torch.optim.SGD(module.parameters(), lr=0.1))
    plan = Plan(
        epochs=2,
        steps_per_epoch=1,
        lr=lambda step: 0.1,
        batches=lambda epoch, step: [torch.ones(1, 2)],
        losses=lambda network, batch: {"loss": network(batch).square().mean()},
        describe=lambda batch: "ones",
    )
    return train(fabric, wrapped, optimizer, plan, folder)


def test_ctrl_c_while_a_checkpoint_is_written_is_an_interruption_and_no_full_disk(tmp_path, monkeypatch):
    def save(state, stream):
        try:
            stream.write(b"half")
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("unexpected pos 41970048 vs 41969940")  # as torch does when it closes the file

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_disk_that_is_full_while_a_checkpoint_is_written_is_told(tmp_path, monkeypatch):
    def save(state, stream):
        raise RuntimeError("unexpected pos 128 vs 64")

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(UserError, match="is the disk full"):
        run(tmp_path)
    monkeypatch.undo()
    assert len(run(tmp_path)) == 2 and (tmp_path / CHECKPOINT).exists()

"""The one training loop: precision, accumulation, clipping, checkpoints, exact resume, a guard against NaN.

It knows nothing of what is trained. A caller gives a module whose forward returns losses, an optimiser, a learning
rate per step, and batches that depend on (epoch, step) alone; in return, a run that was killed and resumed takes
exactly the steps of one that was not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from rsbench.errors import RunError, UserError

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training run does.

    Args:
        epochs: number of epochs.
        steps_per_epoch: optimiser steps in each.
        lr: learning rate of an optimiser step, counted from 0 over the whole run.
        batches: ``batches(epoch, first_step)`` yields the batches of an epoch, ``accumulate`` per step.
        losses: ``losses(module, batch)`` returns scalars by name; ``loss`` is the one that is minimised.
        describe: names the items of a batch in an error message.
        accumulate: batches per optimiser step.
        clip: gradient norm; 0 is no clipping.
        identity: all that must be equal for a checkpoint to be continued; plain JSON.
        checkpoint_every: steps between checkpoints within an epoch; 0 is at the end of each epoch only.
        checkpoint_seconds: in place of both, how old the last checkpoint may grow, looked at after every step. The
            end of the run is always saved.
        seed: torch's generators are seeded anew for every batch, from this, the step and the process, so that what is
            drawn (dropout, proposals) does not depend on what was drawn before; None leaves them as they are.
        notes: plain JSON that the caller adds to while it trains; kept in checkpoints and filled again on resuming.
        go_on: how the user continues a run, for error messages.
        start_anew: how the user begins it again.
    """

    epochs: int
    steps_per_epoch: int
    lr: Callable[[int], float]
    batches: Callable[[int, int], Iterable[Any]]
    losses: Callable[[nn.Module, Any], Mapping[str, Tensor]]
    describe: Callable[[Any], str]
    accumulate: int = 1
    clip: float = 0.0
    identity: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_every: int = 0
    checkpoint_seconds: float | None = None
    seed: int | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    go_on: str = "go on with --resume"
    start_anew: str = "Resume with the same options, or start anew."


@dataclass
class Position:
    """Where a run stands: epoch, step within it, and steps in all."""

    epoch: int = 0
    step: int = 0
    total: int = 0


Report = Callable[[Position, Mapping[str, float]], None]


def train(
    fabric: Fabric,
    module: nn.Module,
    optimizer: Optimizer,
    plan: Plan,
    folder: Path | None = None,
    resume: bool = False,
    report: Report = lambda position, values: None,
) -> list[dict[str, float]]:
    """Trains ``module`` by ``plan`` and returns the mean losses of each epoch.

    Args:
        fabric: launched; ``module`` and ``optimizer`` were set up with it.
        module: the (wrapped) module; only its forward is called.
        optimizer: the (wrapped) optimiser.
        plan: what to do.
        folder: where ``checkpoint.pt`` and ``log.jsonl`` go; None writes nothing.
        resume: continue from the checkpoint in ``folder``.
        report: called after each optimiser step with the position and the losses.

    Raises:
        RunError: a loss is not finite; the message names the step and the items of the batch.
        UserError: there is nothing to resume, something to resume was not asked for, or the checkpoint belongs to
            another run.
    """
    position = Position()
    epochs: list[dict[str, float]] = []
    if folder is not None:
        position, epochs = _open(fabric, module, optimizer, plan, folder, resume)
    module.train()
    saved = time.monotonic()
    for epoch in range(position.epoch, plan.epochs):
        sums: dict[str, float] = epochs.pop() if position.step else {}
        for values in _steps(fabric, module, optimizer, plan, position):
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            position.step += 1
            position.total += 1
            report(position, values)
            if folder is not None:
                _append(fabric, folder, {"epoch": epoch, "step": position.total, **values})
            if folder is not None and position.step < plan.steps_per_epoch and _due(fabric, plan, position, saved):
                _save(fabric, module, optimizer, plan, position, [*epochs, sums], folder)
                saved = time.monotonic()
        epochs.append({name: value / plan.steps_per_epoch for name, value in sums.items()})
        position.epoch, position.step = epoch + 1, 0
        if folder is not None and _due(fabric, plan, position, saved):
            _save(fabric, module, optimizer, plan, position, epochs, folder)
            saved = time.monotonic()
    return epochs


def _halved(fabric: Fabric) -> bool:
    """Whether some of the arithmetic is in fewer than 32 bits."""
    return not str(fabric.strategy.precision.precision).startswith(("32", "64"))


def _due(fabric: Fabric, plan: Plan, position: Position, saved: float) -> bool:
    """Whether a checkpoint is to be written now; ``saved`` is when the last one was."""
    if position.epoch == plan.epochs:
        return True
    if plan.checkpoint_seconds is not None:  # the clock of one process counts: all must save together
        return fabric.broadcast(time.monotonic() - saved >= plan.checkpoint_seconds)
    return position.step == 0 or bool(plan.checkpoint_every and position.total % plan.checkpoint_every == 0)


def _steps(
    fabric: Fabric, module: nn.Module, optimizer: Optimizer, plan: Plan, position: Position
) -> Iterator[dict[str, float]]:
    batches = iter(plan.batches(position.epoch, position.step))
    for step in range(position.step, plan.steps_per_epoch):
        start = time.perf_counter()
        lr = plan.lr(position.epoch * plan.steps_per_epoch + step)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for part in range(plan.accumulate):
            batch = next(batches)
            if plan.seed is not None:
                torch.manual_seed(_seed_of(plan.seed, position.total, part, fabric.global_rank))
            with fabric.no_backward_sync(module, enabled=part + 1 < plan.accumulate):  # type: ignore[arg-type]
                losses = plan.losses(module, batch)
                if not _finite_everywhere(fabric, losses["loss"]):
                    shown = ", ".join(f"{name} {value.item():.4g}" for name, value in losses.items())
                    raise RunError(
                        f"The loss is not finite at step {position.total + 1} ({shown}), items {plan.describe(batch)}.",
                        "Lower the learning rate" + (", or use --precision fp32." if _halved(fabric) else "."),
                    )
                fabric.backward(losses["loss"] / plan.accumulate)
            for name, value in losses.items():
                sums[name] = sums.get(name, torch.zeros(())) + value.detach().float().cpu() / plan.accumulate
        if plan.clip:
            fabric.clip_gradients(module, optimizer, max_norm=plan.clip, error_if_nonfinite=False)
        optimizer.step()
        values = {name: _mean_over_ranks(fabric, value) for name, value in sums.items()}
        yield {**values, "lr": lr, "seconds": time.perf_counter() - start}


def _seed_of(*numbers: int) -> int:
    """Returns a seed that differs wherever one of the numbers does.

    >>> _seed_of(0, 1, 0, 0) != _seed_of(0, 0, 1, 0)
    True
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def _mean_over_ranks(fabric: Fabric, value: Tensor) -> float:
    mean = fabric.all_reduce(value, reduce_op="mean")
    assert isinstance(mean, Tensor)
    return mean.item()


def _finite_everywhere(fabric: Fabric, loss: Tensor) -> bool:
    """True if the loss is finite on all ranks: one that stopped alone would leave the others waiting for it."""
    finite = torch.isfinite(loss.detach())
    if fabric.world_size == 1:
        return bool(finite)
    return _mean_over_ranks(fabric, finite.float()) == 1.0


def _open(
    fabric: Fabric, module: nn.Module, optimizer: Optimizer, plan: Plan, folder: Path, resume: bool
) -> tuple[Position, list[dict[str, float]]]:
    file = folder / CHECKPOINT
    if not resume:
        if file.exists():
            raise UserError(f"{folder} already holds a training run.", "Pass --resume, or choose another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        if fabric.is_global_zero:
            (folder / LOG).unlink(missing_ok=True)  # of a run that was killed before its first checkpoint
        return Position(), []
    if not file.exists():
        raise UserError(f"There is no {CHECKPOINT} in {folder} to resume.", "Start the run without --resume.")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        schema, kept = state["schema"], state["identity"]
    except Exception as error:  # torch has no error of its own for a file that is none of its files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{file} is not a whole checkpoint: {reason}", plan.start_anew) from error
    if schema > SCHEMA:
        raise UserError(f"{file} was written by a newer rsbench (schema {schema}).", "Update rsbench.")
    wanted = json.loads(json.dumps(dict(plan.identity)))
    changed = sorted(key for key in kept.keys() | wanted.keys() if kept.get(key) != wanted.get(key))
    if changed:
        shown = ", ".join(f"{key} {kept.get(key)!r} -> {wanted.get(key)!r}" for key in changed)
        raise UserError(f"{file} belongs to another run: {shown}.", plan.start_anew)
    try:
        _unwrapped(module).load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"])
        plan.notes.update(state["notes"])
        position, epochs = Position(**state["position"]), state["epochs"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{file} does not fit this network: {str(error).splitlines()[0]}", plan.start_anew) from error
    if fabric.is_global_zero:
        _truncate_log(folder, position.total)
    return position, epochs


def _save(
    fabric: Fabric,
    module: nn.Module,
    optimizer: Optimizer,
    plan: Plan,
    position: Position,
    epochs: list[dict[str, float]],
    folder: Path,
) -> None:
    if fabric.is_global_zero:
        state = {
            "schema": SCHEMA,
            "identity": json.loads(json.dumps(dict(plan.identity))),
            "position": vars(position),
            "epochs": epochs,
            "module": _unwrapped(module).state_dict(),
            "optimizer": optimizer.state_dict(),
            "rng": torch.get_rng_state(),
            "notes": plan.notes,
        }
        partial = folder / f"{CHECKPOINT}.partial"
        try:
            with partial.open("wb") as stream:
                torch.save(state, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except (OSError, RuntimeError) as error:  # the second is torch's word for a full disk
            partial.unlink(missing_ok=True)
            if _was_interrupted(error):
                raise KeyboardInterrupt from None
            reason = (
                error.strerror if isinstance(error, OSError) else ""
            ) or "it could not be finished, is the disk full?"
            whole = " The checkpoint before is whole." if (folder / CHECKPOINT).exists() else ""
            raise UserError(
                f"The checkpoint cannot be written to {folder}: {reason}.", f"Free space and {plan.go_on}.{whole}"
            ) from error
        partial.replace(folder / CHECKPOINT)
    fabric.barrier()


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C came while a file was written: torch closes it all the same, and fails in its place."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


def _unwrapped(module: nn.Module) -> nn.Module:
    inner = getattr(module, "module", module)  # Fabric's wrapper, then DDP's
    return inner if inner is module else _unwrapped(inner)


def _append(fabric: Fabric, folder: Path, line: Mapping[str, Any]) -> None:
    if fabric.is_global_zero:
        with (folder / LOG).open("a") as stream:
            stream.write(json.dumps(line) + "\n")


def _truncate_log(folder: Path, total: int) -> None:
    """Drops the steps that were logged after the checkpoint: they are taken again."""
    file = folder / LOG
    lines = file.read_text().splitlines() if file.exists() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= total]
    partial = file.with_name(f"{LOG}.partial")
    partial.write_text("".join(line + "\n" for line in kept))
    partial.replace(file)

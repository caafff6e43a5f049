"""What tasks that train a network on whole images share: seed after seed, the folder of a run, and the training."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from rsbench.backbones import Backbone
from rsbench.backbones.inference import linear_backend
from rsbench.checkpoints.load import Loaded, load, source_kind
from rsbench.errors import RunError
from rsbench.locks import exclusive
from rsbench.records import run_id
from rsbench.request import Failure, Outcome, Request
from rsbench.sources import Random
from rsbench.team import Team
from rsbench.training import CHECKPOINT, Plan, Position, train

_CHECKPOINT_SECONDS = 60.0

OneSeed = Callable[[Loaded, int, Path, dict[str, Any], dict[str, Any]], Outcome]
"""``one(loaded, seed, folder, identity, extra)`` trains and evaluates; ``folder`` is that of the run."""


def each_seed(
    request: Request,
    seeds: Sequence[int],
    fabric: Fabric,
    one: OneSeed,
    depends: Mapping[str, Any],
    check: Callable[[Loaded], Any] = lambda loaded: None,
) -> Iterator[tuple[int, Outcome | Failure]]:
    """Yields what came out of each seed; one that fails does not stop the others, an interruption does.

    Args:
        request: what is asked.
        seeds: in order.
        fabric: launched.
        one: trains and evaluates one seed.
        depends: what else the numbers depend on, as ``depends`` returns it.
        check: raises a UserError if the network cannot be used.

    Raises:
        UserError: before anything is computed, if the request or a file of the dataset is wrong.
    """
    drawn = request.checkpoint is None and isinstance(request.method.weights(request.variant).source, Random)
    team = Team(fabric)
    with team.together():
        loaded = _load(request, seeds[0])
        check(loaded)
    with team.together():
        request.dataset.check(
            lambda done, total: request.report(done, total, f"checked {total} images" * (done == total))
        )
    depends = dict(depends)
    for number, seed in enumerate(seeds):
        about: dict[str, Any] = {"source": source_kind(request.method.weights(request.variant), request.checkpoint)}
        reason = "Interrupted before the first checkpoint."
        try:
            if drawn and number:
                with team.together():
                    loaded = _load(request, seed)
            about = loaded.about()
            identity = request.identity(seed, about, depends)
            with _scratch(request, fabric, run_id(identity)) as folder:
                try:
                    yield seed, one(loaded, seed, folder, identity, depends)
                except RunError:
                    if fabric.is_global_zero:
                        shutil.rmtree(folder, ignore_errors=True)  # the same would happen again
                    raise
                except KeyboardInterrupt:
                    if (folder / CHECKPOINT).exists():
                        reason = "Interrupted; the same command goes on from the last checkpoint."
                    raise
        except RunError as error:
            yield seed, Failure(reason=f"{error.message} {error.hint}".strip(), weights=about, extra=depends)
        except KeyboardInterrupt:
            yield seed, Failure(reason=reason, status="interrupted", weights=about, extra=depends)
            return


def depends(request: Request, processes: int) -> dict[str, Any]:
    """Returns what else the numbers of a training in so many processes depend on, if only in the last digits."""
    return {"linear": linear_backend(request.precision, request.device), "processes": processes}


def _load(request: Request, seed: int) -> Loaded:
    return load(request.method, request.variant, request.checkpoint, seed, request.accept_licence)


@contextmanager
def _scratch(request: Request, fabric: Fabric, run: str) -> Iterator[Path]:
    """Gives the folder of one run, which nobody else uses meanwhile; all processes of a launch have the same one."""
    if request.work is None:
        with tempfile.TemporaryDirectory(prefix="rsbench-") as own:
            yield Path(fabric.broadcast(own)) / run
        return
    folder = request.work / run
    busy = f"Another process is at work on the same run in {folder}."
    with ExitStack() as stack:
        with Team(fabric).together():
            if fabric.is_global_zero:
                stack.enter_context(exclusive(folder, busy=busy))
        yield folder


def fit(
    request: Request,
    fabric: Fabric,
    model: nn.Module,
    optimizer: Optimizer,
    *,
    steps: int,
    epochs: int,
    lr: Callable[[int], float],
    batches: Callable[[int, int], Iterable[Any]],
    losses: Callable[[nn.Module, Any], Mapping[str, Tensor]],
    folder: Path,
    identity: Mapping[str, Any],
    seed: int,
    clip: float = 0.0,
) -> list[dict[str, float]]:
    """Trains ``model``; goes on from a checkpoint of the same run if one is in ``folder``.

    Args:
        request: what is asked.
        fabric: launched.
        model: it is changed.
        optimizer: of its parameters.
        steps: of an epoch.
        epochs: how many.
        lr: learning rate of each step.
        batches: ``batches(epoch, first_step)`` yields batches, which have ``items``, their ids.
        losses: ``losses(module, batch)``.
        folder: for checkpoints; equal runs have the same one.
        identity: of the run; a checkpoint of another one is refused.
        seed: of what torch draws in a step.
        clip: gradient norm; 0 is no clipping.

    Returns:
        The mean losses of each epoch.

    Raises:
        RunError: a loss is not finite; the message names the images.
    """
    module, optimizer = fabric.setup(model, optimizer)
    if request.fresh and fabric.is_global_zero:
        shutil.rmtree(folder, ignore_errors=True)
    fabric.barrier()
    resume = (folder / CHECKPOINT).exists()
    fabric.barrier()  # all have looked before the first one writes
    if resume:
        request.report(0, steps * epochs, f"going on from the checkpoint in {folder}")
    plan = Plan(
        epochs=epochs,
        steps_per_epoch=steps,
        lr=lr,
        batches=batches,
        losses=losses,
        describe=lambda batch: ", ".join(batch.items),
        clip=clip,
        identity=identity,
        checkpoint_seconds=_CHECKPOINT_SECONDS,
        seed=seed,
        go_on="give the same command again",
        start_anew="Give --fresh to start anew.",
    )
    history = train(fabric, module, optimizer, plan, folder, resume, reporter(request.report, steps, epochs))
    if fabric.world_size > 1:  # statistics of BatchNorm were moved by each process alone in the last step
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, src=0)
    return history


def prepare_backbone(request: Request, backbone: Backbone) -> None:
    """Freezes a backbone if the solver of the protocol is ``frozen``, and lets all of it be trained if not."""
    backbone.frozen = False
    backbone.requires_grad_(True)
    if request.protocol.solver == "frozen":
        backbone.freeze()


def join_batchnorm(model: nn.Module, fabric: Fabric) -> nn.Module:
    """Lets BatchNorm take its statistics over all processes, where they are GPUs: on CPUs torch cannot."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model


def reporter(report: Callable[..., Any], steps: int, epochs: int) -> Callable[[Position, Mapping[str, float]], None]:
    """Tells every step, and with the last one of an epoch its mean loss."""
    seen: list[float] = []

    def tell(position: Position, values: Mapping[str, float]) -> None:
        seen.append(values["loss"])
        note = ""
        if position.step == steps:
            note = f"epoch {position.epoch + 1}/{epochs}, loss {sum(seen) / len(seen):.4f}"
            seen.clear()
        report(position.total, steps * epochs, note)

    return tell

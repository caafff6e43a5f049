"""A small made-up store. No number in it was measured: they are artificial and easy to recognise."""

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rsbench.records import Store

_spec = importlib.util.spec_from_file_location("made_up", Path(__file__).parents[1] / "records" / "conftest.py")
_made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made_up)
make = _made_up.make


def hits(share: float, seed: int, part: str = "val", items: int = 200) -> pa.Table:
    """Predictions of ``items`` made-up items of which a given share is right."""
    right = np.zeros(items)
    right[: round(share * items)] = 1
    right = np.random.default_rng(seed).permutation(right)
    return pa.table({"part": [part] * items, "item": [f"{i:03}.jpg" for i in range(items)], "top1": right})


def made_store(root: Path) -> Store:
    """Writes the made-up runs under ``root``."""
    store = Store(root)
    for seed, share in enumerate((0.11, 0.12, 0.13)):
        metrics = {"val/top1": 100 * share}
        store.write(
            make(
                method="imagenet/resnet50", title="ImageNet Pre., ResNet50", seed=seed, input_size=64,
                metrics=metrics, intervals={"val/top1": (100 * share - 1, 100 * share + 1)},
            ),
            hits(share, seed),
        )  # fmt: skip
    remade = ["re-implemented", "contaminated: pretrained on EuroSAT train images"]
    one = {"val/top1": 22.2, "test/top1": 23.3}
    bounds = {"val/top1": (21.1, 23.2), "test/top1": (22.1, 24.4)}
    nano = {"method": "ctxmim/nano", "title": "CtxMIM, re-implemented, nano", "flags": remade}
    store.write(make(**nano, protocol="swept", metrics=one, intervals=bounds))
    store.write(make(**nano, protocol="swept", metrics={"val/top1": 33.3}, settings={"lr": 1.0}, changed={"lr": 1.0}))
    store.write(
        make(
            method="ctxmim/swin_b", title="CtxMIM, re-implemented, Swin-B", flags=["re-implemented"],
            protocol="swept", metrics={"val/top1": 44.4}, input_size=192, precision="bf16",
        )
    )  # fmt: skip
    for seed, value in enumerate((5.0, 7.0)):
        weights = {"source": "random", "digest": f"drawn from {seed}"}
        store.write(
            make(
                method="random/nano", title="Random Init., nano", seed=seed, weights=weights,
                metrics={"val/top1": value}, identity={"weights": weights["digest"], "seed": seed},
            )
        )  # fmt: skip
    store.write(
        make(
            method="seco/resnet50", title="SeCo, ResNet50", status="failed", input_size=64,
            reason="features are constant | all 0",
        )
    )  # fmt: skip
    store.write(make(method="gfm/swin_b", title="GFM, Swin-B", status="interrupted", reason="killed", protocol="swept"))
    store.write(make(**{**nano, "flags": ["demo scenes", *remade]}, data="demo", metrics={"val/top1": 99.99}))
    return store


@pytest.fixture(name="make")
def make_fixture():
    """The factory of made-up records."""
    return make


@pytest.fixture(name="hits")
def hits_fixture():
    """The factory of made-up predictions."""
    return hits


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Store:
    """The made-up store, which no test may write to."""
    return made_store(tmp_path_factory.mktemp("made") / "runs")

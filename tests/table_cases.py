"""A made-up store with runs for all five tables. No number in it was measured; names are nasty on purpose."""

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa

from rsbench.records import Store
from rsbench.reporting.published import published_table

_spec = importlib.util.spec_from_file_location("made_up", Path(__file__).parent / "records" / "conftest.py")
_made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made_up)
make = _made_up.make

_EXPECTED = published_table(1).columns[0].expected
EUROSAT = {
    "counts": {"train": 16200, "val": 5400, "test": 5400},
    "split_sha256": _EXPECTED.split_sha256,
    "fingerprint": _EXPECTED.fingerprint,
}
FEW = {"counts": {"train": 600, "val": 200}, "split_sha256": "f" * 64, "fingerprint": "e" * 64}
TILES = {"data": {"tile": 800, "stride": 640}}
NASTY = r"A_b & 50% $x$ {y} #1 \end ~ ^ | * <i> `z` é 中 ± · 'q' --"
DOTA = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR", "AR50", "AR75", "ARs", "ARm", "ARl", "F1", "F1_75")


def command(method, task, seeds="0"):
    """The command that a made-up run has."""
    return f"rsbench run --method {method} --task {task} --data /made/up/{task} --seeds {seeds}"


def hits(right, first=0, items=1000):
    """Predictions of which ``right`` in a row are right, from ``first`` on and round the end."""
    top1 = np.roll(np.arange(items) < right, first).astype(float)
    return pa.table({"part": ["val"] * items, "item": [f"{i}.jpg" for i in range(items)], "top1": top1})


def images(count, part="val"):
    """Predictions without values: two tiles of each of ``count`` images."""
    names = [f"{part}/P{image:04}__1__{tile}___0.png" for image in range(count) for tile in (0, 640)]
    return pa.table({"part": [part] * len(names), "item": names})


def write_all(root):
    """Writes the store and returns it."""
    store = Store(root)
    eurosat(store)
    others(store)
    (store.root / "0123456789abcdef").mkdir()
    newer = store.root / "fedcba9876543210"
    newer.mkdir()
    (newer / "record.json").write_text('{"schema_version": 99}')
    return store


def eurosat(store):
    """Reproduced, different, failed, another size, another precision, a tie, a user's checkpoint, demo scenes."""

    def run(method, title, value, seed=0, size=224, predictions=None, **changes):
        fields = {"dataset": EUROSAT, "command": command(method, "eurosat", "0-1"), "input_size": size, **changes}
        if value is not None:
            fields = {"metrics": {"val/top1": value}, "intervals": {"val/top1": (value - 1, value + 1)}, **fields}
        store.write(make(method=method, title=title, seed=seed, **fields), predictions)

    for seed in range(2):
        run("imagenet/swin_b", "ImageNet Pre., Swin-B", 94.0, seed, predictions=hits(940, seed))
    run("gersp/resnet50", "GeRSP, ResNet50", 97.1, predictions=hits(971, 500))
    run("imagenet/resnet50", "ImageNet Pre., ResNet50", 97.1, predictions=hits(971))
    run("caco/resnet50", "CACo, ResNet50", 96.0, size=192)
    run("tov/resnet50", "TOV, ResNet50", 57.8, precision="bf16")
    run("seco/resnet50", "SeCo, ResNet50", None, status="failed", reason=NASTY)
    run("geo-aware/resnet50", "Geo-Aware, ResNet50", 90.0, dataset=FEW, split="few")
    run("gfm/swin_b", "GFM, Swin-B", 91.0, protocol="swept", changed={"lr": 1.0})
    run("made/up", NASTY, 12.34, flags=["contaminated: 50% of EuroSAT_train"])
    mine = {"source": "checkpoint", "digest": "a1b2c3d4e5f6"}
    run("ctxmim/swin_b", "CtxMIM, re-implemented, Swin-B", 98.0, weights=mine, predictions=hits(980))
    run("ctxmim/nano", "CtxMIM, re-implemented, nano", 33.3, data="demo", flags=["demo scenes", "re-implemented"])
    store.write(make(method="tov/resnet50", title="TOV, ResNet50", task="resisc45", split="60-20-20", precision="bf16"))


def others(store):
    """Rio and Las Vegas, which cannot be compared with the paper, and DOTA, which can; both rows of the ablation."""
    for method, title, up in (("ctxmim", "CtxMIM, re-implemented", 1.0), ("simmim-rs", "SimMIM", 0.0)):
        for backbone in ("swin_b", "nano"):
            own = {"method": f"{method}/{backbone}", "title": f"{title}, {backbone}", "input_size": 448}
            own["flags"] = ["re-implemented"]
            rio = {"val/mIoU": 70.0 + up, "val/mAcc": 80.0 + up, "val/IoU_building": 60.0 + up}
            about = {"task": "spacenet-rio", "kind": "segmentation", "split": "5000-1940", "metrics": rio}
            store.write(make(**own, **about, command=command(own["method"], "spacenet-rio")))
    for method, title, up in (("ctxmim", "CtxMIM", 1.0), ("cmid", "CMID", -9.0), ("seco", "SeCo", 0.0)):
        own = {"method": f"{method}/{'resnet50' if method == 'seco' else 'swin_b'}", "title": title, "input_size": 800}
        values = {f"val/{name}": 30.0 + up + index for index, name in enumerate(DOTA)}
        about = {"task": "dota", "kind": "detection", "split": "official", "metrics": values, "selected": TILES}
        store.write(make(**own, **about, command=command(method, "dota")), images(457 if method == "seco" else 458))
    vegas = {"val/AP": 50.0, "val/AP50": 80.0, "val/AP75": 55.0}
    own = {"method": "cmid/resnet50", "title": "CMID, ResNet50", "input_size": 800, "precision": "bf16"}
    about = {"task": "spacenet-vegas", "kind": "instance-segmentation", "split": "8-1-1", "metrics": vegas}
    store.write(make(**own, **about))

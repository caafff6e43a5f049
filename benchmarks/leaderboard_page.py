"""The leaderboard of a large store: time to read and build, size of the page, time to load and to sort in Chromium.

    python benchmarks/leaderboard_page.py [--runs 2000] [--keep DIR]

Makes runs up: every installed method and variant on every task and protocol, three seeds each, with as many metrics as
real runs have, and no predictions. No number in them was measured.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from rsbench.metric_names import plain_classes
from rsbench.plugins import Registry, load
from rsbench.records import Record, Store, run_id
from rsbench.reporting.leaderboard import write_leaderboard

OF_CLASS = {"detection": ("AP", "AP50", "AP75", "AR"), "instance-segmentation": ("AP", "AP50", "AP75", "AR"),
            "segmentation": ("IoU", "Acc"), "classification": ()}  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def made_up(registry: Registry, number: int) -> Iterator[Record]:
    """Yields ``number`` records, the same ones each time."""
    draw = random.Random(0)
    methods = [(m, v) for m in registry.methods.items.values() for v in m.variants]
    places = [(task, protocol) for task in registry.tasks.items.values() for protocol in task.protocols]
    wanted = product(places, methods, range(3))
    for count, ((task, protocol), (method, variant), seed) in zip(range(number), wanted, strict=False):
        names = [
            *task.metrics,
            *(f"{metric}_{name}" for metric in OF_CLASS[task.kind] for name in plain_classes(task.classes)),
        ]
        metrics = {f"{part}/{name}": draw.uniform(20, 90) for part in task.report for name in names}
        settings = {key: list(value) if isinstance(value, tuple) else value for key, value in protocol.settings.items()}
        identity = {"method": f"{method.name}/{variant}", "task": task.name, "protocol": protocol.name, "seed": seed}
        day = f"2026-01-{1 + count % 28:02}T{count % 24:02}"
        yield Record(
            id=run_id(identity), status="done", method=identity["method"], title=method.row_title(variant),
            task=task.name, kind=task.kind, protocol=protocol.name, settings=settings, split=task.splits[0].name,
            data="real", seed=seed, input_size=224, identity=identity,
            dataset={"fingerprint": "made up", "split_sha256": "made up", "counts": {"train": 800, "val": 200}},
            metrics=metrics, intervals={key: (value - 2, value + 2) for key, value in metrics.items()},
            weights={"architecture": "nano", "source": "shipped", "digest": f"{draw.getrandbits(256):064x}"},
            cost={"parameters": draw.randrange(10**6, 10**8), "gflops": draw.uniform(1, 60)},
            environment={"rsbench": "0.1.0", "packages": {"torch": "2.6.0"}}, timings={"total": draw.uniform(9, 999)},
            command=f"rsbench run --method {identity['method']} --task {task.name} --seeds 0-2",
            started=f"{day}:00:00+00:00", finished=f"{day}:30:00+00:00",
        )  # fmt: skip


def in_browser(page: Path) -> None:
    """Prints how long the page takes to be drawn and to be sorted."""
    from playwright.sync_api import sync_playwright

    browser_path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page()
        loads = []
        for _ in range(5):
            tab.goto(page.as_uri())
            loads.append(tab.evaluate("performance.getEntriesByType('navigation')[0].domComplete"))
        print(f"load: median {statistics.median(loads):.0f} ms until the leaderboard stands")
        for view in ("", "#view=runs"):
            tab.goto("about:blank")
            tab.goto(page.as_uri() + view)
            keys = tab.eval_on_selector_all("thead th", "heads => heads.map((head) => head.dataset.key)")
            sorts = [tab.evaluate(SORT, key) for key in keys]
            rows = tab.evaluate("document.querySelectorAll('tbody tr').length")
            print(f"sort {view or 'leaderboard'}: median {statistics.median(sorts):.0f} ms, worst {max(sorts):.0f} ms, "
                  f"{len(keys)} columns, {rows} rows drawn")  # fmt: skip
        browser.close()


# To the frame after the click, with layout and paint.
SORT = """(key) => new Promise((done) => {
    const start = performance.now();
    document.querySelector(`th[data-key="${key}"] button`).click();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--keep", type=Path, help="write the page here and keep it")
    given = parser.parse_args()
    registry = load(())
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "runs")
        written = [store.write(record) for record in made_up(registry, given.runs)]
        start = time.perf_counter()
        read = len(list(store))
        print(f"{len(written)} runs; reading {read} records: {time.perf_counter() - start:.1f} s")
        out = given.keep or Path(folder) / "page"
        start = time.perf_counter()
        page = write_leaderboard(store.root, out, registry).page
        print(f"building the page: {time.perf_counter() - start:.1f} s; {page.stat().st_size / 2**20:.1f} MiB")
        in_browser(page)


if __name__ == "__main__":
    main()

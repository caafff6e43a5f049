"""Made-up stores for the page, and one browser for all tests of it. No number in them was measured."""

import csv
import importlib.util
import io
import shutil
from pathlib import Path

import pytest

from rsbench.plugins import load
from rsbench.records import Store
from rsbench.reporting.leaderboard import write_leaderboard

_spec = importlib.util.spec_from_file_location("made_store", Path(__file__).parents[1] / "conftest.py")
_made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made)
make, hits = _made.make, _made.hits

EVIL = '</script><img src="http://example.invalid/x" onerror="window.hacked = 1">'
FORMULA = "=1+1"
CLASSES = ("airplane", "storage_tank")


def page_store(root: Path) -> Store:
    """Writes the made-up runs of the tables, and others that fill every corner of the page."""
    store = _made.made_store(root)
    three = (("ctxmim/nano", "CtxMIM, re-implemented, nano", 0.80), ("simmim-rs/nano", "SimMIM, nano", 0.795),
             ("random/nano", "Random Init., nano", 0.50))  # fmt: skip
    for number, (method, title, share) in enumerate(three):
        flags = ["re-implemented", "pretrained on EuroSAT train images"] if method.startswith("ctxmim") else []
        store.write(
            make(
                method=method, title=title, protocol="knn", settings={"k": 20}, flags=flags, input_size=64,
                metrics={"val/top1": 100 * share, "val/mean_class_accuracy": 100 * (1 - share)},
                intervals={"val/top1": (100 * share - 3, 100 * share + 3)},
                cost={"parameters": 10 ** (6 + number), "gflops": 0.5 * (number + 1)},
                weights={"architecture": "nano", "source": "shipped", "digest": "ab" * 32},
                environment={"rsbench": "0.1.0", "packages": {"torch": "2.6.0"}},
                command=f"rsbench run --method {method} --task eurosat --protocol knn",
                timings={"total": 12.5},
            ),
            hits(share, seed=3),
        )  # fmt: skip
        classes = {f"val/AP_{name}": 10.0 * (number + 1) + at for at, name in enumerate(CLASSES)}
        store.write(
            make(
                method=method, title=title, task="vhr10-det", kind="detection", protocol="finetune",
                split="rsprompter", metrics={"val/AP": 10.5 * (number + 1), "val/AP50": 20.5, **classes},
                intervals={"val/AP_airplane": (5.0, 15.0 + 10 * number)},
                arguments={"assumed": ["lr"]},
            )
        )  # fmt: skip
    store.write(
        make(method="evil/x", title=EVIL, protocol="knn", metrics={"val/top1": 1.0}, flags=[EVIL], command=EVIL)
    )
    store.write(make(method="evil/y", title=FORMULA, protocol="knn", status="failed", reason=EVIL, task="unknown-task"))
    return store


@pytest.fixture(scope="session")
def registry():
    """All installed methods and tasks."""
    return load(())


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> Store:
    """A store with something in every corner, which no test may write to."""
    return page_store(tmp_path_factory.mktemp("filled") / "runs")


@pytest.fixture(scope="session")
def out(filled, tmp_path_factory, registry) -> Path:
    """The folder with the page of the filled store."""
    folder = tmp_path_factory.mktemp("page")
    write_leaderboard(filled.root, folder, registry, "Made up")
    return folder


@pytest.fixture
def site(tmp_path, registry):
    """Writes a page of these runs, each a record or a record with predictions, and returns its folder."""

    def build(*runs, tests=True):
        store = Store(tmp_path / "own" / "runs")
        for run in runs:
            store.write(*run) if isinstance(run, tuple) else store.write(run)
        write_leaderboard(store.root, tmp_path / "own" / "page", registry, "Made up", tests)
        return tmp_path / "own" / "page"

    return build


@pytest.fixture(scope="session")
def browser():
    """Chromium, or no test of the page itself."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no browser on PATH, looked for {', '.join(names)}: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


class Reader:
    """A tab with the page, which remembers what went wrong and what was asked of the network."""

    def __init__(self, context, page):
        self.tab, self.address = context.new_page(), page.as_uri()
        self.errors, self.requests = [], []
        self.tab.on("console", lambda message: self.errors.append(message.text))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))

    def open(self, state=""):
        self.tab.goto("about:blank")
        self.tab.goto(f"{self.address}#{state}")
        self.requests = [one for one in self.requests if one != "about:blank"]
        return self

    def go(self, state):
        """Follows a link inside the page."""
        wait = "addEventListener('hashchange', done, { once: true })"
        self.tab.evaluate(f"(state) => new Promise((done) => {{ {wait}; location.hash = state; }})", state)

    def heads(self):
        return self.tab.eval_on_selector_all(
            "main thead th button", "all => all.map((one) => one.title.split(': sort')[0])"
        )

    def column(self, title):
        """The means of a column from top to bottom, None where a cell has none."""
        at = next(number for number, head in enumerate(self.heads()) if head.startswith(title))
        cells = self.tab.eval_on_selector_all(
            f"main tbody tr > :nth-child({at + 1})",
            "all => all.map((one) => one.querySelector('.mean')?.textContent ?? null)",
        )
        return [None if cell is None else float(cell) for cell in cells]

    def methods(self):
        return self.tab.eval_on_selector_all("main tbody th .go", "all => all.map((one) => one.textContent)")

    def focused(self, what="textContent"):
        return self.tab.evaluate(f"document.activeElement.{what}")

    def table(self):
        """The rows of the CSV that the page exports."""
        with self.tab.expect_download() as found:
            self.tab.click("text=Export CSV")
        return list(csv.DictReader(io.StringIO(Path(found.value.path()).read_text(encoding="utf-8"))))

    def sort(self, title):
        self.tab.click(f'main thead button[title^="{title}"]')
        return self.tab.get_attribute(f'main thead th:has(button[title^="{title}"])', "aria-sort")

    def cell(self, method, title):
        at = next(number for number, head in enumerate(self.heads()) if head.startswith(title))
        row = self.tab.locator("main tbody tr", has=self.tab.get_by_role("link", name=method, exact=True))
        return row.locator(f"> :nth-child({at + 1})")


@pytest.fixture
def read(browser, out):
    """Opens the page of the filled store: read("view=plot", width=360); a page of another folder with folder=."""
    contexts = []

    def new(state="", folder=out, width=1280, height=800, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        return Reader(contexts[-1], Path(folder) / "index.html").open(state)

    yield new
    for context in contexts:
        context.close()

"""The page in a real browser: what a reader sees, presses and takes away."""

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import urlparse

import pytest

from rsbench.records import Store
from rsbench.reporting.leaderboard import write_leaderboard

VIEWS = ("board", "plot", "ranks", "paper", "methods", "tasks", "runs", "left")
KNN = "EuroSAT, val/top1, knn, seco"


def test_every_view_is_drawn_without_an_error_or_a_request(read):
    page = read()
    assert [page.tab.title(), page.tab.inner_text("h1")] == ["Made up", "Made up"]
    for view in VIEWS[:-1]:
        page.go(f"view={view}&data=both")
        assert page.tab.locator("main h2").count() == 1
        assert page.tab.locator("nav a[aria-current=page]").count() == 1
    assert page.errors == []
    assert {urlparse(url)._replace(fragment="").geturl() for url in page.requests} == {page.address}


def test_nothing_that_a_record_says_is_markup(read):
    page = read("data=both")
    for view in VIEWS[:-1]:
        page.go(f"view={view}&data=both")
        assert page.tab.locator("img, iframe, object").count() == 0
    page.open("protocol=knn")
    assert any("onerror" in name for name in page.methods())
    page.tab.locator("main tbody tr", has_text="onerror").locator("button.go").first.click()
    assert "onerror" in page.tab.inner_text("#panel .copyable")
    assert page.tab.evaluate("window.hacked") is None
    assert page.errors == [] and not any("example.invalid" in url for url in page.requests)


def test_a_click_on_a_header_sorts_and_blanks_stay_last(read):
    page = read("data=both")
    shares = [80.0, 79.5, 50.0, 1.0]
    assert page.sort(KNN) == "descending"
    assert [value for value in page.column(KNN) if value is not None] == shares
    assert page.column(KNN)[:4] == shares
    assert page.sort(KNN) == "ascending"
    assert page.column(KNN)[:4] == shares[::-1]
    assert page.tab.evaluate("document.activeElement.title").startswith(KNN)
    assert page.sort("Method") == "ascending"
    assert page.methods() == sorted(page.methods(), key=lambda name: (name[0].isalnum(), name.lower()))
    assert page.sort("Method") == "descending"
    assert page.tab.locator("main th[aria-sort=descending], main th[aria-sort=ascending]").count() == 1


def test_ranks_stand_only_at_rows_that_may_be_compared(read):
    page = read("protocol=knn")
    ranks = {name: page.cell(name, KNN).locator(".rank").all_inner_texts() for name in page.methods()}
    assert [rank[0][-1] for rank in ranks.values() if rank] == ["1", "2"]
    assert "1" in ranks["CtxMIM, re-implemented, nano"][0]
    evil = page.tab.locator("main tbody tr", has_text="onerror").locator("button.go").first
    assert "†" in evil.inner_text()
    assert "not ranked: 128 px, others 64 px" in evil.get_attribute("title")
    near, far = (page.cell(name, KNN).inner_text() for name in ("SimMIM, nano", "Random Init., nano"))
    assert "≈ no difference from the best shown" in re.sub(r"\s+", " ", near)
    assert "≈" not in far and "⚑" not in far and "⚑ contaminated" in re.sub(r"\s+", " ", near)
    page.open("protocol=knn&clean=1")
    assert "CtxMIM, re-implemented, nano" not in page.methods()
    page.open("protocol=knn&q=simmim")  # a search moves no rank
    assert page.cell("SimMIM, nano", KNN).locator(".rank").inner_text().endswith("2")


def test_filters(read):
    page = read()
    everything = len(page.methods())
    page.tab.fill("input[name=q]", "simmim")
    assert page.methods() == ["SimMIM, nano"]
    assert page.tab.evaluate("document.activeElement.name") == "q"
    page.tab.click("text=Reset")
    assert len(page.methods()) == everything
    page.tab.select_option("select[name=paradigm]", "random")
    assert page.methods() == ["Random Init., nano"]
    page.tab.click("text=Reset")
    page.tab.select_option("select[name=kind]", "detection")
    assert [head for head in page.heads() if "EuroSAT" in head] == []
    page.tab.click("text=Reset")
    page.tab.select_option("select[name=protocol]", "swept")
    assert all(", swept" in head for head in page.heads()[1:-3])
    assert len(page.heads()[1:-3]) == 2  # a changed setting has a column of its own
    page.tab.click("text=Reset")
    page.tab.select_option("select[name=data]", "demo")
    assert page.methods() == ["CtxMIM, re-implemented, nano"] and page.column("EuroSAT") == [99.99]
    page.tab.click("text=Show them")
    assert len(page.methods()) == everything + 1
    page.open("q=nothing+at+all")
    assert "Nothing fits the filters." in page.tab.inner_text("main")


def test_the_metric_and_part_of_a_task_can_be_chosen(read):
    page = read("protocol=knn")
    page.tab.click("summary:has-text('Metrics')")
    page.tab.select_option('select[name="m.eurosat"]', "val/mean_class_accuracy")
    assert sorted(value for value in page.column("EuroSAT, val/mean_class_accuracy") if value) == [20.0, 20.5, 50.0]
    page.open("protocol=swept&m.eurosat=test%2Ftop1")
    assert [value for value in page.column("EuroSAT, test/top1, swept, seco") if value] == [23.3]


def test_the_address_holds_the_view(read):
    page = read()
    page.tab.select_option("select[name=protocol]", "knn")
    page.tab.fill("input[name=q]", "nano")
    page.sort(KNN)
    state = urlparse(page.tab.url).fragment
    again = read(state)
    assert again.methods() == page.methods() and again.column(KNN) == page.column(KNN)
    assert again.tab.input_value("input[name=q]") == "nano"
    assert again.tab.input_value("select[name=protocol]") == "knn"
    again.cell("SimMIM, nano", KNN).locator("button").click()
    linked = read(urlparse(again.tab.url).fragment)
    assert linked.tab.inner_text("#panel-title") == "SimMIM, nano"
    again.tab.go_back()
    assert not again.tab.locator("#panel").is_visible()
    read("view=nothing&sort=none&cell=gone&column=c99&cost=x").tab.wait_for_selector("main table")


def test_the_panel_leads_to_the_records(read, out, filled):
    page = read()
    page.cell("ImageNet Pre., ResNet50", "EuroSAT, val/top1, paper").locator("button").click()
    panel = page.tab.locator("#panel")
    text = panel.inner_text()
    assert "12.00" in text and "mean over 3 seeds" in text and "sd over seeds 1.00" in text
    links = panel.locator("a[href^='records/']").all()
    ids = [link.inner_text() for link in links]
    assert len(ids) == 3
    for link, run in zip(links, ids, strict=True):
        record = json.loads((out / link.get_attribute("href")).read_text())
        assert record["id"] == run and record["metrics"] == filled.read(run).metrics
    links[0].click()
    assert page.tab.url.endswith(f"records/{ids[0]}.json")
    assert ids[0] in page.tab.inner_text("body")


def test_the_panel_says_how_a_number_was_made(read):
    page = read("protocol=knn")
    page.cell("SimMIM, nano", KNN).locator("button").click()
    text = page.tab.inner_text("#panel")
    assert "rank 2 of 3 comparable rows" in text and "Contaminated" in text and "95 % interval over items" in text
    assert "No difference is shown from CtxMIM" in text and "−0.500 points" in text and "McNemar" in text
    assert "rsbench run --method simmim-rs/nano" in text and "ab" * 32 in text
    page.open("kind=detection")
    page.cell("Random Init., nano", "NWPU").locator("button").click()
    classes = page.tab.locator("#panel section", has_text="Classes")
    assert "airplane" in classes.inner_text() and "storage_tank" in classes.inner_text()
    assert "30.0" in classes.inner_text() and "5.0 – 35.0" in classes.inner_text()


def test_one_column_stands_best_first(read):
    page = read("kind=detection")
    assert page.column("NWPU") == [31.5, 21.0, 10.5]
    page.open("kind=detection&sort=method")
    assert page.methods() == ["CtxMIM, re-implemented, nano", "Random Init., nano", "SimMIM, nano"]


def test_without_tests_the_page_says_so(read, filled, tmp_path, registry):
    write_leaderboard(filled.root, tmp_path, registry, tests=False)
    page = read("protocol=knn", folder=tmp_path)
    page.tab.click("summary:has-text('How to read')")
    assert "--no-tests" in page.tab.inner_text(".legend")
    assert "≈" not in page.tab.inner_text("main")


def test_a_browser_that_refuses_new_addresses_still_shows_the_view(read):
    page = read()
    page.tab.evaluate(
        "() => { history.replaceState = () => { throw new DOMException('too many', 'SecurityError'); }; }"
    )
    page.tab.fill("input[name=q]", "simmim")
    assert page.methods() == ["SimMIM, nano"]
    page.tab.select_option("select[name=protocol]", "knn")
    assert page.methods() == ["SimMIM, nano"] and page.column(KNN) == [79.5]
    assert page.errors == []


def test_a_failed_cell_says_why(read):
    page = read()
    cell = page.cell("SeCo, ResNet50", "EuroSAT, val/top1, paper")
    assert "failed" in cell.inner_text() and "features are constant | all 0" in cell.inner_text()
    cell.locator("button").click()
    assert "features are constant | all 0" in page.tab.inner_text("#panel")
    assert page.tab.locator("#panel a[href^='records/']").count() == 1


def test_the_keyboard_is_enough(read):
    page = read("protocol=knn&sort=method")
    keys = page.tab.keyboard
    keys.press("Tab")
    assert page.tab.evaluate("document.activeElement.className") == "skip"
    page.tab.focus("main .box")
    keys.press("Tab")  # the first header
    assert "Method" in page.tab.evaluate("document.activeElement.title")
    keys.press("Enter")
    assert page.tab.get_attribute("main thead th", "aria-sort") == "descending"
    for _ in page.heads():
        keys.press("Tab")
    first = page.tab.evaluate("document.activeElement.textContent")
    assert first == page.methods()[0]
    keys.press("ArrowDown")
    assert page.tab.evaluate("document.activeElement.textContent") == page.methods()[1]
    keys.press("ArrowRight")
    assert page.tab.evaluate("document.activeElement.tagName") == "BUTTON"
    outline = page.tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    keys.press("Enter")
    assert page.tab.locator("#panel").is_visible()
    for _ in range(30):  # focus stays in the panel
        keys.press("Tab")
        assert page.tab.evaluate("!document.activeElement.closest('header, main, footer')")
    keys.press("Escape")
    assert not page.tab.locator("#panel").is_visible()
    assert page.tab.evaluate("document.activeElement.matches('td.value button')")
    page.tab.wait_for_url(lambda url: "cell=" not in url)
    keys.press("Home")
    assert page.tab.evaluate("document.activeElement.textContent") == page.methods()[1]


def test_the_export_is_the_table_as_it_is_shown(read):
    page = read("protocol=knn&q=nano&sort=method")
    page.sort(KNN)
    with page.tab.expect_download() as found:
        page.tab.click("text=Export CSV")
    assert found.value.suggested_filename == "leaderboard.csv"
    rows = list(csv.DictReader(io.StringIO(Path(found.value.path()).read_text(encoding="utf-8"))))
    assert [row["title"] for row in rows] == page.methods()
    assert [float(row[f"{KNN}: mean"]) for row in rows] == page.column(KNN)
    assert rows[0][f"{KNN}: low (95 %)"] == "77.0000" and rows[0][f"{KNN}: rank"] == "1"
    assert rows[0]["Images/s, least"] == ""
    page.open("view=runs&rq=failed")
    with page.tab.expect_download() as found:
        page.tab.click("text=Export CSV")
    rows = list(csv.DictReader(io.StringIO(Path(found.value.path()).read_text(encoding="utf-8"))))
    assert len(rows) == page.tab.locator("main tbody tr").count() == 2
    assert {row["Method"] for row in rows} == {"'=1+1", "SeCo, ResNet50"}  # no formula
    assert any("onerror" in row["reason"] for row in rows)


def test_points_of_the_plot(read):
    page = read("view=plot&protocol=knn")
    points = page.tab.locator("svg .dot")
    assert points.count() == 3
    labels = [point.get_attribute("aria-label") for point in points.all()]
    assert any(
        "CtxMIM, re-implemented, nano: 80.00, 95 % interval 77.00 – 83.00; Parameters 1.0 M" in label
        for label in labels
    )
    assert "of </script>" in page.tab.inner_text("main")  # named where its cost is not known
    shapes = page.tab.eval_on_selector_all(
        ".dot path.point", "all => all.map((one) => one.className.baseVal + one.getAttribute('d'))"
    )
    assert len(set(shapes)) == 2  # masked, masked, random
    boxes = (
        "all => all.map((one) => one.getBoundingClientRect()).map((one) => one.x + one.width / 2).sort((a, b) => a - b)"
    )
    across = page.tab.eval_on_selector_all(".dot path.point", boxes)
    assert across[1] - across[0] == pytest.approx(
        across[2] - across[1], abs=1
    )  # 1, 10, 100 million: a logarithmic axis
    points.first.focus()
    page.tab.keyboard.press("Enter")
    assert page.tab.locator("#panel").is_visible()
    page.tab.keyboard.press("Escape")
    page.tab.select_option("select >> nth=2", "gflops")
    assert "GFLOPs" in page.tab.text_content(".plot > svg")


def test_dark_and_light(read):
    def ground(page):
        return sum(
            map(int, re.findall(r"\d+", page.tab.evaluate("getComputedStyle(document.body).backgroundColor"))[:3])
        )

    light, dark = read(color_scheme="light"), read(color_scheme="dark")
    assert ground(light) > 700 and ground(dark) < 150
    light.tab.click("#theme")
    assert light.tab.inner_text("#theme") == "Light"
    light.tab.click("#theme")
    assert light.tab.inner_text("#theme") == "Dark" and ground(light) < 150
    light.tab.reload()
    assert ground(light) < 150  # it is kept
    light.tab.click("#theme")
    assert ground(light) > 700


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_never_scrolls_sideways(read, view):
    page = read(f"view={view}&data=both", width=360, height=640)
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= 360
    if view == "board":
        page.tab.evaluate("document.querySelector('main .box').scrollTo(300, 0)")
        assert page.tab.locator("main tbody th").first.bounding_box()["x"] < 40  # the first column stays
        page.tab.locator("td.value button").first.click()
        assert page.tab.evaluate("document.getElementById('panel').scrollWidth") <= 360


def test_paper_prints_the_table_and_no_controls(read):
    page = read()
    page.tab.emulate_media(media="print")
    assert not page.tab.locator(".controls").is_visible()
    assert page.tab.locator("main table").is_visible()
    assert page.tab.evaluate("getComputedStyle(document.querySelector('main .box')).overflow") == "visible"


def test_cards(read):
    page = read()
    page.tab.get_by_role("link", name="CtxMIM, re-implemented, nano", exact=True).click()
    card = page.tab.locator("#card-ctxmim")
    text = card.inner_text()
    assert "re-implemented" in text and "Contaminated for" in text and "eurosat/train" in text and "MIT" in text
    assert page.tab.evaluate("document.activeElement.id") == "card-ctxmim"
    card.locator("summary", has_text="BibTeX").click()
    assert "@article{zhang2023ctxmim" in card.inner_text()
    page.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card.locator("button.copy").click()
    page.tab.wait_for_selector("#card-ctxmim button.copy:has-text('Copied')")
    assert page.tab.evaluate("navigator.clipboard.readText()").startswith("@article{zhang2023ctxmim")
    assert all(
        link.startswith("https://")
        for link in page.tab.eval_on_selector_all("article a", "all => all.map((one) => one.href)")
    )
    page.open("view=tasks")
    text = page.tab.locator("#card-vhr10-det").inner_text()
    assert "Ranked by" in text and "val/AP" in text
    page.tab.fill("main input[type=search]", "eurosat")
    assert page.tab.locator("main article").count() == 1


def test_the_paper_and_the_audit(read):
    page = read("view=paper")
    assert page.tab.locator("section.printed").count() == 6
    table = page.tab.locator("#table-1")
    row = table.locator("tbody tr", has_text="ImageNet Pre.").filter(has_text="ResNet50")
    assert "98.38" in row.inner_text() and "∦ not comparable" in row.inner_text()
    row.locator("summary").first.click()
    assert "12.00" in row.inner_text() and row.locator("a[href^='records/']").count() == 3
    assert "98.87 - 93.38 = 5.49" in page.tab.inner_text("#audit") and "✓ holds" in page.tab.inner_text("#audit")


def test_a_store_of_failures_and_an_empty_one(read, tmp_path, make, registry):
    store = Store(tmp_path / "runs")
    store.write(make(status="failed", reason="out of memory"))
    store.write(make(seed=1, status="interrupted", reason="killed"))
    (store.root / "0123456789abcdef").mkdir()
    write_leaderboard(store.root, tmp_path / "failures", registry)
    write_leaderboard(tmp_path / "none", tmp_path / "empty", registry)
    for folder in ("failures", "empty"):
        page = read(folder=tmp_path / folder)
        for view in VIEWS:
            page.go(f"view={view}")
        assert page.errors == []
    page = read(folder=tmp_path / "failures")
    assert "failed" in page.tab.inner_text("main table") and "killed" in page.tab.inner_text("main table")
    page.tab.locator("td.value button").click()
    assert "out of memory" in page.tab.inner_text("#panel")
    page.open("view=left")
    assert "0123456789abcdef" in page.tab.inner_text("main") and "has no record.json" in page.tab.inner_text("main")
    assert page.tab.locator("nav a", has_text="Left out 1").count() == 1
    page = read(folder=tmp_path / "empty")
    assert (
        "No runs yet" in page.tab.inner_text("header") and page.tab.locator("nav a", has_text="Left out").count() == 0
    )


def test_many_runs_come_when_they_are_needed(read, tmp_path, make, registry):
    store = Store(tmp_path / "runs")
    for seed in range(320):
        store.write(make(seed=seed, metrics={"val/top1": (seed * 7) % 100 + seed / 1000}))
    write_leaderboard(store.root, tmp_path / "out", registry)
    page = read("view=runs", folder=tmp_path / "out", height=300)
    assert page.tab.locator("main tbody tr").count() < 320
    page.sort("Value")
    shown = page.tab.locator("main tbody tr td:nth-child(8)").first.inner_text()
    assert shown.startswith("99.")
    page.tab.click("text=Show all 320 rows")
    assert page.tab.locator("main tbody tr").count() == 320

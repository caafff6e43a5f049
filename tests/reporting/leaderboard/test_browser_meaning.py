"""What numbers, signs and names on the page mean, in a real browser."""

import re

import pytest

from rsbench.reporting.ranking import ranks

KNN = "EuroSAT, val/top1, knn, seco"
OVERLAPS = """() => {
    const boxes = [...document.querySelectorAll('.dot text.name')].map((one) => one.getBoundingClientRect());
    const wide = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    return boxes.flatMap((a, i) => boxes.slice(0, i).filter((b) => wide(a, b) > 0.5 && high(a, b) > 1)).length;
}"""


def test_digits_and_ranks_are_those_that_python_prints(read, site, make):
    values = [12.125, 12.12, 12.375, 12.3849, 12.135, 2.675, 0.125, 99.995]
    named = {f"m{number}/x": value for number, value in enumerate(values)}
    page = read("protocol=knn&sort=method", folder=site(*(
        make(method=name, title=name, protocol="knn", metrics={"val/top1": value}) for name, value in named.items()
    )))  # fmt: skip
    printed = {name: f"{value:.2f}" for name, value in named.items()}
    shown = dict(zip(page.methods(), page.tab.locator("main td .mean").all_inner_texts(), strict=True))
    assert shown == printed and len(set(printed.values())) < len(printed)
    found = {row["title"]: int(row[f"{KNN}: rank"]) for row in page.table()}
    assert found == ranks(printed)
    page.sort(KNN)  # by what was measured, not by what is printed
    assert page.methods() == sorted(named, key=named.get, reverse=True)
    page.tab.locator("td.value button", has_text=printed["m0/x"]).first.click()
    assert page.tab.inner_text("#panel .headline strong") == printed["m0/x"]
    assert printed["m0/x"] in page.tab.inner_text("#panel [aria-label='Seeds and runs']")
    page.open("view=runs&sort=method&way=up")
    assert [text.split()[0] for text in page.tab.locator("main td:nth-child(8)").all_inner_texts()] == list(
        printed.values()
    )


def test_every_column_shows_the_part_that_ranks_its_task(read, site, make):
    both = {"val/top1": 10.0, "test/top1": 20.0}
    protocols = ("paper", "swept", "knn", "finetune")
    page = read(folder=site(*(make(protocol=name, metrics=both) for name in protocols)))
    columns = [head for head in page.heads() if head.startswith("EuroSAT")]
    assert len(columns) == len(protocols) and all("val/top1" in head for head in columns)
    assert page.tab.locator("main td .mean").all_inner_texts() == ["10.00"] * len(protocols)
    page.open("view=plot")
    assert page.tab.get_by_label("Metric").input_value() == "val/top1"


def seeds_and_items(make, hits):
    """A best method that is contaminated, one tested over seeds, one with a single seed, one that left no items."""
    for method, seeds, share in (("best/x", 3, 0.9), ("three/x", 3, 0.7), ("one/x", 1, 0.5), ("bare/x", 1, 0.4)):
        for seed in range(seeds):
            metrics = {"val/top1": 100 * share - seed, "val/other": 5.0 + len(method)}
            record = make(method=method, title=method, protocol="knn", seed=seed, metrics=metrics,
                          flags=["contaminated: by hand"] if method == "best/x" else [])  # fmt: skip
            yield (record, None) if method == "bare/x" else (record, hits(share - seed / 100, seed))


def panel(page, method):
    page.cell(method, page.heads()[1]).locator("button").click()
    text = page.tab.inner_text("#panel section:has-text('Comparison')")
    page.tab.keyboard.press("Escape")
    page.tab.wait_for_url(lambda url: "cell=" not in url)
    return text


def test_signs_say_what_was_tested(read, site, make, hits):
    page = read("protocol=knn", folder=site(*seeds_and_items(make, hits)))
    signs = {name: page.cell(name, KNN).inner_text() for name in page.methods()}
    assert [name for name, text in signs.items() if "?" in text] == ["bare/x"]
    assert "left too little" in page.cell("bare/x", KNN).locator("button").get_attribute("title")
    assert "? Not tested against the best of the column: the runs left too little" in panel(page, "bare/x")
    three, one = panel(page, "three/x"), panel(page, "one/x")
    assert re.search(r"over items p [\d.e-]+ \(\w+\), over seeds \(Welch\) p [\d.e-]+; the larger, corrected", three)
    assert "A difference is shown from best/x" in three and "one seed" not in three
    assert "A difference between these runs is shown from best/x" in one and "Welch" not in one
    assert "one seed of one/x: says nothing about another seed" in one
    assert "best of the rows" in panel(page, "best/x")
    page.tab.click("summary:has-text('How to read')")
    legend = page.tab.inner_text(".legend")
    assert "? not tested" in legend and "Welch's test over seeds" in legend and "one seed" in legend
    page.open("protocol=knn&m.eurosat=val%2Fother")
    assert sum("?" in page.cell(name, page.heads()[1]).inner_text() for name in page.methods()) == 3
    assert "tests are made of Top-1 alone" in panel(page, "one/x")
    page.open("protocol=knn&clean=1")
    assert {name: "?" in page.cell(name, KNN).inner_text() for name in page.methods()} == {
        "bare/x": True, "one/x": True, "three/x": False,
    }  # fmt: skip
    assert "best/x, which is hidden" in panel(page, "one/x")


def test_without_tests_there_is_no_sign(read, site, make, hits):
    page = read("protocol=knn", folder=site(*seeds_and_items(make, hits), tests=False))
    assert not any(sign in page.tab.inner_text("main table") for sign in "≈?")
    page.tab.click("summary:has-text('How to read')")
    assert "No tests were made (--no-tests)" in page.tab.inner_text(".legend")
    assert "--no-tests" in panel(page, "one/x")


def test_two_checkpoints_are_told_apart_everywhere(read, site, make):
    page = read("protocol=knn", folder=site(*(
        make(method="ctxmim/nano", title="CtxMIM, nano", protocol="knn", metrics={"val/top1": 50.0 + number},
             weights={"source": "checkpoint", "digest": f"{number}" * 64}, cost={"parameters": 10**6 * number},
             identity={"weights": number})
        for number in (1, 2)
    )))  # fmt: skip
    names = [f"CtxMIM, nano, checkpoint {number * 8}" for number in "12"]
    assert sorted(page.methods()) == names
    page.open("view=plot")
    assert sorted(page.tab.locator(".dot text.name").all_text_contents()) == names
    page.tab.locator(".dot").first.focus()
    page.tab.keyboard.press("Enter")
    assert page.tab.inner_text("#panel-title") in names
    page.open("view=runs")
    assert sorted(page.tab.locator("main td.name").all_inner_texts()) == names
    assert sorted(row["Method"] for row in page.table()) == names


def test_costs_are_those_of_the_cells_that_are_shown(read, site, make):
    runs = [
        make(method="a/x", title="a", protocol="knn", flags=["contaminated: by hand"], cost={"parameters": 10**6}),
        make(method="a/x", title="a", task="resisc45", protocol="knn", cost={"parameters": 5 * 10**6}),
        make(method="b/x", title="b", protocol="knn", cost={"parameters": 2 * 10**6}),
    ]
    page = read("protocol=knn&sort=parameters&way=up", folder=site(*runs))
    cost = "main td.cost:nth-last-child(3)"
    assert page.tab.locator(cost).all_inner_texts() == ["1.0 M – 5.0 M", "2.0 M"]
    page.tab.check("input[name=clean]")
    assert page.tab.locator(cost).all_inner_texts() == ["2.0 M", "5.0 M"]
    page.tab.click("summary:has-text('How to read')")
    assert "head or the detector" in page.tab.inner_text(".legend")


def test_the_plot_keeps_to_the_filters_and_marks_what_is_contaminated(read):
    page = read("view=plot&protocol=knn")
    labels = page.tab.eval_on_selector_all(
        ".dot",
        """all => all.map((one) => [one.querySelector('.name'), one.parentNode.querySelector('title')])
            .map(([name, title]) => [name.textContent, name.parentNode.ariaLabel, title.textContent])""",
    )
    flagged = [words for words in labels if "⚑" in words[0]]
    assert len(flagged) == 2 and all(words[1] == words[2] and words[0] in words[1] for words in labels)
    assert all("contaminated" in words[1] for words in flagged)
    assert "Filtered: protocol knn." in page.tab.inner_text("main")
    page.open("q=nano&clean=1&paradigm=random")
    page.tab.click("nav a:has-text('Quality')")
    page.tab.select_option("select[name=column]", "eurosat/knn/seco")
    assert page.tab.locator(".dot").count() == 1
    for said in ("search “nano”", "paradigm random", "contaminated ones are hidden"):
        assert said in page.tab.inner_text("main")
    page.tab.click("text=Take the filters off")
    assert page.tab.locator(".dot").count() == 3 and "Filtered" not in page.tab.inner_text("main")
    page.open("view=plot&clean=1&q=simmim&protocol=knn")
    assert page.tab.locator(".dot").count() == 0 and "Filtered" in page.tab.inner_text("main")
    page.open("view=ranks&clean=1")
    assert "filters of the leaderboard do not change these ranks" in page.tab.inner_text("main")


@pytest.mark.parametrize("width", [360, 1280])
def test_labels_never_overlap_and_every_point_has_one(read, site, make, width):
    page = read("view=plot", width=width, folder=site(*(
        make(method=f"m{number}/x", title=f"A method with a long name, {number}", protocol="knn",
             metrics={"val/top1": 60 + number * 7 % 30},
             intervals={"val/top1": (58 + number * 7 % 30, 62 + number * 7 % 30)},
             cost={"parameters": 10**6 * (1 + number // 3)})
        for number in range(40)
    )))  # fmt: skip
    assert page.tab.evaluate(OVERLAPS) == 0
    points = page.tab.eval_on_selector_all(
        ".dot", "all => all.map((one) => [one.querySelector('.name')?.textContent, one.ariaLabel])"
    )
    assert len(points) == 40 and all(label and label in said for label, said in points)
    numbers = sorted((label for label, _ in points if label.isdigit()), key=int)
    listed = page.tab.locator(".numbered li").all_inner_texts()
    assert [text.split(".")[0] for text in listed] == numbers and len(numbers) > 5
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
    page.tab.locator(".numbered button").first.click()
    assert page.tab.inner_text("#panel-title") in listed[0]


def test_ranks_say_that_no_difference_is_shown_and_give_whole_names(read, site, make):
    name = "A method of some length (without its better half), re-implemented, variant"
    page = read("view=ranks", folder=site(*(
        make(method=f"m{number}/x", title=f"{name} {number}", task=task, metrics={"val/top1": 50.0 + sign * number})
        for task, sign in (("eurosat", 1), ("resisc45", -1))
        for number in range(4)
    )), width=700)  # fmt: skip
    assert "No difference shown between these methods" in page.tab.inner_text("main")
    assert page.tab.locator("svg .group").count() == 1
    words = page.tab.eval_on_selector_all(
        "svg.ranks text:has(tspan)",
        "all => all.map((one) => [...one.children].map((line) => line.textContent).join(' '))",
    )
    assert sorted(words) == [f"{name} {number}" for number in range(4)]
    inside = """() => {
        const frame = document.querySelector('svg.ranks').getBoundingClientRect();
        return [...document.querySelectorAll('svg.ranks text')].map((one) => one.getBoundingClientRect())
            .every((one) => one.left >= frame.left - 1 && one.right <= frame.right + 1
                && one.top >= frame.top - 1 && one.bottom <= frame.bottom + 1);
    }"""
    assert page.tab.evaluate(inside)


def test_regions_have_names_of_their_own(read, site, make):
    runs = [
        make(method=f"{name}/x", title=name, task=task, protocol=protocol, metrics={"val/top1": 50.0 + len(name)})
        for protocol, names in (("paper", ("a", "bb", "ccc")), ("swept", ("a", "bb")))
        for name in names
        for task in ("eurosat", "resisc45")
    ]
    page = read("view=ranks", folder=site(*runs))
    assert page.tab.locator("svg.ranks").count() == 2
    for view in ("ranks", "paper"):
        page.open(f"view={view}")
        names = page.tab.eval_on_selector_all("[role=region]", "all => all.map((one) => one.ariaLabel)")
        assert len(set(names)) == len(names) > 1


def test_panels_open_for_odd_records(read, site, make):
    odd = [
        {"arguments": {"assumed": 5}}, {"arguments": {"assumed": {"lr": 1}}}, {"cost": {"gflops": "many"}},
        {"settings": {"a": {"b": [1, {"c": None}]}, "b": None}}, {"environment": {"x": [1, None, {"y": None}]}},
        {"preprocess": {"size": None}, "weights": {"source": {"kind": "x"}, "architecture": 5}},
        {"title": "", "task": "__proto__", "kind": "constructor"},
    ]  # fmt: skip
    page = read(folder=site(*(make(method=f"m{number}/x", **fields) for number, fields in enumerate(odd))))
    keys = page.tab.eval_on_selector_all("[data-cell]", "all => all.map((one) => one.dataset.cell)")
    assert len(keys) == len(odd)
    for key in keys:
        page.open(f"cell={key}")
        assert page.tab.locator("#panel").is_visible() and "Protocol" in page.tab.inner_text("#panel")
    assert page.errors == []


def test_one_point_is_one_point(read):
    text = read("view=paper").tab.inner_text("main")
    assert set(re.findall(r"Tolerance (\S+ \w+)\.", text)) >= {"1 point"} and "1 points" not in text

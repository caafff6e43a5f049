"""Where the focus goes, what Back does, and which rows a long table draws, in a real browser."""

import pytest

KNN = "EuroSAT, val/top1, knn, seco"
UNDER_HEAD = """() => document.activeElement.getBoundingClientRect().top
    < document.querySelector('main thead th').getBoundingClientRect().bottom - 1"""
UNDER_FIRST = """() => document.activeElement.closest('td') && document.activeElement.getBoundingClientRect().left
    < document.querySelector('main tbody th').getBoundingClientRect().right - 1"""


def test_the_skip_link_leaves_the_view_alone(read):
    page = read("view=runs&rq=knn")
    before = page.tab.url
    page.tab.keyboard.press("Tab")
    assert page.focused("className") == "skip"
    page.tab.keyboard.press("Enter")
    assert page.focused("id") == "main" and page.tab.url == before
    assert page.tab.inner_text("main h2") == "Runs"
    page.tab.keyboard.press("Tab")
    assert page.focused("type") == "search"


def test_a_plot_is_changed_by_keyboard(read):
    page = read("view=plot&protocol=knn")
    page.tab.focus("main select[name=cost]")
    page.tab.keyboard.press("ArrowDown")
    assert page.focused("name") == "cost" and page.focused("value") == "gflops"
    assert "GFLOPs" in page.tab.text_content(".plot > svg")
    page.tab.focus("main select[name=data]")
    page.tab.keyboard.press("End")
    assert page.focused("name") == "data" and page.focused("value") == "both"
    page.tab.click("text=Take the filters off")
    assert page.focused("name") == "column"


def test_a_search_among_cards_keeps_the_focus(read):
    page = read()
    page.tab.get_by_role("link", name="SimMIM, nano", exact=True).click()
    assert page.focused("id") == "card-simmim-rs"
    page.tab.focus("main input[type=search]")
    page.tab.keyboard.type("satlas")
    assert page.focused("value") == "satlas"
    assert page.tab.locator("main article").count() == 1
    page.tab.go_back()
    page.tab.get_by_role("link", name="SimMIM, nano", exact=True).click()
    assert page.focused("id") == "card-simmim-rs"  # again


def test_the_legend_stays_open_and_the_focus_in_the_table(read):
    page = read("protocol=knn")
    page.tab.click("summary:has-text('How to read')")
    page.sort(KNN)
    page.tab.fill("input[name=q]", "nano")
    assert page.tab.locator(".legend li").first.is_visible()
    page.tab.focus("text=Show them")
    page.tab.keyboard.press("Enter")
    assert page.focused("className") == "box"


def test_parts_of_a_panel_by_keyboard(read):
    page = read("protocol=swept&sort=method")
    page.tab.locator("td.value button", has_text="22.20").focus()
    page.tab.keyboard.press("Enter")
    page.tab.locator("#panel .parts button", has_text="test").focus()
    page.tab.keyboard.press("Enter")
    assert page.focused() == "test" and page.focused("ariaCurrent") == "true"
    assert "23.30" in page.tab.inner_text("#panel .headline")
    page.tab.keyboard.press("Escape")
    page.tab.wait_for_url(lambda url: "cell=" not in url)
    assert "22.20" in page.focused()


def test_back_after_a_panel_goes_where_the_reader_was(read):
    page = read("protocol=knn")
    page.tab.click("nav a:has-text('Runs')")
    page.tab.click("nav a:has-text('Leaderboard')")
    board = page.tab.url
    button = page.cell("SimMIM, nano", KNN).locator("button")
    button.click()
    opened = page.tab.url
    page.tab.keyboard.press("Escape")
    page.tab.wait_for_url(board)
    assert not page.tab.locator("#panel").is_visible()
    page.tab.go_forward()
    assert page.tab.locator("#panel").is_visible() and page.tab.url == opened
    page.tab.go_back()
    assert not page.tab.locator("#panel").is_visible() and page.tab.url == board
    page.tab.go_back()  # not to the board again
    assert page.tab.inner_text("main h2") == "Runs"
    linked = read(opened.partition("#")[2])
    linked.tab.click("#panel button:has-text('Close')")
    linked.tab.wait_for_url(lambda url: "cell=" not in url)  # nothing to go back to: it stays on the page
    assert linked.methods() and "79.50" in linked.focused()


def test_a_record_and_back(read):
    page = read("protocol=knn")
    page.cell("SimMIM, nano", KNN).locator("button").click()
    page.tab.locator("#panel a[href^='records/']").first.click()
    page.tab.go_back()
    assert page.tab.locator("#panel").is_visible()
    page.tab.keyboard.press("Escape")
    page.tab.wait_for_url(lambda url: "cell=" not in url)
    assert page.tab.evaluate("document.activeElement.matches('td.value button')")


def test_links_within_the_paper_work_again(read):
    page = read("view=paper")
    for _ in range(2):
        page.tab.evaluate("scrollTo(0, 0)")
        page.tab.get_by_role("link", name="Audit", exact=True).click()
        page.tab.wait_for_timeout(50)
        assert page.tab.evaluate("scrollY") > 200
        assert page.focused("id") == "audit"


@pytest.mark.parametrize(
    ("view", "size"), [("view=runs", (1280, 800)), ("data=both", (360, 740)), ("data=both", (1280, 500))]
)
def test_what_has_the_focus_is_never_covered(read, view, size):
    page = read(view, width=size[0], height=size[1])
    page.tab.locator("main tbody .go").first.focus()
    for key, times in (("ArrowDown", 15), ("ArrowUp", 15), ("ArrowRight", 6), ("ArrowLeft", 5)):
        for _ in range(times):
            page.tab.keyboard.press(key)
            assert not page.tab.evaluate(UNDER_HEAD) and not page.tab.evaluate(UNDER_FIRST), key


OBSERVERS = """
    window.watching = new Set();
    const { observe, disconnect } = IntersectionObserver.prototype;
    IntersectionObserver.prototype.observe = function (node) { watching.add(this); observe.call(this, node); };
    IntersectionObserver.prototype.disconnect = function () { watching.delete(this); disconnect.call(this); };
    window.printers = 0;
    const listen = window.addEventListener;
    window.addEventListener = (name, ...rest) => {
        printers += name === "beforeprint";
        listen.call(window, name, ...rest);
    };
"""


def test_a_long_table_draws_what_is_reached(read, site, make):
    page = read("view=runs", folder=site(*(make(seed=seed) for seed in range(500))))
    rows = page.tab.locator("main tbody tr")
    assert rows.count() == 150
    for seen in (300, 450, 500):  # within its box, while the page stays where it is
        page.tab.evaluate("document.querySelector('main .box').scrollTo(0, 1e6)")
        page.tab.wait_for_selector(f"main tbody tr:nth-child({seen})", state="attached")
    assert rows.count() == 500 and page.tab.locator(".more").count() == 0
    assert rows.last.get_attribute("aria-rowindex") == "501"
    page.sort("Run")
    assert rows.count() == 150
    rows.last.locator(".go").focus()
    page.tab.keyboard.press("ArrowDown")
    assert rows.count() >= 300
    assert page.focused("closest('tr').sectionRowIndex") == 150
    page.tab.add_init_script(OBSERVERS)
    page.tab.reload()
    page.tab.locator("main input[type=search]").type("done")
    assert page.tab.evaluate("[watching.size, printers]") == [1, 1]
    page.tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert rows.count() == 500 and page.tab.evaluate("watching.size") == 0
    page.sort("Run")
    page.tab.click("nav a:has-text('Tasks')")
    assert page.tab.evaluate("watching.size") == 0


def test_panels_that_follow_each_other_at_once(read):
    page = read("protocol=knn")
    page.tab.click("nav a:has-text('Runs')")
    page.tab.click("nav a:has-text('Leaderboard')")
    board = page.tab.url
    click = "document.querySelectorAll('td.value button')[{}].click()"
    page.tab.evaluate(click.format(0))
    first = page.tab.url
    page.tab.evaluate(f"document.getElementById('panel').close(); {click.format(1)}")  # before the page hears of it
    page.tab.wait_for_timeout(100)
    assert page.tab.locator("#panel").is_visible() and page.tab.url not in (board, first)
    second = page.tab.url
    soon = f"document.getElementById('panel').addEventListener('close', () => {click.format(2)}, {{ once: true }})"
    page.tab.evaluate(f"{soon}; document.getElementById('panel').close()")  # while the browser goes back
    page.tab.wait_for_timeout(100)
    assert page.tab.locator("#panel").is_visible() and page.tab.url not in (board, first, second)

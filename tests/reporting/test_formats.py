"""All formats say the same, and each can be read back."""

import csv
import io
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.render import FORMATS, render
from rsbench.reporting.table import build_table

GOLDEN = Path(__file__).parent / "golden" / "table1.md"
NUMBER = re.compile(r"\d+\.\d+")


@pytest.fixture(scope="module")
def table(made):
    return build_table(1, made)


def expected(table):
    """(variant, printed numbers) of every row, in order, straight from the table object."""
    rows = []
    for section in table.sections:
        for row in section.rows:
            cells = [cell for cell in row.cells if cell]
            numbers = [n for cell in cells for n in (cell.value, cell.low, cell.high, cell.sd) if n]
            rows.append((row.method, numbers))
    return rows


def pipe_rows(text):
    for line in text.splitlines():
        if line.startswith("|") and not re.match(r"\| *:?-", line):
            yield [re.sub(r"\[\^\d+\]|\*\*", "", cell).strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_golden_markdown(table):
    """Set RSBENCH_GOLDEN=write to renew the file after a change that is meant."""
    text = render(table, "markdown")
    if os.environ.get("RSBENCH_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_markdown_reads_back(table):
    rows = []
    for cells in pipe_rows(render(table, "markdown")):
        if "Method" in cells:
            start = cells.index("Method")
        else:
            rows.append((cells[start], NUMBER.findall(" ".join(cells[start + 2 :]))))
    assert rows == expected(table)


def test_markdown_lines_of_a_table_have_equal_width(table):
    blocks = re.findall(r"(?:^\|.*\n)+", render(table, "markdown"), re.M)
    assert len(blocks) == 3
    for block in blocks:
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_every_footnote_is_referred_to_and_every_reference_has_one(table, form):
    text = render(table, form)
    if form == "markdown":
        used, defined = re.findall(r"\[\^(\d+)\](?!:)", text), re.findall(r"^\[\^(\d+)\]:", text, re.M)
    else:
        used, defined = re.findall(r'href="#note-(\d+)"', text), re.findall(r'id="note-(\d+)"', text)
        assert sorted(re.findall(r'id="cell-(\d+)"', text)) == sorted(defined) == sorted(set(defined))
        assert set(re.findall(r'href="#cell-(\d+)"', text)) == set(defined)
    assert set(used) == set(defined) == {str(n) for n in range(1, len(table.footnotes) + 1)}


def test_latex_reads_back_and_is_balanced(table):
    text = render(table, "latex")
    assert re.findall(r"\\begin\{(.*?)\}", text) == ["table*", "tabular"]
    assert re.findall(r"\\end\{(.*?)\}", text) == ["tabular", "table*"]
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    [spec] = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    rows = []
    for line in body.splitlines():
        if not line.endswith(r"\\") or line.startswith(r"\multicolumn"):
            continue
        cells = re.split(r"(?<!\\)&", line.removesuffix(r"\\"))
        assert len(cells) == len(spec)
        if "Method" not in cells[1]:
            plain = re.sub(r"\\textsuperscript\{\d+\}", "", " ".join(cells[3:]))
            rows.append((cells[1].strip(), NUMBER.findall(plain)))
    assert rows == expected(table)


def test_latex_escapes_what_latex_would_read(make, tmp_path):
    store = Store(tmp_path)
    store.write(make(title=r"A_b & 50% $x$ {y} #1 \end ~ ^", status="failed", reason="a_b & c"))
    text = render(build_table(1, store), "latex")
    assert r"A\_b \& 50\% \$x\$ \{y\} \#1 \textbackslash{}end \textasciitilde{} \textasciicircum{}" in text
    assert r"a\_b \& c" in text
    assert not re.search(r"(?<!\\)[_#]", text)
    assert "±" not in text


def test_csv_reads_back(table):
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert len(rows) == 23
    found = []
    for row in rows:
        numbers = [
            value for name, value in row.items() if value and (name in ("EuroSAT", "NWPU-RESISC45") or is_number(name))
        ]
        found.append((row["method"], numbers))
    assert found == expected(table)
    [line] = [row for row in rows if row["variant"] == "imagenet/resnet50"]
    assert line["EuroSAT@paper/seco/val mean"] == "12.00"
    assert line["EuroSAT@paper/seco/val seeds"] == "0 1 2"
    assert len(line["EuroSAT@paper/seco/val runs"].split()) == 3
    [line] = [row for row in rows if row["variant"] == "seco/resnet50"]
    assert line["EuroSAT@paper/seco/val status"] == "failed"
    assert line["EuroSAT@paper/seco/val mean"] == ""
    assert "all 0" in line["EuroSAT@paper/seco/val note"]


def is_number(name):
    return name.rpartition(" ")[2] in ("mean", "lo", "hi", "sd")


class Rows(HTMLParser):
    """Collects the cells of the body rows of the only table, and all tags for balance."""

    def __init__(self):
        super().__init__()
        self.rows, self.open, self.skip, self.loads = [], [], 0, []

    def handle_starttag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in ("src", "srcset") or (tag, name) == ("link", "href")]
        if tag in ("meta", "link"):
            return
        self.open.append(tag)
        self.skip += tag == "sup"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.skip -= tag == "sup"

    def handle_data(self, data):
        if self.open and {"td", "th"} & set(self.open) and not self.skip:
            self.rows[-1][-1] += data + " "


def test_html_reads_back_is_balanced_and_loads_nothing(table):
    parser = Rows()
    parser.feed(render(table, "html"))
    assert parser.open == []
    assert parser.loads == []
    body = [row for row in parser.rows[1:] if len(row) > 1]
    assert {len(row) for row in body} == {3 + len(table.columns)}
    assert [(row[1].strip(), NUMBER.findall(" ".join(row[3:]))) for row in body] == expected(table)


def test_html_escapes_what_a_browser_would_run(make, tmp_path):
    store = Store(tmp_path)
    store.write(make(title="<script>x</script>", status="failed", reason="<b>&"))
    text = render(build_table(1, store), "html")
    assert "<script" not in text
    assert "&lt;b&gt;&amp;" in text


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_every_format_prints_every_published_number(number, form):
    table = build_table(number, Store("nowhere"))
    text = render(table, form)
    printed = [cell.value for row in table.sections[0].rows for cell in row.cells]
    assert len(printed) == {1: 40, 2: 40, 3: 196, 4: 60, 5: 8}[number]
    found = NUMBER.findall(text)
    for value in set(printed):
        assert found.count(value) >= printed.count(value)


@pytest.mark.parametrize("form", FORMATS)
def test_a_checkpoint_of_the_user_is_a_row_in_every_format(make, tmp_path, form):
    store = Store(tmp_path)
    weights = {"source": "checkpoint", "digest": "a1b2c3d4e5f6"}
    store.write(make(method="random/resnet50", title="Random Init., ResNet50", weights=weights))
    text = render(build_table(1, store), form)
    [line] = [line for line in text.splitlines() if "Random Init., ResNet50, checkpoint a1b2c3d4" in line]
    [measured] = [line for line in text.splitlines() if "12.50" in line]
    assert form == "html" or line == measured


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "csv"])
def test_a_warning_is_printed(tmp_path, make, form):
    (tmp_path / "0123456789abcdef").mkdir()
    text = render(build_table(1, Store(tmp_path)), form)
    assert "0123456789abcdef cannot be read" in text


def test_an_unknown_format_is_the_users_error(table):
    with pytest.raises(UserError, match="Did you mean 'html'"):
        render(table, "htm")

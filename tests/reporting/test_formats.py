"""All formats say the same, and each can be read back."""

import csv
import io
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
import table_cases

from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.render import FORMATS, render
from rsbench.reporting.table import build_table

GOLDEN = Path(__file__).parent / "golden"
NUMBER = re.compile(r"\d+\.\d+")


@pytest.fixture(scope="module")
def table(made):
    return build_table(1, made)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The made-up store with runs for all tables, and with folders that cannot be read."""
    return table_cases.write_all(tmp_path_factory.mktemp("full") / "runs")


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
            yield [re.sub(r"\[\^\d+\]|(?<!\\)\*", "", cell).strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize(
    ("number", "form", "name"),
    [
        (1, "markdown", "table1.md"), (1, "latex", "table1.tex"), (1, "csv", "table1.csv"), (1, "html", "table1.html"),
        (1, "json", "table1.json"), (3, "markdown", "table3.md"), (5, "markdown", "table5.md"),
        (5, "latex", "table5.tex"),
    ],
)  # fmt: skip
def test_golden(full, number, form, name):
    """Set RSBENCH_GOLDEN=write to renew the files after a change that is meant."""
    text = render(build_table(number, full, tests=True), form).replace(str(full.root), "RUNS")
    if os.environ.get("RSBENCH_GOLDEN") == "write":
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


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


def expanded(text):
    """LaTeX with its macros replaced by what they stand for."""
    found = dict(re.findall(r"^\\def(\\rsb[A-Za-z]+)\{(.*)\}$", text, re.M))
    body = text[text.rindex("\\def\\rsb") :].partition("\n")[2]
    body = re.sub(r"(\\rsbTable[A-Za-z]+)\{\}", lambda use: found[use[1]], body)
    assert not re.search(r"\\rsbTable", body)
    return body


def test_latex_reads_back_and_is_balanced(table):
    text = render(table, "latex")
    for name in ("table*", "tabular"):
        assert len(re.findall(rf"\\begin{{{re.escape(name)}}}", text)) == len(
            re.findall(rf"\\end{{{re.escape(name)}}}", text)
        )
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    rows, left, width = [], 0, 0
    for line in expanded(text).splitlines():
        if spec := re.match(r"\\begin\{tabular\}\{(l+)(r+)\}", line):
            left, width = len(spec[1]), len(spec[1]) + len(spec[2])
        if not line.endswith(r"\\") or line.startswith(r"\multicolumn"):
            continue
        cells = re.split(r"(?<!\\)&", line.removesuffix(r"\\"))
        assert len(cells) == width
        if "Method" not in cells[left - 2]:
            plain = re.sub(r"\\textsuperscript\{\d+\}|\\ensuremath", "", " ".join(cells[left:]))
            rows.append((cells[left - 2].strip(), NUMBER.findall(plain)))
    assert rows == expected(table)


def test_latex_escapes_what_latex_would_read(make, tmp_path):
    store = Store(tmp_path)
    store.write(make(title=r"A_b & 50% $x$ {y} #1 \end ~ ^ -- é 中", status="failed", reason="a_b & c"))
    text = render(build_table(1, store), "latex")
    printed = (
        r"A\_b \& 50\% \$x\$ \{y\} \#1 \textbackslash{}end \textasciitilde{} \textasciicircum{} -{}- \'{e} [U+4E2D]"
    )
    assert printed in text
    assert r"a\_b \& c" in text
    assert text.isascii()


def test_a_command_in_latex_may_break_and_has_its_own_hyphens(full):
    text = render(build_table(1, full), "latex")
    assert r"-{}-{}method imagenet/\allowbreak{}swin\_\allowbreak{}b" in text


def test_csv_reads_back(table):
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert len(rows) == 23
    found = []
    for row in rows:
        printed = ("EuroSAT", "NWPU-RESISC45")
        numbers = [value for name, value in row.items() if value and (name in printed or is_number(name))]
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


def test_csv_has_verdicts_ranks_commands_and_warnings(full):
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(render(build_table(1, full), "csv")))}
    line = rows["geo-aware/resnet50"]
    assert line["EuroSAT verdict"] == "not comparable: split few, not seco"
    assert (line["EuroSAT difference"], line["EuroSAT verdict_column"]) == ("-5.66", "EuroSAT@paper/few/val")
    assert line["EuroSAT@paper/few/val commands"] == table_cases.command("geo-aware/resnet50", "eurosat", "0-1")
    line = rows["caco/resnet50"]
    assert line["EuroSAT verdict"] == line["EuroSAT@paper/seco/val verdict"] == "reproduced"
    assert (line["EuroSAT difference"], line["tolerance"]) == ("-0.59", "1.0")
    assert line["EuroSAT@paper/seco/val not_ranked"] == "192 px, others 224 px"
    assert rows["ctxmim/swin_b"]["EuroSAT rank"] == "1"
    assert table_cases.NASTY in rows["seco/resnet50"]["EuroSAT verdict"]
    assert [row["section"] for row in rows.values()][-1] == "warning"


def test_json_has_everything_under_stable_keys(full):
    table = build_table(1, full)
    found = json.loads(render(table, "json"))
    assert list(found) == [
        "schema_version", "table", "caption", "source", "tolerance", "tests", "columns", "rows", "notes", "warnings",
    ]  # fmt: skip
    assert (found["schema_version"], found["tolerance"], len(found["warnings"])) == (1, 1.0, 2)
    assert [column["key"] for column in found["columns"]] == [column.key for column in table.columns]
    rows = {(row["section"], row["variant"]): row["cells"] for row in found["rows"]}
    cell = rows["published", "imagenet/swin_b"]["EuroSAT@paper/seco/val"]
    verdict = {"kind": "reproduced", "text": "reproduced", "why": None, "difference": 0.62, "column": None}
    assert cell["verdict"] == verdict
    assert (cell["text"], cell["mean"], cell["sd"], cell["seeds"], cell["rank"]) == ("94.00", 94.0, 0.0, [0, 1], 4)
    assert cell["commands"] == [table_cases.command("imagenet/swin_b", "eurosat", "0-1")]
    assert [full.read(run).seed for run in cell["runs"]] == [0, 1]
    paper = rows["published", "imagenet/swin_b"]["EuroSAT"]
    assert (paper["text"], paper["value"]) == ("93.38", 93.38)
    assert paper["verdict"] == {**verdict, "column": "EuroSAT@paper/seco/val"}
    failed = rows["published", "seco/resnet50"]["EuroSAT@paper/seco/val"]
    assert (failed["status"], failed["mean"], failed["verdict"]["kind"]) == ("failed", None, "not run")
    assert rows["published", "cmid/resnet50"]["EuroSAT@paper/seco/val"]["status"] == "not run"
    assert "EuroSAT@paper/few/val" not in rows["demo", "ctxmim/nano"]


def test_json_says_what_is_published_and_what_a_gain_is_derived_from(full):
    found = json.loads(render(build_table(5, full), "json"))
    gains = {(row["section"], row["variant"]): row["cells"] for row in found["rows"] if row["derived"]}
    assert set(gains) == {
        ("published", "ctxmim/swin_b - simmim-rs/swin_b"), ("measured", "ctxmim/nano - simmim-rs/nano"),
    }  # fmt: skip
    cells = gains["published", "ctxmim/swin_b - simmim-rs/swin_b"]
    assert [cells[key]["value"] for key in ("LcC", "SS", "OD", "IS")] == [1.97, 2.31, 2.7, 1.4]
    assert cells["SS@paper/5000-1940/val"]["mean"] == 1.0


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
    rows, start, width = [], 0, 0
    for row in parser.rows:
        names = [name.strip() for name in row]
        if "Method" in names:
            start, width = names.index("Method"), len(row)
            continue
        assert len(row) == width
        rows.append((names[start], NUMBER.findall(" ".join(row[start + 2 :]))))
    assert rows == expected(table)


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
    printed = [cell.value for row in table.sections[0].rows for cell in row.cells if not row.derived]
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
    if form in ("markdown", "csv"):
        assert "12.50" in line
    elif form == "latex":
        assert r"{12.50}" in text
        assert "12.50" in expanded(text)
    else:
        assert "12.50" in text[text.index(line) :]


@pytest.mark.parametrize("form", FORMATS)
def test_a_warning_is_printed(tmp_path, make, form):
    (tmp_path / "0123456789abcdef").mkdir()
    text = render(build_table(1, Store(tmp_path)), form)
    assert "0123456789abcdef is left out" in text


def test_an_unknown_format_is_the_users_error(table):
    with pytest.raises(UserError, match="Did you mean 'html'"):
        render(table, "htm")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_every_format_tells_the_tolerance_and_every_verdict(full, number, form):
    table = build_table(number, full, tolerance=2.5)
    text = render(table, form)
    assert "2.5" in text
    body = expanded(text) if form == "latex" else text
    for row in table.sections[0].rows:
        for cell in row.cells:
            if cell and cell.runs and cell.verdict and cell.verdict.kind in ("reproduced", "differs"):
                said = cell.verdict.text.replace(" -", r" \ensuremath{-}") if form == "latex" else cell.verdict.text
                assert said in body


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_markdown_and_html_mark_the_same_cells(full, number):
    table = build_table(number, full)
    cells = [cell for section in table.sections for row in section.rows for cell in row.cells if cell]
    best, second = (
        sorted(cell.value for cell in cells if getattr(cell, mark) and cell.value) for mark in ("best", "second")
    )
    pipes = "\n".join(line for line in render(table, "markdown").splitlines() if line.startswith("|"))
    assert sorted(re.findall(r"\*\*([\d.]+)\*\*", pipes)) == best
    assert sorted(re.findall(r"(?<!\*)\*([\d.]+)\*(?!\*)", pipes)) == second
    html = render(table, "html")
    assert sorted(re.findall(r"<b>([\d.]+)</b>", html)) == best
    assert sorted(re.findall(r"<u>([\d.]+)</u>", html)) == second
    body = expanded(render(table, "latex"))
    assert sorted(re.findall(r"\\textbf\{([\d.]+)\}", body)) == best
    assert sorted(re.findall(r"\\underline\{([\d.]+)\}", body)) == second


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """Three methods on the same items: the second is level with the best, the third is not."""
    store = Store(tmp_path_factory.mktemp("tested") / "runs")
    for name, right in (("a", 180), ("b", 179), ("c", 60)):
        items = pa.table(
            {
                "part": ["val"] * 200,
                "item": [f"{i}.jpg" for i in range(200)],
                "top1": [float(i < right) for i in range(200)],
            }
        )
        about = {"method": f"made/{name}", "title": f"Made, {name}", "metrics": {"val/top1": right / 2}}
        store.write(table_cases.make(**about, intervals={"val/top1": (right / 2 - 1, right / 2 + 1)}), items)
    return store


def test_a_row_that_is_not_shown_to_differ_from_the_best_says_so_in_every_format(tested):
    table = build_table(1, tested, tests=True)
    [section] = [section for section in table.sections if section.kind == "measured"]
    assert [row.cells[1].sign for row in section.rows] == ["", "≈", ""]
    assert "*89.50*≈" in render(table, "markdown")
    assert "<u>89.50</u>≈" in render(table, "html")
    assert r"\underline{89.50}$\approx$" in expanded(render(table, "latex")).replace("{89.50{}}", "{89.50}")
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(render(table, "csv")))}
    key = "EuroSAT@paper/seco/val"
    shown = [rows[f"made/{name}"][f"{key} against_best_shown"] for name in "abc"]
    assert shown == ["", "no", "yes"]
    cells = {row["variant"]: row["cells"].get(key) for row in json.loads(render(table, "json"))["rows"]}
    assert cells["made/a"]["against_best"] is None
    against = cells["made/b"]["against_best"]
    assert list(against) == ["difference", "low", "high", "p", "p_seeds", "corrected", "test", "shown"]
    assert (against["difference"], against["test"], against["shown"]) == (-0.5, "McNemar", False)
    assert cells["made/c"]["against_best"]["shown"] is True
    assert any(note.startswith("≈: no difference from the best of the column is shown") for note in table.notes)


def test_without_tests_nothing_is_said_of_them(tested):
    table = build_table(1, tested)
    for form in FORMATS:
        assert "≈" not in render(table, form)
    assert all(cell.against is None for section in table.sections for row in section.rows for cell in row.cells if cell)


def test_markdown_escapes_what_github_would_read():
    from rsbench.reporting.markdown import escape

    assert escape("cost $5, now $6$ &lt;b&gt; a_b") == r"cost \$5, now \$6\$ \&lt;b\&gt; a\_b"


def in_formats(store, **options):
    """The measured cells of Table 1 by variant, as CSV has them (without the column's key) and as JSON has them."""
    table = build_table(1, store, **options)
    key = "EuroSAT@paper/seco/val"
    lines = {row["variant"]: row for row in csv.DictReader(io.StringIO(render(table, "csv")))}
    of_csv = {
        variant: {name.removeprefix(f"{key} "): value for name, value in line.items() if name.startswith(f"{key} ")}
        for variant, line in lines.items()
    }
    found = json.loads(render(table, "json"))
    return table, found, of_csv, {row["variant"]: row["cells"].get(key) for row in found["rows"]}


def test_what_is_untested_is_said_in_csv_and_json_and_by_a_sign_even_of_a_tie(tmp_path):
    store = Store(tmp_path)
    for name, right, left in (("a", 900, True), ("b", 900, False), ("c", 800, True), ("d", 700, False)):
        about = {"method": f"made/{name}", "title": name, "metrics": {"val/top1": right / 10}}
        store.write(table_cases.make(**about), table_cases.hits(right) if left else None)
    table, found, of_csv, of_json = in_formats(store, tests=True)
    variants = [f"made/{name}" for name in "abcd"]
    signs = {row.variant: row.cells[1].sign for section in table.sections[1:] for row in section.rows}
    assert [signs[one] for one in variants] == ["", "?", "", "?"]
    assert [of_csv[one]["untested"] for one in variants] == ["no", "yes", "no", "yes"]
    assert [of_json[one]["untested"] for one in variants] == [False, True, False, True]
    assert [of_json[one]["rank"] for one in variants] == [1, 1, 3, 4]
    assert found["tests"] is True
    _, found, of_csv, of_json = in_formats(store)
    assert found["tests"] is False
    assert {of_csv[one]["untested"] for one in variants} == {""}
    assert not any(of_json[one]["untested"] for one in variants)


def test_the_test_over_seeds_is_in_csv_and_json(tmp_path):
    from scipy import stats

    store, rights = Store(tmp_path), {"a": (905, 900, 890), "b": (805, 800, 800), "c": (700,)}
    for name, several in rights.items():
        for seed, right in enumerate(several):
            about = {"method": f"made/{name}", "title": name, "seed": seed, "metrics": {"val/top1": right / 10}}
            store.write(table_cases.make(**about), table_cases.hits(right, 100 * seed))
    _, _, of_csv, of_json = in_formats(store, tests=True)
    p = stats.ttest_ind(rights["a"], rights["b"], equal_var=False).pvalue
    assert of_json["made/b"]["against_best"]["p_seeds"] == pytest.approx(p)
    assert of_csv["made/b"]["against_best_p_seeds"] == f"{p:.4g}"
    assert of_json["made/c"]["against_best"]["p_seeds"] is None
    assert of_csv["made/c"]["against_best_p_seeds"] == ""
    assert of_csv["made/c"]["against_best_shown"] == "yes"


def test_the_note_of_the_signs_speaks_of_measured_rows_and_of_seeds(tested):
    [note] = [note for note in build_table(1, tested, tests=True).notes if note.startswith("≈")]
    for said in ("Welch's test over seeds", "?: not tested", "Measured rows ranked below the first", "has one seed"):
        assert said in note
    assert not any(note.startswith("≈") for note in build_table(1, tested).notes)


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t"])
def test_no_text_in_csv_is_a_formula_and_numbers_stay(tmp_path, mark):
    store = Store(tmp_path)
    evil = f'{mark}HYPERLINK("http://made.up","x")'
    store.write(table_cases.make(method="a/x", title=evil, command=f"{mark}1|cmd"))
    store.write(table_cases.make(method="seco/resnet50", title="SeCo", metrics={"val/top1": 1.0}))
    (tmp_path / f"{mark.strip() or '='}broken").mkdir()
    rows = list(csv.reader(io.StringIO(render(build_table(1, store, tests=True), "csv"), newline="")))
    cells = [cell for row in rows for cell in row]
    assert f"'{evil}" in cells
    assert f"'{mark}1|cmd" in cells
    formulas = [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert all(re.fullmatch(r"[+-]\d+\.\d+", cell) for cell in formulas)

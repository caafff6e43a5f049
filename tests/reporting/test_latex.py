"""The LaTeX is compiled by a real TeX engine, whatever is in the store."""

import re
import shutil
import subprocess
import unicodedata

import pytest
import table_cases
from hypothesis import given
from hypothesis import strategies as st

from rsbench.records import Store
from rsbench.reporting.cells import Cell, Column, Row, Section, Table
from rsbench.reporting.latex_macros import macros, words
from rsbench.reporting.latex_text import code, escape
from rsbench.reporting.published import published_table
from rsbench.reporting.render import render
from rsbench.reporting.table import build_table
from rsbench.reporting.verdicts import TOLERANCE

ENGINES = [name for name in ("pdflatex", "lualatex", "tectonic") if shutil.which(name)]
needs_tex = pytest.mark.skipif(not ENGINES, reason="no TeX engine (pdflatex, lualatex or tectonic) is on PATH")


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return table_cases.write_all(tmp_path_factory.mktemp("full") / "runs")


def compile_tex(folder, body, options="", engine=ENGINES[0] if ENGINES else ""):
    """Compiles a small document and returns the log of the last run."""
    head = rf"\documentclass[{options}]{{article}}\usepackage{{booktabs,graphicx}}"
    (folder / "t.tex").write_text(f"{head}\n\\begin{{document}}\n{body}\n\\end{{document}}\n", encoding="utf-8")
    command = [engine, "t.tex"] if engine == "tectonic" else [engine, "-interaction=nonstopmode", "-halt-on-error", "t"]
    for _ in range(1 if engine == "tectonic" else 2):  # the second finds the labels
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=240)
        assert done.returncode == 0, done.stdout[-3000:]
    log = folder / "t.log"
    return done.stdout + done.stderr + (log.read_text(errors="replace") if log.exists() else "")


@needs_tex
@pytest.mark.parametrize("options", ["", "twocolumn"])
def test_all_five_tables_compile_beside_each_other(full, tmp_path, options):
    for number in range(1, 6):
        (tmp_path / f"table{number}.tex").write_text(render(build_table(number, full, tests=True), "latex"))
    body = "".join(f"\\input{{table{number}.tex}}\n" for number in range(1, 6))
    log = compile_tex(tmp_path, body, options)
    assert (tmp_path / "t.pdf").stat().st_size > 10_000
    assert "undefined" not in log
    assert "multiply defined" not in log
    assert "too large" not in log
    wide = [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    assert max(wide, default=0) < (40 if options else 1)


@needs_tex
def test_full_and_long_tables_stay_on_their_pages(tmp_path):
    """Every row of the paper measured in every column, and a hundred other methods."""
    store = Store(tmp_path / "runs")
    for row in published_table(2).rows:
        about = {"method": row.variant, "title": row.method, "task": "spacenet-rio", "kind": "segmentation"}
        metrics = {"val/mIoU": 70.0, "val/mAcc": 80.0, "val/IoU_building": 60.0}
        bounds = {name: (value - 1, value + 1) for name, value in metrics.items()}
        store.write(table_cases.make(**about, split="5000-1940", metrics=metrics, intervals=bounds))
    for index in range(100):
        store.write(table_cases.make(method=f"made/m{index}", title=f"Made, {index}", metrics={"val/top1": index / 2}))
    for number in (1, 2):
        (tmp_path / f"table{number}.tex").write_text(render(build_table(number, store), "latex"))
    assert (tmp_path / "table1.tex").read_text().count(r"\begin{table*}") == 1 + 4  # 30 methods in each
    for options in ("", "landscape"):
        log = compile_tex(tmp_path, "\\input{table1.tex}\\input{table2.tex}", options)
        assert "too large" not in log
        assert not re.search(r"Overfull \\hbox \((?:[5-9]|\d\d)[\d.]*pt", log)


@needs_tex
def test_a_table_can_be_read_twice_and_its_macros_stand_in_the_text(full, tmp_path):
    table = build_table(1, full)
    (tmp_path / "a.tex").write_text(render(table, "latex"))
    names = macros(table).texts
    text = ", ".join(f"{name}{{}}" for name in names)
    compile_tex(tmp_path, f"\\input{{a.tex}}\n{text}\n\\input{{a.tex}}\n")


@needs_tex
def test_an_empty_store_compiles(tmp_path):
    for number in range(1, 6):
        (tmp_path / f"table{number}.tex").write_text(render(build_table(number, Store("nowhere")), "latex"))
    body = "".join(f"\\input{{table{number}.tex}}\n" for number in range(1, 6))
    assert "undefined" not in compile_tex(tmp_path, body)


FIRST = ("Alpha", "*Starred", "[12pt] Bracket", "中文, x", "[3em]Bracketed", "**")


@needs_tex
def test_a_row_may_begin_with_what_a_row_before_it_could_take_for_an_argument(tmp_path):
    for first in range(len(FIRST)):  # each once behind a rule, and behind every other
        store = Store(tmp_path / f"runs{first}")
        titles = FIRST[first:] + FIRST[:first]
        for index, title in enumerate(titles):
            store.write(table_cases.make(method=f"m{index}/x", title=title, metrics={"val/top1": 50.0 + index}))
        text = render(build_table(1, store), "latex")
        (tmp_path / f"table{first}.tex").write_text(text)
        assert not re.search(r"(\\\\|rule)\s*\n\s*[\[*]", text)
    compile_tex(tmp_path, "".join(f"\\input{{table{first}.tex}}\n" for first in range(len(FIRST))))


@needs_tex
def test_every_character_can_be_printed(tmp_path):
    """All of Latin-1 and its first extension, many others, and what TeX reads into them."""
    marks = [chr(number) for number in [*range(0x20, 0x180), 0x2013, 0x2014, 0x2018, 0x201C, 0x2026, 0x2192, 0x2212]]
    marks += [
        "中",
        "🛰",
        "\u0000",
        "\u001b",
        "\u202e",
        "e\u0301",
        "ế",
        "--",
        "---",
        "''",
        "``",
        "?`",
        "!`",
        "\\par",
        "%%",
    ]
    lines = [f"{escape(mark)} {code(mark)}\\par" for mark in marks if mark.strip() or mark == " "]
    log = compile_tex(tmp_path, "\n".join(lines))
    assert "Missing character" not in log


@given(st.text(max_size=60))
def test_escaped_text_is_ascii_and_has_no_bare_mark(text):
    for printed in (escape(text), code(text)):
        assert printed.isascii()
        assert printed.isprintable()
        assert not re.search(r"(?<!\\)[%#&_]", re.sub(r"\\\\", "", printed))


@given(st.text(alphabet=st.characters(min_codepoint=0xC0, max_codepoint=0x17F), max_size=20))
def test_accents_are_told_by_their_letters(text):
    for mark in unicodedata.normalize("NFC", text):
        base = unicodedata.normalize("NFD", mark)[0]
        assert base in escape(mark) or f"U+{ord(mark):04X}" in escape(mark) or not base.isascii()


def test_minus_signs_and_hyphens():
    assert escape("-1.5") == r"\ensuremath{-}1.5"
    assert escape("differs by -1.5") == r"differs by \ensuremath{-}1.5"
    assert escape("5000-1940 re-2 a -- b") == "5000-1940 re-2 a -{}- b"


def test_every_number_of_every_table_has_a_macro_of_letters_alone(full):
    seen = set()
    for number in range(1, 6):
        table = build_table(number, full)
        found = macros(table)
        assert all(re.fullmatch(r"\\rsbTable[A-Za-z]+", name) for name in found.texts)
        assert not seen & set(found.texts)
        seen |= set(found.texts)
        for section in table.sections:
            for row in section.rows:
                for column, cell in zip(table.columns, row.cells, strict=True):
                    own = found.of_cell.get((section.kind, row.variant, column.key), {})
                    if cell and cell.value:
                        assert found.texts[own["Published" if column.published else "Mean"]] == cell.value
                    if cell and cell.low:
                        assert (found.texts[own["Low"]], found.texts[own["High"]]) == (cell.low, cell.high)
                    if cell and cell.runs:
                        assert found.texts[own["Runs"]] == ", ".join(cell.runs)


def test_names_of_macros_are_those_of_the_documentation(full):
    texts = macros(build_table(1, full)).texts
    assert texts[r"\rsbTableOneCtxmimSwinBEurosatPublished"] == "98.87"
    assert texts[r"\rsbTableOneImagenetSwinBEurosatPaperSecoValMean"] == "94.00"
    assert texts[r"\rsbTableOneImagenetSwinBEurosatPaperSecoValVerdict"] == "reproduced"
    assert texts[r"\rsbTableOneDemoCtxmimNanoEurosatPaperSecoValMean"] == "33.30"
    assert r"\rsbTableOneCtxmimSwinBEurosatPaperSecoValMean" not in texts  # a user's checkpoint is another row


@pytest.mark.parametrize("other", [{"input_size": 64}, {"dataset": {"split_sha256": "b" * 64}}])
def test_the_name_of_a_divided_column_is_gone_and_names_no_other_number(tmp_path, other):
    store = Store(tmp_path)
    about = {"method": "ctxmim/swin_b", "title": "CtxMIM"}
    store.write(table_cases.make(**about, metrics={"val/top1": 50.0}))
    name = r"\rsbTableOneCtxmimSwinBEurosatPaperSecoValMean"
    before = macros(build_table(1, store)).texts
    assert before[name] == "50.00"
    store.write(table_cases.make(**about, seed=1, metrics={"val/top1": 60.0}, **other))
    after = macros(build_table(1, store)).texts
    assert {text for key, text in after.items() if key.endswith("Mean")} == {"50.00", "60.00"}
    assert not {key for key in before if "PaperSecoVal" in key} & set(after)


ID = st.text(alphabet="abAB1_-/@. ", min_size=1, max_size=6)


@given(st.lists(ID, min_size=1, max_size=8, unique=True), st.lists(ID, min_size=1, max_size=3, unique=True))
def test_no_two_cells_share_a_macro(variants, keys):
    columns = tuple(
        Column(
            key=key, of=key, name=key, about=(), published=True, decimals=1, task="", metric="", part="", protocol="",
            split="",
        )
        for key in keys
    )  # fmt: skip
    rows = tuple(
        Row("", name, "", name, tuple(Cell(f"{i}{j}") for j in range(len(keys)))) for i, name in enumerate(variants)
    )
    sections = (Section("published", "", rows), Section("demo", "", rows))
    table = Table(1, "", "", TOLERANCE, columns, sections, (), (), ())
    found = macros(table)
    names = [name for own in found.of_cell.values() for name in own.values()]
    assert len(names) == len(set(names)) == 2 * len(variants) * len(keys)
    assert macros(table) == found


def test_words_that_differ_in_their_marks_alone_come_to_the_same():
    assert words("swin_b") == words("swin-b") == "SwinB"

"""``rsbench table`` as a command."""

import os
import subprocess
import sys

import pytest
import typer
from table_cases import EUROSAT
from typer.testing import CliRunner

from rsbench.cli.audit import audit
from rsbench.cli.table import table
from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.render import FORMATS, render
from rsbench.reporting.table import build_table

app = typer.Typer()
app.command()(table)
auditing = typer.Typer()
auditing.command()(audit)


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.mark.parametrize("form", FORMATS)
def test_it_prints_what_render_gives(made, form):
    result = run(1, "--results", made.root, "--format", form)
    assert result.exit_code == 0, result.exception
    assert result.stdout == render(build_table(1, made, tests=True), form)


def test_without_a_results_folder_the_published_table_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(2)
    assert result.exit_code == 0
    assert result.stdout == render(build_table(2, Store(tmp_path)), "markdown")
    assert list(tmp_path.iterdir()) == []


def test_the_default_folder_is_results_runs(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    record = make()
    Store("results/runs").write(record)
    assert record.id in run(1).stdout


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((1, "--results", "nowhere"), "results folder nowhere does not exist"),
        ((7,), "no table 7"),
        ((1, "--format", "markdwon"), "Did you mean 'markdown'"),
        ((1, "--output", "no/such/folder/t.md"), "cannot be written to no/such/folder/t.md: there is no folder"),
        ((1, "--output", "."), "cannot be written to .: it is a folder"),
        ((1, "--tolerance", "-0.5"), "not between 0 and 100"),
        ((1, "--tolerance", "101"), "not between 0 and 100"),
        ((1, "--tolerance", "nan"), "not between 0 and 100"),
    ],
)
def test_mistakes_are_the_users_errors(tmp_path, monkeypatch, arguments, match):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert isinstance(result.exception, UserError)
    assert match in str(result.exception)
    assert result.stdout == ""


def test_a_results_folder_that_is_a_file_is_called_one(tmp_path):
    (tmp_path / "runs").write_text("")
    result = run(1, "--results", tmp_path / "runs")
    assert isinstance(result.exception, UserError)
    assert "runs is a file, not a folder" in str(result.exception)


@pytest.mark.parametrize("arguments", [("--format", "latx"), ("--output", "no/such/t.md"), ("--output", ".")])
def test_cheap_mistakes_are_told_before_the_work(made, monkeypatch, arguments):
    def work(*_):
        raise AssertionError("the table was built")

    monkeypatch.setattr("rsbench.reporting.table.build_table", work)
    assert isinstance(run(1, "--results", made.root, *arguments).exception, UserError)


@pytest.mark.parametrize("arguments", [("--format", "htm"), ("--output", "no/such/t.md"), ("--output", ".")])
def test_cheap_mistakes_of_an_audit_are_told_before_the_work(monkeypatch, arguments):
    def work():
        raise AssertionError("the audit was made")

    monkeypatch.setattr("rsbench.reporting.audit.audit", work)
    found = CliRunner().invoke(auditing, list(arguments))
    assert isinstance(found.exception, UserError)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_a_terminal_that_lacks_a_letter_gets_its_number(made, encoding):
    command = [sys.executable, "-m", "rsbench", "table", "1", "--results", str(made.root)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    out = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (out.returncode, b"Traceback" in out.stderr) == (0, False)
    level = {"latin-1": b"\\u2248: no diff"}.get(encoding, "≈: no diff".encode())  # of ascii, click makes UTF-8
    assert level in out.stdout


def test_output_goes_to_the_file(made, tmp_path):
    result = run(1, "--results", made.root, "--output", tmp_path / "t.md", "--protocol", "swept")
    assert result.stdout == ""
    assert (tmp_path / "t.md").read_text(encoding="utf-8") == render(
        build_table(1, made, ["swept"], tests=True), "markdown"
    )


def test_a_broken_run_is_warned_of_on_standard_error(tmp_path):
    (tmp_path / "0123456789abcdef").mkdir()
    result = run(1, "--results", tmp_path, "--format", "csv")
    assert result.exit_code == 0
    assert "0123456789abcdef is left out" in result.stderr
    assert result.stdout.splitlines()[-1].startswith("warning,,0123456789abcdef is left out")


def test_help_names_all_formats():
    text = " ".join(run("--help").stdout.replace("│", " ").split())
    assert "markdown, latex, csv, html or json" in text


def test_tests_can_be_left_out(made):
    assert "≈: no difference from the best of the column" in run(1, "--results", made.root).stdout
    assert "≈" not in run(1, "--results", made.root, "--no-tests").stdout


def test_the_tolerance_changes_verdicts(tmp_path, make):
    Store(tmp_path).write(make(method="seco/resnet50", title="SeCo", metrics={"val/top1": 93.09}, dataset=EUROSAT))
    assert "differs by -2.00" in run(1, "--results", tmp_path).stdout
    text = run(1, "--results", tmp_path, "--tolerance", "2").stdout
    assert "reproduced[^1]" in text
    assert "up to 2.0 percentage points" in text


@pytest.mark.parametrize("form", FORMATS)
def test_it_imports_neither_torch_nor_pandas(made, form):
    code = (
        "import sys, pathlib; from rsbench.cli.table import table;"
        f"table(1, format={form!r}, results=pathlib.Path({str(made.root)!r}));"
        "print([m for m in ('torch', 'pandas', 'matplotlib') if m in sys.modules], file=sys.stderr)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "9.67" in out.stdout  # the interval over three seeds was made
    assert out.stderr.strip() == "[]"

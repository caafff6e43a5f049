"""The documentation: its code parses, its commands and options exist, its links lead somewhere, nothing is left out."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from rsbench.checkpoints.layouts import LAYOUTS
from rsbench.cli import app
from rsbench.plugins import load
from rsbench.pretraining.options import FIXED, PRESETS, Options
from rsbench.records import Record
from rsbench.reporting.published import published_table

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = typer.main.get_command(app)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> list[tuple[str, str]]:
    return [(page.name, code) for page in PAGES for found, code in FENCE.findall(text(page)) if found == language]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> list[tuple[str, list[str]]]:
    """Every ``rsbench`` command line of the shell blocks, from the word after ``rsbench`` on."""
    found = []
    for name, code in blocks("bash"):
        for line in code.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if "rsbench" in words[:-1]:
                    found.append((f"{name}: {part.strip()}", words[words.index("rsbench") + 1 :]))
    return found


def test_there_are_pages():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "plugins.md", "protocols.md"} <= {p.name for p in PAGES}
    assert len(commands()) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_fences_are_closed_and_say_what_they_hold(page):
    languages = {language for language, _ in FENCE.findall(text(page))}
    assert languages <= {"bash", "python", "toml", "json", "bibtex", "yaml"}
    assert text(page).count("```") == 2 * len(FENCE.findall(text(page)))


@pytest.mark.parametrize(("name", "code"), blocks("python"))
def test_python_parses(name, code):
    ast.parse(code, filename=name)


@pytest.mark.parametrize(("name", "code"), blocks("toml"))
def test_toml_parses(name, code):
    tomllib.loads(code)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_shell_parses():
    script = "\n".join(code for _, code in blocks("bash"))
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text(page))):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        assert file.is_relative_to(ROOT)
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}"


@pytest.mark.parametrize(("line", "words"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_commands_and_options_exist(line, words):
    command = COMMANDS
    known = {option for parameter in command.params for option in parameter.opts}
    while words and (words[0] in getattr(command, "commands", {}) or words[0] in known):
        if words[0] in known:
            words = words[1:]
            continue
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    assert set(options) <= known, line
    assert not getattr(command, "commands", {}) or set(options) <= {"--help", "--version"}, line


def test_the_two_commands_of_the_readme_are_there():
    readme = text(ROOT / "README.md")
    assert "pip install -e . && rsbench run --method ctxmim --task eurosat --data demo\n" in readme
    assert "pip install -e '.[dev]' && pytest\n" in readme


def missing(page: str, names: set[str]) -> set[str]:
    """Those of ``names`` that stand nowhere in the page in code type."""
    told = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`\n]+)`", FENCE.sub("", text(ROOT / "docs" / page))))))
    return names - told


def test_every_option_of_pretraining_is_explained():
    assert missing("pretraining.md", set(Options.model_fields) - {"objective", "variant"}) == set()
    assert missing("pretraining.md", set(PRESETS)) == set()
    assert len(FIXED) > 0


def test_every_protocol_and_setting_is_explained():
    protocols = [*load().task("eurosat").protocols, *load().task("spacenet-rio").protocols]
    names = {protocol.name for protocol in protocols}
    settings = {name for protocol in protocols for name in protocol.settings}
    assert missing("protocols.md", names | settings) == set()


def test_the_methods_page_is_what_the_methods_say():
    script = ROOT / "scripts" / "write_methods_page.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_row_of_the_paper_is_on_the_methods_page():
    page = text(ROOT / "docs" / "methods.md")
    for row in published_table(1).rows:
        load().method(row.variant)  # each is one command away
        assert f"`{row.variant}`" in page


def test_every_key_layout_is_explained():
    assert missing("weights.md", set(LAYOUTS)) == set()


def test_every_field_of_a_record_is_explained():
    assert missing("records.md", set(Record.model_fields)) == set()


def test_every_partition_is_listed_with_its_counts():
    page = text(ROOT / "docs" / "data.md")
    for task in load().tasks.items.values():
        for split in task.splits:
            row = next(line for line in page.splitlines() if line.startswith(f"| `{task.name}` | `{split.name}` |"))
            assert [f"{count:,}" in row for count in split.counts.values()] == [True] * len(split.counts)

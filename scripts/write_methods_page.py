"""Writes docs/methods.md from the methods themselves, so that the page cannot say anything else than the code.

python scripts/write_methods_page.py          # writes it
python scripts/write_methods_page.py --check  # exit code 1 if it is not up to date
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rsbench import ByHand, Method, Preprocess, Random, Shipped, Url, User, Weights
from rsbench.plugins import load
from rsbench.reporting.published import published_table

PAGE = Path(__file__).parent.parent / "docs" / "methods.md"
HEAD = """# Methods

Every row of the paper's tables, and what belongs to it. This page is written by `python scripts/write_methods_page.py`
from the files in `methods/`; change those, not this page.

`rsbench list methods` says what is ready on your machine. How files are fetched, read and checked is in
[weights](weights.md); how to add a method of your own, in [plugins](plugins.md).

A data set is "known" to be in the pretraining data only where the authors say so. Where nothing is known about an
overlap, the questions of the method say "unknown", and rsbench flags nothing.

"""


def page() -> str:
    """Returns the whole page."""
    found = load()
    own = {
        name: method
        for name, method in found.methods.items.items()
        if found.methods.origins[name].startswith("rsbench.methods")
    }
    rows = {row.variant: row for row in published_table(1).rows}
    lines = ["## The rows of Table 1", "", "| row | method | backbone here | input | licence | weights |"]
    lines.append("|---|---|---|---|---|---|")
    for variant, row in rows.items():
        name, _, key = variant.partition("/")
        weights = own[name].weights(key)
        anchor = f"[`{variant}`](#{name})"
        lines.append(
            f"| {row.method} {row.backbone} | {anchor} | {architecture(weights)} | {weights.preprocess.size} px "
            f"| {weights.licence or licence(weights).partition(' (')[0]} | {kind(weights)}"
            f"{', after `--accept-licence`' if weights.terms else ''} |"
        )
    lines.append("")
    for method in sorted(own.values(), key=lambda each: each.name):
        lines += section(method)
    return HEAD + "\n".join(lines).rstrip() + "\n"


def section(method: Method) -> Iterator[str]:
    """Yields the lines of one method."""
    yield from (f"## {method.name}", "")
    facts = [f"**{method.title}**, {method.paradigm}"]
    facts += ["re-implemented and pretrained by rsbench"] if method.reimplemented else []
    facts += [f"[paper]({method.paper})"] if method.paper else []
    facts += [f"[code]({method.code}), licence {method.licence or 'not given'}"] if method.code else []
    yield from (", ".join(facts) + ".", "")
    for variant, weights in method.variants.items():
        default = " (default)" if variant == method.default_variant else ""
        yield from (f"### {method.name}/{variant}{default}", "")
        yield from ("| | |", "|---|---|")
        yield from (f"| {name} | {value} |" for name, value in variant_facts(weights) if value)
        yield ""
    if method.questions:
        yield from ("Open questions:", "")
        yield from (f"- {question}" for question in method.questions)
        yield ""
    if method.citation:
        yield from ("```bibtex", method.citation, "```", "")


def variant_facts(weights: Weights) -> Iterator[tuple[str, str]]:
    """Yields name and value of each fact about one set of weights."""
    yield "architecture", architecture(weights)
    settings = ", ".join(f"`backbone.{name}={value}`" for name, value in weights.kwargs.items())
    yield "settings", settings
    yield "preprocessing", preprocessing(weights.preprocess)
    for name, other in weights.alternatives.items():
        yield f"`preprocess={name}`", preprocessing(other)
    yield "weights", kind(weights)
    yield "source", source(weights)
    yield "digest", digest(weights)
    yield "size", f"{weights.size_bytes:,} bytes" if weights.size_bytes else ""
    yield "licence", licence(weights)
    if not isinstance(weights.source, Random | Shipped | User):
        layouts = ", ".join(f"`{getattr(layout, 'name', layout)}`" for layout in weights.layouts)
        yield "key layouts", layouts
    yield "has seen", ", ".join(f"`{name}`" for name in weights.pretraining_data)
    yield "note", weights.note


def architecture(weights: Weights) -> str:
    return f"`{weights.architecture_name}`"


def preprocessing(preprocess: Preprocess) -> str:
    parts = [f"{preprocess.size} px, {preprocess.interpolation}"]
    if preprocess.stretch:
        parts.append(f"stretched between {', '.join(f'{low:g}-{high:g}' for low, high in preprocess.stretch)}")
    parts.append({"0-1": "0 to 1", "0-255": "0 to 255", "min-max": "each band to its own 0 to 1"}[preprocess.unit])
    if any(preprocess.mean) or any(value != 1 for value in preprocess.std):
        parts.append(f"mean {numbers(preprocess.mean)}, std {numbers(preprocess.std)}")
    return "; ".join([*parts, *(["BGR"] if preprocess.bands == "BGR" else [])])


def numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)


def kind(weights: Weights) -> str:
    names = {
        Random: "drawn from the seed",
        Shipped: "comes with rsbench",
        Url: "downloaded when used",
        ByHand: "placed by hand",
        User: "made by you",
    }
    return names[type(weights.source)]


def source(weights: Weights) -> str:
    where = weights.source
    if isinstance(where, Url):
        more = f"; by hand from <{where.page}>" if where.page else ""
        return " or ".join(f"<{url}>" for url in where.urls) + more
    if isinstance(where, ByHand | User):
        return where.how
    return f"`{where.file}`" if isinstance(where, Shipped) else ""


def digest(weights: Weights) -> str:
    if weights.sha256:
        return f"sha256 `{weights.sha256}`{'' if len(weights.sha256) == 64 else '...'}"
    if weights.md5:
        return f"md5 `{weights.md5}`; sha256 recorded on first use"
    return "" if isinstance(weights.source, Random | User) else "not published; sha256 recorded on first use"


def licence(weights: Weights) -> str:
    if isinstance(weights.source, User):
        return "yours"
    return (weights.licence or "none known") + (f" (`--accept-licence`: {weights.terms})" if weights.terms else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not up to date")
    text = page()
    if parser.parse_args().check:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE.name} is not up to date. Run: python scripts/write_methods_page.py", file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

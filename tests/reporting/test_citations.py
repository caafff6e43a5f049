"""``rsbench cite``: what is cited, what is named as missing, and that BibTeX itself takes the file."""

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsbench import Method, Preprocess, Random, UserError, Weights
from rsbench.cli import _main
from rsbench.plugins import load
from rsbench.records import Store
from rsbench.reporting.bibtex import Bibliography, Entry, comment, parse
from rsbench.reporting.citations import cite
from rsbench.reporting.works import ARCHITECTURES, CTXMIM, LIBRARIES, PARTS


def keys(text: str) -> list[str]:
    """The keys of a file, read independently of the code: every @ in it begins an entry at the start of a line."""
    assert text.count("@") == len(re.findall(r"^@", text, re.MULTILINE))
    return re.findall(r"^@[a-z]+\{([^,\s]+),", text, re.MULTILINE)


def fields(text: str) -> dict[str, set[str]]:
    """Names of the fields of each entry, by a reader that counts braces and knows nothing else."""
    found, depth, key = {}, 0, ""
    for line in text.splitlines():
        if line.startswith("%"):
            continue
        if depth == 0 and line.startswith("@"):
            key = line.partition("{")[2].rstrip(",")
            found[key] = set()
        elif depth == 1 and "=" in line:
            found[key].add(line.partition("=")[0].strip())
        depth += line.count("{") - line.count("}")
        assert depth >= 0
    assert depth == 0
    return found


def above(text: str, key: str) -> str:
    """The comments above an entry."""
    head = text[: text.index(f"{{{key},")].splitlines()[:-1]
    place = len(head) - next((n for n, line in enumerate(reversed(head)) if not line.startswith("%")), len(head))
    return "\n".join(head[place:])


PACKAGES = {"rsbench": "0.1.0", "packages": {"torch": "2.15.0", "torchvision": "0.29.2", "timm": "1.0.31"}}


@pytest.fixture
def records(make):
    about = {"environment": PACKAGES}
    return [
        make(method="cmid/swin_b", title="CMID, Swin-B", **about),
        make(method="cmid/swin_b", title="CMID, Swin-B", seed=1, protocol="knn", **about),
        make(method="ctxmim/nano", title="CtxMIM, re-implemented, nano", protocol="swept", **about),
        make(
            method="simmim/swin_b", title="SimMIM, Swin-B", weights={"source": "checkpoint", "digest": "ab"}, **about
        ),
        make(method="simmim-rs/nano", title="SimMIM (CtxMIM without C-E), re-implemented, nano", **about),
        make(method="random/nano", title="Random Init., nano", task="spacenet-rio", kind="segmentation", data="demo"),
        make(
            method="seco/resnet50", title="SeCo, ResNet50", task="vhr10-seg", kind="instance-segmentation",
            split="rsprompter", protocol="finetune", settings={"detector": "mask-rcnn", "engine": "torchvision"},
            selected={"pyramid": "fpn"},
        ),
        make(method="gfm/swin_b", title="GFM", status="failed", seed=5),
    ]  # fmt: skip


def test_everything_that_was_used_is_cited_once_with_what_it_was_used_for(records):
    found = cite(records, load())
    own = keys(found.text)
    assert len(own) == len(set(own)) and found.missing == ()
    assert set(own) == {
        "muhtar2023cmid", "zhang2023ctxmim", "xie2022simmim", "manas2021seco",  # methods
        "liu2021swin", "he2016resnet",  # architectures; Rio's runs, on demo scenes, used one too
        "helber2019eurosat", "cheng2014vhr10", "su2019vhr10",  # datasets; Rio was demo scenes alone
        "neumann2019indomain", "chen2024rsprompter",  # their partitions
        "he2017maskrcnn", "lin2017fpn", "rsbench", "paszke2019pytorch", "torchvision2016", "rw2019timm",
        "lin2014coco", "mixaill2024fastercocoeval", "falcon2019lightning",
    }  # fmt: skip
    cmid = above(found.text, "muhtar2023cmid")
    assert "CMID, Swin-B (cmid/swin_b): 2 runs" in cmid and "Research use only" in cmid and "licence unknown" in cmid
    simmim = above(found.text, "xie2022simmim")  # two methods, one paper
    assert "simmim/swin_b" in simmim and "simmim-rs/nano" in simmim and "checkpoint of the user's in 1 run" in simmim
    ctxmim = above(found.text, "zhang2023ctxmim")  # method and protocol, one paper
    assert "Re-implemented" in ctxmim and "Protocol paper: 4 runs" in ctxmim
    assert "Software torch 2.15.0: 7 runs" in above(found.text, "paszke2019pytorch")
    assert "demo scenes alone" in found.text and "Left out: 1" in found.text
    assert "Random Init., nano (random/nano): weights drawn at random" in found.text
    assert "note  = {Version 0.1.0}" in found.text


def test_every_entry_has_balanced_braces_and_a_title(records):
    found = fields(cite(records, load()).text)
    assert len(found) == 20
    assert all("title" in names for names in found.values())
    assert all("author" in names for key, names in found.items() if key != "rsbench")


def cited(make, **changes):
    found = cite([make(**changes)], load())
    assert found.missing == ()
    return set(keys(found.text)), found.text


@pytest.mark.parametrize(
    ("method", "works"),
    [
        ("imagenet/resnet50", {"he2016resnet"}), ("imagenet/swin_b", {"liu2021swin"}),
        ("imagenet/vit_b", {"steiner2022augreg", "dosovitskiy2021vit"}), ("random/swin_b", {"liu2021swin"}),
        ("random/nano", {"liu2021swin"}), ("satlas/swin_b", {"bastani2023satlas", "liu2022swinv2"}),
        ("simmim/swin_b", {"xie2022simmim", "liu2021swin"}), ("imagenet", {"he2016resnet"}),
    ],
)  # fmt: skip
def test_a_variant_cites_its_own_works_and_its_architecture(method, works, make):
    own, _ = cited(make, method=method, title="Made", protocol="knn", split="other")
    others = {"helber2019eurosat", "rsbench", "paszke2019pytorch", "torchvision2016", "rw2019timm"}
    assert own == works | others


def test_every_architecture_has_a_work_and_one_of_a_plugin_is_named(make):
    from rsbench.backbones import ARCHITECTURES as KNOWN

    assert set(ARCHITECTURES) == set(KNOWN)
    own, text = cited(make, method="random/nano", weights={"architecture": "my.module:Net"})
    assert "% Architecture my.module:Net: 1 run; no work on it is known here." in text
    assert not own & {"liu2021swin", "he2016resnet"}


def test_an_entry_that_stands_in_two_places_is_the_same_in_both():
    found = load()
    texts = [item.citation for shelf in (found.methods, found.tasks) for item in shelf.items.values()]
    texts += [split.citation for task in found.tasks.items.values() for split in task.splits]
    seen = {}
    for entry in (entry for text in [*texts, CTXMIM, *ARCHITECTURES.values()] for entry in parse(text)):
        assert seen.setdefault(entry.key, entry.words) == entry.words


@pytest.mark.parametrize(
    ("task", "split", "key"),
    [
        ("eurosat", "seco", "neumann2019indomain"), ("vhr10-det", "rsprompter", "chen2024rsprompter"),
        ("vhr10-det", "present", ""), ("spacenet-rio", "5000-1940", ""),
    ],
)  # fmt: skip
def test_the_source_of_a_partition_is_cited_or_named(task, split, key, make):
    about = {"method": "random/nano", "task": task, "split": split, "kind": load().task(task).kind}
    own, text = cited(make, **about)
    other, _ = cited(make, **about, data="demo")
    lists = {"neumann2019indomain", "chen2024rsprompter"}
    assert own & lists == ({key} if key else set()) and not other & lists
    where = above(text, key) if key else text
    assert f"% Partition {split} of {load().task(task).title} ({task}): 1 run" in where
    assert key or load().task(task).split(split).origin in text


@pytest.mark.parametrize(
    ("changes", "used"),
    [
        ({"protocol": "finetune"}, True), ({"protocol": "paper"}, False), ({"protocol": "knn"}, False),
        ({"task": "dota", "kind": "detection"}, True), ({"task": "spacenet-rio", "kind": "segmentation"}, True),
    ],
)  # fmt: skip
def test_lightning_is_cited_where_a_run_trained_through_it(changes, used, make):
    assert ("falcon2019lightning" in cited(make, method="random/nano", **changes)[0]) == used


def test_nothing_is_said_of_who_made_the_weights_of_a_checkpoint(make):
    weights = {"source": "checkpoint", "digest": "ab"}
    assert "Re-implemented" not in cited(make, method="ctxmim/swin_b", weights=weights)[1]
    both = [make(method="ctxmim/swin_b", weights=weights), make(method="ctxmim/nano", seed=1)]
    assert "Re-implemented" in cite(both, load()).text


def test_weights_that_cite_what_their_method_does_not_are_refused():
    made = Weights(architecture="nano", preprocess=Preprocess(size=64), source=Random(), cites=("xie2022simmin",))
    about = {"name": "mine", "title": "Mine", "paradigm": "masked"}
    with pytest.raises(UserError, match="nano cites 'xie2022simmin'") as caught:
        Method(**about, variants={"nano": made}, citation="@misc{xie2022simmim, title = {T}}")
    assert "xie2022simmim" in caught.value.hint


def test_the_paper_of_the_protocol_is_that_of_the_method():
    [own] = parse(load().method("ctxmim")[0].citation)
    [protocol] = parse(CTXMIM)
    assert own.words == protocol.words and own.key == protocol.key


PLUGIN = """
from rsbench import Method, Preprocess, Random, Weights
from dataclasses import replace
from rsbench.tasks.eurosat import eurosat

def weights():
    return {"nano": Weights(architecture="nano", preprocess=Preprocess(size=64), source=Random())}

bare = Method(name="bare", title="Bare", paradigm="masked", variants=weights())
torn = Method(name="torn", title="Torn", paradigm="masked", variants=weights(), citation="@misc{x, title = {T}")
clash = Method(
    name="clash", title="Clash", paradigm="masked", variants=weights(),
    citation="@misc{muhtar2023cmid, title = {Another work}}",
)
mine = replace(eurosat, name="mine", title="Mine", citation="")
"""


def test_what_has_no_citation_is_named_and_never_invented(make, tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN)
    runs = [make(method=f"{name}/nano", title=name.title()) for name in ("bare", "torn", "gone")]
    runs += [make(method="bare/nano", title="Bare", task=task) for task in ("mine", "lost")]
    found = cite(runs, load([plugin]))
    assert len(found.missing) == 5
    for name, reason in (
        ("Bare", "no citation"), ("Torn", "not balanced"), ("Gone", "plugin is not loaded"), ("Mine", "no citation"),
        ("task lost", "plugin is not loaded"),
    ):  # fmt: skip
        [said] = [text for text in found.missing if name in text and reason in text]
        assert f"% NOT CITED: {said}." in found.text
    assert "zhang2023ctxmim" in keys(found.text)
    assert "Protocol paper: 3 runs" in found.text  # that of the plugin's own task is another protocol


def test_two_works_under_one_key_get_keys_of_their_own(make, tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN)
    text = cite([make(method=f"{name}/x", title=name) for name in ("cmid", "clash")], load([plugin])).text
    assert {"muhtar2023cmid", "muhtar2023cmidb"} <= set(keys(text))
    assert "was taken by another work" in text


WORDS = st.text("abc XYZ,.=-'", min_size=1, max_size=30)
NESTED = st.recursive(WORDS, lambda inner: st.lists(inner.map("{{{}}}".format) | WORDS, max_size=3).map("".join))
KEYS = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)


@given(st.lists(st.tuples(KEYS, NESTED), max_size=8))
def test_a_bibliography_reads_back_as_it_was_put_in_under_keys_that_differ(made):
    bibliography = Bibliography()
    for number, (key, body) in enumerate(made):
        bibliography.add([Entry("misc", key, f"\n  title = {{{body}}},\n  year = {{{number}}}\n")], ["@remark"])
    text = bibliography.text()
    entries = parse("\n".join(line for line in text.splitlines() if not line.startswith("%")))
    assert len(entries) == len(made) == len({entry.key.lower() for entry in entries})
    for entry, (key, body) in zip(entries, made, strict=True):
        assert entry.key.startswith(key) and " ".join(f"{{{body}}}".split()) in " ".join(entry.body.split())


@given(st.text('@{}a=," \n', max_size=40))
def test_what_is_read_from_anything_is_all_that_stands_there(text):
    try:
        entries = parse(text)
    except ValueError:
        assert text.strip()
        return
    same = "".join("".join(entry.text() for entry in entries).split())
    assert same == "".join(text.split())
    assert all(entry.body.count("{") == entry.body.count("}") for entry in entries)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@misc{a, title = {B}", "balanced"), ("@misc{a, title = {B}} text", "no entry"), ("@misc{a}", "no entry"),
        ("@misc{a, title = {B}} @misc{A, title = {C}}", "twice"), ("@misc{a, nothing}", "no field"),
        ('@misc{a, title = "b}', "balanced"), ("@string{x = {y}}", "no entry"),
    ],
)  # fmt: skip
def test_what_is_no_bibtex_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse(text)


def test_quotes_and_accents_are_letters_inside_of_braces():
    [entry] = parse('@article{a, author = {M{\\"u}ller}, title = "A {"} B"}')
    assert entry.key == "a" and entry.body.endswith('B"')


def test_a_comment_never_begins_an_entry():
    assert "@" not in comment("ctxmim/nano@ab12\n@misc{x,")


def test_the_command_writes_the_file_and_warns(make, records, tmp_path, capsys):
    store = Store(tmp_path / "runs")
    for record in [*records, make(method="gone/x", title="Gone")]:
        store.write(record)
    (tmp_path / "runs" / "0123").mkdir()
    given = ["cite", "--results", str(store.root)]
    assert _main([*given, "--output", str(tmp_path / "refs.bib")]) == 0
    said = capsys.readouterr()
    assert said.out == "" and "not cited: method Gone (gone/x)" in said.err and "0123 was left out" in said.err
    assert _main(given) == 0
    assert capsys.readouterr().out == (tmp_path / "refs.bib").read_text()
    assert str(tmp_path) not in (tmp_path / "refs.bib").read_text()
    assert _main(["cite", "--results", str(tmp_path / "none")]) == 2
    assert _main([*given, "--output", str(tmp_path / "no" / "refs.bib")]) == 2
    assert "no/refs.bib" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bibtex") is None, reason="bibtex is not installed")
def test_bibtex_takes_every_citation_that_there_is(tmp_path):
    bibliography = Bibliography()
    found = load()
    texts = [item.citation for shelf in (found.methods, found.tasks) for item in shelf.items.values()]
    texts += [split.citation for task in found.tasks.items.values() for split in task.splits]
    for text in [*texts, CTXMIM, *ARCHITECTURES.values(), *(text for _, text in PARTS.values()), *LIBRARIES.values()]:
        bibliography.add(parse(text), ["used"])
    (tmp_path / "refs.bib").write_text(bibliography.text(), encoding="utf-8")
    (tmp_path / "a.aux").write_text("\\relax\n\\citation{*}\n\\bibstyle{plain}\n\\bibdata{refs}\n")
    done = subprocess.run(["bibtex", "a"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout.lower() and "error" not in done.stdout.lower(), done.stdout
    made = (tmp_path / "a.bbl").read_text()
    assert len(re.findall(r"\\bibitem", made)) == len(bibliography.cited) > 30


def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    for output, reason in ((tmp_path / "no" / "used.bib", "there is no folder"), (tmp_path, "it is a folder")):
        assert _main(["cite", "--results", str(tmp_path / "runs"), "--output", str(output)]) == 2
        assert reason in capsys.readouterr().err

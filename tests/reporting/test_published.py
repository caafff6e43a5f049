"""The published numbers: what can be checked without the paper's text."""

import csv
import importlib.util
import tomllib
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from rsbench.plugins import load
from rsbench.reporting.published import published_table

ROWS = {1: 20, 2: 20, 3: 14, 4: 20, 5: 2}


def read(number):
    with (files("rsbench.published") / f"table{number}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def metrics(number):
    return list(read(number)[0])[4:]


def best(number, column):
    top = max(Decimal(row[column]) for row in read(number))
    return {row["variant"] for row in read(number) if Decimal(row[column]) == top}


def rank(number, variant, column):
    """1 + the number of rows that are better."""
    values = {row["variant"]: Decimal(row[column]) for row in read(number)}
    return 1 + sum(value > values[variant] for value in values.values())


@pytest.mark.parametrize(("number", "count"), ROWS.items())
def test_each_table_has_its_rows_and_every_number_parses(number, count):
    rows = read(number)
    assert len(rows) == count
    assert len({row["variant"] for row in rows}) == count
    decimals = {1: 2, 2: 2, 3: 1, 4: 1}
    for row in rows:
        for name in metrics(number):
            assert 0 < Decimal(row[name]) < 100
            if number in decimals:
                assert -Decimal(row[name]).as_tuple().exponent == decimals[number]


def test_there_are_344_numbers():
    assert sum(len(read(number)) * len(metrics(number)) for number in ROWS) == 344


def test_a_variant_is_the_same_method_and_backbone_in_all_tables():
    names = {}
    for number in (1, 2, 3, 4):
        for row in read(number):
            assert names.setdefault(row["variant"], (row["method"], row["backbone"])) == (
                row["method"],
                row["backbone"],
            )
            backbone = {"ResNet50": "resnet50", "Swin-B": "swin_b", "ViT-B": "vit_b", "ViT-L": "vit_l"}
            assert row["variant"].endswith("/" + backbone[row["backbone"]])
    assert len(names) == len(set(names.values())) == 20


def test_all_28_f1_values_of_table_3_follow_from_the_printed_ap_and_ar():
    checked = 0
    for row in read(3):
        for ap, ar, f1 in (("AP", "AR", "F1"), ("AP75", "AR75", "F1_75")):
            a, r = Decimal(row[ap]), Decimal(row[ar])
            assert (2 * a * r / (a + r)).quantize(Decimal("0.1"), ROUND_HALF_UP) == Decimal(row[f1]), row
            checked += 1
    assert checked == 28


def test_average_precisions_are_ordered():
    for row in read(3):
        assert Decimal(row["AP75"]) < Decimal(row["AP50"]) > Decimal(row["AP"])
        assert Decimal(row["AR75"]) < Decimal(row["AR50"]) > Decimal(row["AR"])
    for row in read(4):
        assert Decimal(row["AP75^m"]) < Decimal(row["AP50^m"]) > Decimal(row["AP^m"])


def test_mean_accuracy_is_at_least_mean_iou():
    assert all(Decimal(row["mAcc"]) >= Decimal(row["mIoU"]) for row in read(2))


@pytest.mark.parametrize(
    ("number", "column", "variants"),
    [
        (1, "EuroSAT", {"ctxmim/swin_b"}),
        (1, "NWPU-RESISC45", {"ctxmim/swin_b"}),
        (2, "mIoU", {"ctxmim/swin_b"}),
        (2, "mAcc", {"ctxmim/swin_b"}),
        *[(3, c, {"ctxmim/swin_b"}) for c in ("AP", "AP75", "APl", "AR", "AR75", "ARm", "ARl", "F1", "F1_75")],
        *[(3, c, {"imagenet/swin_b"}) for c in ("AP50", "APs", "APm", "AR50", "ARs")],
        (4, "AP^m", {"ctxmim/swin_b"}),
        (4, "AP50^m", {"scalemae/vit_l"}),
        (4, "AP75^m", {"ctxmim/swin_b"}),
    ],
)
def test_the_best_row_is_the_papers(number, column, variants):
    assert best(number, column) == variants


def test_ctxmim_stands_where_the_audit_of_the_paper_found_it():
    assert rank(3, "ctxmim/swin_b", "AP50") == 4
    assert rank(3, "ctxmim/swin_b", "AR50") == 4
    assert rank(3, "ctxmim/swin_b", "ARs") == 3
    assert rank(4, "ctxmim/swin_b", "AP50^m") == 6


@pytest.mark.parametrize(
    ("number", "column", "other", "gain"),
    [
        (1, "EuroSAT", "imagenet/swin_b", "5.49"),
        (1, "EuroSAT", "cmid/swin_b", "6.15"),
        (1, "NWPU-RESISC45", "imagenet/swin_b", "4.40"),
        (1, "NWPU-RESISC45", "gersp/resnet50", "2.37"),
        (1, "NWPU-RESISC45", "cmid/swin_b", "1.97"),
        (2, "mIoU", "imagenet/swin_b", "6.66"),
        (2, "mAcc", "imagenet/swin_b", "5.99"),
        (2, "mIoU", "gersp/resnet50", "2.93"),
        (2, "mIoU", "satmaepp/vit_l", "1.97"),
        (3, "F1", "imagenet/swin_b", "1.4"),
        (3, "F1_75", "imagenet/swin_b", "3.0"),
        (3, "F1", "gersp/resnet50", "1.0"),
        (3, "F1", "gfm/swin_b", "2.1"),
        (4, "AP^m", "imagenet/vit_l", "1.7"),
        (4, "AP75^m", "imagenet/vit_l", "2.2"),
        (4, "AP^m", "scalemae/vit_l", "0.5"),
        (4, "AP75^m", "scalemae/vit_l", "1.1"),
        (5, "LcC", "simmim-rs/swin_b", "1.97"),
        (5, "SS", "simmim-rs/swin_b", "2.31"),
        (5, "OD", "simmim-rs/swin_b", "2.7"),
        (5, "IS", "simmim-rs/swin_b", "1.4"),
    ],
)
def test_the_gains_that_the_papers_prose_states(number, column, other, gain):
    values = {row["variant"]: Decimal(row[column]) for row in read(number)}
    assert values["ctxmim/swin_b"] - values[other] == Decimal(gain)


def test_table_5_repeats_numbers_of_the_other_tables():
    full = read(5)[0]
    for column, number, name in [("LcC", 1, "EuroSAT"), ("SS", 2, "mIoU"), ("OD", 3, "F1_75"), ("IS", 4, "AP^m")]:
        [row] = [row for row in read(number) if row["variant"] == "ctxmim/swin_b"]
        assert Decimal(full[column]) == Decimal(row[name])


def test_the_configuration_names_every_column_in_order():
    tables = tomllib.loads((files("rsbench.configs") / "tables.toml").read_text(encoding="utf-8"))
    for number in ROWS:
        columns = tables[str(number)]["columns"]
        assert [column["key"] for column in columns if column.get("published", True)] == metrics(number)
        assert len({column["key"] for column in columns}) == len(columns)


def test_building_iou_is_the_one_column_that_the_paper_does_not_have():
    own = [(number, column) for number in ROWS for column in published_table(number).columns if not column.published]
    assert [(number, column.title, f"{column.part}/{column.metric}") for number, column in own] == [
        (2, "Building IoU", "val/IoU_building")
    ]
    assert all("IoU_building" not in row.values for row in published_table(2).rows)


def paper_text():
    """The five tables in the form of the paper's text, from our files."""
    titles = {"AP^m": "AP^m", "AP50^m": "AP_{50}^m", "AP75^m": "AP_{75}^m", "F1": "$F1$", "F1_75": "$F1_{75}$"}
    text = "Some prose.\n"
    for number in ROWS:
        lines, group = [], ""
        names = {3: ["Method", "Backbone"], 5: ["Method"]}.get(number, ["", "Method", "Backbone"])
        lines.append("\t".join([*names, *(titles.get(name, name) for name in metrics(number))]))
        for row in read(number):
            cells = [row[name] for name in metrics(number)]
            lead = {3: [row["method"], row["backbone"]], 5: [row["method"]]}.get(number)
            if lead is None:
                lead = [row["group"] if row["group"] != group else "", row["method"], row["backbone"]]
                group = row["group"]
            lines.append("\t".join([*lead, *cells]))
        text += f"\nTable {number}: A caption.\n\n" + "\n".join(lines) + "\n\nProse.\n"
    return text


@pytest.fixture
def script():
    path = Path(__file__).parents[2] / "scripts" / "check_published.py"
    spec = importlib.util.spec_from_file_location("check_published", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_check_script_accepts_the_tables(script, tmp_path, capsys):
    (tmp_path / "paper.txt").write_text(paper_text())
    assert script.main([str(tmp_path / "paper.txt")]) == 0
    out = capsys.readouterr().out
    assert "table 3: 14 rows, 196 numbers, 0 differences" in out
    assert "all tables: 344 numbers, 0 differences" in out


@pytest.mark.parametrize(
    ("old", "new"),
    [("\t98.87\t95.20", "\t98.78\t95.20"), ("CMID\tSwin-B\t65.98", "CMID\tViT-B\t65.98"), ("\t46.70\t", "\t46.7\t")],
)
def test_the_check_script_finds_a_single_wrong_digit_or_name(script, tmp_path, capsys, old, new):
    text = paper_text()
    assert text.count(old) == 1
    (tmp_path / "paper.txt").write_text(text.replace(old, new))
    assert script.main([str(tmp_path / "paper.txt")]) == 1
    assert "all tables: 344 numbers, 1 differences" in capsys.readouterr().out


@pytest.mark.parametrize("number", ROWS)
def test_a_task_reports_what_the_columns_want_on_a_part_that_every_shipped_split_has(number):
    columns = published_table(number).columns
    tasks = load().tasks.items
    for column in (column for column in columns if column.task in tasks):
        task = tasks[column.task]
        assert column.metric in task.metrics
        assert column.part == task.rank.partition("/")[0]
        assert column.part in task.report
        assert task.splits[0].draw is not None or column.part in task.splits[0].counts
        assert all(column.part in split.counts for split in task.splits if split.file)
    assert number not in (1, 5) or {column.task for column in columns} & set(tasks)


def test_a_task_ranks_by_the_first_column_of_the_paper_that_it_measures():
    columns = [column for number in ROWS for column in published_table(number).columns]
    for task in load().tasks.items.values():
        first = next((column for column in columns if column.task == task.name), None)
        assert first is None or task.rank == f"{first.part}/{first.metric}"

"""What is ranked together, and the ranks, against plain loops."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsbench.records import Store
from rsbench.reporting.measured import Measurement, Subject
from rsbench.reporting.ranking import ALONE, comparable, ranks
from rsbench.reporting.table import MEASURED_ONLY, build_table


def at(mean, size=224, precision="fp32"):
    status = "failed" if mean is None else "done"
    return Measurement(status, mean, None, None, None, (0,), size, ("id",), (), precision)


def named(*measured, data="real"):
    return {Subject(data, f"{'abcdefgh'[index]}/nano"): one for index, one in enumerate(measured)}


def letters(found):
    return "".join(one.method[0] for one in found.ranked)


def reasons(found):
    return {one.method[0]: why for one, why in found.left_out.items()}


def test_the_best_mean_comes_first():
    assert letters(comparable(named(at(1.0), at(3.0), at(2.0)))) == "bca"


def test_rows_of_equal_means_stand_in_the_order_of_their_names():
    assert letters(comparable(named(at(1.0), at(2.0), at(2.0)))) == "bca"


@pytest.mark.parametrize(
    ("measured", "ranked", "left_out"),
    [
        ([], "", {}),
        ([at(1.0)], "", {"a": ALONE}),
        ([at(1.0), at(None)], "", {"a": ALONE, "b": "failed"}),
        ([at(1.0), at(2.0), at(3.0, 192)], "ba", {"c": "192 px, others 224 px"}),
        ([at(1.0), at(2.0), at(3.0, None)], "ba", {"c": "an unknown input size, others 224 px"}),
        ([at(1.0), at(2.0), at(3.0, precision="bf16")], "ba", {"c": "bf16, others fp32"}),
        ([at(1.0), at(2.0), at(3.0, 192, "bf16")], "ba", {"c": "192 px, others 224 px; bf16, others fp32"}),
        (
            [at(1.0), at(2.0, 192)], "",
            {"a": "no other row has 224 px and fp32", "b": "no other row has 192 px and fp32"},
        ),
        ([at(1.0, 192), at(2.0, 192), at(3.0), at(4.0)], "dc", dict.fromkeys("ab", "192 px, others 224 px")),
        (
            [at(1.0, 192), at(2.0, 192), at(5.0, 192), at(3.0), at(4.0)], "cba",
            dict.fromkeys("de", "224 px, others 192 px"),
        ),
        ([at(1.0, None), at(2.0, None)], "ba", {}),
        (
            [at(1.0, precision="bf16"), at(2.0, precision="bf16"), at(3.0), at(4.0)], "dc",
            dict.fromkeys("ab", "bf16, others fp32"),
        ),
    ],
)  # fmt: skip
def test_the_largest_group_of_equal_rows_is_ranked(measured, ranked, left_out):
    found = comparable(named(*measured))
    assert (letters(found), reasons(found)) == (ranked, left_out)


def test_demo_scenes_are_never_ranked_with_real_data():
    demo = named(at(90.0), at(91.0), at(92.0), data="demo")
    real = named(at(1.0), at(2.0))
    found = comparable(demo | real)
    assert {one.data for one in found.ranked} == {"real"}
    assert {found.left_out[one] for one in demo} == {"demo scenes"}
    assert letters(comparable(demo)) == "cba"
    alone = comparable(demo | named(at(1.0)))
    assert alone.ranked == ()


PRINTED = st.lists(st.decimals(0, 100, places=1).map(str), min_size=1, max_size=12)


@given(PRINTED)
def test_ranks_are_those_of_plain_loops(printed):
    found = ranks(dict(enumerate(printed)))
    for index, text in enumerate(printed):
        better = 0
        for other in printed:
            if Decimal(other) > Decimal(text):
                better += 1
        assert found[index] == 1 + better
    best = [index for index, rank in found.items() if rank == 1]
    assert {Decimal(printed[index]) for index in best} == {max(map(Decimal, printed))}
    if len(best) > 1:
        assert 2 not in found.values()


ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(0, 100), st.sampled_from([None, 64, 192, 224]), st.sampled_from(["fp32", "bf16"]),
        st.sampled_from(["real", "demo"]),
    ),
    max_size=8,
)  # fmt: skip


@given(ROWS)
def test_every_row_is_ranked_or_left_out_and_ranked_rows_are_alike(rows):
    measured = {
        Subject(data, f"{'abcdefgh'[index]}/nano"): at(mean, size, precision)
        for index, (mean, size, precision, data) in enumerate(rows)
    }
    found = comparable(measured)
    assert set(found.ranked) | set(found.left_out) == set(measured)
    assert not set(found.ranked) & set(found.left_out)
    assert len(found.ranked) != 1
    kinds = {(one.data, measured[one].size, measured[one].precision) for one in found.ranked}
    assert len(kinds) <= 1
    means = [measured[one].mean for one in found.ranked]
    assert means == sorted(means, reverse=True)
    done = [(one.data, m.size, m.precision) for one, m in measured.items() if m.mean is not None]
    wanted = "real" if any(data == "real" for data, _, _ in done) else "demo"
    largest = max((done.count(kind) for kind in done if kind[0] == wanted), default=0)
    assert len(found.ranked) == (largest if largest > 1 else 0)
    assert all(found.left_out.values())


@pytest.fixture
def shown(tmp_path, make):
    """Returns the one measured column of Table 1 of made-up runs, each given as value and changes: cells by method."""

    def call(*runs):
        store = Store(tmp_path / "runs")
        for index, (value, changes) in enumerate(runs):
            name = f"made/{'abcdefgh'[index]}"
            store.write(make(**{"method": name, "title": name, "metrics": {"val/top1": value}, **changes}))
        table = build_table(1, store)
        [section] = [section for section in table.sections if section.title == MEASURED_ONLY]
        columns = [index for index, column in enumerate(table.columns) if not column.published]
        return table, [{row.backbone: row.cells[index] for row in section.rows} for index in columns]

    return call


def test_a_tie_at_the_printed_decimals_is_a_tie_and_leaves_no_second(shown):
    _, [cells] = shown((90.001, {}), (90.004, {}), (89.0, {}))
    assert [cell.best for cell in cells.values()] == [True, True, False]
    assert not any(cell.second for cell in cells.values())
    _, [cells] = shown((90.001, {}), (90.006, {}), (90.0, {}))
    assert [cell.rank for cell in cells.values()] == [2, 1, 2]


def test_a_row_that_is_left_out_says_why_in_cell_and_footnote(shown):
    table, [cells] = shown((80.0, {}), (81.0, {}), (99.0, {"input_size": 64}))
    assert [cell.rank for cell in cells.values()] == [2, 1, None]
    assert cells["c"].sign == "†"
    assert "not ranked: 64 px, others 128 px" in table.footnotes[cells["c"].note - 1].text


def test_a_row_alone_in_its_column_is_neither_marked_nor_said_to_be_left_out(shown):
    table, [cells] = shown((80.0, {}))
    assert (cells["a"].rank, cells["a"].sign) == (None, "")
    assert "not ranked" not in table.footnotes[0].text


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": "swept"}, {"changed": {"lr": 1.0}}, {"split": "spatial"}, {"metrics": {"test/top1": 99.0}},
        {"dataset": {"fingerprint": "f" * 64}}, {"dataset": {"split_sha256": "a" * 64}},
    ],
)  # fmt: skip
def test_unequal_protocols_settings_splits_parts_and_data_are_never_ranked_together(shown, other):
    dataset = {"fingerprint": "0" * 64, "split_sha256": "0" * 64}
    second = {**other, "dataset": {**dataset, **other.get("dataset", {})}}
    _, columns = shown((80.0, {"dataset": dataset}), (99.0, second))
    assert len(columns) == 2
    cells = [cell for column in columns for cell in column.values() if cell]
    assert {cell.value for cell in cells} == {"80.00", "99.00"}
    assert {cell.rank for cell in cells} == {None}

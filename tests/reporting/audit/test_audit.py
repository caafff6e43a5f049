"""The audit of the paper against hand calculation, and against tables that were tampered with."""

import json
from dataclasses import replace

import pytest

from rsbench.cli import _main
from rsbench.reporting.audit import audit, claims
from rsbench.reporting.audit.render import summary
from rsbench.reporting.published import published_table

# What a person with the paper and a calculator finds: claim, printed number, finding, and the lead or place.
BY_HAND = [
    ("EuroSAT: above the supervised", "+5.49", "holds", "98.87 - 93.38 = 5.49"),
    ("EuroSAT: above reconstructive", "+6.15", "holds in part", "98.87 - 92.72 = 6.15"),
    ("RESISC45: above the supervised", "+4.4", "holds", "95.20 - 90.80 = 4.40"),
    ("RESISC45: above contrastive", "+2.37", "holds in part", "95.20 - 92.83 = 2.37"),
    ("RESISC45: above reconstructive", "+1.97", "holds in part", "95.20 - 93.23 = 1.97"),
    ("The best in both columns", "", "holds", "best in 2 of 2 columns"),
    ("Rio, mIoU: above the supervised", "+6.66", "holds", "79.22 - 72.56 = 6.66"),
    ("Rio, mAcc: above the supervised", "+5.99", "holds", "87.20 - 81.21 = 5.99"),
    ("Rio, mIoU: above contrastive", "+2.93", "holds", "79.22 - 76.29 = 2.93"),
    ("Rio, mIoU: above reconstructive", "+1.97", "holds", "79.22 - 77.25 = 1.97"),
    ("Consistently the best on DOTA", "", "holds in part", "AP50: place 4, APs: place 2, APm: place 2, AR50: place 4"),
    ("DOTA, F1: above the supervised", "+1.4", "holds", "43.1 - 41.7 = 1.4"),
    ("DOTA, F1_75: above the supervised", "+3", "holds", "46.7 - 43.7 = 3.0"),
    ("DOTA, F1: above contrastive", "+1", "holds", "43.1 - 42.1 = 1.0"),
    ("DOTA, F1: above reconstructive", "+2.1", "holds in part", "43.1 - 41.4 = 1.7"),
    ("Above all compared methods on Las Vegas", "", "holds in part", "AP50^m: place 6"),
    ("Las Vegas, AP of masks: above supervised", "+1.7", "holds", "60.5 - 58.8 = 1.7"),
    ("Las Vegas, AP75 of masks: above supervised", "+2.2", "holds", "72.9 - 70.7 = 2.2"),
    ("Las Vegas, AP of masks: above ScaleMAE", "+0.5", "holds", "60.5 - 60.0 = 0.5"),
    ("Las Vegas, AP75 of masks: above ScaleMAE", "+1.1", "holds", "72.9 - 71.8 = 1.1"),
    ("Ablation, EuroSAT", "+1.97", "holds", "98.87 - 96.90 = 1.97"),
    ("Ablation, Rio mIoU", "+2.31", "holds", "79.22 - 76.91 = 2.31"),
    ("Ablation, DOTA F1_75", "+2.7", "holds", "46.70 - 44.0 = 2.70"),
    ("Ablation, Las Vegas AP", "+1.4", "holds", "60.50 - 59.10 = 1.40"),
]


@pytest.mark.parametrize(("claim", "claimed", "finding", "arithmetic"), BY_HAND, ids=[row[0] for row in BY_HAND])
def test_a_claim_is_found_as_a_person_finds_it(claim, claimed, finding, arithmetic):
    [found] = [one for one in audit() if one.claim.startswith(claim)]
    assert (found.claimed, found.finding) == (claimed, finding)
    assert arithmetic in found.arithmetic
    assert bool(found.cells) == (arithmetic != "best in 2 of 2 columns")


def test_all_28_f1_values_follow_from_the_printed_ap_and_ar():
    found = [one for one in audit() if " follows from " in one.claim]
    expected = []
    for metric, of in (("F1", ("AP", "AR")), ("F1_75", ("AP75", "AR75"))):
        for row in published_table(3).rows:
            a, b = (float(row.values[name]) for name in of)
            expected.append((row.values[metric], f"{2 * a * b / (a + b):.1f}" == row.values[metric]))
    assert len(found) == 28
    assert [(one.claimed, one.finding == "holds") for one in found] == expected
    assert all(right for _, right in expected)


def test_omitted_baselines_and_switches_are_told():
    remarks = {one.claim: one.remark for one in audit()}
    assert "ResNet50 with 98.38: +0.49" in remarks["EuroSAT: above the supervised ImageNet Swin-B"]
    assert "has 45.6: +14.9" in remarks["Las Vegas, AP of masks: above supervised ImageNet pretraining"]
    assert "Table 3 lacks ImageNet Pre. ViT-B" in remarks["Methods that each table compares"]
    assert remarks["Consistently the best on DOTA"] == "Tied: APm with GeRSP ResNet50."
    assert {one.arithmetic for one in audit() if "is that of Table" in one.claim} == {
        "98.87 = 98.87", "79.22 = 79.22", "46.70 = 46.7", "60.50 = 60.5",
    }  # fmt: skip
    assert "above in 1 of 5" in remarks["ImageNet Swin-B against ImageNet ResNet50"]


def test_every_number_with_a_plus_sign_of_the_text_is_there():
    printed = ["5.49", "6.15", "4.4", "2.37", "1.97", "6.66", "5.99", "2.93", "1.97", "1.4", "3", "1", "2.1"]
    printed += ["1.7", "2.2", "0.5", "1.1", "1.97", "2.31", "2.7", "1.4"]
    assert [claim.claimed for claim in claims() if claim.kind == "lead"] == printed


def tampered(monkeypatch, number, variant, column, value):
    def read(wanted):
        table = published_table(wanted)
        if wanted != number:
            return table
        rows = tuple(
            replace(row, values={**row.values, column: value}) if row.variant == variant else row for row in table.rows
        )
        return replace(table, rows=rows)

    monkeypatch.setattr("rsbench.reporting.audit.findings.published_table", read)


def test_another_number_in_the_tables_changes_the_findings(monkeypatch):
    before = {one.claim: one.finding for one in audit()}
    tampered(monkeypatch, 1, "ctxmim/swin_b", "EuroSAT", "90.00")
    after = {one.claim: one.finding for one in audit()}
    changed = {claim for claim in before if before[claim] != after[claim]}
    assert changed == {
        "EuroSAT: above the supervised ImageNet Swin-B", "EuroSAT: above reconstructive methods",
        "The best in both columns",
    }  # fmt: skip
    assert after["EuroSAT: above the supervised ImageNet Swin-B"] == "does not hold"


def test_a_wrong_f1_is_found(monkeypatch):
    tampered(monkeypatch, 3, "seco/resnet50", "F1", "37.4")
    [wrong] = [one for one in audit() if one.finding == "does not hold"]
    assert wrong.claim == "F1 follows from AP and AR: SeCo ResNet50"
    assert wrong.arithmetic == "2 x 32.0 x 44.7 / (32.0 + 44.7) = 37.299, rounded 37.3"


def test_the_command_prints_all_findings_in_every_format(capsys, tmp_path):
    findings = audit()
    assert _main(["audit"]) == 0
    text = capsys.readouterr().out
    assert _main(["audit", "--format", "markdown", "--output", str(tmp_path / "audit.md")]) == 0
    capsys.readouterr()
    assert _main(["audit", "-f", "json"]) == 0
    content = json.loads(capsys.readouterr().out)
    rows = [line for line in (tmp_path / "audit.md").read_text().splitlines() if line.startswith("| ")]
    assert len(rows) == len(findings) + 2 == len(content["findings"]) + 2
    for one, row, found in zip(findings, rows[2:], content["findings"], strict=True):
        assert one.claim in text
        assert one.arithmetic in text
        assert row.count(" | ") == 5
        assert found["arithmetic"] == one.arithmetic
    assert text.rstrip().endswith(f"{summary(findings)}.")


def test_an_unknown_format_and_a_folder_that_is_not_there_are_refused(capsys, tmp_path):
    assert _main(["audit", "--format", "markdwon"]) == 2
    assert "Did you mean 'markdown'?" in capsys.readouterr().err
    assert _main(["audit", "--output", str(tmp_path / "no" / "audit.md")]) == 2
    assert "cannot be written" in capsys.readouterr().err

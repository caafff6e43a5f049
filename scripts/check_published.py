"""Compares every number of results/published/ with the text of the paper.

    python scripts/check_published.py PAPER.txt

PAPER.txt is the text of arXiv 2310.00022 with a table as one line per row and tabs between cells. The script reads
it on its own, without any code of rsbench: captions by ``Table N:``, rows by the numbers they end in. It prints a
line per table and every difference, and exits with 1 if there is one.
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

PUBLISHED = Path(__file__).resolve().parent.parent / "results" / "published"
ROWS = {1: 20, 2: 20, 3: 14, 4: 20, 5: 2}
NUMBER = re.compile(r"\d+\.\d+")
HEADER = {  # the paper's column titles, in the spelling of the CSV files
    1: ("EuroSAT", "NWPU-RESISC45"),
    2: ("mIoU", "mAcc"),
    3: ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR", "AR50", "AR75", "ARs", "ARm", "ARl", "F1", "F1_75"),
    4: ("AP^m", "AP50^m", "AP75^m"),
    5: ("LcC", "SS", "OD", "IS"),
}


def spelled(title: str) -> str:
    """Returns a column title of the paper in the spelling of the CSV files."""
    title = title.replace("\\uparrow", "").replace("Top-1 Acc.", "").replace("$", "").strip()
    title = re.sub(r"\s*\(.*\)$", "", title)  # table 5: "LcC (Acc.)"
    mask, under = re.fullmatch(r"(\w+?)_\{(\d+)\}\^m", title), re.fullmatch(r"(A[PR])_(?:\{(\d+)\}|([sml]))", title)
    if mask:
        return f"{mask[1]}{mask[2]}^m"
    if under:
        return under[1] + (under[2] or under[3])
    return re.sub(r"\{(\d+)\}", r"\1", title)


def paper_table(text: str, number: int) -> tuple[list[str], list[list[str]]]:
    """Returns the column titles and the rows (group, method, backbone, numbers ...) of one table of the paper."""
    body = text.split(f"\nTable {number}:", 1)[1].split("\n\n", 1)[1].split("\n\n", 1)[0]
    head, *lines = body.split("\n")
    width = len(HEADER[number])
    titles = [spelled(cell) for cell in head.split("\t")[-width:]]
    rows, group = [], ""
    for line in lines:
        cells = line.split("\t")
        names, numbers = cells[:-width], cells[-width:]
        if not all(NUMBER.fullmatch(cell) for cell in numbers):
            raise SystemExit(f"table {number}: the line {line!r} does not end in {width} numbers")
        if number in (1, 2, 4):
            group = names.pop(0) or group
        method = re.sub(r"\s*\([^()]*et al\., \d{4}\)", "", names.pop(0))
        rows.append([group, method, names.pop(0) if names else "", *numbers])
    return titles, rows


def stored_table(number: int) -> tuple[list[str], list[list[str]]]:
    """Returns the same of our CSV file; the variant, which is ours, is left out."""
    with (PUBLISHED / f"table{number}.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head[:4] == ["group", "method", "backbone", "variant"], head
    return head[4:], [row[:3] + row[4:] for row in rows]


def differences(number: int, text: str) -> tuple[int, list[str]]:
    """Returns how many numbers the paper's table has, and every difference in words."""
    (titles, paper), (ours, stored) = paper_table(text, number), stored_table(number)
    found = [] if titles == ours else [f"columns: paper {titles}, stored {ours}"]
    if not len(paper) == len(stored) == ROWS[number]:
        found.append(f"rows: paper {len(paper)}, stored {len(stored)}, expected {ROWS[number]}")
    for index, (theirs, own) in enumerate(zip(paper, stored, strict=False), 1):
        for column, (a, b) in enumerate(zip(theirs, own, strict=False)):
            if a != b:
                found.append(f"row {index} ({theirs[1]}), cell {column + 1}: paper {a!r}, stored {b!r}")
        if len(theirs) != len(own):
            found.append(f"row {index} ({theirs[1]}): paper {len(theirs)} cells, stored {len(own)}")
    return sum(len(row) - 3 for row in paper), found


def main(arguments: list[str]) -> int:
    """Checks all five tables; returns the exit code."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    text = Path(arguments[0]).read_text(encoding="utf-8")
    total, wrong = 0, 0
    for number in ROWS:
        count, found = differences(number, text)
        total, wrong = total + count, wrong + len(found)
        print(f"table {number}: {ROWS[number]} rows, {count} numbers, {len(found)} differences")
        for line in found:
            print(f"  {line}")
    print(f"all tables: {total} numbers, {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What is kept of a run of detection: detections, their matches, and files for others' tools."""

import json
from dataclasses import replace

import detection_cases as cases
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rsbench.detection.coco_results import read_coco_results, write_coco_results, write_coco_truth
from rsbench.detection.detections import Detections
from rsbench.detection.metrics import evaluate, scores_of
from rsbench.detection.prediction_writer import DetectionWriter, write_predictions
from rsbench.detection.predictions import about_of, match_columns, read_detections, read_matches
from rsbench.errors import RunError, UserError


def as_stored(found):
    """Detections whose numbers float32 holds."""
    return {
        item: replace(one, boxes=single(one.boxes), scores=single(one.scores), masks=one.masks and tuple(one.masks))
        for item, one in found.items()
    }


def single(values):
    return values.astype(np.float32).astype(np.float64)


def plain(one):
    masks = None if one.masks is None else [(tuple(m["size"]), bytes(m["counts"])) for m in one.masks]
    return one.boxes.tolist(), one.labels.tolist(), one.scores.tolist(), masks


def write(path, found, masks=True, part="val"):
    with DetectionWriter(path, masks) as writer:
        for item, one in found.items():
            writer.add(part, item, one)
    return path


@pytest.mark.parametrize("masks", [False, True])
def test_several_processes_write_shares_that_are_read_as_one(tmp_path, masks):
    _, found = cases.case(3, images=600, most=3, dets=4, masks=masks)
    items = list(found)
    shares = [
        write(tmp_path / str(n), {item: found[item] for item in items[n::2]}, masks) for n in range(2)
    ]  # fmt: skip
    shares.append(write(tmp_path / "train", {items[0]: found[items[0]]}, masks, "train"))
    read = read_detections(shares)
    assert read.keys() == {"train", "val"}
    assert {k: plain(v) for k, v in read["val"].items()} == {k: plain(v) for k, v in as_stored(found).items()}
    assert list(read["train"]) == items[:1]
    with pytest.raises(ValueError, match=f"{items[0]!r} of val are there twice"):
        read_detections([*shares, shares[0]])


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    _, found = cases.case(3, masks=False)
    with pytest.raises(ZeroDivisionError), DetectionWriter(tmp_path / "half", masks=False) as writer:
        writer.add("val", "000", next(iter(found.values())))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_not_finite_fail_the_run(tmp_path):
    bad = Detections(np.array([[0, 0, np.nan, 1.0]]), np.array([0]), np.array([0.5]))
    with (
        pytest.raises(RunError, match=r"'x\.jpg' is not finite"),
        DetectionWriter(tmp_path / "p", masks=False) as writer,
    ):
        writer.add("val", "x.jpg", bad)


@pytest.fixture(scope="module")
def scored():
    truth, found = cases.case(21, images=40)
    found = as_stored(found)
    return truth, found, evaluate(truth, found, "segm", 5), evaluate(truth, found, "bbox", 5)


def test_a_run_keeps_what_its_scores_follow_from(tmp_path, scored):
    truth, found, masks, boxes = scored
    path = tmp_path / "predictions.parquet"
    write_predictions(path, {"val": (found, [boxes, masks]), "test": ({}, [masks_of_nothing(truth, kind)
                                                                          for kind in ("segm", "bbox")])})  # fmt: skip
    for own, of_boxes in ((masks, False), (boxes, True)):
        assert scores_of(read_matches(path, "val", of_boxes)) == scores_of(own.matches)
        table = pq.read_table(path, columns=["part", "item", *match_columns(of_boxes)])
        assert scores_of(read_matches(table, "val", of_boxes)) == scores_of(own.matches)
        assert set(scores_of(read_matches(path, "test", of_boxes)).values()) == {0.0}
    matches = read_matches(path, "val")
    assert matches.items == tuple(item for _, item in sorted(zip(truth.image_ids, truth.items, strict=True)))
    about = about_of(pq.read_schema(path))
    assert (about.classes, about.kind, about.max_dets) == (truth.classes, "segm", 5)
    read = read_detections([path])["val"]
    assert {k: plain(v) for k, v in read.items() if len(v)} == {k: plain(v) for k, v in found.items() if len(v)}
    assert set(read) == set(truth.items)


def masks_of_nothing(truth, kind):
    return evaluate(truth, {}, kind, 5)


def test_what_is_stored_is_what_was_scored(tmp_path, scored):
    truth, found, *_ = scored
    _, exact = cases.case(21, images=40)
    with pytest.raises(ValueError, match="float32"):
        write_predictions(tmp_path / "p", {"val": (exact, [evaluate(truth, exact, "segm")])})
    with pytest.raises(ValueError, match="one way"):
        parts = {name: (found, [evaluate(truth, found, "segm", n)]) for name, n in (("val", 5), ("test", 6))}
        write_predictions(tmp_path / "p", parts)
    assert list(tmp_path.iterdir()) == []


def test_tables_without_matches_or_with_spoilt_ones_are_refused(tmp_path, scored):
    _, found, masks, _ = scored
    write_predictions(tmp_path / "p", {"val": (found, [masks])})
    table = pq.read_table(tmp_path / "p")
    with pytest.raises(ValueError, match="box_hits, box_ignored"):
        read_matches(table, "val", boxes=True)
    with pytest.raises(ValueError, match="no classes"):
        read_matches(table.replace_schema_metadata({}), "val")
    column = table.column_names.index("hits")
    short = pa.array([row[:-1] for row in table["hits"].to_pylist()], table["hits"].type)
    with pytest.raises(ValueError, match="fit together"):
        read_matches(table.set_column(column, "hits", short), "val")
    none = pa.array([None] * len(table), table["hits"].type)
    with pytest.raises(ValueError, match="missing"):
        read_matches(table.set_column(column, "hits", none), "val")


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_pycocotools_gives_the_same_figures_from_the_files_for_others(tmp_path, scored, kind):
    truth, found, *_ = scored
    ours = evaluate(truth, found, kind).values
    write_coco_results(tmp_path / "results.json", truth, found, kind)
    write_coco_truth(tmp_path / "truth.json", truth, kind)
    there, results = (json.loads((tmp_path / name).read_text()) for name in ("truth.json", "results.json"))
    theirs = cases.named_scores(cases.oracle(there, results, kind), truth)
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[name] - theirs[name]) for name in ours) < 1e-12
    read = read_coco_results(tmp_path / "results.json", truth, kind)
    assert evaluate(truth, read.detections, kind).values == ours
    assert (read.left_out, read.boxes) == (0, kind == "bbox")


def test_no_detections_make_an_empty_list(tmp_path, scored):
    write_coco_results(tmp_path / "r.json", scored[0], {}, "bbox")
    assert json.loads((tmp_path / "r.json").read_text()) == []
    assert read_coco_results(tmp_path / "r.json", scored[0], "bbox").detections == {}


def stranger(tmp_path, truth, *entries, text=None, kind="bbox"):
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(entries) if text is None else text)
    return read_coco_results(path, truth, kind, known_images=[*truth.image_ids, 5000])


def entry(truth, **changes):
    mask = {"size": [160, 160], "counts": [0, 20, 160 * 160 - 20]}
    one = {"image_id": truth.image_ids[2], "category_id": truth.category_ids[1], "bbox": [1, 2, 3.5, 4], "score": 0.5}
    return {key: value for key, value in {**one, "segmentation": mask, **changes}.items() if value is not None}


def test_a_file_of_a_stranger_is_taken_as_it_is(tmp_path, scored):
    truth = scored[0]
    first, second = entry(truth), entry(truth, bbox=[0.1, 0, 0, 7], score=1)
    read = stranger(tmp_path, truth, first, entry(truth, image_id=5000), second)
    [(item, found)] = read.detections.items()
    assert item == truth.items[2]
    assert found.boxes.tolist() == [[1, 2, 3.5, 4], [0.1, 0, 0, 7]]
    assert (found.labels.tolist(), found.scores.tolist(), found.masks) == ([1, 1], [0.5, 1.0], None)
    assert read.left_out == 1
    evaluate(truth, read.detections, "bbox")  # a box without extent overlaps nothing, and is no error


def test_masks_of_a_stranger_are_run_lengths_or_polygons(tmp_path, scored):
    truth = scored[0]
    polygon = [[10, 10, 30, 10, 30, 20, 10, 20]]
    found = stranger(
        tmp_path, truth, entry(truth), entry(truth, segmentation=polygon, bbox=None), kind="segm"
    )  # fmt: skip
    [one] = found.detections.values()
    assert cases.run_lengths.area(list(one.masks)).tolist() == [20, 200]
    assert one.boxes.tolist() == [[1, 2, 3.5, 4], [10, 10, 20, 10]]
    assert not found.boxes


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({"score": None}, "bbox", "it lacks score"),
        ({"bbox": None, "image_id": None}, "bbox", "it lacks bbox, image_id"),
        ({"segmentation": None}, "segm", "it lacks segmentation"),
        ({"image_id": 4999}, "bbox", "no image with the id 4999"),
        ({"image_id": "7"}, "bbox", "no image with the id '7'"),
        ({"category_id": 77}, "bbox", "no category with the id 77"),
        ({"image_id": 7.0}, "bbox", r"no image with the id 7\.0"),
        ({"bbox": [1, 2, 1e308, 1e308]}, "bbox", "reaches further than 10,000,000 pixels"),
        ({"bbox": [-1e8, 2, 3, 4]}, "segm", "reaches further than 10,000,000 pixels"),
        ({"bbox": [1, 2, 3, 10**400]}, "bbox", "not four finite numbers"),
        ({"segmentation": [[1, 2, 3, 4, 5, 10**400]]}, "segm", "polygon 1"),
        ({"category_id": [1]}, "bbox", r"no category with the id \[1\]"),
        ({"bbox": [1, 2, 3]}, "bbox", "not four finite numbers"),
        ({"bbox": [1, 2, 3, float("nan")]}, "bbox", "not four finite numbers"),
        ({"bbox": {"x": 1}}, "bbox", "not four finite numbers"),
        ({"bbox": [1, 2, -3, 4]}, "bbox", "negative extent"),
        ({"score": float("inf")}, "bbox", "score inf is no finite number"),
        ({"score": "0.5"}, "bbox", "score '0.5' is no finite number"),
        ({"score": 10**400}, "bbox", "is no finite number"),
        ({"segmentation": {"size": [20, 20], "counts": [400]}}, "segm", r"of the size \[20, 20\]"),
        ({"segmentation": {"size": [160, 160], "counts": "zz~"}}, "segm", "cannot be read"),
        ({"segmentation": {"size": [160, 160], "counts": [7]}}, "segm", "cover 7 pixels"),
        ({"segmentation": [[1, 2, 3]]}, "segm", "polygon 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_the_entry(tmp_path, scored, changes, kind, reason):
    truth = scored[0]
    with pytest.raises(UserError, match=rf"theirs\.json is not valid: entry 2: .*{reason}"):
        stranger(tmp_path, truth, entry(truth), entry(truth, **changes), kind=kind)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{}", "holds no list"), ("[1", "is no JSON"), ("\xff", "is no JSON"), ("[[]]", "entry 1: it is no object")],
)
def test_what_is_no_list_of_detections_is_refused(tmp_path, scored, text, reason):
    with pytest.raises(UserError, match=reason):
        stranger(tmp_path, scored[0], text=text)


def test_a_missing_file_is_named(tmp_path, scored):
    with pytest.raises(UserError, match=r"nothing here\.json does not exist"):
        read_coco_results(tmp_path / "nothing here.json", scored[0], "bbox")


def test_the_remedy_for_wrong_numbers_is_how_the_dataset_numbers(tmp_path, scored):
    truth = scored[0]
    with pytest.raises(UserError) as image:
        stranger(tmp_path, truth, entry(truth, image_id=4999))
    lowest = min(truth.image_ids)
    assert image.value.hint.endswith(f": {truth.items[truth.image_ids.index(lowest)]} is {lowest}.")
    with pytest.raises(UserError) as category:
        stranger(tmp_path, truth, entry(truth, category_id=99))
    assert f"{truth.category_ids[1]} {truth.classes[1]}" in category.value.hint

"""Demo scenes: the same for the same seed, true in what they say about themselves, in the layout of the datasets."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull, QhullError

from rsbench.datasets.classification import open_resisc45
from rsbench.datasets.demo.canvas import COVER, Canvas
from rsbench.datasets.demo.noise import fractal
from rsbench.datasets.demo.scene import RECIPES, render
from rsbench.datasets.demo.shapes import area, circle, clip, hull, rectangle
from rsbench.datasets.demo.writers import write_eurosat, write_resisc45
from rsbench.datasets.layout import EUROSAT, RESISC45
from rsbench.datasets.splits import SplitList
from rsbench.errors import UserError
from rsbench.plugins import load


def test_every_class_has_a_recipe() -> None:
    assert {name for name in RECIPES if name.startswith("eurosat/")} == {f"eurosat/{c}" for c in EUROSAT.classes}
    assert {name for name in RECIPES if name.startswith("resisc45/")} == {f"resisc45/{c}" for c in RESISC45.classes}
    with pytest.raises(UserError, match="no demo scene") as error:
        render("eurosat/Forrest", 64, 0)
    assert "eurosat/Forest" in error.value.hint


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_scene(name: str) -> None:
    size = 64 if name.startswith("eurosat/") else 128
    scene = render(name, size, seed=3)
    again, other = render(name, size, seed=3), render(name, size, seed=4)
    assert scene.image.shape == (size, size, 3) and scene.image.dtype == np.uint8
    assert np.array_equal(scene.image, again.image) and not np.array_equal(scene.image, other.image)
    assert [o.polygon.tolist() for o in scene.objects] == [o.polygon.tolist() for o in again.objects]
    assert scene.image.std() > 2 and scene.cover.max() < len(COVER)
    assert ((scene.image == 0) | (scene.image == 255)).mean() < 0.25  # neither drowned nor burnt out
    for thing in scene.objects:
        assert thing.polygon.ndim == 2 and thing.polygon.shape[0] >= 3 and thing.polygon.shape[1] == 2
        assert thing.polygon.min() >= -1e-9 and thing.polygon.max() <= size + 1e-9
        assert 0 < thing.visible <= 1


@pytest.mark.parametrize(
    ("recipe", "name"),
    [("harbor", "ship"), ("airplane", "plane"), ("storage_tank", "storage_tank"), ("tennis_court", "tennis_court"),
     ("baseball_diamond", "baseball_diamond"), ("ground_track_field", "ground_track_field"), ("bridge", "bridge"),
     ("parking_lot", "small_vehicle"), ("dense_residential", "building")],
)  # fmt: skip
def test_scene_holds_what_it_is_named_after(recipe: str, name: str) -> None:
    for seed in range(4):
        assert any(thing.class_name == name for thing in render(f"resisc45/{recipe}", 256, seed).objects)


def test_cover_of_buildings_lies_under_their_outlines() -> None:
    """The two truths of a scene, outlines and cover, are drawn apart and must agree."""
    for name in ("resisc45/commercial_area", "resisc45/storage_tank", "resisc45/medium_residential"):
        scene = render(name, 256, 0)
        mask = Image.new("L", (256, 256))
        draw = ImageDraw.Draw(mask)
        for thing in scene.objects:
            if thing.class_name in ("building", "storage_tank"):
                draw.polygon([tuple(p) for p in (thing.polygon - 0.5).tolist()], fill=1)
        outlines, cover = np.asarray(mask) > 0, scene.cover == COVER.index("building")
        assert outlines.sum() > 3000
        assert (outlines & cover).sum() / (outlines | cover).sum() > 0.93


def test_a_thing_is_where_its_polygon_says() -> None:
    rng = np.random.default_rng(0)
    canvas = Canvas(64, 0.5, rng)
    canvas.paint((0.1, 0.1, 0.1))
    canvas.thing(rectangle(-6, 2, 8, 4), (1, 1, 1), name="building", cover="building")
    scene = canvas.finish()
    (thing,) = scene.objects
    assert np.allclose(thing.polygon, [[12, 32], [28, 32], [28, 40], [12, 40]])
    bright = scene.image.mean(2) > 128
    expected = np.zeros((64, 64), bool)
    expected[32:40, 12:28] = True
    assert (bright ^ expected).sum() <= 48  # at most the pixels along the outline
    assert bright[33:39, 13:27].all() and not bright[:31].any() and not bright[:, 30:].any()


def test_hidden_and_cut_objects() -> None:
    canvas = Canvas(64, 1.0, np.random.default_rng(0))
    canvas.thing(rectangle(0, 0, 4, 4), (1, 0, 0), height=1, name="small_vehicle")
    canvas.thing(rectangle(0, 0, 40, 10), (0, 1, 0), height=5, name="bridge")
    canvas.thing(rectangle(32, 20, 10, 10), (0, 0, 1), name="building")
    canvas.thing(rectangle(60, 0, 10, 10), (0, 0, 1), name="building")
    scene = canvas.finish()
    assert [thing.class_name for thing in scene.objects] == ["bridge", "building"]  # the car is under the bridge
    assert [thing.visible for thing in scene.objects] == [1.0, 0.5]
    assert area(scene.objects[1].polygon) == 50


def test_scenes_do_not_depend_on_how_many_are_made(tmp_path: Path) -> None:
    write_eurosat(tmp_path / "a", 0, per_class=5)
    write_eurosat(tmp_path / "b", 0, per_class=6)
    name = "eurosat/2750/River/River_5.jpg"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_written_demo_is_reused_and_guarded(demo_eurosat: tuple[Path, SplitList], tmp_path: Path) -> None:
    root, split = demo_eurosat
    stamp = (root / "eurosat").stat().st_mtime_ns
    assert write_eurosat(root, 0, per_class=5) == split
    assert (root / "eurosat").stat().st_mtime_ns == stamp
    assert [p.name for p in root.iterdir()] == ["eurosat"]  # no half-written folder is left
    with pytest.raises(UserError, match="not demo-v"):
        write_eurosat(root, 1, per_class=5)
    (tmp_path / "eurosat" / "2750").mkdir(parents=True)
    with pytest.raises(UserError, match="holds no demo scenes"):
        write_eurosat(tmp_path, 0)
    with pytest.raises(UserError, match="too few"):
        write_eurosat(tmp_path / "x", 0, per_class=2)


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rsbench.datasets.demo import writers

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writers, "write_split", stop)
        patch.setattr(writers, "render", lambda *_: render("eurosat/SeaLake", 64, 0))
        with pytest.raises(KeyboardInterrupt):
            write_eurosat(tmp_path, 0, per_class=5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_resisc45_demo(tmp_path: Path) -> None:
    split = write_resisc45(tmp_path, 0, per_class=5)
    dataset = open_resisc45(tmp_path, split)
    assert split.counts == {"train": 135, "val": 45, "test": 45}
    assert (tmp_path / "NWPU-RESISC45" / "airplane" / "airplane_001.jpg").is_file()
    dataset.check()
    assert open_resisc45(tmp_path / "NWPU-RESISC45", split).fingerprint == dataset.fingerprint


def test_task_opens_its_own_demo(tmp_path: Path) -> None:
    task = load().task("eurosat")
    split = task.demo(tmp_path, 0)
    dataset = task.open(tmp_path, split)
    assert dataset.classes == task.classes and split.counts == {"train": 360, "val": 120, "test": 120}
    # classes are far apart and yet overlap: the mean colour alone tells more than chance and less than all
    colour = {
        part: np.array([dataset.load(path).reshape(-1, 3).mean(0) for path in items.paths])
        for part, items in dataset.parts.items()
    }
    train, test = dataset.parts["train"].labels, dataset.parts["test"].labels
    nearest = ((colour["test"][:, None] - colour["train"][None]) ** 2).sum(2).argmin(1)
    assert 0.2 < (train[nearest] == test).mean() < 0.85


BOXES = st.tuples(*[st.floats(-20, 20)] * 2, *[st.floats(0.5, 30)] * 2, st.floats(0, 3))


@settings(deadline=None)
@given(box=BOXES)
def test_clip_against_counting_pixels(box: tuple[float, float, float, float, float]) -> None:
    polygon = rectangle(*box)
    inside = clip(polygon, 10, 10)
    steps = (np.arange(200) + 0.5) / 20
    points = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) - [box[0], box[1]]
    cosine, sine = np.cos(box[4]), np.sin(box[4])
    u, v = points @ [cosine, sine], points @ [-sine, cosine]
    counted = ((abs(u) <= box[2] / 2) & (abs(v) <= box[3] / 2)).mean() * 100
    assert abs((area(inside) if len(inside) else 0) - counted) < 3


@settings(deadline=None)
@given(points=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=20, unique=True))
def test_hull_against_scipy(points: list[tuple[int, int]]) -> None:
    try:
        expected = ConvexHull(points)
    except QhullError:  # all on a line
        return
    found = hull(np.array(points, float))
    assert {tuple(p) for p in found.tolist()} == {tuple(map(float, points[i])) for i in expected.vertices}


def test_area_and_noise() -> None:
    assert area(circle(5, -3, 2, 400)) == pytest.approx(np.pi * 4, rel=1e-3)
    field = fractal(np.random.default_rng(0), 128, 8)
    assert field.dtype == np.float32 and field.shape == (128, 128)
    assert abs(field.mean()) < 0.25 and 0.25 < field.std() < 0.8
    assert abs(np.diff(field)).mean() < 0.2 * field.std()  # smooth

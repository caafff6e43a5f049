"""Pretraining through the command line: files, exact resume, corrupt images, errors."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from rsbench import training
from rsbench.backbones import create
from rsbench.cli import _main
from rsbench.errors import UserError
from rsbench.pretraining.images import ImageFolder, Order, random_crop
from rsbench.pretraining.options import make_options

TINY = ["image_size=32", "mask_patch=8", "epochs=3", "batch_size=4", "warmup_epochs=1"]
TINY += ["learning_rate=1e-3", "lr_scaling=none"]


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(14):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        (folder / f"scene{number % 2}").mkdir(exist_ok=True)
        coarse.resize((48, 40)).save(folder / f"scene{number % 2}" / f"{number:02d}.png")
    return folder


def arguments(images, output, *more, objective="ctxmim", sets=TINY) -> list[str]:
    changes = [part for change in sets for part in ("--set", change)]
    return [
        "pretrain", "--method", objective, "--images", str(images), "--output", str(output),
        "--precision", "fp32", "--accelerator", "cpu", *changes, *more,
    ]  # fmt: skip


def losses(folder: Path) -> list[dict]:
    keep = ("epoch", "step", "loss", "L_Re", "L_Pr", "L_Cc", "lr")
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in keep if key in line} for line in lines]


def test_a_run_leaves_an_encoder_a_log_and_its_provenance(images, tmp_path, capsys):
    assert _main(arguments(images, tmp_path / "run")) == 0
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance["options"]["mask_ratio"] == 0.6
    assert provenance["data"]["images"] == 14
    assert len(provenance["losses_per_epoch"]) == 3
    logged = losses(tmp_path / "run")
    assert len(logged) == 9  # 14 images make 3 batches of 4, in 3 epochs
    for epoch, means in enumerate(provenance["losses_per_epoch"]):
        mine = [line["L_Cc"] for line in logged if line["epoch"] == epoch]
        assert means["L_Cc"] == pytest.approx(np.mean(mine))
    for line in logged:
        assert line["loss"] == pytest.approx(line["L_Re"] + line["L_Pr"] + line["L_Cc"], rel=1e-5)
    encoder = load_file(tmp_path / "run" / "encoder.safetensors")
    assert sum(tensor.numel() for tensor in encoder.values()) == create("nano", image_size=32).parameter_count
    assert "epoch 3/3" in capsys.readouterr().err


def test_a_run_killed_between_checkpoints_resumes_bit_equal(images, tmp_path, monkeypatch):
    assert _main(arguments(images, tmp_path / "whole")) == 0

    append, count = training._append, 0

    def die_after_five_steps(*given):
        nonlocal count
        append(*given)
        count += 1
        if count == 5:  # one step after a checkpoint in the middle of an epoch
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "_append", die_after_five_steps)
    assert _main(arguments(images, tmp_path / "cut", "--checkpoint-every", "2")) == 130
    monkeypatch.setattr(training, "_append", append)
    assert len(losses(tmp_path / "cut")) == 5
    assert _main(arguments(images, tmp_path / "cut", "--resume", "--checkpoint-every", "2")) == 0

    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    one, two = (load_file(tmp_path / run / "encoder.safetensors") for run in ("whole", "cut"))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_a_process_killed_with_sigkill_resumes_bit_equal(images, tmp_path):
    long = [change.replace("epochs=3", "epochs=20") if change.startswith("epochs") else change for change in TINY]
    command = [sys.executable, "-m", "rsbench", *arguments(images, tmp_path / "cut", sets=long)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = tmp_path / "cut" / "log.jsonl"
    deadline = time.time() + 240
    while not (log.exists() and len(log.read_text().splitlines()) >= 8):
        assert time.time() < deadline and process.poll() is None, "the run did not get going"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut" / "provenance.json").exists()
    assert _main(arguments(images, tmp_path / "cut", "--resume", sets=long)) == 0
    assert _main(arguments(images, tmp_path / "whole", sets=long)) == 0
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(images, tmp_path):
    assert _main(arguments(images, tmp_path / "one")) == 0
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "rsbench", *arguments(images, tmp_path / "two"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    for one, two in zip(losses(tmp_path / "one"), losses(tmp_path / "two"), strict=True):
        assert two == pytest.approx(one, rel=2e-3)


def test_accumulated_batches_take_the_steps_of_whole_ones(images, tmp_path):
    assert _main(arguments(images, tmp_path / "whole")) == 0
    assert _main(arguments(images, tmp_path / "parts", "--set", "accumulate=2")) == 0
    for one, two in zip(losses(tmp_path / "whole"), losses(tmp_path / "parts"), strict=True):
        assert two == pytest.approx(one, rel=1e-3)


def test_simmim_has_one_loss(images, tmp_path):
    assert _main(arguments(images, tmp_path / "run", objective="simmim")) == 0
    assert all(set(line) == {"epoch", "step", "loss", "L_Re", "lr"} for line in losses(tmp_path / "run"))


def test_corrupt_images_stop_the_run_or_are_named_and_counted(images, tmp_path, capsys):
    broken = tmp_path / "images"
    for name in ImageFolder.find(images).names:
        (broken / name).parent.mkdir(parents=True, exist_ok=True)
        (broken / name).write_bytes((images / name).read_bytes())
    victim = broken / "scene0" / "04.png"
    victim.write_bytes(victim.read_bytes()[:200])
    assert _main(arguments(broken, tmp_path / "strict")) == 2
    error = capsys.readouterr().err
    assert "04.png" in error and "--skip-corrupt" in error
    assert _main(arguments(broken, tmp_path / "skip", "--skip-corrupt")) == 0
    assert "Skipped scene0/04.png" in capsys.readouterr().err
    provenance = json.loads((tmp_path / "skip" / "provenance.json").read_text())
    assert list(provenance["corrupt"]) == ["scene0/04.png"]


def test_a_loss_that_is_not_finite_names_the_step_and_the_images(images, tmp_path, capsys):
    sets = [*TINY, "clip=0"]
    sets[sets.index("learning_rate=1e-3")] = "learning_rate=1e30"
    assert _main(arguments(images, tmp_path / "run", sets=sets)) == 1
    error = capsys.readouterr().err
    assert "not finite at step" in error and ".png" in error


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--resume"], "nothing"),
        (["--variant", "vit_b"], "cannot be pretrained"),
        (["--method", "ctxmin"], "Did you mean 'ctxmim'"),
        (["--preset", "papr"], "Did you mean 'paper'"),
        (["--set", "mask_ration=0.5"], "Did you mean 'mask_ratio'"),
        (["--set", "mask_ratio=1.5"], "mask_ratio"),
        (["--set", "accumulate=3"], "multiple of"),
        (["--set", "mask_ratio"], "KEY=VALUE"),
        (["--set", "betas=1"], "takes 2 numbers"),
        (["--set", "seed=-1"], "seed"),
        (["--set", "eps=0"], "eps"),
        (["--precision", "fp16"], "no precision"),
        (["--set", "std=0,0,0"], "not positive"),
        (["--set", "crop_ratio=2,1"], "low <= high"),
        (["--precision", "bf61"], "Did you mean 'bf16'"),
        (["--accelerator", "gpu"], "no GPU"),
        (["--devices", "x"], "number of devices"),
        (["--images", "no-such-folder"], "does not exist"),
        (["--only", "eurosat:train"], "not under"),
    ],
)
def test_errors_of_the_user_are_one_line_with_a_remedy(images, tmp_path, capsys, more, expected):
    given = arguments(images, tmp_path / "run", *more)
    code = _main(given)
    error = capsys.readouterr().err
    assert code == 2
    assert expected in error or expected == "nothing"
    assert "Traceback" not in error and len(error.strip().splitlines()) <= 3


def test_a_finished_run_and_a_run_of_other_options_are_not_resumed(images, tmp_path, capsys):
    assert _main(arguments(images, tmp_path / "run")) == 0
    assert _main(arguments(images, tmp_path / "run")) == 2
    assert "--resume" in capsys.readouterr().err
    assert _main(arguments(images, tmp_path / "run", "--resume")) == 2
    assert "finished" in capsys.readouterr().err
    (tmp_path / "run" / "provenance.json").unlink()
    assert _main(arguments(images, tmp_path / "run", "--resume", "--set", "mask_ratio=0.7")) == 2
    assert "options" in capsys.readouterr().err


def test_order_covers_each_image_once_and_splits_it_among_ranks():
    chosen = make_options("ctxmim", "nano", changes={"batch_size": 8, "accumulate": 2})
    whole = [key for batch in Order(32, chosen).batches(3) for key in batch]
    assert sorted(index for _, index in whole) == list(range(32))
    ranks = [[key for batch in Order(32, chosen, rank, 2).batches(3) for key in batch] for rank in (0, 1)]
    assert sorted(ranks[0] + ranks[1]) == sorted(whole)
    rest = [key for batch in Order(32, chosen).batches(3, first_step=2) for key in batch]
    assert rest == whole[16:]


def test_crops_stay_inside_and_have_the_asked_share():
    chosen = make_options("ctxmim", "nano")
    rng = np.random.default_rng(0)
    for _ in range(300):
        height, width = rng.integers(8, 200, 2)
        top, left, h, w = random_crop(int(height), int(width), chosen, rng)
        assert top >= 0 and top + h <= height and left >= 0 and left + w <= width
    shares = [h * w / 64**2 for _, _, h, w in (random_crop(64, 64, chosen, rng) for _ in range(500))]
    assert min(shares) > 0.64 and max(shares) <= 1.0 and 0.75 < np.mean(shares) < 0.9


def test_reconstruction_fills_the_masked_cells_and_leaves_the_others(images, tmp_path, capsys):
    assert (
        _main(arguments(images, tmp_path / "run", "--set", "epochs=2", sets=[s for s in TINY if s != "epochs=3"])) == 0
    )
    picture = tmp_path / "out" / "panels.png"
    given = ["reconstruct", "--checkpoint", str(tmp_path / "run" / "checkpoint.pt"), "--images", str(images)]
    assert _main([*given, "--output", str(picture), "--count", "2", "--image-size", "64"]) == 0
    with Image.open(picture) as image:
        assert image.format == "PNG" and image.width > image.height
    assert (
        _main(["reconstruct", "--checkpoint", str(tmp_path / "run" / "encoder.safetensors"), "--images", str(images)])
        == 2
    )
    assert "checkpoint.pt" in capsys.readouterr().err

    from rsbench.pretraining.reconstruct import load_model, reconstruct

    model = load_model(tmp_path / "run" / "checkpoint.pt")
    whole = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, 1, 2] = True
    filled = reconstruct(model, whole, mask)
    changed = (filled != whole).any(1)[0]
    assert changed[8:16, 16:24].any()
    changed[8:16, 16:24] = False
    assert not changed.any()


def test_a_run_killed_before_its_first_checkpoint_starts_with_a_clean_log(images, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "log.jsonl").write_text('{"epoch": 0, "step": 1, "loss": 9.0}\n{"epoch": 0, "st')
    assert _main(arguments(images, tmp_path / "run")) == 0
    assert [line["step"] for line in losses(tmp_path / "run")] == list(range(1, 10))


def test_skipped_images_are_all_named_after_a_resume(images, tmp_path, monkeypatch):
    broken = tmp_path / "images"
    for name in ImageFolder.find(images).names:
        (broken / name).parent.mkdir(parents=True, exist_ok=True)
        (broken / name).write_bytes((images / name).read_bytes())
    (broken / "scene0" / "04.png").write_bytes(b"")
    save = training._save

    def mend_and_die(*given):
        save(*given)
        (broken / "scene0" / "04.png").write_bytes((images / "scene0" / "04.png").read_bytes()[:0])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training, "_save", mend_and_die)
        assert _main(arguments(broken, tmp_path / "run", "--skip-corrupt")) == 130
    seen = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["notes"]
    assert _main(arguments(broken, tmp_path / "run", "--skip-corrupt", "--resume")) == 0
    named = json.loads((tmp_path / "run" / "provenance.json").read_text())["corrupt"]
    assert set(named) == {"scene0/04.png"} and seen.keys() <= named.keys()


def test_pretraining_may_start_from_an_encoder(images, tmp_path):
    assert _main(arguments(images, tmp_path / "first")) == 0
    start = f"init_from={tmp_path / 'first' / 'encoder.safetensors'}"
    assert _main(arguments(images, tmp_path / "second", "--set", start)) == 0
    assert losses(tmp_path / "second")[0]["loss"] != losses(tmp_path / "first")[0]["loss"]
    assert len(json.loads((tmp_path / "second" / "provenance.json").read_text())["init_from_sha256"]) == 64


def test_two_copies_of_an_image_of_a_split_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder / "Forest").mkdir(parents=True)
        (tmp_path / folder / "Forest" / "Forest_1.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match="twice"):
        ImageFolder.find(tmp_path, ["Forest/Forest_1.jpg"])


def test_a_full_disk_leaves_the_checkpoint_before_and_one_line(images, tmp_path, monkeypatch, capsys):
    save, count = torch.save, 0

    def full_at_the_second(state, stream):
        nonlocal count
        count += 1
        if count == 2:
            stream.write(b"half")
            raise OSError(28, "No space left on device")
        save(state, stream)

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full_at_the_second)
        assert _main(arguments(images, tmp_path / "run")) == 2
    assert "No space left" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "run").iterdir() if "partial" in path.name] == []
    assert _main(arguments(images, tmp_path / "run", "--resume")) == 0
    assert len(losses(tmp_path / "run")) == 9

"""The user's errors through the real entry point: named thing, reason, remedy, exit code 2 and no traceback."""

import re

import pytest

from rsbench import RunError
from rsbench.cli import _main, common

RUN = ("run", "--method", "random/nano", "--task", "eurosat")
DEMO = (*RUN, "--data", "demo")


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Runs a command that must be refused, and returns what it said on standard error."""
    assert _main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


@pytest.fixture(autouse=True)
def nothing_is_written(tmp_path, monkeypatch):
    """A refused command leaves no results behind."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        # names
        (("run", "--method", "ctxmin", "--task", "eurosat"), ("There is no method 'ctxmin'", "Did you mean 'ctxmim'?")),
        (("run", "--method", "random/nanno", "--task", "eurosat"), ("no variant 'nanno'", "Did you mean 'nano'?")),
        (("run", "--method", "zzz", "--task", "eurosat"), ("There is no method 'zzz'", "Known: caco, cmid,")),
        (("run", "--method", "random", "--task", "eurosatt"), ("no task 'eurosatt'", "Did you mean 'eurosat'?")),
        ((*DEMO, "--protocol", "swpt"), ("'eurosat' has no protocol 'swpt'", "Did you mean 'swept'?")),
        ((*RUN, "--split", "secco"), ("'eurosat' has no split 'secco'", "Did you mean 'seco'?")),
        ((*DEMO, "--split", "seco"), ("split of their own", "Leave out --split (--partition of rsbench score)")),
        # settings
        ((*DEMO, "--set", "epoch=3"), ("'paper' has no setting 'epoch'", "Did you mean 'epochs'?")),
        ((*DEMO, "--set", "epochs=many"), ("epochs='many' cannot be read", "a whole number")),
        ((*DEMO, "--set", "epochs"), ("--set epochs is not KEY=VALUE", "--set epochs=10")),
        ((*DEMO, "--set", "=3"), ("--set =3 is not KEY=VALUE", "--set epochs=10")),
        ((*DEMO, "--set", "lr=1", "--set", "lr=2"), ("--set lr is given twice", "once")),
        ((*DEMO, "--set", "image_size=8"), ("image_size=8", "at least 32 px")),
        ((*DEMO, "--seeds", "one"), ("--seeds one cannot be read", "0-4")),
        ((*DEMO, "--seeds", "4-1"), ("--seeds 4-1 runs backwards", "lower seed first")),
        ((*DEMO, "--seeds", ""), ("--seeds", "0-4")),
        ((*DEMO, "--precision", "fp23"), ("no precision 'fp23'", "Did you mean 'fp32'?")),
        ((*DEMO, "--device", "gpu"), ("device 'gpu' cannot be used", "cpu, cuda or auto")),
        # files and folders
        ((*RUN, "--data", "nowhere"), ("no folder nowhere with EuroSAT", "nowhere/eurosat/2750/AnnualCrop exists")),
        (RUN, ("EuroSAT is not at", "--data demo")),
        ((*DEMO, "--checkpoint", "no.pt"), ("checkpoint no.pt does not exist", "Give the path of a file")),
        ((*DEMO, "--plugin", "no.py"), ("no.py does not exist", "--plugin")),
        # the other commands
        (("table", "9"), ("no table 9", "1")),
        (("table", "1", "--format", "latx"), ("latx", "Did you mean 'latex'?")),
        (("table", "1", "--results", "no"), ("results folder no does not exist", "--results")),
        (("pretrain", "--method", "ctxmin", "--images", "."), ("'ctxmin' cannot be pretrained", "'ctxmim'")),
        (("pretrain", "--method", "ctxmim", "--images", "no"), ("image folder no does not exist", "--images")),
        (("pretrain", "--method", "ctxmim", "--images", ".", "--variant", "vit_b"), ("'vit_b' cannot", "nano, swin_b")),
        (("pretrain", "--method", "ctxmim", "--images", ".", "--preset", "papr"), ("preset 'papr'", "'paper'")),
        (
            ("pretrain", "--method", "ctxmim", "--images", ".", "--set", "mask_ration=1"),
            ("mask_ration", "'mask_ratio'"),
        ),
        (("pretrain", "--method", "ctxmim", "--images", ".", "--set", "mask_ratio=2"), ("mask_ratio", "less than 1")),
        (("pretrain", "--method", "ctxmim", "--images", ".", "--only", "eurosat:trian"), ("part 'trian'", "'train'")),
        (
            ("reconstruct", "--checkpoint", "no.pt", "--images", "."),
            ("checkpoint no.pt does not exist", "Give the path of a file"),
        ),
        # what the parser of options refuses itself
        (("run", "--task", "eurosat"), ("Missing option '--method'", "rsbench run --help")),
        (("run", "--methd", "random"), ("No such option: --methd", "--method")),
        (("runn",), ("No such command 'runn'", "rsbench --help")),
        ((*DEMO, "--batch-size", "0"), ("Invalid value for '--batch-size'", "1")),
        (("list", "tables"), ("'tables' is not one of", "methods")),
    ],
)
def test_a_mistake_is_named_with_its_remedy(capsys, arguments, said):
    err = failed(capsys, *arguments)
    for text in said:
        assert text in err


def test_weights_that_do_not_exist_say_how_to_make_them(capsys):
    err = failed(capsys, "run", "--method", "ctxmim/swin_b", "--task", "eurosat", "--data", "demo")
    assert "ctxmim/swin_b has no public weights." in err
    assert re.search(r"rsbench pretrain --method ctxmim --variant swin_b .* Then pass --checkpoint FILE", err)


def test_a_file_that_is_no_checkpoint_is_refused(capsys, tmp_path):
    (tmp_path / "notes.pt").write_text("not tensors")
    err = failed(capsys, *DEMO, "--checkpoint", "notes.pt")
    assert "notes.pt" in err
    assert "checkpoint" in err


def test_debug_shows_the_traceback_too(capsys):
    assert _main(["--debug", "run", "--method", "ctxmin", "--task", "eurosat"]) == 2
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert "Error: There is no method 'ctxmin'." in err


def test_a_run_that_fails_is_not_the_users_error(capsys, monkeypatch):
    def fail(plugins):
        raise RunError("The loss is not finite at step 3.", "Lower the learning rate.")

    monkeypatch.setattr(common, "load", fail)
    assert _main(["list", "methods"]) == 1
    assert capsys.readouterr().err == "Error: The loss is not finite at step 3.\n  Lower the learning rate.\n"


def test_an_interruption_has_the_exit_code_of_one(capsys, monkeypatch):
    def interrupt(plugins):
        raise KeyboardInterrupt

    monkeypatch.setattr(common, "load", interrupt)
    assert _main(["list", "methods"]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_a_fault_of_rsbench_itself_is_not_hidden(monkeypatch):
    def break_down(plugins):
        raise ZeroDivisionError

    monkeypatch.setattr(common, "load", break_down)
    with pytest.raises(ZeroDivisionError):
        _main(["list", "methods"])


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("list", "tasks")])
def test_done_is_zero(capsys, arguments):
    assert _main(list(arguments)) == 0
    assert capsys.readouterr().out

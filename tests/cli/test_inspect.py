"""``rsbench inspect``: what becomes of every key, and exit code 2 for a file that does not fit whole."""

import json

import pytest
import torch
from networks import trained_state
from upstream import FAKES

from rsbench.cli import _main


@pytest.fixture
def inspected(capsys):
    """Runs the command in this process; returns exit code, output and errors."""

    def run(*arguments):
        code = _main(["inspect", *map(str, arguments)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture
def good(tmp_path):
    """A whole ResNet-50 as SeCo's authors saved it."""
    state = trained_state("resnet50")
    names = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
    encoder = {f"encoder_q.{names[key.partition('.')[0]]}.{key.partition('.')[2]}": x for key, x in state.items()}
    file = tmp_path / "seco.ckpt"
    torch.save(
        {"epoch": 3, "state_dict": {**encoder, "queue": torch.zeros(4), "heads_q.0.weight": torch.ones(2)}}, file
    )
    return file


def test_it_shows_layout_digest_and_every_fate(inspected, good):
    code, out, err = inspected(good, "--method", "seco")
    assert (code, err) == (0, "")
    for text in ("resnet-sequential, prefix encoder_q.", "23,508,032 of 23,508,032 parameters", "in state_dict"):
        assert text in out
    counts = {line.split()[0]: line.split()[1] for line in out.splitlines()[-5:]}
    assert counts == {"mapped": "318", "dropped": "2", "missing": "0", "unexpected": "0", "misshapen": "0"}


def test_keys_are_listed_one_by_one(inspected, good):
    code, out, _ = inspected(good, "--method", "seco", "--keys")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["encoder_q.7.2.bn3.bias", "mapped", "layer4.2.bn3.bias"] in rows
    assert ["queue", "dropped", "left", "out", "by", "name"] in rows


def test_json_says_everything(inspected, good):
    code, out, _ = inspected(good, "--method", "seco", "--json")
    found = json.loads(out)
    assert code == 0 and found["complete"] is True
    assert (found["layout"], found["prefix"], found["where"]) == ("resnet-sequential", "encoder_q.", "state_dict")
    assert len(found["mapped"]) == 318 and set(found["dropped"]) == {"queue", "heads_q.0.weight"}
    assert len(found["digest"]) == len(found["file_sha256"]) == 64


def test_a_file_that_lacks_something_is_shown_and_refused(inspected, tmp_path):
    state = trained_state("resnet50")
    del state["layer4.2.bn3.weight"]
    state["surprise"] = torch.zeros(3)
    state["conv1.weight"] = state["conv1.weight"][:, :2].clone()
    torch.save(state, tmp_path / "w.pth")
    code, out, err = inspected(tmp_path / "w.pth", "--method", "random/resnet50")
    assert code == 2
    assert "1 missing (layer4.2.bn3.weight); 1 unexpected (surprise); 1 of another shape (conv1.weight" in err
    rows = {line.split()[0]: line.split()[1:3] for line in out.splitlines()[-5:]}
    assert rows["missing"] == ["1", "layer4.2.bn3.weight"] and rows["misshapen"] == ["1", "conv1.weight"]
    assert "none: the contract fails" in out
    code, out, _ = inspected(tmp_path / "w.pth", "--method", "random/resnet50", "--json")
    found = json.loads(out)
    assert (code, found["complete"], found["digest"], found["missing"]) == (2, False, None, ["layer4.2.bn3.weight"])


def test_counters_of_batches_may_be_missing_and_do_not_count(inspected, tmp_path):
    state = trained_state("resnet50")
    torch.save(state, tmp_path / "with.pth")
    torch.save({key: x for key, x in state.items() if "num_batches" not in key}, tmp_path / "without.pth")
    digests = set()
    for name in ("with.pth", "without.pth"):
        code, out, _ = inspected(tmp_path / name, "--method", "random/resnet50", "--json")
        assert code == 0
        digests.add(json.loads(out)["digest"])
    assert len(digests) == 1


def test_the_order_of_the_norms_follows_from_the_file(inspected, tmp_path):
    from rsbench.checkpoints.examine import examine
    from rsbench.plugins import load

    for name, post_norm in (("#a", None), ("#b", None), ("#c", True)):
        fake = FAKES[f"crossscalemae/vit_l{name}"](tmp_path, 0)
        method, variant = load().method("crossscalemae")
        small = method.replaced(variant, kwargs={**method.weights(variant).kwargs, **fake.kwargs})
        found = examine(small, variant, fake.file)
        assert found.problem is None
        assert found.account.layout.kwargs.get("post_norm") is post_norm


def test_a_setting_of_the_backbone_can_be_changed_and_no_other(inspected, tmp_path):
    torch.save(trained_state(window=2), tmp_path / "w.pt")
    assert inspected(tmp_path / "w.pt", "--method", "ctxmim")[0] == 2
    code, _, err = inspected(tmp_path / "w.pt", "--method", "ctxmim", "--set", "epochs=3")
    assert code == 2 and "no setting of a backbone" in err
    code, _, err = inspected(tmp_path / "w.pt", "--method", "scalemae", "--set", "backbone.rez=3")
    assert code == 2 and "Did you mean 'res'?" in err

"""Checkpoints: every key accounted for, nothing executed, nothing half loaded."""

import os
import pickle

import pytest
import torch
from networks import trained_state
from safetensors.torch import save_file

from rsbench import Method, Preprocess, Random, Shipped, User, UserError, Weights
from rsbench.backbones import Backbone, create
from rsbench.checkpoints.digest import digest
from rsbench.checkpoints.layout import Layout, Move, renaming, substituting
from rsbench.checkpoints.load import load


def method(source=None, **weights) -> Method:
    weights = {"licence": "MIT"} | weights
    nano = Weights(architecture="nano", preprocess=Preprocess(size=128), source=source or User("Train it."), **weights)
    return Method(name="mine", title="Mine", paradigm="masked", variants={"nano": nano})


@pytest.fixture
def trained():
    return trained_state()


@pytest.mark.parametrize("prefix", ["", "encoder.", "encoder.model."])
@pytest.mark.parametrize("kind", ["safetensors", "pt", "nested"])
def test_a_file_loads_whole_in_every_container(tmp_path, trained, prefix, kind):
    tensors = {prefix + key: value.clone() for key, value in trained.items()}
    tensors["decoder.0.weight"] = torch.zeros(3)
    tensors["mask_token"] = torch.zeros(32)
    file = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "safetensors":
        save_file(tensors, file)
    else:
        torch.save({"module": tensors, "epoch": 3} if kind == "nested" else tensors, file)
    loaded = load(method(), "nano", file)
    assert all(torch.equal(loaded.backbone.model.state_dict()[key], value) for key, value in trained.items())
    assert loaded.backbone.frozen
    assert loaded.about()["keys"] == {"mapped": len(trained), "dropped": 2}
    assert loaded.digest == digest(loaded.backbone)


def test_missing_and_unexpected_keys_stop_the_load_and_are_listed(tmp_path, trained):
    del trained["norm.weight"]
    trained["surprise.weight"] = torch.zeros(1)
    torch.save(trained, tmp_path / "w.pt")
    with pytest.raises(UserError) as caught:
        load(method(), "nano", tmp_path / "w.pt")
    assert "1 missing (norm.weight)" in caught.value.message
    assert "1 unexpected (surprise.weight)" in caught.value.message


def test_named_drops_are_dropped_and_no_others(tmp_path, trained):
    trained["teacher.x"] = torch.zeros(1)
    torch.save(trained, tmp_path / "w.pt")
    assert load(method(drop=("teacher.",)), "nano", tmp_path / "w.pt").about()["keys"]["dropped"] == 1


def test_another_shape_is_named(tmp_path):
    torch.save(trained_state(window=2), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"of another shape .*relative_position_bias_table"):
        load(method(), "nano", tmp_path / "w.pt")


@pytest.mark.parametrize("saved_with", [0, 3, 11])
def test_a_fresh_initialisation_of_any_seed_is_refused(tmp_path, saved_with):
    torch.save(create("nano", seed=saved_with).model.state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match="fresh initialisation"):
        load(method(), "nano", tmp_path / "w.pt", seed=3)


def test_a_fresh_network_without_norms_is_known_by_its_seed(tmp_path):
    torch.save(create(TwoParts, seed=0).state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match="fresh initialisation"):
        load(plugin_method(TwoParts), "own", tmp_path / "w.pt", seed=3)


class Hostile:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("protocol", ["zip", "legacy", "plain"])
def test_a_hostile_pickle_is_refused_and_not_run(tmp_path, protocol):
    marker, file = tmp_path / "owned", tmp_path / "w.pt"
    content = {"state_dict": {"a": torch.zeros(1)}, "extra": Hostile(marker)}
    if protocol == "plain":
        file.write_bytes(pickle.dumps({"extra": Hostile(marker)}))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=protocol == "zip")
    with pytest.raises(UserError):
        load(method(), "nano", file)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 truncated"])
def test_truncated_and_wrong_files_are_clear_errors(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        load(method(), "nano", tmp_path / name)


def test_a_truncated_checkpoint_is_a_clear_error(tmp_path, trained):
    file = tmp_path / "w.pt"
    torch.save(trained, file)
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(UserError, match="its end is missing"):
        load(method(), "nano", file)


def test_weights_that_only_the_user_has(tmp_path):
    with pytest.raises(UserError, match="no public weights") as caught:
        load(method(User("Train it with rsbench pretrain.")), "nano")
    assert "rsbench pretrain" in caught.value.hint and "--checkpoint" in caught.value.hint
    with pytest.raises(UserError, match="does not exist"):
        load(method(), "nano", tmp_path / "none.pt")


def test_random_weights_follow_the_seed():
    one, same, other = (load(method(Random()), "nano", seed=seed).digest for seed in (1, 1, 2))
    assert one == same != other


def test_a_damaged_shipped_file_is_refused(tmp_path, trained, monkeypatch):
    package = tmp_path / "shippedweights"
    package.mkdir()
    (package / "__init__.py").write_text("")
    save_file(trained, package / "w.safetensors")
    monkeypatch.syspath_prepend(tmp_path)
    source = Shipped("w.safetensors", package="shippedweights")
    assert load(method(source), "nano").source == "shipped"
    with pytest.raises(UserError, match="sha256"):
        load(method(source, sha256="0" * 64), "nano")
    with pytest.raises(UserError, match="is not in shippedweights"):
        load(method(Shipped("other.safetensors", package="shippedweights")), "nano")


class TwoParts(Backbone):
    """A backbone of a plugin: a wrapped network and parameters of its own."""

    channels, embedding_dim = (4, 4, 4, 4), 4

    def __init__(self, own_name="model"):
        super().__init__()
        setattr(self, own_name, torch.nn.Conv2d(3, 4, 1))
        self.neck = torch.nn.Linear(4, 4)

    def embed(self, images):
        return self.neck(getattr(self, "model", None)(images).mean((2, 3)))


def plugin_method(architecture) -> Method:
    weights = Weights(architecture=architecture, preprocess=Preprocess(size=32), source=User("Train it."))
    return Method(name="mine", title="Mine", paradigm="masked", variants={"own": weights})


def test_parameters_beside_the_wrapped_network_are_filled_too(tmp_path):
    torch.manual_seed(5)
    state = TwoParts().state_dict()
    torch.save(state, tmp_path / "whole.pt")
    loaded = load(plugin_method(TwoParts), "own", tmp_path / "whole.pt")
    assert torch.equal(loaded.backbone.neck.weight, state["neck.weight"])
    torch.save({key: value for key, value in state.items() if "neck" not in key}, tmp_path / "half.pt")
    with pytest.raises(UserError, match="2 missing"):
        load(plugin_method(TwoParts), "own", tmp_path / "half.pt")


def with_an_encoder() -> Backbone:
    return TwoParts("encoder")


def test_a_network_may_have_an_encoder_of_its_own(tmp_path):
    torch.manual_seed(5)
    torch.save(with_an_encoder().state_dict(), tmp_path / "w.pt")
    assert load(plugin_method(with_an_encoder), "own", tmp_path / "w.pt").about()["keys"]["mapped"] == 4


def test_a_plugin_may_bring_a_key_layout_of_its_own(tmp_path, trained):
    renamed = {f"net.{key.replace('patch_embed', 'stem')}": value for key, value in trained.items()}
    torch.save({**renamed, "net.teacher": torch.zeros(1)}, tmp_path / "w.pt")
    rename = substituting({r"^net\.": "", r"^stem\.": "patch_embed."})
    layout = Layout("mine", "our training code", renaming(rename), drop=r"net\.teacher")
    loaded = load(method(layouts=(layout,)), "nano", tmp_path / "w.pt")
    assert loaded.about()["layout"] == "mine" and loaded.account.dropped == ["net.teacher"]
    assert all(torch.equal(loaded.backbone.model.state_dict()[key], value) for key, value in trained.items())


def test_half_of_what_is_to_be_joined_is_missing_and_left_over(tmp_path):
    halves = Layout("halves", "", lambda keys: {"norm.weight": Move(("a", "b"), lambda a, b: torch.cat([a, b]))})
    state = trained_state()
    weight = state.pop("norm.weight")
    timm = method(layouts=("timm", halves), drop=tuple(key for key in state))
    torch.save({**state, "a": weight[:5]}, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"1 missing \(norm.weight\); 1 unexpected \(a\)"):
        load(timm, "nano", tmp_path / "w.pt")


def test_weights_in_whole_numbers_are_refused(tmp_path, trained):
    trained["norm.weight"] = trained["norm.weight"].mul(100).to(torch.int8)
    torch.save(trained, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"norm\.weight is torch\.int8"):
        load(method(), "nano", tmp_path / "w.pt")


def test_half_precision_becomes_single(tmp_path, trained):
    torch.save({key: value.half() for key, value in trained.items()}, tmp_path / "w.pt")
    loaded = load(method(), "nano", tmp_path / "w.pt").backbone.model
    assert loaded.norm.weight.dtype == torch.float32
    assert torch.equal(loaded.norm.weight, trained["norm.weight"].half().float())


def test_shapes_choose_between_layouts_whose_names_both_fit(tmp_path, trained):
    other = Layout("other", "as many names, none of the shapes", renaming(lambda key: key), mark="patch_embed")
    turned = {key: value.reshape(-1) if value.ndim > 1 else value for key, value in trained.items()}
    torch.save({**{f"old.{key}": value for key, value in turned.items()}, **trained}, tmp_path / "w.pt")
    loaded = load(method(layouts=(other, "timm"), prefixes=("old.", ""), drop=("old.",)), "nano", tmp_path / "w.pt")
    assert loaded.about()["prefix"] == ""


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
def test_what_training_code_puts_around_a_network_is_taken_off(tmp_path, trained, wrapper):
    torch.save({wrapper + key: value for key, value in trained.items()}, tmp_path / "w.pt")
    loaded = load(method(), "nano", tmp_path / "w.pt")
    assert all(torch.equal(loaded.backbone.model.state_dict()[key], value) for key, value in trained.items())

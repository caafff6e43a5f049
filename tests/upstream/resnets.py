"""ResNet-50 as ImageNet, SeCo, CACo, Geo-Aware, TOV, CMID and GeRSP publish it; the reference is torchvision's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from upstream.containers import Vanished, adamw_state, prefixed, save, sgd_state, state_dict
from upstream.randomise import numbers, randomised
from upstream.registry import Fake, fake

KWARGS = {"layers": (2, 1, 1, 1)}  # so that one block has no downsampling
_SIZE = 64
# Places in nn.Sequential(*resnet.children()); ReLU and pooling are 2 and 3.
_PLACES = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


def resnet(seed: int) -> ResNet:
    """Returns torchvision's ResNet, whose output is the global average of its last stage."""
    network = ResNet(Bottleneck, list(KWARGS["layers"]))
    network.fc = nn.Identity()
    return randomised(network, seed)


def sequential(network: ResNet) -> dict[str, Tensor]:
    """Returns the state of ``network`` as nn.Sequential over its children names it."""
    named = {}
    for key, value in network.state_dict().items():
        child, _, rest = key.partition(".")
        named[f"{_PLACES[child]}.{rest}"] = value
    return named


def fake_of(file: Path, reference: ResNet, *junk: str) -> Fake:
    """Returns the Fake of a ResNet-50."""
    return Fake(file, KWARGS, reference, _SIZE, junk)


@fake("imagenet/resnet50", "model.safetensors")
def _imagenet(file: Path, seed: int) -> Fake:
    network, generator = resnet(seed), torch.Generator().manual_seed(seed)
    fc = {"fc.weight": numbers(generator, 10, 2048), "fc.bias": numbers(generator, 10)}
    save_file({**network.state_dict(), **fc}, file, {"format": "pt"})
    return fake_of(file, network, *fc)


@fake("seco/resnet50", "resnet50_sentinel2_rgb_seco-018bf397.pth")
@fake("geo-aware/resnet50", "resnet50_fmow_rgb_gassl-da43d987.pth")
def _torchgeo(file: Path, seed: int) -> Fake:
    # both files of torchgeo have the size of the backbone alone
    network = resnet(seed)
    save(file, state_dict(network.state_dict()))
    return fake_of(file, network)


@fake("seco/resnet50#ckpt", "seco_resnet50_1m.ckpt")
def _seco_lightning(file: Path, seed: int) -> Fake:
    network = resnet(seed)
    with Vanished() as gone:
        content = _lightning(network, gone, seed, data_dir="/data/seco_1m", data_mode="seco")
        save(file, content, cuda=True, old=True)
    return fake_of(file, network, *_outside(content["state_dict"], "encoder_q."))


@fake("caco/resnet50", "resnet50_caco_geo_1m_200.pth")
def _caco(file: Path, seed: int) -> Fake:
    network = resnet(seed)
    save(file, state_dict(sequential(network)))
    return fake_of(file, network)


@fake("caco/resnet50#ckpt", "resnet50_caco_geo_1m_200.ckpt")
def _caco_lightning(file: Path, seed: int) -> Fake:
    network = resnet(seed)
    with Vanished() as gone:
        module = gone.type("datasets.seco_datamodule.ChangeAwareContrastMultiAugDataModule")()
        module.data_dir, module.num_keys, module.prepare_data = PosixPath("../data/caco"), 3, None
        content = _lightning(network, gone, seed, datamodule=module, data_mode="caco")
        save(file, content, cuda=True, old=True)
    return fake_of(file, network, *_outside(content["state_dict"], "encoder_q."))


def _outside(state: Mapping[str, Tensor], prefix: str) -> list[str]:
    return [key for key in state if not key.startswith(prefix)]


def _lightning(network: ResNet, gone: Vanished, seed: int, **hparams: Any) -> dict[str, Any]:
    """What Lightning 1.1.8 saves of SeCo's MocoV2: callbacks by their class, arguments with functions as defaults."""
    generator = torch.Generator().manual_seed(seed)
    heads = {
        f"heads_{side}.{space}.{layer}.{kind}": numbers(generator, *shape)
        for side in "qk"
        for space in range(3)
        for layer, kind, shape in ((0, "weight", (8, 16)), (0, "bias", (8,)), (2, "weight", (4, 8)), (2, "bias", (4,)))
    }
    state = {
        "queue": numbers(generator, 3, 4, 64),
        "queue_ptr": torch.zeros(3, 1, dtype=torch.long),
        **prefixed("encoder_q.", sequential(network)),
        **prefixed("encoder_k.", sequential(resnet(seed + 1))),
        **heads,
    }
    callback = gone.type("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint", object)
    arguments = gone.type("pytorch_lightning.utilities.parsing.AttributeDict", dict)
    gpus = gone.function("pytorch_lightning.utilities.argparse_utils._gpus_arg_default")
    best = {"monitor": None, "best_model_score": numbers(generator, 1)[0], "best_model_path": "epoch=199.ckpt"}
    return {
        "epoch": 200,
        "global_step": 781200,
        "pytorch-lightning_version": "1.1.8",
        "callbacks": {callback: best},
        "optimizer_states": [sgd_state(generator)],
        "lr_schedulers": [],
        "state_dict": state_dict(state),
        "hparams_name": "kwargs",
        "hyper_parameters": arguments(base_encoder="resnet50", emb_dim=128, gpus=gpus, tpu_cores=gpus, **hparams),
    }


@fake("geo-aware/resnet50#tar", "moco_geo+tp.pth.tar")
def _geo_aware(file: Path, seed: int) -> Fake:
    network, generator = resnet(seed), torch.Generator().manual_seed(seed)
    head = {"fc.0.weight": numbers(generator, 8, 8), "fc.0.bias": numbers(generator, 8)}
    head |= {"fc.2.weight": numbers(generator, 4, 8), "fc.2.bias": numbers(generator, 4)}
    state = {
        "queue": numbers(generator, 4, 64),
        "queue_ptr": torch.zeros(1, dtype=torch.long),
        **prefixed("encoder_q.", {**network.state_dict(), **head}),
        **prefixed("encoder_k.", {**resnet(seed + 1).state_dict(), **head}),
    }
    geography = prefixed("module.layers.1.", {"weight": numbers(generator, 100, 4), "bias": numbers(generator, 100)})
    content = {
        "epoch": 200,
        "arch": "resnet50",
        "state_dict": state_dict(prefixed("module.", state)),
        "geo_dict": state_dict(geography),
        "optimizer": sgd_state(generator),
    }
    save(file, content, legacy=True, cuda=True)
    junk = [*_outside(state, "encoder_q."), *prefixed("encoder_q.", head)]
    return fake_of(file, network, *(f"module.{key}" for key in junk))


@fake("tov/resnet50", "TOV_v1_model_pretrained_on_TOV-RS-balanced_ep800.pth.tar")
def _tov(file: Path, seed: int) -> Fake:
    network, generator = resnet(seed), torch.Generator().manual_seed(seed)
    fc = {"fc.weight": numbers(generator, 31, 2048), "fc.bias": numbers(generator, 31)}
    save(file, {"state_dict": {**network.state_dict(), **fc}}, legacy=True)
    return fake_of(file, network, *fc)


@fake("cmid/resnet50", "CMID_ResNet50_bk_200ep")
def _cmid(file: Path, seed: int) -> Fake:
    network = resnet(seed)
    save(file, state_dict(network.state_dict()))
    return fake_of(file, network)


@fake("cmid/resnet50#full", "CMID_ResNet50_200ep.pth")
def _cmid_full(file: Path, seed: int) -> Fake:
    network = resnet(seed)
    junk = save_cmid(file, network.state_dict(), resnet(seed + 1).state_dict(), (1, 64, 1, 1), seed)
    return fake_of(file, network, *junk)


def save_cmid(
    file: Path, student: dict[str, Tensor], teacher: dict[str, Tensor], mask_token: tuple[int, ...], seed: int
) -> tuple[str, ...]:
    """Writes CMID's full checkpoint and returns the keys of it that are not the student's.

    Its metrics are a dict that contains itself, of classes of the repository, with NumPy numbers inside.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = {
        "queue": (4, 64),
        "mim2org.decoder_pred.0.weight": (12, 8, 1, 1),
        "mim2org.decoder_pred.0.bias": (12,),
        "online_projector.layer.0.0.weight": (8, 16),
        "branch_projector.layer.0.3.weight": (4, 8),
        "class_projector.mlp.0.weight": (8, 16, 1),
        "class_projector.mlp.1.running_mean": (8,),
        "class_projector.last_layer.weight_g": (8, 1, 1),
        "class_projector.last_layer.weight_v": (8, 4, 1),
        "branch_class_projector.mlp.0.bias": (8,),
        "class_loss.center": (1, 8, 1),
    }
    model = {
        "online_encoder.mask_token": numbers(generator, *mask_token),
        **prefixed("online_encoder.model.", student),
        **prefixed("branch_encoder.", teacher),
        **{key: numbers(generator, *shape) for key, shape in parts.items()},
        "queue_ptr": torch.zeros(1, dtype=torch.long),
    }
    with Vanished() as gone:
        storage = gone.type("Exploring.utils.metric.MetricStroge", dict)()
        loss = gone.type("Exploring.utils.history_buffer.HistoryBuffer")()
        loss.__dict__.update(_history=deque([np.float64(0.5), 0.25], maxlen=20), _count=2, _sum=np.float64(0.75))
        storage["total_loss"] = loss
        storage.__dict__.update(_window_size=20, _history=storage, _smooth={"total_loss": True})
        optimizer = adamw_state(generator)
        content = {"epoch": 199, "num_gpus": 4, "model": state_dict(model), "optimizer": optimizer}
        content |= {"metric_storage": storage, "hooks": {"CheckpointerHook": {"_period": 1, "_recent_checkpoints": []}}}
        save(file, content, cuda=True)
    return tuple(_outside(model, "online_encoder.model."))


@fake("gersp/resnet50", "epoch_100.pth")
def _gersp(file: Path, seed: int) -> Fake:
    network, generator = resnet(seed), torch.Generator().manual_seed(seed)
    query = {"projector.0.weight": numbers(generator, 8, 16), "projector.2.bias": numbers(generator, 4)}
    extra = {
        "queue": numbers(generator, 4, 64),
        "queue_ptr": torch.zeros(1, dtype=torch.long),
        **prefixed("proj_q.", query),
        **prefixed("neck.", query),
        **prefixed("pred_q.0.", {"weight": numbers(generator, 10, 8), "bias": numbers(generator, 10)}),
        **prefixed("proj_k.", {"projector.0.weight": numbers(generator, 8, 16)}),
    }
    student, teacher = network.state_dict(), resnet(seed + 1).state_dict()
    state = prefixed("encoder_q.", student) | prefixed("encoder_k.", teacher) | prefixed("backbone.", student) | extra
    meta = {
        "mmcv_version": "1.6.1",
        "time": time.asctime(time.gmtime(0)),
        "epoch": 100,
        "iter": 500_400,
        "hook_msgs": {},
    }
    save(file, {"meta": meta, "state_dict": state_dict(state), "optimizer": sgd_state(generator)}, old=True)
    return fake_of(file, network, *_outside(state, "backbone."))


@fake("gersp/resnet50#converted", "CVT_epoch_100.pth")
def _gersp_converted(file: Path, seed: int) -> Fake:
    network = resnet(seed)
    save(file, {"state_dict": state_dict(prefixed("backbone.", network.state_dict()))})
    return fake_of(file, network)

"""``rsbench run``: what concerns the backbone: its settings, its file, and one that does not stay what it is."""

import json

import torch

SMALL = ["--set", "image_size=64"]


PLUGIN_WITH_SETTINGS = """
from rsbench import Method, Preprocess, Random, Weights

mine = Method(
    name="mine", title="Mine", paradigm="random",
    variants={"one": Weights(
        architecture="nano",
        kwargs={"window": 4},
        preprocess=Preprocess(size=64),
        alternatives={"bgr": Preprocess(size=64, bands="BGR")},
        source=Random(),
    )},
)
"""


def test_settings_of_the_backbone_and_the_preprocessing_are_used_and_recorded(run, tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN_WITH_SETTINGS)
    found = {}
    for name, changes in (
        ("own", ()),
        ("same", ("--set", "backbone.window=4")),
        ("window", ("--set", "backbone.window=2")),
        ("bgr", ("--set", "preprocess=bgr")),
    ):
        code, (found[name],), _ = run("--plugin", str(plugin), "--protocol", "knn", *changes, method="mine")
        assert code == 0
    assert found["own"]["id"] == found["same"]["id"] and found["own"]["changed"] == {}
    assert len({record["id"] for record in found.values()}) == 3
    assert found["window"]["changed"] == {"backbone.window": 2}
    assert found["window"]["weights"]["kwargs"] == {"window": 2} == found["window"]["identity"]["kwargs"]
    assert found["bgr"]["changed"] == {"preprocess": "bgr"} and found["bgr"]["preprocess"]["bands"] == "BGR"
    assert len({record["metrics"]["val/top1"] for record in found.values()}) > 1


def test_a_checkpoint_in_another_layout_runs_and_says_so(run, tmp_path):
    from upstream import FAKES

    fake = FAKES["seco/resnet50#ckpt"](tmp_path, 0)
    plugin = tmp_path / "plugin.py"  # the method of SeCo with a network as small as the file
    plugin.write_text(
        "from dataclasses import replace\n"
        "from rsbench import Method\n"
        "from rsbench.methods.seco import seco as own\n"
        f"weights = replace(own.weights(), kwargs={dict(fake.kwargs)!r}, sha256=None)\n"
        "seco = Method(name='little-seco', title='SeCo', paradigm='contrastive', variants={'resnet50': weights})\n"
        "del own\n"
    )
    code, (record,), _ = run(
        "--plugin", str(plugin), "--protocol", "knn", "--checkpoint", str(fake.file), *SMALL, method="little-seco"
    )  # fmt: skip
    assert code == 0
    weights = record["weights"]
    assert (weights["where"], weights["layout"], weights["prefix"]) == ("state_dict", "resnet-sequential", "encoder_q.")
    assert weights["keys"]["dropped"] >= len(fake.junk) and weights["source"] == "checkpoint"
    assert weights["kwargs"] == record["identity"]["kwargs"] == json.loads(json.dumps(dict(fake.kwargs)))


def test_a_backbone_that_writes_to_itself_fails(run, tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "import torch\n"
        "from rsbench import Method, Preprocess, Random, Weights\n"
        "def drifting():\n"
        "    from rsbench.backbones import Backbone\n"
        "    class Drifting(Backbone):\n"
        "        channels, embedding_dim = (3, 3, 3, 3), 3\n"
        "        def __init__(self):\n"
        "            super().__init__()\n"
        "            self.scale = torch.nn.Parameter(torch.ones(3))\n"
        "            self.register_buffer('seen', torch.zeros(()))\n"
        "        def embed(self, images):\n"
        "            self.seen += len(images)\n"
        "            return images.mean((2, 3)) * self.scale\n"
        "    return Drifting()\n"
        "drift = Method(name='drift', title='Drift', paradigm='random', variants={'own': Weights(\n"
        "    architecture=drifting, preprocess=Preprocess(size=64), source=Random())})\n"
    )
    code, (record,), _ = run("--plugin", str(plugin), "--protocol", "knn", "--no-cache", method="drift")
    assert code == 1 and "changed a parameter or a buffer" in record["reason"]


def test_a_network_that_changed_itself_gives_no_number_to_any_seed(run, tmp_path):
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "import torch\n"
        "from rsbench import Method, Preprocess, User, Weights\n"
        "from rsbench.backbones import Backbone\n"
        "class Clamping(Backbone):\n"
        "    channels, embedding_dim = (3, 3, 3, 3), 3\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.scale = torch.nn.Parameter(torch.ones(3))\n"
        "    def embed(self, images):\n"
        "        self.scale.data.clamp_(max=1.0)\n"
        "        return images.mean((2, 3)) * self.scale\n"
        "clamp = Method(name='clamp', title='Clamp', paradigm='masked', variants={'own': Weights(\n"
        "    architecture=Clamping, preprocess=Preprocess(size=64), source=User('Make it.'))})\n"
    )
    torch.save({"scale": torch.tensor([3.0, 2.0, 1.0])}, tmp_path / "w.pt")
    given = ("--plugin", str(plugin), "--protocol", "knn", "--no-cache", "--checkpoint", str(tmp_path / "w.pt"))
    code, records, _ = run(*given, "--seeds", "0-1", method="clamp")
    assert code == 1 and [record["status"] for record in records] == ["failed", "failed"]


def test_features_of_other_arguments_are_other_features(run, tmp_path):
    """The weights are the same, bit by bit: only the argument says what is computed with them."""
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "import torch\n"
        "from rsbench import Method, Preprocess, User, Weights\n"
        "from rsbench.backbones import Backbone\n"
        "class Powers(Backbone):\n"
        "    channels, embedding_dim = (3, 3, 3, 3), 3\n"
        "    def __init__(self, power=1.0):\n"
        "        super().__init__()\n"
        "        self.power, self.scale = power, torch.nn.Parameter(torch.ones(3))\n"
        "    def embed(self, images):\n"
        "        return (images.mean((2, 3)) * self.scale).sin().abs() ** self.power\n"
        "powers = Method(name='powers', title='Powers', paradigm='masked', variants={'own': Weights(\n"
        "    architecture=Powers, kwargs={'power': 1.0}, preprocess=Preprocess(size=64), source=User('Make it.'))})\n"
    )
    torch.save({"scale": torch.tensor([3.0, 2.0, 1.0])}, tmp_path / "w.pt")
    given = ("--plugin", str(plugin), "--protocol", "knn", "--checkpoint", str(tmp_path / "w.pt"))
    _, (first,), _ = run(*given, method="powers")
    _, (other,), _ = run(*given, "--set", "backbone.power=6.0", method="powers")
    _, (again,), _ = run(*given, method="powers")
    assert first["weights"]["digest"] == other["weights"]["digest"] and first["id"] != other["id"]
    assert (other["cost"]["features_from_cache"], again["cost"]["features_from_cache"]) == (False, True)

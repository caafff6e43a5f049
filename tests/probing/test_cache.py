"""The feature cache: content keys, atomic writes, damage, twins."""

import json
import os

import numpy as np
import pytest

from rsbench.errors import RunError
from rsbench.probing.cache import FEATURES, MANIFEST, FeatureCache, feature_key

IDENTITY = {"weights": "a", "images": "b", "input_size": 64, "precision": "fp32"}


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path)


def features(seed=0):
    return np.random.default_rng(seed).normal(size=(7, 3)).astype(np.float32)


def test_what_was_put_is_got_and_nothing_else(cache):
    assert cache.get(IDENTITY) is None
    cache.put(IDENTITY, features(), {"method": "m/x"})
    found, manifest = cache.get(IDENTITY)
    assert np.array_equal(found, features()) and manifest["method"] == "m/x"
    for key in IDENTITY:
        assert cache.get({**IDENTITY, key: "other"}) is None


def test_an_interrupted_write_is_no_hit_and_is_cleared(cache, monkeypatch):
    import rsbench.probing.cache as module

    def fail(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "digest_array", lambda array: "x")
        patched.setattr(module, "save_file", fail)
        with pytest.raises(KeyboardInterrupt):
            cache.put(IDENTITY, features(), {})
    assert cache.get(IDENTITY) is None
    leftover = cache.root / f".{feature_key(IDENTITY)}.dead"  # what a killed process leaves
    leftover.mkdir()
    (leftover / FEATURES).write_bytes(b"half")
    assert list(cache) == [] and cache.get(IDENTITY) is None
    cache.clear()
    assert leftover.exists()  # another process may be writing it
    os.utime(leftover, (0, 0))
    cache.clear()
    assert not leftover.exists()


@pytest.mark.parametrize("damage", ["truncate", "flip", "manifest", "missing", "rename"])
def test_damage_is_found_and_a_damaged_entry_is_made_again(cache, damage):
    cache.put(IDENTITY, features(), {})
    folder = cache.root / feature_key(IDENTITY)
    file = folder / FEATURES
    if damage == "truncate":
        file.write_bytes(file.read_bytes()[:-4])
    elif damage == "flip":
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif damage == "manifest":
        (folder / MANIFEST).write_text("{")
    elif damage == "missing":
        file.unlink()
    else:
        folder.rename(cache.root / "0123")
    (entry,) = cache
    assert entry.fault()
    assert cache.get(IDENTITY) is None
    cache.put(IDENTITY, features(), {})
    assert np.array_equal(cache.get(IDENTITY)[0], features())


def test_other_weights_with_the_same_features_are_refused(cache):
    cache.put(IDENTITY, features(), {"method": "one/x"})
    with pytest.raises(RunError, match="two/x gives exactly the features of one/x"):
        cache.put({**IDENTITY, "weights": "other"}, features(), {"method": "two/x"})
    cache.put({**IDENTITY, "precision": "bf16"}, features(), {"method": "one/x"})


def test_clear_takes_what_is_chosen(cache):
    cache.put(IDENTITY, features(), {"method": "one/x"})
    cache.put({**IDENTITY, "weights": "c"}, features(1), {"method": "two/x"})
    assert cache.clear(lambda entry: entry.manifest["method"] == "one/x") > 0
    (left,) = cache
    assert json.loads((left.folder / MANIFEST).read_text())["method"] == "two/x"
    assert left.fault() is None

"""Features are made once, however many processes need them at the same time; one that dies is replaced."""

import json
import os
import signal
import time

import pytest
import tiny_classification
from launching import finish, start

from rsbench.leases import Lease, holder
from rsbench.probing.cache import FeatureCache

PLUGIN = tiny_classification.__file__
RUN = ["run", "--method", "loud", "--task", "tiny-scenes", "--data", "demo", "--plugin", PLUGIN, "--device", "cpu",
       "--batch-size", "12", "--json"]  # fmt: skip


@pytest.fixture
def variables(tmp_path):
    """Of processes that share a cache: they embed three batches, slowly enough to meet."""
    return {"RSBENCH_CACHE": tmp_path / "cache", "TINY_LOG": tmp_path / "log", "TINY_SLOW": 3}


def embedded(tmp_path):
    """Images that each process embedded, by its number."""
    counts = {}
    for line in (tmp_path / "log").read_text().splitlines():
        process, images = map(int, line.split())
        counts[process] = counts.get(process, 0) + images
    return counts


@pytest.mark.slow
def test_processes_that_need_the_same_features_at_once_make_them_once(tmp_path, variables):
    protocols = ["knn", "paper", "swept"]
    started = [start(*RUN, "--protocol", one, "--results", tmp_path / "runs", **variables) for one in protocols]
    done = [finish(process) for process in started]
    assert [code for code, _, _ in done] == [0, 0, 0], [err for _, _, err in done]
    assert list(embedded(tmp_path).values()) == [tiny_classification.IMAGES], "somebody embedded an image again"
    cached = [record["cost"]["features_from_cache"] for _, (record,), _ in done]
    assert sorted(cached) == [False, True, True]
    for (_, _, err), hit in zip(done, cached, strict=True):
        assert err.count("computes these features; waiting for them") == hit
    (entry,) = FeatureCache(tmp_path / "cache" / "features")
    assert entry.fault() is None
    assert not list(entry.folder.parent.glob(".*")), "a lease was left"


@pytest.mark.slow
def test_a_process_that_is_killed_while_others_wait_is_replaced(tmp_path, variables):
    folder = tmp_path / "cache" / "features"
    first = start(*RUN, "--protocol", "knn", "--results", tmp_path / "runs", **{**variables, "TINY_SLOW": 60})
    while not any(holder(path) for path in folder.glob(".*.lease")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.1)
    second = start(*RUN, "--protocol", "paper", "--results", tmp_path / "runs", **{**variables, "TINY_SLOW": 0})
    assert "waiting for them" in next(line for line in second.stderr if "waiting" in line)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    code, (record,), err = finish(second)
    assert code == 0, err
    assert record["cost"]["features_from_cache"] is False
    assert embedded(tmp_path) == {second.pid: tiny_classification.IMAGES}
    assert not list(folder.glob(".*"))


def test_the_cache_commands_leave_leases_that_are_held_alone(cli, tmp_path):
    cache = FeatureCache(tmp_path / "features")
    identity = {"weights": "a"}
    dead = tmp_path / "features" / ".0123.lease"
    with cache.lease(identity) as lease:
        dead.write_text(json.dumps({**vars(lease.owner), "born": "another"}))  # of a process that has ended
        listed = cli("cache", "list", "--json", RSBENCH_CACHE=str(tmp_path))
        assert json.loads(listed.stdout)["entries"] == []
        assert "0 entries, 0 damaged" in cli("cache", "verify", RSBENCH_CACHE=str(tmp_path)).stdout
        assert cli("cache", "clear", RSBENCH_CACHE=str(tmp_path)).returncode == 0
        assert lease.path.exists() and not dead.exists()
        lease.check()
    with Lease(lease.path):
        pass

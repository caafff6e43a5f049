"""Which process of how many: torchrun, srun, and shells that are neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsbench.errors import UserError
from rsbench.ranks import Ranks, ranks

STEP = {
    "SLURM_JOB_ID": "77",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_NTASKS": "4",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
}


def test_nothing_said_is_one_process():
    assert ranks({}) == Ranks() and Ranks().first


@given(st.integers(1, 5), st.integers(1, 8), st.data())
def test_torchrun_counts_before_slurm(nodes, local_world, data):
    rank = data.draw(st.integers(0, nodes * local_world - 1))
    found = ranks({
        **STEP, "RANK": str(rank), "LOCAL_RANK": str(rank % local_world), "WORLD_SIZE": str(nodes * local_world),
        "LOCAL_WORLD_SIZE": str(local_world),
    })  # fmt: skip
    assert (found.rank, found.world) == (rank, nodes * local_world)
    assert found.first == (rank == 0)
    assert nodes * local_world == 1 or (found.local_rank, found.local_world) == (rank % local_world, local_world)


def test_a_step_of_srun_is_a_launch():
    assert ranks(STEP) == Ranks(3, 1, 4, 2, "SLURM")
    assert ranks({**STEP, "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}).first


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"},  # a batch script
        {**STEP, "SLURM_STEP_ID": "4294967290", "SLURM_PROCID": "0"},  # a shell on a node
        {**STEP, "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},  # srun -n 1 within a job of four tasks
        {"RANK": "0", "WORLD_SIZE": "1"},  # what schedulers of containers set
    ],
)
def test_shells_and_single_tasks_are_one_process(variables):
    assert ranks(variables) == Ranks()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "2"}, "RANK, LOCAL_RANK, LOCAL_WORLD_SIZE are not set"),
        ({"RANK": "1"}, "WORLD_SIZE"),
        ({"RANK": "x", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, "RANK is not set to a number"),
        ({"RANK": "2", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}, "Process 2 of 2"),
        ({**STEP, "SLURM_PROCID": ""}, "SLURM_PROCID is not set"),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "3,1"}, "every node must have as many"),
        ({**STEP, "SLURM_STEP_TASKS_PER_NODE": "2(x3)"}, "every node must have as many"),
    ],
)
def test_what_is_not_sure_is_refused_and_torchrun_is_named(variables, message):
    with pytest.raises(UserError, match=message) as caught:
        ranks(variables)
    assert "torchrun" in caught.value.hint


def test_children_of_lightnings_launcher_do_not_print():
    assert not ranks({"LOCAL_RANK": "1", "WORLD_SIZE": "2", "NODE_RANK": "0"}).first
    assert ranks({"LOCAL_RANK": "0", "WORLD_SIZE": "2", "NODE_RANK": "0"}).first

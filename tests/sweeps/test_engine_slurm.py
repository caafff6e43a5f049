"""Jobs by submitit: for real with its local executor, and on a cluster of stand-ins for SLURM's commands."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rsbench.errors import UserError
from rsbench.spec import RunSpec
from rsbench.sweeps.cell import Cell, Resources
from rsbench.sweeps.engines import slurm
from rsbench.sweeps.engines.slurm import SubmititEngine
from rsbench.sweeps.job import Job, Surroundings

pytest.importorskip("submitit")
PATIENCE = 90


def make(folder: Path, number: int, what: str, device: str = "cpu", **resources) -> Job:
    """Writes a job that does what a function of tests/job_targets.py does."""
    spec = RunSpec(method="random/nano", task="eurosat", protocol=what, device=device)
    cell = Cell(spec=spec, seed=number, resources=Resources(**resources))
    job = Job(number=number, folder=folder, cells=(cell,), surroundings=Surroundings(results=str(folder)))
    job.write()
    return job


def notes(job: Job) -> list[str]:
    file = job.file.with_suffix(".notes")
    return file.read_text().splitlines() if file.exists() else []


def until(condition, seconds=PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


def all_of(engine, count: int) -> dict:
    """Waits for so many jobs; returns what ended by its number."""
    found = {}
    deadline = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found} ended"
        found |= {ended.number: ended for ended in engine.wait(1)}
    return found


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """On this machine; the jobs are those of job_targets.py."""
    tests = str(Path(__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]))
    made = SubmititEngine(tmp_path, "local", slots=2, target="job_targets:work")
    yield made
    made.close()


def test_jobs_run_in_processes_of_their_own_and_tell_how_they_ended(engine, tmp_path):
    jobs = [make(tmp_path, 0, "done", cpus=3), make(tmp_path, 1, "raises"), make(tmp_path, 2, "dies")]
    engine.submit(jobs)
    ended = all_of(engine, 3)
    assert ended[0].reason is None and notes(jobs[0]) == ["3 threads, world None"]
    assert ended[1].reason == f"{jobs[1].file}: No space left on device."
    assert ended[2].reason.startswith("The process of the job died without a word")
    assert ended[2].reason.endswith("Its last line: out of luck")
    assert engine.wait(0) == []
    assert list((tmp_path / "submitit").glob("*_log.out"))


@pytest.mark.slow
def test_several_tasks_are_one_launch(engine, tmp_path):
    job = make(tmp_path, 0, "together", processes=2)
    engine.submit([job])
    assert all_of(engine, 1)[0].reason is None
    assert notes(job) == ["2 tasks, sum 3"]


def test_an_interruption_reaches_what_runs_and_what_is_only_beginning(engine, tmp_path):
    first, second = make(tmp_path, 0, "sleeps"), make(tmp_path, 1, "sleeps")
    engine.submit([first])
    until(lambda: notes(first))
    engine.submit([second])
    engine.interrupt()
    ended = all_of(engine, 2)
    assert [one.reason for one in ended.values()] == [None, None]
    assert notes(first) == ["begun", "interrupted"]
    assert notes(second) in ([], ["begun", "interrupted"])


def test_closing_ends_what_runs(engine, tmp_path):
    job = make(tmp_path, 0, "sleeps")
    engine.submit([job])
    until(lambda: notes(job))
    [word] = (tmp_path / "submitit").glob("*.word")
    pid = json.loads(word.read_text())["pid"]
    engine.close()
    engine.close()
    until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
    assert notes(job) == ["begun"]


def test_a_job_that_is_preempted_goes_on_and_is_no_failure(engine, tmp_path):
    job = make(tmp_path, 0, "goes_on")
    engine.submit([job])
    until(lambda: notes(job))
    [word] = (tmp_path / "submitit").glob("*.word")
    os.kill(json.loads(word.read_text())["pid"], signal.SIGUSR2)
    assert all_of(engine, 1)[0].reason is None
    assert notes(job) == ["first time", "second time"]


def test_a_job_over_several_nodes_is_refused_here(engine, tmp_path):
    with pytest.raises(UserError, match="one node"):
        engine.submit([make(tmp_path, 0, "done", nodes=2)])


STAND_IN = """#!/bin/sh
echo "$0 $*" >> {folder}/calls
case "$0" in
*/sbatch)
    count=$(ls {folder} | grep -c script)
    cp "$1" {folder}/script-$count.sh
    echo "Submitted batch job $((71 + count))" ;;
*/sacct) cat {folder}/sacct ;;
*/squeue) cat {folder}/squeue ;;
esac
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Stand-ins for SLURM's commands, which note their calls; returns their folder."""
    folder, binaries = tmp_path / "cluster", tmp_path / "bin"
    for made in (folder, binaries):
        made.mkdir()
    for name in ("sbatch", "srun", "sacct", "squeue", "scancel"):
        (binaries / name).write_text(STAND_IN.format(folder=folder))
        (binaries / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "ASK_SECONDS", 0.05)
    monkeypatch.setattr(slurm, "GONE_SECONDS", 0.4)
    say(folder)
    return folder


def say(folder: Path, queued: str = "", **states: str) -> None:
    """Lets sacct and squeue tell of jobs: states by id."""
    rows = "".join(f"{key.removeprefix('j')}|{state}|node1\n" for key, state in states.items())
    (folder / "sacct").write_text("JobID|State|NodeList\n" + rows)
    (folder / "squeue").write_text(queued)


def script(folder: Path, number: int) -> tuple[dict[str, str], str]:
    """The options of a script that was sent, and its command."""
    text = (folder / f"script-{number}.sh").read_text()
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(.*))?$", text, re.MULTILINE))
    return options, next(line for line in text.splitlines() if line.startswith("srun"))


def test_what_sbatch_is_told(cluster, tmp_path):
    engine = SubmititEngine(tmp_path, "slurm", slots=64, array_parallelism=5)
    alike = [make(tmp_path, number, "done", device="auto", hours=1.5, memory=24) for number in range(7)]
    wide = make(
        tmp_path, 7, "done", device="cuda", processes=4, nodes=2, cpus=8, slurm={"partition": "gpu", "mail-user": "a b"}
    )
    engine.submit([*alike, wide])
    options, command = script(cluster, 0)
    assert options["array"] == "0-6%5" and options["time"] == "90" and options["mem"] == "24GB"
    assert options["nodes"] == options["ntasks-per-node"] == options["gpus-per-node"] == "1"
    assert options["signal"].startswith("USR2@") and options["requeue"] == "" and options["open-mode"] == "append"
    assert str(tmp_path / "submitit") in options["output"] and "kill-on-bad-exit" not in command
    options, command = script(cluster, 1)
    assert "array" not in options and "mem" not in options and options["time"] == "720"
    assert (options["nodes"], options["ntasks-per-node"], options["gpus-per-node"]) == ("2", "4", "4")
    assert options["partition"] == "gpu" and options["mail-user"] == "'a b'" and options["cpus-per-task"] == "8"
    assert "--kill-on-bad-exit=1" in command and "--cpus-per-task=8" in command
    engine.close()
    calls = (cluster / "calls").read_text()
    assert re.search(r"scancel 71_0 71_1 .*71_6 72\n", calls)


def test_gpus_are_asked_for_only_where_cells_want_them(cluster, tmp_path):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    engine.submit([make(tmp_path, 0, "done", device="cpu")])
    engine.submit([make(tmp_path, 1, "done", device="cuda", slurm={"gres": "gpu:a100:1"})])
    assert "gpus-per-node" not in script(cluster, 0)[0]
    assert "gpus-per-node" not in script(cluster, 1)[0] and script(cluster, 1)[0]["gres"] == "gpu:a100:1"


@pytest.mark.parametrize(
    ("state", "reason", "blameless"),
    [
        ("OUT_OF_MEMORY", "used more memory than 2 GiB", False),
        ("TIMEOUT", "time limit", False),
        ("CANCELLED by 1000", "was cancelled", False),
        ("NODE_FAIL", "node on which the job ran failed", True),
        ("FAILED", "died without a word (failed)", False),
        ("COMPLETED", "died without a word (completed)", False),
        ("PREEMPTED", "preempted, and SLURM did not queue it again", True),
        ("", "no longer knows the job", False),
    ],
)
def test_a_job_that_dies_is_told_of_with_slurms_reason(cluster, tmp_path, state, reason, blameless):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    engine.submit([make(tmp_path, 0, "done", memory=2)])
    say(cluster, "71\n", j71="RUNNING")
    assert engine.wait(0.3) == []
    say(cluster, **({"j71": state} if state else {}))
    [ended] = engine.wait(20)
    assert reason in ended.reason and ended.blameless is blameless


def test_a_job_that_is_queued_again_is_waited_for(cluster, tmp_path):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    engine.submit([make(tmp_path, 0, "done")])
    say(cluster, "71\n", j71="PREEMPTED")
    assert engine.wait(1.5) == []


@pytest.mark.slow
def test_tasks_of_a_script_end_the_job_and_find_each_other(cluster, tmp_path, monkeypatch):
    engine = SubmititEngine(tmp_path, "slurm", slots=64, target="job_targets:work")
    job = make(tmp_path, 0, "together", processes=2)
    engine.submit([job])
    _, command = script(cluster, 0)
    python = command[command.index(sys.executable) :]  # what srun would start in each task
    tests = str(Path(__file__).parents[1])
    task = {
        "SUBMITIT_EXECUTOR": "slurm", "SLURM_JOB_ID": "71", "SLURM_NTASKS": "2", "SLURM_JOB_NUM_NODES": "1",
        "SLURM_JOB_NODELIST": "127.0.0.1", "PYTHONPATH": tests,
    }  # fmt: skip
    started = [
        subprocess.Popen(
            shlex.split(python),
            env={**os.environ, **task, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=PATIENCE)[1] for process in started]
    [ended] = engine.wait(5)
    assert ended.reason is None, errors
    assert notes(job) == ["2 tasks, sum 3"]


def test_an_interruption_takes_waiting_jobs_back_and_asks_the_others_to_stop(cluster, tmp_path):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    engine.submit([make(tmp_path, number, "done") for number in range(2)])
    engine.interrupt()
    calls = (cluster / "calls").read_text()
    assert "scancel --state=PENDING 71_0 71_1\n" in calls and "scancel --signal=INT 71_0 71_1\n" in calls
    say(cluster, j71_0="CANCELLED by 1", j71_1="CANCELLED by 1")
    assert [ended.reason for ended in engine.wait(5)] == [None, None]


def test_a_refusal_of_sbatch_is_one_line(cluster, tmp_path):
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition' >&2; exit 1\n")
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    with pytest.raises(UserError, match="SLURM refuses the jobs: sbatch: error: invalid partition"):
        engine.submit([make(tmp_path, 0, "done")])


@pytest.mark.parametrize("options", [{"account": "x\nrm -rf /"}, {"wrap me": "x"}, {"a=b\n": "x"}])
def test_options_cannot_become_commands(cluster, tmp_path, options):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    with pytest.raises(UserError, match="is no option of sbatch"):
        engine.submit([make(tmp_path, 0, "done", slurm=options)])
    assert not list(cluster.glob("script*"))


def test_a_machine_without_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no sbatch and no srun and no scancel"):
        SubmititEngine(tmp_path, "slurm", slots=1)

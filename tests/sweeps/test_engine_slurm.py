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
from rsbench.records import Store
from rsbench.spec import RunSpec
from rsbench.sweeps.cell import Cell, Resources
from rsbench.sweeps.engines.cluster import asking, slurm
from rsbench.sweeps.engines.cluster.endings import ending
from rsbench.sweeps.engines.cluster.slurm import SubmititEngine
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
    assert ended[2].reason.startswith("The process was killed by SIGKILL: by somebody, or by the system")
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


def test_a_process_that_ends_by_itself_without_a_word_tells_its_exit_code(engine, tmp_path):
    engine.submit([make(tmp_path, 0, "leaves")])
    assert all_of(engine, 1)[0].reason.startswith("The process ended with exit code 3")


def test_a_log_is_named_only_if_it_says_something(tmp_path):
    log = tmp_path / "0.err"
    assert ending(0, "FAILED", Resources(), log).reason.endswith("without a word; SLURM calls it failed.")
    log.touch()
    assert ending(0, "NODE_FAIL", Resources(), log).reason.endswith("the job ran failed.")
    log.write_text("out of luck\n")
    assert ending(0, "NODE_FAIL", Resources(), log).reason.endswith(f"Its log is {log}.")
    assert ending(0, "FAILED", Resources(), log).reason.endswith("Its last line: out of luck")


def test_a_job_over_several_nodes_is_refused_here_and_the_others_run(engine, tmp_path):
    assert not engine.submit([make(tmp_path, 0, "done", nodes=2), make(tmp_path, 1, "done")])
    ended = all_of(engine, 2)
    assert "one node" in ended[0].reason and ended[1].reason is None
    assert engine.queued(1) is None


STAND_IN = """#!/bin/sh
echo "$0 $*" >> {folder}/calls
case "$0" in
*/sbatch)
    for refusal in {folder}/refuse-*; do  # refuse-PATTERN holds what is said of scripts with the pattern
        if [ -e "$refusal" ] && grep -q "${{refusal##*/refuse-}}" "$1"; then cat "$refusal" >&2; exit 1; fi
    done
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
    monkeypatch.setattr(asking, "ASK_SECONDS", 0.05)
    monkeypatch.setattr(asking, "GONE_SECONDS", 0.4)
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
        ("FAILED", "ended without a word; SLURM calls it failed", False),
        ("COMPLETED", "ended without a word; SLURM calls it completed", False),
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


def refuse(folder: Path, pattern: str, words: str) -> None:
    """Lets sbatch refuse the scripts in which the pattern occurs."""
    (folder / f"refuse-{pattern}").write_text(words)


NEVER = "sbatch: error: invalid partition specified: nosuch\nsbatch: error: Batch job submission failed: Invalid name"


def test_what_is_refused_for_good_ends_alone(cluster, tmp_path, capfd):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    refuse(cluster, "partition=nosuch", NEVER)
    wrong = [make(tmp_path, number, "done", slurm={"partition": "nosuch"}) for number in range(2)]
    assert not engine.submit([*wrong, make(tmp_path, 2, "done")])
    ended = engine.wait(0)
    assert [one.number for one in ended] == [0, 1]
    assert ended[0].reason.startswith(
        "SLURM refuses the job: sbatch: error: invalid partition specified: nosuch sbatch"
    )
    assert not any(one.blameless for one in ended)
    assert [engine.queued(number) for number in range(3)] == [None, None, "71"]
    assert "scancel" not in (cluster / "calls").read_text()
    assert engine.wait(0) == []
    assert capfd.readouterr().err == ""  # what sbatch says is not printed besides


@pytest.mark.parametrize(
    "words",
    [
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates "
        "accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: QOSMaxSubmitJobPerUserLimit",
    ],
)
def test_what_cannot_be_taken_now_is_given_back_and_taken_later(cluster, tmp_path, words):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    jobs = [make(tmp_path, number, "done", hours=number // 3 + 1) for number in range(6)]
    refuse(cluster, "rsbench", words)
    assert list(engine.submit(jobs)) == jobs
    assert engine.wait(0) == [] and words.split("\n")[0] in engine.full
    (cluster / "refuse-rsbench").unlink()
    left = engine.submit(jobs)
    assert not left and engine.full is None and all(engine.queued(job.number) for job in jobs)


@pytest.mark.parametrize(
    "words",
    [
        "sbatch: error: QOSMaxWallDurationPerJobLimit\nsbatch: error: Batch job submission failed: Job violates "
        "accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
        "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
    ],
)
def test_what_no_waiting_changes_is_refused_for_good(cluster, tmp_path, words):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    refuse(cluster, "rsbench", words)
    assert not engine.submit([make(tmp_path, 0, "done", device="auto")])
    [ended] = engine.wait(0)
    assert words.split("\n")[0] in ended.reason and "device: cpu" not in ended.reason


def test_gpus_that_a_partition_lacks_name_the_device(cluster, tmp_path):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    refuse(
        cluster,
        "gpus-per-node",
        "sbatch: error: Batch job submission failed: Requested node configuration is not available",
    )
    assert not engine.submit([make(tmp_path, 0, "done", device="auto"), make(tmp_path, 1, "done", device="cuda")])
    auto, cuda = engine.wait(0)
    assert "say `device: cpu`" in auto.reason and "device: cpu" not in cuda.reason


@pytest.mark.parametrize(("words", "most"), [("AssocMaxSubmitJobLimit", 2), ("Invalid job array specification", 2)])
def test_as_many_of_an_array_as_a_limit_lets_in_are_queued(cluster, tmp_path, words, most):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    refuse(cluster, "array=0-[2-9]", f"sbatch: error: {words}")  # three and more
    jobs = [make(tmp_path, number, "done") for number in range(7)]
    assert not engine.submit(jobs)
    assert all(engine.queued(job.number) for job in jobs)
    sent = [script(cluster, number)[0] for number in range(len(list(cluster.glob("script-*"))))]
    sizes = [1 + int(options.get("array", "0-0").split("%")[0].partition("-")[2]) for options in sent]
    assert max(sizes) == most and sum(sizes) == 7


def test_an_sbatch_that_does_not_answer_is_not_waited_for(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "ANSWER_SECONDS", 0.5)
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/sh\nexec sleep 60\n")
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    jobs = [make(tmp_path, number, "done", hours=number + 1) for number in range(3)]
    began = time.monotonic()
    assert list(engine.submit(jobs)) == jobs
    assert time.monotonic() - began < 10  # the second and the third are not even tried
    assert "did not answer" in engine.full and signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize(
    ("given", "line"), [("yes", ""), ("true", ""), ("on", ""), ("user", "user"), ("no", None), ("off", None)]
)
def test_exclusive_is_a_flag(cluster, tmp_path, given, line):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    engine.submit([make(tmp_path, 0, "done", slurm={"exclusive": given})])
    assert script(cluster, 0)[0].get("exclusive") == line


def test_jobs_carry_the_name_of_the_sweep_and_no_wckey_of_submitit(cluster, tmp_path):
    engine = SubmititEngine(tmp_path / "20250612-101010-ab12", "slurm", slots=64)
    engine.submit(
        [make(tmp_path, 0, "done"), make(tmp_path, 1, "done"), make(tmp_path, 2, "done", slurm={"wckey": "x"})]
    )
    options, _ = script(cluster, 0)
    assert options["job-name"] == "rsbench-20250612-101010-ab12" and "wckey" not in options
    assert script(cluster, 1)[0]["wckey"] == "x"
    assert [engine.queued(number) for number in range(4)] == ["71_0", "71_1", "72", None]


def closing(folder: Path, number: int, device: str) -> Job:
    """Writes a job that writes down a failure."""
    plugin = Path(__file__).parents[1] / "tiny_sweep.py"
    spec = RunSpec(method="means/well", task="tiny-scenes", protocol="knn", data="demo", device=device)
    cell = Cell(spec=spec, seed=number, resources=Resources(processes=4, nodes=2))
    around = Surroundings(results=str(folder / "runs"), plugins=(str(plugin),))
    job = Job(number=number, folder=folder, cells=(cell,), surroundings=around, closing="Killed by SIGKILL.")
    job.write()
    return job


@pytest.mark.parametrize(
    ("device", "where"),
    [
        ("cpu", "cpu"),
        ("auto", "cuda"),
    ],
)
def test_failures_are_written_down_on_this_machine(cluster, tmp_path, monkeypatch, device, where):
    tests = str(Path(__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "logs").mkdir()
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    assert not engine.submit([closing(tmp_path, 0, device)])
    assert all_of(engine, 1)[0].reason is None
    [record] = Store(tmp_path / "runs")
    assert (record.status, record.reason) == ("failed", "Killed by SIGKILL.")
    assert record.identity["device"] == where  # of the machine on which the cell died
    assert not (cluster / "calls").exists() or "sbatch" not in (cluster / "calls").read_text()


def test_failures_that_nobody_began_to_write_down_end_with_an_interruption(cluster, tmp_path):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    assert not engine.submit([closing(tmp_path, number, "cpu") for number in range(5)])
    engine.interrupt()
    ended = {one.number for one in engine.wait(0)}
    assert ended == {2, 3, 4}
    engine.close()


@pytest.mark.parametrize("options", [{"account": "x\nrm -rf /"}, {"wrap me": "x"}, {"a=b\n": "x"}])
def test_options_cannot_become_commands(cluster, tmp_path, options):
    engine = SubmititEngine(tmp_path, "slurm", slots=64)
    assert not engine.submit([make(tmp_path, 0, "done", slurm=options)])
    assert "is no option of sbatch" in engine.wait(0)[0].reason
    assert not list(cluster.glob("script*"))


def test_a_machine_without_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no sbatch and no srun and no scancel"):
        SubmititEngine(tmp_path, "slurm", slots=1)

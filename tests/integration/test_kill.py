"""Whatever ends a run, the same command goes on with it: nothing that was told is lost or done again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

UNWIND = "    from autode.trial import TrialInterrupted\n    raise TrialInterrupted\n"
STUBBORN = "import time\ndef objective(trial):\n    while True:\n        time.sleep(1)\n"


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill a run with all that it has started in its group, as a node failure would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def check_every_trial_was_done_once(project: Any, trials: int) -> None:
    told = Counter(record["trial"] for record in project.records("told"))
    assert told == dict.fromkeys(range(trials), 1)
    last_told: set[int] = set()
    for record in project.records():
        if record["type"] == "told":
            last_told.add(record["trial"])
        assert record["type"] != "started" or record["trial"] not in last_told


# --- asked to end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_ends_the_run_within_seconds_and_the_same_command_goes_on(
    project: Any, undisturbed: Any, wait_until: Any, number: signal.Signals
) -> None:
    project.write_slow()
    process = project.start()
    wait_until(lambda: project.records("told"), "the first trial has ended", process=process)
    begun = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # a terminal sends Ctrl-C to the whole group
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - begun < 10
    assert process.returncode == 3, err
    assert "Traceback" not in out + err
    assert number.name in err
    assert "the same command goes on" in err
    end = project.records("end")[-1]
    assert (end["reason"], end["exit_code"], end["signal"]) == ("signal", 3, number.name)

    interrupted = {r["trial"] for r in project.records("attempt") if r["state"] == "interrupted"}
    assert 0 < len(project.records("told")) < 24
    project.run()
    assert project.results() == undisturbed
    check_every_trial_was_done_once(project, 24)
    epochs = Counter((trial, epoch) for word, trial, epoch, *_ in project.diary() if word == "epoch")
    assert set(epochs.values()) == {1}  # interrupted trials went on from their checkpoints
    attempts = {record["trial"] for record in project.records("told") if record["attempt"] > 0}
    assert attempts == interrupted


def test_a_trial_that_does_not_listen_is_killed_after_the_time_of_grace(project: Any, wait_until: Any) -> None:
    project.write(STUBBORN, execution__grace_s=0.5)
    process = project.start()
    wait_until(lambda: len(project.records("started")) == 2, "both workers are busy", process=process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 3
    assert [r["state"] for r in project.records("attempt")] == ["interrupted"] * 2
    assert project.records("told") == []


def test_a_second_signal_cuts_the_grace_short(project: Any, wait_until: Any) -> None:
    project.write(STUBBORN, execution__grace_s=1000)
    process = project.start()
    wait_until(lambda: len(project.records("started")) == 2, "both workers are busy", process=process)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 3


def test_a_command_is_interrupted_and_runs_again(project: Any, wait_until: Any) -> None:
    script = "import sys, time; time.sleep(300 * (not sys.argv[2:])); print(sys.argv[1])"
    command = [sys.executable, "-c", script, "{x}"]
    project.write(objective__command=command, search__evaluations=4, search__population=4)
    process = project.start()
    wait_until(lambda: len(project.records("started")) == 2, "both workers are busy", process=process)
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert time.monotonic() - begun < 10
    assert [r["state"] for r in project.records("attempt")] == ["interrupted"] * 2


def test_a_job_that_gets_nowhere_does_not_requeue_itself_for_ever(
    project: Any, wait_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(
        "import time\ndef objective(trial):\n    while not trial.should_stop():\n        time.sleep(0.01)\n" + UNWIND
    )
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    codes, said = [], ""
    for restart in range(2):
        monkeypatch.setenv("SLURM_RESTART_COUNT", str(restart))
        process = project.start()
        wait_until(lambda n=restart + 1: len(project.records("started")) == 2 * n, "both workers work", process=process)
        process.send_signal(signal.SIGUSR1)
        _, said = process.communicate(timeout=60)
        codes.append(process.returncode)
    assert codes == [3, 2], "3 would put the job back into the queue"
    assert "no trial has ended and no epoch was reported; it needs more time for a run (slurm.time" in said
    assert project.records("end")[-1]["reason"] == "no progress"


# --- killed


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_instants_the_run_ends_with_the_same_trials(
    project: Any, undisturbed: Any, wait_until: Any, seed: int
) -> None:
    project.write_slow()
    rng = random.Random(seed)
    kills, acknowledged = 0, []
    while kills < 4:
        size = len(project.records())
        process = project.start()
        if rng.random() < 0.8:  # else it is killed while it starts
            wait_until(
                lambda p=process, s=size: len(project.records()) > s + 1 or p.poll() is not None, "it writes something"
            )
        try:
            process.wait(rng.uniform(0.0, 0.6))
        except subprocess.TimeoutExpired:
            kills += 1
        kill_group(process)
        acknowledged.append(({r["trial"] for r in project.records("told")}, len(project.diary())))
        if process.returncode == 0:
            break
    assert kills >= 2, "the run was over too soon to be killed"
    project.run()

    assert project.results() == undisturbed
    check_every_trial_was_done_once(project, 24)
    diary = project.diary()
    for told, written in acknowledged:  # what was told before a kill does not even begin after it
        assert not told & {int(trial) for word, trial, *_ in diary[written:] if word == "begin"}
    epochs = Counter((trial, epoch) for word, trial, epoch, *_ in diary if word == "epoch")
    assert sum(epochs.values()) - len(epochs) <= 2 * kills  # at most the epoch under way on either worker, each time


@pytest.mark.slow
def test_killed_at_random_instants_an_asynchronous_run_loses_and_repeats_nothing(project: Any, wait_until: Any) -> None:
    project.write_slow(execution__schedule="asynchronous")
    rng = random.Random(3)
    for _ in range(3):
        size = len(project.records("told"))
        process = project.start()
        wait_until(lambda p=process, s=size: len(project.records("told")) > s or p.poll() is not None, "one more trial")
        time.sleep(rng.uniform(0.0, 0.1))
        kill_group(process)
    before = project.results()
    project.run()
    assert {trial: project.results()[trial] for trial in before} == before
    check_every_trial_was_done_once(project, 24)


def test_what_a_killed_run_had_spent_stays_in_the_journal(project: Any, wait_until: Any) -> None:
    project.write_slow()
    process = project.start()
    wait_until(lambda: project.records("epoch"), "an epoch is done", process=process)
    kill_group(process)
    started = {record["trial"] for record in project.records("started")}
    started -= {record["trial"] for record in project.records("told")}
    project.run()
    lost = {record["trial"]: record for record in project.records("attempt")}
    assert lost.keys() == started
    for record in lost.values():
        assert record["state"] == "lost"
        assert record["error"].startswith("node_fail")
        assert record["seconds"] >= 0
    assert len(project.records("run")) == 2


def test_no_worker_outlives_its_killed_run(project: Any, wait_until: Any) -> None:
    project.write_slow()
    process = project.start()
    wait_until(
        lambda: len({words[3] for words in project.diary() if words[0] == "epoch"}) == 2,
        "both workers work",
        process=process,
    )
    workers = {int(words[3]) for words in project.diary() if words[0] == "epoch"}
    process.kill()  # the coordinating process alone
    process.communicate()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the workers are gone", 20)


def test_the_lock_of_a_killed_run_stands_in_nobodys_way(project: Any, wait_until: Any) -> None:
    project.write_slow()
    process = project.start()
    wait_until(lambda: project.records("told"), "it works", process=process)
    kill_group(process)
    assert (project.out / "lock").exists()
    project.run()
    assert len(project.results()) == 24

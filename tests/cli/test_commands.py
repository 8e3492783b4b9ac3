"""The commands as a user meets them: what they print, and how they end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autode.cli.main import main
from autode.cli.wording import duration, joules, number

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
SMALL = {"search__evaluations": 6, "search__population": 4}
QUICK = "def objective(trial):\n    assert trial.number != 1, 'unlucky'\n    return trial.params['x']\n"


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that ends well; return what it printed."""

    def run(*arguments: object) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    return run


# --- help


def test_the_help_names_the_commands_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in ("run", "status", "report", "doctor", "exit codes: 0 done"):
        assert word in text


@pytest.mark.parametrize("name", ["run", "submit", "status", "collect", "report", "export", "prefetch", "doctor"])
def test_the_help_of_a_command_teaches_by_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert re.search(rf"example.*\n  (mpiexec -n \d+ )?autode {name}\b", text)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    import autode

    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"autode {autode.__version__}\n"


def test_the_package_is_the_program_too() -> None:
    said = [
        subprocess.run([*program, "--help"], capture_output=True, text=True, check=True).stdout
        for program in ([sys.executable, "-m", "autode"], [sys.executable, "-m", "autode.cli.main"])
    ]
    assert said[0] == said[1]
    assert said[0].startswith("usage: autode [-h]")


# --- run


def test_a_run_into_a_file_prints_lines_with_times(project: Any, command: Any) -> None:
    project.write(QUICK, **SMALL)
    lines = command(*project.arguments()).splitlines()
    assert all(re.match(TIME, line) for line in lines)
    assert "bowl: lshade, 6 evaluations, generational on 2 workers" in lines[0]
    assert str(project.out) in lines[0]
    assert "trial 1 failed: exception: AssertionError: unlucky" in lines[1]
    assert re.search(r"finished: 6/6 done, 0 running, 1 failed, best error [\d.e-]+ \(trial \d\)", lines[-1])
    again = command(*project.arguments()).splitlines()
    assert "earlier run" in again[0]


def test_a_terminal_gets_a_live_block(project: Any) -> None:
    import pty

    project.write(QUICK, **SMALL)
    parent, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "autode.cli.main", *project.arguments()],
        stdout=terminal,
        cwd=project.folder,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(parent, 65536):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    os.close(parent)
    assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "6/6" in text
    assert "trial 1 failed: exception: AssertionError: unlucky" in text
    assert "best error" in text
    assert "elapsed" in text


def test_settings_of_the_file_can_be_replaced(project: Any, command: Any) -> None:
    project.write(QUICK, **SMALL)
    settings = ["seed=7", "search.algorithm=random", "name=another name", "space.x.high=0.5", "execution.workers=1"]
    out = command(*project.arguments(*(word for one in settings for word in ("--set", one))))
    assert "another name: random, 6 evaluations" in out
    assert "on 1 worker;" in out
    (study,) = project.records("study")
    assert study["workflow"]["seed"] == 7
    assert study["workflow"]["space"]["x"]["high"] == 0.5
    assert all(record["params"]["x"] <= 0.5 for record in project.records("asked"))


def test_workers_of_the_command_line_go_before_those_of_the_file(project: Any, command: Any) -> None:
    project.write(QUICK, **SMALL)
    assert "on 1 worker;" in command(*project.arguments("--workers", 1))


def test_the_folder_has_the_workflow_as_resolved_which_runs_as_it_stands(project: Any, command: Any) -> None:
    from autode.study import load_workflow

    project.write(QUICK, **SMALL)
    command(*project.arguments("--set", "seed=9"))
    resolved = load_workflow(project.out / "workflow.toml")
    assert resolved.seed == 9
    assert resolved.identity() == load_workflow(project.workflow, ["seed=9"]).identity()


def test_the_output_folder_is_named_after_the_study(
    project: Any, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(QUICK, **SMALL)
    monkeypatch.chdir(project.folder)
    command("run", "workflow.toml", "--no-report")
    assert (project.folder / "results/bowl/journal.jsonl").exists()


def test_a_command_is_an_objective_too(project: Any, command: Any) -> None:
    script = (
        "import sys; print('working'); print('{\"epoch\": 1, \"loss\": 2}'); print('{\"error\": %s}' % sys.argv[1])"
    )
    script = script.replace("{", "{{").replace("}", "}}")
    project.write(objective__command=[sys.executable, "-c", script, "{x}"], **SMALL)
    command(*project.arguments())
    params = {record["trial"]: record["params"] for record in project.records("asked")}
    for told in project.records("told"):
        assert told["value"] == params[told["trial"]]["x"]
    assert [record["metrics"] for record in project.records("epoch")] == [{"loss": 2.0}] * 6
    assert (project.out / "trials/00000/log.txt").read_text().startswith("working\n")


def test_a_study_of_which_every_trial_failed_is_not_done(project: Any, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("def objective(trial):\n    raise OSError('no such disk')\n", **SMALL)
    for _ in range(2):
        assert main(project.arguments()) == 2
        out, err = capsys.readouterr()
        assert "6/6 done, 0 running, 6 failed" in out
        assert err.startswith("autode: all trials failed: repair what their errors in trials.csv say")
        assert err.count("\n") == 1
    assert main(["status", str(project.out)]) == 0
    assert "\nstate     all trials failed: repair" in capsys.readouterr().out


# --- status


def test_the_status_of_a_finished_study(project: Any, command: Any) -> None:
    project.write(QUICK, confirm__seeds=1, **SMALL)
    command(*project.arguments())
    lines = dict(line.split(maxsplit=1) for line in command("status", project.out).splitlines() if line[0] != " ")
    assert lines["study"] == f"bowl (lshade, seed 1) in {project.out}"
    assert lines["state"] == "done (finished)"
    assert lines["trials"].startswith("6/6 done, 1 failed, generation")
    assert lines["re-train"] == "1/1 done"
    assert re.fullmatch(r"error \S+ in trial \d: x=\S+ k=\d", lines["best"])
    assert "running" not in lines


def test_the_status_of_a_live_a_stopped_and_a_killed_study(
    project: Any, command: Any, wait_until: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write_slow(execution__grace_s=1)
    for ending, state in (
        (signal.SIGTERM, "stopped by SIGTERM; run the same command to go on"),
        (signal.SIGKILL, "its last run died; run the same command to go on"),
    ):
        size = len(project.records("told"))
        process = project.start()
        wait_until(lambda s=size: len(project.records("told")) > s, "a trial has ended", process=process)
        assert f"running (process {process.pid} on " in command("status", project.out)
        assert main(["submit", str(project.workflow), "--out", str(project.out), "--dry-run"]) == 0
        assert "runs already" in capsys.readouterr().err
        wait_until(
            lambda: re.search(r"(?m)^running   \d+ on \S+:[01]", command("status", project.out)), "it names a trial"
        )
        process.send_signal(ending)
        process.communicate(timeout=60)
        assert f"state     {state}\n" in command("status", project.out)
    project.run()
    assert "state     done (finished)" in command("status", project.out)


def test_the_status_of_a_sweep_is_a_line_a_study_that_has_begun(
    project: Any, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    workflow = project.write(QUICK, **SMALL)
    workflow.write_text(workflow.read_text() + "[sweep]\nseed = [1, 2, 3]\n")
    script = command("submit", workflow, "--out", project.out, "--dry-run")
    project.out.mkdir()
    (project.out / "submit.sbatch").write_text(script)
    assert main(["status", str(project.out)]) == 2
    assert "no study in this folder yet; it begins when its job does" in capsys.readouterr().err
    for seed in (1, 3):
        command("run", workflow, "--set", f"seed={seed}", "--out", project.out / f"seed={seed}", "--no-report")
    first, second, last = command("status", project.out).splitlines()
    assert re.fullmatch(r"seed=1  6/6 done, 1 failed, best error \S+ in trial \d; done \(finished\)", first)
    assert second.startswith("seed=3  6/6 done")
    assert last.startswith("2 of 3 studies have begun; ")


def test_a_reader_that_goes_away_is_no_error(project: Any) -> None:
    project.write(QUICK, **SMALL)
    project.run()
    program = f"{sys.executable} -m autode.cli.main status {project.out} | true; exit ${{PIPESTATUS[0]}}"
    answer = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0
    assert "Traceback" not in answer.stderr


# --- prefetch


def test_what_all_cells_of_a_sweep_need_is_fetched(tmp_path: Path, command: Any) -> None:
    for name in ("roses", "tulips"):
        for colour in ("red", "white"):
            (tmp_path / name / colour).mkdir(parents=True)
    workflow = tmp_path / "flowers.toml"
    workflow.write_text(
        'name = "flowers"\n[objective]\nkind = "finetune"\ndataset = "folder"\npath = "roses"\nweights = "none"\n'
        'metric = "val_error"\n[space]\nlr = {type = "float", low = 0.1, high = 1.0}\n[search]\nevaluations = 8\n'
        '[sweep]\n"objective.path" = ["roses", "tulips"]\nseed = [1, 2]\n'
    )
    both = command("prefetch", workflow)
    assert both == "".join(f"in the cache: {tmp_path / name}\n" for name in ("roses", "tulips"))
    assert command("prefetch", workflow, "--set", "objective.path=tulips") == f"in the cache: {tmp_path / 'tulips'}\n"


# --- doctor


@pytest.mark.slow
def test_the_doctor_finds_what_every_study_needs_and_says_why_the_rest_is_missing(command: Any) -> None:
    out = command("doctor")  # exit code 0: nothing essential is broken
    for subject in ("Python", "numpy", "torch", "embedded weights", "MPI"):
        assert re.search(rf"(?m)^{subject} +works +\S", out), subject
    assert re.search(r"(?m)^energy: estimate +not here +an estimate is made only when", out)
    assert out.endswith("\nwhat every study needs works here\n")


# --- wording


@pytest.mark.parametrize(
    ("measured", "estimated", "words"),
    [
        (None, None, "energy unavailable"),
        (1234.5, None, "1.234 kJ"),
        (None, 1234.5, "~1.2 kJ (est.)"),
        (0.5, 12.0, "0.5 J + ~12 J (est.)"),
        (3.6e6, None, "3.6 MJ"),
        (0.0, None, "0 J"),
    ],
)
def test_joules_show_where_they_come_from(measured: float | None, estimated: float | None, words: str) -> None:
    assert joules(measured, estimated) == words


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_numbers_have_four_digits() -> None:
    assert [number(x) for x in (None, 0.123456, 1e-9, 12345.6)] == ["-", "0.1235", "1e-09", "1.235e+04"]


def test_files_of_a_run_are_where_the_readme_says(project: Any, command: Any) -> None:
    project.write(QUICK, **SMALL)
    command(*project.arguments())
    assert {path.name for path in Path(project.out).iterdir()} >= {"workflow.toml", "journal.jsonl", "trials"}
    assert [path.name for path in (project.out / "trials").iterdir()] == ["00001"]  # only the failed one had output

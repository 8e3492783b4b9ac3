"""Whatever a user gets wrong: exit code 2 and one sentence that says where it is and what was expected."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autode.cli.main import main


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must be refused; return the sentence."""

    def refused(*arguments: object) -> str:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert code == 2, f"exit code {code}\n{out}{err}"
        assert "Traceback" not in err
        assert err.startswith("autode: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return refused


NUMBER = {"type": "float", "low": 0.0, "high": 1.0}

# what is wrong: settings of the workflow file, words of the answer (the file's name is always among them)
WRONG_SETTINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    # tables and keys
    "unknown table": ({"serach": {"algorithm": "random"}}, ["serach: unknown key", "did you mean 'search'?"]),
    "unknown key at the top": ({"sede": 3}, ["sede: unknown key", "did you mean 'seed'?"]),
    "unknown key": ({"execution__schedul": "generational"}, ["[execution] schedul", "did you mean 'schedule'?"]),
    "unknown key in budget": ({"budget__joule": 3}, ["[budget] joule: unknown key", "did you mean 'joules'?"]),
    "unknown key in energy": ({"energy__meter": "auto"}, ["[energy] meter: unknown", "did you mean 'meters'?"]),
    "unknown key in confirm": ({"confirm__seed": 3}, ["[confirm] seed: unknown", "did you mean 'seeds'?"]),
    "unknown key in objective": ({"objective__metrik": "a"}, ["[objective] metrik", "did you mean 'metric'?"]),
    "missing table": ({"space": None}, ["space is missing", "name, objective, space, search"]),
    "table that is a number": ({"search": 5}, ["search: expected a table, not 5"]),
    "key without its table": ({"evaluations": 5}, ["evaluations: unknown key; did you mean search.evaluations?"]),
    "slip in a table that takes others": (
        {"search__evaluatons": 5},
        ["[search] evaluatons: unknown key; did you mean 'evaluations'?"],
    ),
    # types and ranges of values
    "text for a number": ({"seed": "one"}, ["seed: expected a whole number from 0 to 2**63 - 1, not 'one'"]),
    "truth value for a number": ({"seed": True}, ["seed: expected a whole number from 0 to 2**63 - 1, not True"]),
    "negative seed": ({"seed": -1}, ["seed: expected a whole number from 0 to 2**63 - 1, not -1"]),
    "seed that no journal holds": ({"seed": 10**30}, ["seed: expected a whole number from 0 to 2**63 - 1"]),
    "empty name": ({"name": " "}, ["name: expected a non-empty text"]),
    "fraction of evaluations": (
        {"search__evaluations": 2.5},
        ["[search] evaluations: expected a whole number of at least 1, not 2.5"],
    ),
    "no evaluations": ({"search__evaluations": 0}, ["[search] evaluations", "at least 1, not 0"]),
    "evaluations missing": ({"search__evaluations": None}, ["[search] evaluations is missing; lshade needs a budget"]),
    "population too small": ({"search__population": 3}, ["[search] population", "at least 4, not 3"]),
    "no workers": ({"execution__workers": 0}, ["[execution] workers", "at least 1, not 0"]),
    "unknown schedule": (
        {"execution__schedule": "sync"},
        ['[execution] schedule: expected one of "asynchronous", "generational", not \'sync\''],
    ),
    "schedule of the wrong type": ({"execution__schedule": [1]}, ["[execution] schedule: expected one of", "not [1]"]),
    "negative timeout": ({"execution__trial_timeout_s": -1}, ["[execution] trial_timeout_s: expected a number"]),
    "timeout that is not a number": ({"execution__trial_timeout_s": float("nan")}, ["[execution] trial_timeout_s"]),
    "ranks per trial": (
        {"execution__ranks_per_trial": 0},
        ["[execution] ranks_per_trial: expected a whole number of at least 1"],
    ),
    "negative budget": ({"budget__seconds": -5}, ["[budget] seconds: expected a number of at least 0, not -5"]),
    # the objective
    "unknown direction": ({"objective__direction": "down"}, ['direction: expected one of "minimize", "maximize"']),
    "unknown kind": ({"objective__kind": "r"}, ['kind: expected one of "finetune", "python", "command", not \'r\'']),
    "range that no journal holds": (
        {"space__k": {"type": "int", "low": 0, "high": 10**30}},
        ["[space] k: high must be"],
    ),
    "no function after the module": ({"objective__python": "model"}, ["expected \"module:function\", not 'model'"]),
    "empty module": ({"objective__python": ":f"}, ["python: expected \"module:function\", not ':f'"]),
    "empty function": ({"objective__python": "os:"}, ["python: expected \"module:function\", not 'os:'"]),
    "module that is not there": (
        {"objective__python": "no_such_module:f"},
        ["[objective] python: no_such_module:f cannot be imported", "No module named 'no_such_module'"],
    ),
    "function that is not there": (
        {"objective__python": "json:no_such_function"},
        ["[objective] python: json:no_such_function cannot be imported", "no attribute 'no_such_function'"],
    ),
    "something that cannot be called": ({"objective__python": "sys:path"}, ["path is not callable"]),
    "command that is a text": (
        {"objective__command": "python train.py"},
        ["[objective] command: expected a list of texts, not 'python train.py'"],
    ),
    "empty command": ({"objective__command": []}, ["[objective] command: expected a list of texts, not []"]),
    "unknown placeholder": (
        {"objective__command": ["train", "--lr={y}"]},
        ["[objective] command: {y} is unknown", "expected one of x, k, seed"],
    ),
    "placeholder with a slip": (
        {"objective__command": ["train", "--seed={sed}"]},
        ["[objective] command: {sed} is unknown", "did you mean 'seed'?"],
    ),
    "placeholder without a name": ({"objective__command": ["train", "{}"]}, ["[objective] command: {} is unknown"]),
    "single brace": ({"objective__command": ["awk", "{print $1"]}, ["[objective] command:", "for a brace itself"]),
    "kind without its key": (
        {"objective": {"kind": "command", "metric": "error"}},
        ['[objective] command: missing; kind = "command" needs it'],
    ),
    "tie breaker without weight": ({"objective__tie_breaker": {"metric": "loss"}}, ["tie_breaker: expected a table"]),
    "tie breaker that is not finite": (
        {"objective__tie_breaker": {"metric": "loss", "weight": float("nan")}},
        ["tie_breaker: expected a table"],
    ),
    "tie breaker of the wrong type": (
        {"objective__tie_breaker": {"metric": 3, "weight": 1.0}},
        ["tie_breaker: expected a table"],
    ),
    "unknown key of the fine-tuning objective": (
        {"objective": {"kind": "finetune", "modell": "resnet18"}},
        ["[objective] ", "modell", "model"],
    ),
    # the space
    "empty space": ({"space": {}}, ["[space] the space is empty"]),
    "no table": ({"space__x": 3}, ["[space] x: expected a table such as"]),
    "type missing": ({"space__x": {"low": 0, "high": 1}}, ["[space] x: expected a table such as"]),
    "unknown type": ({"space__x": {**NUMBER, "type": "flaot"}}, ["[space] x: type 'flaot'", "did you mean 'float'?"]),
    "type of the wrong type": ({"space__x": {**NUMBER, "type": [1]}}, ["[space] x: type [1] is unknown"]),
    "unknown key of a number": ({"space__x": {**NUMBER, "hihg": 1}}, ["[space] x.hihg", "did you mean 'high'?"]),
    "end missing": ({"space__x": {"type": "int", "low": 0}}, ['[space] x: the type "int" needs low and high']),
    "choices missing": ({"space__x": {"type": "ordinal"}}, ['[space] x: the type "ordinal" needs choices']),
    "empty range": (
        {"space__x": {**NUMBER, "low": 1.0}},
        ["[space] x: the range [1.0, 1.0] is empty; expected low < high"],
    ),
    "log scale from 0": ({"space__x": {**NUMBER, "log": True}}, ["[space] x: a log scale needs low > 0, not 0.0"]),
    "infinite range": ({"space__x": {**NUMBER, "high": float("inf")}}, ["[space] x: high must be a finite number"]),
    "text for an end": ({"space__x": {**NUMBER, "low": "0"}}, ["[space] x: low must be a finite number, not '0'"]),
    "no choice": ({"space__x": {"type": "categorical", "choices": []}}, ["[space] x: choices must be a list"]),
    "choice twice": ({"space__x": {"type": "ordinal", "choices": [1, 1]}}, ["[space] x: choices has 1 twice"]),
    "choice that is not finite": (
        {"space__x": {"type": "ordinal", "choices": [1.0, float("nan")]}},
        ["[space] x: the choice nan is not"],
    ),
    "condition on nothing": ({"space__x": {**NUMBER, "when": {"z": 1}}}, ["[space] x: when names 'z'"]),
    "condition that never holds": ({"space__x": {**NUMBER, "when": {"k": 99}}}, ["[space] x: when k = 99 can never"]),
    "condition that is no table": ({"space__x": {**NUMBER, "when": 3}}, ["[space] x: when must be a table"]),
    "condition without an end": (
        {"space__x": {**NUMBER, "when": {"k": float("inf")}}},
        ["[space] x: when k = inf can never be"],
    ),
    # the search
    "unknown algorithm": (
        {"search__algorithm": "lsahde"},
        ["[search] algorithm: 'lsahde' is unknown", "did you mean 'lshade'?"],
    ),
    "unknown option": ({"search__memroy": 5}, ["[search] memroy is not an option of lshade; it understands"]),
    "option of the wrong type": ({"search__repair": 5}, ["[search] repair is 5; expected one of"]),
    "option of another algorithm": (
        {"search": {"algorithm": "random", "evaluations": 9, "memory": 5}},
        ["[search] memory is not an option of random"],
    ),
    "points of a grid": (
        {"search": {"algorithm": "grid", "points": 0}},
        ["[search] points must be a whole number of at least 1, not 0"],
    ),
    "points of the wrong type": ({"search": {"algorithm": "grid", "points": [1]}}, ["[search] points must be"]),
    # energy
    "unknown meter": ({"energy__meters": ["rapll"]}, ["[energy] meters: unknown energy meter 'rapll'", "'rapl'"]),
    "no meter": ({"energy__meters": []}, ['[energy] meters: expected "auto" or a list of meters, not []']),
    "watts the wrong way round": ({"energy__estimate_watts": [8, 1]}, ["[energy] estimate_watts: expected a list of"]),
    "watts without end": ({"energy__estimate_watts": [1.0, float("inf")]}, ["[energy] estimate_watts"]),
    "joules that nothing counts": (
        {"budget__joules": 500, "energy__meters": ["slurm"]},
        ["[budget] joules: 500 J cannot be counted", 'energy.meters = ["estimate"]'],
    ),
    # re-training
    "default outside the space": (
        {"confirm": {"seeds": 2, "default": {"x": 2.0, "k": 3}}},
        ["[confirm] default: x = 2.0 lies outside [0, 1]"],
    ),
    "default that lacks a value": (
        {"confirm": {"seeds": 2, "default": {"x": 0.5}}},
        ["[confirm] default: no value for k"],
    ),
    "default with too much": (
        {"confirm": {"seeds": 2, "default": {"x": 0.5, "k": 1, "z": 1}}},
        ["[confirm] default: z is not in the space, which has x, k"],
    ),
    "no candidates": ({"confirm__candidates": 0}, ["[confirm] candidates", "at least 1, not 0"]),
}


@pytest.mark.parametrize("wrong", WRONG_SETTINGS)
def test_a_wrong_setting(project: Any, complaint: Any, wrong: str) -> None:
    settings, words = WRONG_SETTINGS[wrong]
    project.write(**settings)
    answer = complaint(*project.arguments())
    for word in [f"autode: {project.workflow}: ", *words]:
        assert word in answer
    assert not (project.out / "trials").exists()


# --- modules that do not import


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def objective(trial:\n", "SyntaxError"),
        ("import no_such_library\n", "No module named 'no_such_library'"),
        ("raise RuntimeError('no data\\nset\\n')\n", "no data"),
        ("1 / 0\n", "division by zero"),
        ("import sys; sys.exit(4)\n", "cannot be imported"),
        ("objective = 3\n", "objective is not callable"),
    ],
)
def test_a_module_that_does_not_import(project: Any, complaint: Any, source: str, words: str) -> None:
    project.write(source)
    answer = complaint(*project.arguments())
    assert f"{project.workflow}: [objective] python: {project.module}:objective cannot be imported" in answer
    assert words in answer


# --- the workflow file itself


def test_a_workflow_that_is_not_there(tmp_path: Path, complaint: Any) -> None:
    assert complaint("run", tmp_path / "wf.toml") == f"autode: {tmp_path}/wf.toml: no such workflow file\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name = \n", "not valid TOML: Invalid value (at line 1, column 8)"),
        (b"[space\n", "not valid TOML"),
        (b'name = "a"\nname = "b"\n', "not valid TOML"),
        (b"\xff\xfe\x00", "cannot be read as a text file"),
        (b"", "name is missing; a workflow needs name, objective, space, search"),
        (b'name = "a"\n', "objective is missing"),
    ],
)
def test_a_file_that_is_no_workflow(tmp_path: Path, complaint: Any, content: bytes, words: str) -> None:
    path = tmp_path / "wf.toml"
    path.write_bytes(content)
    answer = complaint("run", path)
    assert answer.startswith(f"autode: {path}: ")
    assert words in answer


def test_a_folder_in_place_of_a_workflow(tmp_path: Path, complaint: Any) -> None:
    assert "cannot be read" in complaint("run", tmp_path)


# --- --set


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("search.population", "--set search.population: expected table.key=value"),
        ("=5", "--set =5: expected table.key=value"),
        ("search..population=5", "--set search..population=5: expected table.key=value"),
        ("seed.value=5", "--set seed.value=5: seed is not a table"),
        ("search.population=many", "[search] population: expected a whole number of at least 4, not 'many'"),
        ("search.population=[8", "[search] population: expected a whole number of at least 4, not '[8'"),
        ("serach.population=8", "serach: unknown key; did you mean 'search'?"),
        ("search=8", "search: expected a table, not 8"),
    ],
)
def test_a_wrong_override(project: Any, complaint: Any, override: str, words: str) -> None:
    assert words in complaint(*project.arguments("--set", override))


def test_data_that_nobody_fetched_is_noticed_before_the_first_trial(
    tmp_path: Path, complaint: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODE_CACHE", str(tmp_path))
    options = ("--out", tmp_path / "out", "--set", "objective.dataset=mnist", "--set", "objective.weights=none")
    said = complaint("run", Path(__file__).parents[2] / "workflows/quickstart.toml", *options)
    assert f"[objective] dataset 'mnist' is missing or incomplete in {tmp_path / 'data'}: run 'autode prefetch" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["run"], ["run", "w", "--workers", "0"], ["run", "w", "--workers", "x"], ["report"]]
)
def test_wrong_arguments_show_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: autode")
    assert "Traceback" not in err


# --- the output folder


def test_a_folder_that_cannot_be_made(project: Any, complaint: Any) -> None:
    file = project.folder / "file"
    file.write_text("in the way")
    answer = complaint("run", project.workflow, "--out", file / "below")
    assert f"{file}/below: cannot write into the output folder" in answer


def test_a_file_in_place_of_the_folder(project: Any, complaint: Any) -> None:
    project.out.write_text("in the way")
    assert f"{project.out}: cannot write into the output folder" in complaint(*project.arguments())
    assert project.out.read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(project: Any, complaint: Any) -> None:
    project.folder.chmod(0o500)
    assert "cannot write into the output folder" in complaint(*project.arguments())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 2}, "seed (was 1, is 2)"),
        ({"space__x": {**NUMBER, "high": 2.0}}, "space.x.high (was 1.0, is 2.0)"),
        ({"space__y": NUMBER}, "space.y"),
        ({"search__evaluations": 25}, "search.evaluations (was 4, is 25)"),
        ({"search__algorithm": "random"}, "search.algorithm (was 'lshade', is 'random')"),
        ({"objective__direction": "maximize"}, "objective.direction (was 'minimize', is 'maximize')"),
        ({"objective__epochs": 9}, "objective.epochs"),
        ({"execution__schedule": "asynchronous"}, "search.schedule (was 'generational', is 'asynchronous')"),
    ],
)
def test_a_folder_of_another_study(
    project: Any, complaint: Any, capsys: pytest.CaptureFixture[str], change: dict[str, Any], words: str
) -> None:
    small = {"search__evaluations": 4, "search__population": 4, "execution__workers": 1}
    project.write(source="def objective(trial):\n    return {'error': trial.params['x']}\n", **small)
    assert main(project.arguments()) == 0
    before = (project.out / "journal.jsonl").read_bytes()
    capsys.readouterr()
    project.write(**{**small, **change})
    answer = complaint(*project.arguments())
    assert f"{project.out}: the folder holds another study" in answer
    assert words in answer
    assert (project.out / "journal.jsonl").read_bytes() == before


def test_a_journal_that_is_damaged(project: Any, complaint: Any) -> None:
    from autode.study.journal import encode

    project.out.mkdir()
    lines = [encode({"type": "study"}), b"{damaged}\n", encode({"type": "end"})]
    (project.out / "journal.jsonl").write_bytes(b"".join(lines))
    for command in (project.arguments(), ["status", project.out], ["report", project.out]):
        answer = complaint(*command)
        assert str(project.out) in answer
        assert "line 2 is damaged but whole records follow it" in answer


def test_a_file_that_is_no_journal(project: Any, complaint: Any) -> None:
    project.out.mkdir()
    (project.out / "journal.jsonl").write_text("my notes\n")
    assert "is not a journal of autode" in complaint(*project.arguments())
    assert (project.out / "journal.jsonl").read_text() == "my notes\n"


def test_a_folder_in_place_of_the_journal(project: Any, complaint: Any) -> None:
    (project.out / "journal.jsonl").mkdir(parents=True)
    assert str(project.out) in complaint(*project.arguments())


@pytest.mark.parametrize("command", ["status", "report"])
def test_a_folder_without_a_study(tmp_path: Path, complaint: Any, command: str) -> None:
    assert f"{tmp_path}: no study in this folder" in complaint(command, tmp_path)
    assert f"{tmp_path}/no: no study in this folder" in complaint(command, tmp_path / "no")


def test_a_folder_that_another_run_is_working_on(project: Any, wait_until: Any) -> None:
    import subprocess

    project.write("import time\ndef objective(trial):\n    time.sleep(300)\n")
    first = project.start()
    try:
        wait_until(lambda: project.records("started"), "the first run has begun a trial", process=first)
        second = subprocess.run(first.args, capture_output=True, text=True, check=False, cwd=project.folder)
        assert second.returncode == 2
        assert second.stderr.startswith(f"autode: {project.out}: another run is working on this study (process")
        assert f"process {first.pid} on " in second.stderr
        assert second.stderr.count("\n") == 1
    finally:
        os.killpg(first.pid, 9)
        first.communicate()

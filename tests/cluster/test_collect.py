"""Collecting accounting: from the journal's jobs to jobs.csv, on texts that a real Slurm of 200 W a node printed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import autode
from autode.cli.main import main
from autode.cluster.collect import collect, collect_file, unsettled
from autode.study.accounting import AccountingError, StudyJob, keep, read_index, runs_in, study_jobs
from autode.study.errors import UserError
from autode.study.journal import Journal

SAMPLES = Path(__file__).parents[1] / "energy/samples/sacct"
T0 = datetime(2026, 11, 20, 21, 56, 30, tzinfo=UTC)


def clock(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_study(folder: Path, *runs: dict[str, Any] | None, ended: bool = True) -> Path:
    """Write a study without trials whose runs had these Slurm settings, one after the other, 10 s each."""
    folder.mkdir()
    with_journal = Journal(folder / "journal.jsonl")
    workflow = {"name": "s", "seed": 1, "objective": {"metric": "e"}, "space": {}, "search": {"algorithm": "random"}}
    with_journal.append({"type": "study", "schema": 1, "name": "s", "identity": {}, "workflow": workflow})
    for number, slurm in enumerate(runs):
        head = {
            "host": "node1",
            "execution": "serial",
            "slots": 1,
            "ranks": 1,
            "slurm": slurm,
            "time": clock(30 * number),
        }
        with_journal.append({"type": "run", "run": number, **head})
        if ended or number < len(runs) - 1:
            end = {"reason": "finished", "exit_code": 0, "signal": "", "time": clock(30 * number + 10)}
            with_journal.append({"type": "end", "run": number, **end})
    with_journal.close()
    return folder


def slurm(job: int, restart: int = 0, **more: str) -> dict[str, str]:
    count = {"restart_count": str(restart)} if restart else {}
    return {"job_id": str(job), "job_nodelist": "node[1-2]", **count, **more}


def test_every_run_of_a_requeued_job_has_its_joules(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7), slurm(7, 1))
    collect_file(folder, SAMPLES / "nodefail.steps.txt")
    first, second = autode.load(folder).jobs.to_dict("records")
    assert (first["state"], first["energy_j"], first["energy_from"]) == ("NODE_FAIL", 7408.0, "extern")
    assert "partial" in first["flags"], "what the dead node used is lost"
    assert (second["state"], second["energy_j"], second["elapsed_s"]) == ("COMPLETED", 10056.0, 25.0)
    assert second["mean_power_w"] == pytest.approx(2 * 200, rel=0.01)
    assert (second["run_state"], second["run_elapsed_s"]) == ("finished", 10.0), "the program's own view stays"


def test_a_run_that_died_with_all_its_nodes_is_there_without_joules(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(30), slurm(30, 1))
    collect_file(folder, SAMPLES / "nodefail_single.txt")
    jobs = autode.load(folder).jobs
    lost = jobs[jobs["state"] == "NODE_FAIL"].iloc[0]
    assert pd.isna(lost["energy_j"])
    assert lost["energy_from"] == "none"
    assert "zero_energy" in lost["flags"]


def test_a_run_of_a_job_that_wrote_nothing_has_its_row(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7, 1))  # the first run died before the program began
    collect_file(folder, SAMPLES / "nodefail.steps.txt")
    jobs = autode.load(folder).jobs
    assert jobs["restart"].tolist() == [0, 1]
    assert (jobs["flags"] == "partial no_journal").tolist() == [True, False]
    assert jobs["run"].isna().tolist() == [True, False]
    assert autode.load(folder).program_runs["run"].tolist() == [0]


def test_two_starts_of_the_program_in_one_job_count_its_joules_once(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7, 1), slurm(7, 1), slurm(99), None)
    collect_file(folder, SAMPLES / "nodefail.steps.txt")
    jobs = autode.load(folder).jobs
    jobs = jobs[jobs["run"].notna()]
    assert jobs["energy_j"].sum() == 10056.0
    assert jobs["elapsed_s"].iloc[0] == 25.0
    assert jobs["flags"].tolist()[1:3] == ["counted_above", "no_accounting"]
    assert jobs["flags"].isna().iloc[3], "a run outside of Slurm has nothing to be accounted"


@pytest.mark.parametrize(("raw", "task", "joules"), [("21", "1", 403.0), ("77", "2", 422.0)])
def test_a_task_of_an_array_is_found_by_its_name(tmp_path: Path, raw: str, task: str, joules: float) -> None:
    folder = write_study(tmp_path / "out", slurm(int(raw), array_job_id="21", array_task_id=task))
    collect_file(folder, SAMPLES / "array.steps.txt")
    assert autode.load(folder).jobs["energy_j"].tolist() == [joules]


def test_a_task_of_an_array_is_found_by_its_number(tmp_path: Path) -> None:
    text = (
        "JobID|JobIDRaw|State|ElapsedRaw|ConsumedEnergyRaw\n9_1|12|COMPLETED|5|\n9_1.extern|12.extern|COMPLETED|5|100\n"
    )
    text += "9_2|9|COMPLETED|5|\n9_2.extern|9.extern|COMPLETED|5|200\n"
    assert runs_in(text, [StudyJob("12")])["energy_j"].tolist() == [100.0]
    assert runs_in(text, [StudyJob("9", array="9")])["energy_j"].tolist() == [200.0]


def test_the_same_number_on_another_cluster_is_another_job() -> None:
    text = "JobID|Cluster|State|ElapsedRaw|ConsumedEnergyRaw\n7|vega|COMPLETED|5|100\n7|karst|COMPLETED|5|900\n"
    assert runs_in(text, [StudyJob("7", cluster="karst")])["energy_j"].tolist() == [900.0]


def test_the_raw_text_is_kept_untouched_with_its_checksum(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7))
    source = SAMPLES / "nodefail.steps.txt"
    found = collect_file(folder, source)
    assert found.file.read_bytes() == source.read_bytes()
    (entry,) = json.loads((folder / "accounting/index.json").read_text())
    assert entry["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert set(autode.load(folder).jobs["raw_sha256"]) == {entry["sha256"]}
    collect_file(folder, source)
    assert len(list((folder / "accounting").glob("sacct-*.txt"))) == 1
    assert [one.file for one in read_index(folder)] == [found.file.name] * 2


def test_a_text_that_somebody_changed_is_refused(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7))
    path = collect_file(folder, SAMPLES / "nodefail.steps.txt").file
    path.write_text(path.read_text().replace("7408", "1"))
    with pytest.raises(AccountingError, match="is not the text that was collected"):
        autode.load(folder)
    path.unlink()
    with pytest.raises(AccountingError, match="is missing, though"):
        autode.load(folder)


def test_an_index_of_a_newer_version_can_be_read_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7))
    collect_file(folder, SAMPLES / "nodefail.steps.txt")
    index = folder / "accounting/index.json"
    index.write_text(json.dumps([{**json.loads(index.read_text())[0], "later": 1}]))
    assert autode.load(folder).jobs["energy_j"].tolist()[0] == 7408.0
    index.write_text('[{"file": 1}]')
    with pytest.raises(AccountingError, match="expected the list of collections"):
        autode.load(folder)


def test_what_a_site_has_forgotten_stays_known(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7, 1), slurm(8))
    head = "JobID|State|ElapsedRaw|NNodes|ConsumedEnergyRaw\n"
    keep(folder, head + "8|RUNNING|5|1|\n7|NODE_FAIL|3|1|\n7|COMPLETED|5|1|1000\n", "sacct")
    keep(folder, head + "8|COMPLETED|9|1|1800\n", "sacct")
    jobs = autode.load(folder).jobs
    assert jobs[jobs["run"].notna()]["energy_j"].tolist() == [1000.0, 1800.0]


def test_joules_of_a_shared_node_are_marked_wherever_they_go(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7), slurm(7, 1))
    keep(folder, (SAMPLES / "nodefail.steps.txt").read_text(), "sacct", shared={"7.1": ["9"]})
    data = autode.load(folder)
    assert data.jobs["flags"].tolist() == ["partial", "shared_node"]
    job = data.energy[(data.energy["id"] == "7.1") & data.energy["account"].isna()].iloc[0]
    assert job["flags"] == "shared_node"


class TestSettling:
    """Records arrive seconds after a job has ended."""

    now = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
    head = "JobID|State|ElapsedRaw|NNodes|ConsumedEnergyRaw|Start|End\n"

    def waiting(self, *rows: str) -> list[str]:
        jobs = [StudyJob("7")]
        return unsettled(runs_in(self.head + "".join(f"{row}\n" for row in rows), jobs), jobs, {"7"}, self.now)

    def test_a_job_that_sacct_does_not_list_yet_is_waited_for(self) -> None:
        assert self.waiting() == ["7"]

    def test_joules_are_waited_for_while_they_may_come(self) -> None:
        row = "7|COMPLETED|60|1||2026-05-01T11:{}:30|2026-05-01T11:{}:30"
        assert self.waiting(row.format(58, 59)) == ["7"]
        assert self.waiting(row.format(50, 51)) == [], "where there is no sensor, they never come"

    def test_joules_that_are_there_are_taken(self) -> None:
        assert self.waiting("7|COMPLETED|60|1|12000|2026-05-01T11:58:30|2026-05-01T11:59:30") == []

    def test_a_job_whose_program_has_ended_is_about_to_end(self) -> None:
        running = "7|RUNNING|60|1||2026-05-01T11:58:30|Unknown"
        assert self.waiting(running) == ["7"]
        jobs = [StudyJob("7")]
        assert unsettled(runs_in(self.head + running + "\n", jobs), jobs, set(), self.now) == [], "it has work to do"


class TestWrongInput:
    """One sentence that says what to do."""

    def test_a_study_that_ran_outside_of_slurm(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="no run of this study was a Slurm job"):
            collect_file(write_study(tmp_path / "out", None), SAMPLES / "long.txt")

    def test_a_machine_without_sacct(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UserError, match=r"no sacct on PATH; .* --from-file"):
            collect(write_study(tmp_path / "out", slurm(7)))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("JobID|State\n9|COMPLETED\n", r"has no row of the jobs of .*out \(7\)"),
            ("JobID|State\n7|COMPLETED|5\n", r"cannot be read as accounting \(line 2"),
            ("Slurm is down\n", "cannot be read as accounting"),
        ],
    )
    def test_a_file_that_does_not_help(
        self, tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = write_study(tmp_path / "out", slurm(7))
        (tmp_path / "sacct.txt").write_text(text)
        assert main(["collect", str(folder), "--from-file", str(tmp_path / "sacct.txt")]) == 2
        message = capsys.readouterr().err
        assert pd.Series([message]).str.contains(said).all(), message
        assert not (folder / "accounting").exists()

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"cannot be read \(No such file"):
            collect_file(write_study(tmp_path / "out", slurm(7)), tmp_path / "no.txt")


def test_the_command_fills_the_table_and_says_what_each_job_made_of_its_nodes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_study(tmp_path / "out", slurm(7), slurm(7, 1), slurm(8))
    assert main(["collect", str(folder), "--from-file", str(SAMPLES / "nodefail.steps.txt")]) == 0
    said = capsys.readouterr().out
    assert "job 7, restart 0: NODE_FAIL after 37.0 s [partial]" in said
    assert "energy             at least 7.408 kJ / 2.058 Wh (from extern)" in said, "a node died with its counter"
    assert "mean node power    at least " in said
    assert "energy             10.06 kJ / 2.793 Wh (from extern)" in said
    assert "mean node power    402.2 W" in said or "mean node power    201.1 W" in said
    assert "job 8: no row of it" in said
    table = pd.read_csv(folder / "jobs.csv", dtype={"job": str})
    assert table["energy_j"].tolist()[:2] == [7408.0, 10056.0]
    assert list(table.columns[:13]) == [
        *("job", "restart", "state", "start", "end", "elapsed_s", "nodes", "energy_j", "energy_from"),
        *("cpu_efficiency", "mem_efficiency", "mean_power_w", "flags"),
    ]


def test_jobs_are_named_once_in_the_order_of_the_journal() -> None:
    runs = [{"slurm": slurm(9)}, {"slurm": None}, {"slurm": slurm(7)}, {"slurm": slurm(9, 1)}]
    assert [job.number for job in study_jobs(runs)] == ["9", "7"]


def test_without_duplicates_sacct_prints_the_last_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The query that users run has no -D: its one run of a job that was requeued is the one that came last."""
    folder = write_study(tmp_path / "out", slurm(7), slurm(7, 1))
    source = tmp_path / "sacct.txt"
    head = "JobID;ConsumedEnergy;CPUTime;Elapsed;TRESUsageOutAve;AllocTRES;Partition\n"
    source.write_text(head + "7;10.06K;00:03:20;00:00:25;;billing=8,cpu=8,node=2;batch\n")
    assert main(["collect", str(folder), "--from-file", str(source)]) == 0
    first, second = autode.load(folder).jobs.to_dict("records")
    assert (first["restart"], first["energy_j"], first["flags"]) == (
        0,
        pytest.approx(float("nan"), nan_ok=True),
        "no_accounting",
    )
    assert (second["restart"], second["energy_j"]) == (1, 10060.0)
    assert "last_run_only" in second["flags"]
    assert "no_journal" not in second["flags"]
    assert "job 7, restart 1: finished after 25.0 s" in capsys.readouterr().out


def test_a_text_in_another_encoding_is_kept_as_it_is(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "out", slurm(7))
    source = tmp_path / "sacct.txt"
    source.write_bytes(b"JobID|JobName|State|ElapsedRaw|NNodes|ConsumedEnergyRaw\n7|caf\xe9|COMPLETED|10|1|2000\n")
    found = collect_file(folder, source)
    assert found.file.read_bytes() == source.read_bytes()
    assert autode.load(folder).jobs["energy_j"].tolist() == [2000.0]

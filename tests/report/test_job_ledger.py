"""A job's accounted joules, booked to its trials: exact sums, lost work apart, nothing estimated among it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from autode.energy import EnergyReading
from autode.report import StudyData, load, write_report
from autode.study.accounting import keep
from autode.study.journal import Journal

T0 = datetime(2026, 5, 4, 8, 0, 0, tzinfo=UTC)
SETTINGS = {"AcctGatherEnergyType": "acct_gather_energy/pm_counters"}
HEAD = "JobID|State|ElapsedRaw|NNodes|ConsumedEnergyRaw|Start|End\n"


def clock(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def at(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def estimate(joules: float) -> EnergyReading:
    return EnergyReading(joules, "modelled", "estimate", "D", ("cpu_pkg",), energy_low_j=0.0, energy_high_j=9 * joules)


class Diary:
    """Writes the journal of a study with two slots, at instants that the test gives."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self.folder, self.journal, self.number = folder, Journal(folder / "journal.jsonl"), -1
        workflow = {
            "name": "s",
            "seed": 1,
            "objective": {"metric": "e"},
            "space": {},
            "search": {"algorithm": "random"},
        }
        self.write("study", schema=1, name="s", identity={}, workflow=workflow)

    def write(self, kind: str, **fields: Any) -> None:
        self.journal.append({"type": kind, "run": self.number, **fields}, durable=False)

    def run(self, time: float, restart: int = 0) -> None:
        self.number += 1
        slurm = {"job_id": "7", **({"restart_count": str(restart)} if restart else {})}
        self.write("run", time=clock(time), host="node1", execution="processes", slots=2, ranks=1, slurm=slurm)

    def begin(self, trial: int, time: float, attempt: int = 0) -> None:
        if not attempt:
            fields = {"params": {}, "point": [], "seed": 1, "role": "search", "generation": 0}
            self.write("asked", trial=trial, time=clock(time), **fields)
        self.write("started", trial=trial, attempt=attempt, host="node1", rank=0, device="cpu", time=clock(time))

    def tell(
        self, trial: int, start: float, end: float, attempt: int = 0, reading: EnergyReading | None = None
    ) -> None:
        readings = [(reading or estimate(3.0)).to_dict()]
        times = {"started": clock(start), "finished": clock(end), "seconds": end - start}
        result = {"state": "completed", "value": 0.5, "fitness": 0.5, "metrics": {"e": 0.5}, "epochs": 1, "error": ""}
        self.write("told", trial=trial, attempt=attempt, host="node1", rank=0, energy=readings, **times, **result)

    def end(self, time: float) -> None:
        self.write("end", time=clock(time), reason="finished", exit_code=0, signal="")


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "out")
    yield diary
    diary.journal.close()


def accounts(data: StudyData, job: str) -> dict[str, float]:
    rows = data.energy[(data.energy["scope"] == "job") & (data.energy["id"] == job)]
    return {row["account"] or "": row["joules"] for row in rows.to_dict("records")}


def test_a_job_is_booked_to_the_microjoule(diary: Diary) -> None:
    """100 s at 400 W on two slots: 10 s before the program, 5 s after; one slot free from 60 s on."""
    diary.run(10)
    diary.begin(0, 10)
    diary.begin(1, 10)
    diary.tell(1, 10, 60)
    diary.tell(0, 10, 95)
    diary.end(95)
    keep(diary.folder, HEAD + f"7|COMPLETED|100|1|40000|{at(0)}|{at(100)}\n", "sacct", utc=True, cluster=SETTINGS)
    data = load(diary.folder)
    assert accounts(data, "7.0") == {
        "": 40_000.0,
        "trial": pytest.approx(85 * 200.0 + 50 * 200.0),
        "overhead": pytest.approx(15 * 400.0),
        "lost": 0.0,
        "idle": pytest.approx(35 * 200.0),
        "unattributed": 0.0,
    }
    found = accounts(data, "7.0")
    assert sum(round(joules * 1e6) for account, joules in found.items() if account) == 40_000_000_000
    assert data.trials["energy_j"].tolist() == [pytest.approx(17_000.0), pytest.approx(10_000.0)]
    assert data.trials["energy_class"].tolist() == ["apportioned"] * 2, "better than the estimate that is there too"
    assert data.energy_total["energy_j"] == pytest.approx(27_000.0), "no estimate in it"
    rows = data.energy[(data.energy["scope"] == "trial") & (data.energy["source"] == "sacct:job")]
    assert rows["share"].tolist() == [pytest.approx(0.425), pytest.approx(0.25)]
    assert set(rows["share_rule"]) == {"core_seconds"}
    assert (rows["joules_low"] < rows["joules"]).all()
    assert (rows["joules"] < rows["joules_high"]).all()
    assert (data.energy["source"] == "estimate").any(), "the estimates stay, in rows of their own"


@pytest.mark.parametrize("noted", [False, True], ids=["not yet noted", "noted by the next run"])
def test_what_a_dead_node_took_with_it_is_in_the_lost_account(diary: Diary, noted: bool) -> None:
    diary.run(0)
    diary.begin(0, 0)
    diary.begin(1, 0)
    diary.tell(0, 0, 20)  # and then the node died
    diary.run(60, restart=1)
    if noted:  # with the last sign of life as its end
        times = {"started": clock(0), "finished": clock(15), "seconds": 15.0}
        diary.write(
            "attempt", trial=1, attempt=0, state="lost", host="node1", rank=0, energy=[], error="node_fail", **times
        )
    diary.begin(1, 60, attempt=1)
    diary.tell(1, 60, 80, attempt=1)
    diary.end(80)
    text = f"7|NODE_FAIL|40|1|4000|{at(0)}|{at(40)}\n7|COMPLETED|20|1|4000|{at(60)}|{at(80)}\n"
    keep(diary.folder, HEAD + text, "sacct", utc=True, cluster=SETTINGS)
    data = load(diary.folder)
    first = accounts(data, "7.0")
    # 50 W a slot; trial 1 was under way for all of the 40 s
    assert first == {"": 4000.0, "trial": 1000.0, "overhead": 0.0, "lost": 2000.0, "idle": 1000.0, "unattributed": 0.0}
    lost = data.attempts[data.attempts["state"] == "lost"].iloc[0]
    assert lost["energy_j"] == pytest.approx(first["lost"])
    both = data.trials.set_index("trial").loc[1, "energy_j"]
    assert both == pytest.approx(first["lost"] + accounts(data, "7.1")["trial"]), (
        "a trial costs what all its attempts did"
    )


def test_a_gpu_that_counted_for_one_trial_is_not_shared_out(diary: Diary) -> None:
    """100 s at 400 W; trial 0 had a GPU that took 150 W of them."""
    gpu = {"device": "GPU-a", "share_rule": "gpu_exclusive", "seconds": 100.0}
    diary.run(0)
    diary.begin(0, 0)
    diary.begin(1, 0)
    diary.tell(0, 0, 100, reading=EnergyReading(15_000.0, "measured_counter", "nvml", "B", ("gpu",), **gpu))
    diary.tell(1, 0, 100)
    diary.end(100)
    keep(diary.folder, HEAD + f"7|COMPLETED|100|1|40000|{at(0)}|{at(100)}\n", "sacct", utc=True, cluster=SETTINGS)
    data = load(diary.folder)
    rows = data.energy[(data.energy["scope"] == "trial") & (data.energy["source"] == "sacct:job")]
    assert rows["joules"].tolist() == [pytest.approx(15_000 + 12_500), pytest.approx(12_500)]
    assert rows["share_rule"].tolist() == ["gpu_exclusive+core_seconds", "core_seconds"]


@pytest.mark.parametrize("row", ["7|RUNNING|100|1|||", "7|COMPLETED|100|1|0||"])
def test_without_joules_nothing_is_booked(diary: Diary, row: str) -> None:
    diary.run(0)
    diary.begin(0, 0)
    diary.tell(0, 0, 100)
    keep(diary.folder, HEAD + row + "\n", "sacct", utc=True)
    data = load(diary.folder)
    assert not (data.energy["scope"] == "job").any()
    assert data.trials["energy_class"].tolist() == ["estimated"]


def test_where_the_clock_of_a_text_is_unknown_the_job_ends_with_the_program(diary: Diary) -> None:
    diary.run(10)
    diary.begin(0, 10)
    diary.tell(0, 10, 100)
    diary.end(100)
    keep(diary.folder, HEAD + "7|COMPLETED|100|1|40000|2031-01-01T00:00:00|2031-01-01T00:01:40\n", "file x")
    found = accounts(load(diary.folder), "7.0")
    assert (found["overhead"], found["trial"], found["idle"]) == (4000.0, 18_000.0, 18_000.0)


def test_meters_of_all_nodes_are_reconciled_with_the_job(diary: Diary) -> None:
    diary.run(0)
    for _ in range(2):
        node = EnergyReading(15_000.0, "measured_counter", "rapl", "B", ("cpu_pkg", "dram"), scope="node", host="node1")
        diary.write("energy", scope="node", host="node1", readings=[node.to_dict()], time=clock(50))
    diary.end(100)
    keep(diary.folder, HEAD + f"7|COMPLETED|100|1|40000|{at(0)}|{at(100)}\n", "sacct", utc=True)
    rows = load(diary.folder).energy
    assert rows[rows["scope"] == "job"]["reason"].iloc[0] == "residual against the nodes' meters 10000.0 J, 25.0 %"


def test_the_page_says_what_the_jobs_made_of_their_nodes(diary: Diary) -> None:
    diary.run(0)
    diary.end(100)
    text = write_report([diary.folder]).read_text()
    assert "as Slurm accounted them" not in text
    keep(diary.folder, HEAD + f"7|COMPLETED|100|1|40000|{at(0)}|{at(100)}\n", "sacct", utc=True, cluster=SETTINGS)
    text = write_report([diary.folder]).read_text()
    assert "as Slurm accounted them" in text
    for figure in ("40.00 kJ", "11.11 Wh", "400 W"):
        assert f">{figure}<" in text


# --- joules of a run that died with its node: what sstat had said of it by then, where accounting has less


def live(diary: Diary, *pieces: float) -> None:
    for number, joules in enumerate(pieces):
        reading = EnergyReading(joules, "scheduler_counter", "sstat", "C", scope="job", flags=("live",))
        diary.write("energy", scope="job", readings=[reading.to_dict()], time=clock(10 + number))


@pytest.fixture
def broken(diary: Diary) -> Diary:
    """Two trials under way on two slots when their node died; sstat had told of 16 kJ in three pieces."""
    diary.run(0)
    live(diary, 2000.0, 6000.0, 8000.0)
    diary.begin(0, 0)
    diary.begin(1, 0)
    diary.run(60, restart=1)
    diary.begin(0, 60, attempt=1)
    diary.begin(1, 60, attempt=1)
    diary.tell(0, 60, 100, attempt=1)
    diary.tell(1, 60, 100, attempt=1)
    diary.end(100)
    return diary


def rows(first: str, state: str = "NODE_FAIL") -> str:
    done = f"7|COMPLETED|40|1|8000|{at(60)}|{at(100)}\n7.extern|COMPLETED|40|1|8000|{at(60)}|{at(100)}\n"
    lost = f"7|{state}|50|1||{at(0)}|{at(50)}\n7.extern|CANCELLED|50|1|{first}|{at(0)}|{at(50)}\n"
    return HEAD + lost + done


@pytest.mark.parametrize("accounted", ["", "0", "4000"])
def test_what_the_nodes_took_along_is_in_the_lost_account(broken: Diary, accounted: str) -> None:
    keep(broken.folder, rows(accounted), "sacct", utc=True, cluster=SETTINGS)
    data = load(broken.folder)
    lost, done = data.jobs.to_dict("records")
    assert (lost["energy_j"], lost["energy_from"], lost["mean_power_w"]) == (16_000.0, "sstat", 320.0)
    assert {"live", "partial"} <= set(lost["flags"].split())
    assert (done["energy_j"], done["energy_from"]) == (8000.0, "extern")
    accounts = data.energy[(data.energy["id"] == "7.0") & data.energy["account"].notna()].set_index("account")["joules"]
    assert accounts["lost"] == pytest.approx(16_000.0)
    assert accounts.sum() == pytest.approx(16_000.0)
    assert data.energy.loc[data.energy["id"] == "7.0", "source"].iloc[0] == "sstat"
    first = data.attempts[data.attempts["attempt"] == 0]
    assert first["energy_j"].sum() == pytest.approx(16_000.0), "each dead attempt has its half"


def test_accounting_that_is_whole_or_has_more_is_believed(broken: Diary) -> None:
    keep(broken.folder, rows("17000"), "sacct", utc=True, cluster=SETTINGS)
    assert load(broken.folder).jobs["energy_from"].tolist() == ["extern", "extern"]
    keep(broken.folder, rows("15000", state="COMPLETED"), "sacct", utc=True, cluster=SETTINGS)
    assert load(broken.folder).jobs["energy_j"].tolist() == [15_000.0, 8000.0]


def test_a_second_start_in_one_job_begins_with_what_the_job_had_used(broken: Diary) -> None:
    """Its first piece is the whole job so far: the pieces of two starts are not added."""
    broken.run(110, restart=1)
    live(broken, 9000.0)
    broken.end(120)
    keep(
        broken.folder,
        rows("").replace("7|COMPLETED|40|1|8000", "7|COMPLETED|40|1|").replace("|40|1|8000", "|40|1|"),
        "t",
        utc=True,
    )
    assert load(broken.folder).jobs["energy_j"].tolist()[:2] == [16_000.0, 9000.0]


def test_every_row_of_the_ledger_has_its_uncertainty(diary: Diary) -> None:
    diary.run(0)
    diary.begin(0, 0)
    diary.tell(0, 0, 60)
    diary.end(100)
    keep(diary.folder, HEAD + f"7|COMPLETED|100|1|40000|{at(0)}|{at(100)}\n", "sacct", utc=True, cluster=SETTINGS)
    data = load(diary.folder)
    rows = data.energy[data.energy["scope"] == "job"]
    assert rows["u_j"].notna().all()
    whole, trial = rows[rows["account"].isna()].iloc[0], rows[rows["account"] == "trial"].iloc[0]
    assert whole["u_j"] == pytest.approx(0.05 * 40_000)
    assert trial["u_j"] / trial["joules"] == pytest.approx((0.05**2 + 0.30**2) ** 0.5)
    assert (trial["joules_low"], trial["joules_high"]) == (
        pytest.approx(trial["joules"] - 2 * trial["u_j"]),
        pytest.approx(trial["joules"] + 2 * trial["u_j"]),
    )
    part = data.energy[(data.energy["scope"] == "trial") & (data.energy["source"] == "sacct:job")].iloc[0]
    assert part["joules_low"] < part["joules"] < part["joules_high"]
    assert data.jobs["energy_wh"].tolist() == [pytest.approx(40_000 / 3600)]


# --- trials as job steps


def test_a_step_that_had_its_node_to_itself_has_its_own_joules(tmp_path: Path) -> None:
    """Two nodes with one slot each: 400 W where trial 0 ran, 200 W where trial 1 did, 100 W idle for the other 40 s."""
    diary = Diary(tmp_path / "study")
    diary.run(0)
    for trial in (0, 1):
        fields = {"params": {}, "point": [], "seed": 1, "role": "search", "generation": 0}
        diary.write("asked", trial=trial, time=clock(0), **fields)
        diary.write("started", trial=trial, attempt=0, host=f"n{trial}", rank=trial, time=clock(0), step=f"7.{trial}")
        diary.tell(trial, 0, 60)
    diary.end(100)
    head = "JobID|State|ElapsedRaw|NNodes|ConsumedEnergyRaw|Start|End|NodeList\n"
    steps = [f"7.{n}|COMPLETED|60|1|{joules}|{at(0)}|{at(60)}|n{n}\n" for n, joules in ((0, 24_000), (1, 12_000))]
    whole = (
        f"7|COMPLETED|100|2|44000|{at(0)}|{at(100)}|n[0-1]\n7.extern|COMPLETED|100|2|44000|{at(0)}|{at(100)}|n[0-1]\n"
    )
    keep(diary.folder, head + whole + "".join(steps), "sacct", utc=True, cluster=SETTINGS)
    data = load(diary.folder)
    rows = data.energy[(data.energy["scope"] == "trial") & (data.energy["source"] == "sacct:extern")]
    assert rows["joules"].tolist() == [24_000.0, 12_000.0]
    assert set(rows["share_rule"]) == {"step_exclusive"}
    found = accounts(data, "7.0")
    assert (found["trial"], found["idle"], found[""]) == (36_000.0, 8_000.0, 44_000.0)

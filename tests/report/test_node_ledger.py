"""A job's joules booked by the series of its nodes' counters, against a truth that is written into them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson
import pytest

from autode.energy.node_series import FOLDER
from autode.report import StudyData, load
from autode.study.accounting import keep

from .test_job_ledger import HEAD, SETTINGS, T0, Diary, accounts, at, clock

IDLE_W, CORE_W = 50.0, 30.0
Trial = tuple[int, float, float, float]  # number, start, end, cores it keeps busy


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "out")
    yield diary
    diary.journal.close()


def busy_s(trials: Sequence[Trial], t: float) -> float:
    """Return the CPU seconds that some trials have used up to an instant."""
    return sum(cores * max(min(t, end) - start, 0.0) for _, start, end, cores in trials)


def write_series(
    folder: Path,
    host: str,
    used_s: Callable[[float], float],
    *,
    start: float = 0.0,
    end: float = 100.0,
    restart: int = 0,
    gpu_w: float = 0.0,
) -> None:
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    sensors = [{"source": "rapl", "domain": "cpu_pkg", "device": ""}]
    sensors += [{"source": "nvml:total_energy", "domain": "gpu", "device": f"GPU-{host}"}] if gpu_w else []
    about = {"series": 1, "host": host, "job": "7", "restart": str(restart) if restart else "", "cores": 4}
    lines = [{**about, "time": T0.timestamp() + start, "sensors": sensors}]
    for second in range(round(end - start) + 1):
        cpu = used_s(start + second) - used_s(start)
        joules = [IDLE_W * second + CORE_W * cpu, *([gpu_w * second] if gpu_w else [])]
        lines.append([second, cpu, second, *(round(one * 1e6) for one in joules)])
    (place / f"{host}-{start:.0f}.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))


def write_trials(diary: Diary, host: str, trials: Sequence[Trial]) -> None:
    for number, start, end, cores in trials:
        fields = {"params": {}, "point": [], "seed": 1, "role": "search", "generation": 0}
        diary.write("asked", trial=number, time=clock(start), **fields)
        diary.write("started", trial=number, attempt=0, host=host, rank=0, device="cpu", time=clock(start))
        times = {"started": clock(start), "finished": clock(end), "seconds": end - start}
        result = {"state": "completed", "value": 0.5, "fitness": 0.5, "metrics": {"e": 0.5}, "epochs": 1, "error": ""}
        used = {"cpu_seconds": cores * (end - start), "energy": []}
        diary.write("told", trial=number, attempt=0, host=host, rank=0, **used, **times, **result)


def job_part(data: StudyData, number: int) -> dict[str, object]:
    rows = data.energy[(data.energy["scope"] == "trial") & (data.energy["id"].astype(str) == str(number))]
    (own,) = rows[rows["source"].str.startswith("sacct")].to_dict("records")
    return own


ON_NODE1: list[Trial] = [(0, 10, 60, 1.0), (1, 10, 100, 0.5)]
ON_NODE2: list[Trial] = [(2, 20, 90, 2.0), (3, 30, 50, 0.25)]


def run_of_two_nodes(diary: Diary) -> None:
    diary.number += 1
    about = {"host": "node1", "execution": "mpi", "slots": 4, "ranks": 4, "slurm": {"job_id": "7"}}
    diary.write("run", time=clock(0), **about)
    write_trials(diary, "node1", ON_NODE1)
    write_trials(diary, "node2", ON_NODE2)
    diary.end(100)


def account(diary: Diary, joules: float) -> None:
    text = f"7|COMPLETED|100|2|{joules:.0f}|{at(0)}|{at(100)}\n"
    keep(diary.folder, HEAD + text, "sacct", utc=True, cluster=SETTINGS)


def test_every_node_is_cut_along_its_own_trials(diary: Diary) -> None:
    """Idle power is measured while nothing runs; what is above goes by CPU time, piece by piece, on each node."""
    run_of_two_nodes(diary)
    for host, trials in (("node1", ON_NODE1), ("node2", ON_NODE2)):
        write_series(diary.folder, host, lambda t, trials=trials: busy_s(trials, t))  # type: ignore[misc]
    cores_s = busy_s(ON_NODE1, 100) + busy_s(ON_NODE2, 100)
    seen = 2 * 100 * IDLE_W + CORE_W * cores_s
    account(diary, 1.25 * seen)  # supplies and fans are on no counter of the nodes
    data = load(diary.folder)
    for number, start, end, cores in (*ON_NODE1, *ON_NODE2):
        truth = (IDLE_W / 2 + CORE_W * cores) * (end - start)
        assert job_part(data, number)["joules"] == pytest.approx(truth, rel=1e-6), number
        assert set(str(job_part(data, number)["share_rule"]).split("+")) == {"idle_share", "cpu_time"}
    found = accounts(data, "7.0")
    assert sum(round(joules * 1e6) for name, joules in found.items() if name) == round(1.25e6 * seen)
    assert found["unattributed"] == pytest.approx(0.25 * seen)
    assert found["lost"] == 0.0
    (job,) = data.energy[(data.energy["scope"] == "job") & data.energy["account"].isna()].to_dict("records")
    assert job["reason"].startswith(f"residual against the nodes' meters {0.25 * seen:.1f} J, 20.0 %")


def test_by_slots_the_same_trials_would_get_something_else(diary: Diary) -> None:
    """Without the series only the time counts: the one that keeps two cores busy gets no more than its neighbours."""
    run_of_two_nodes(diary)
    account(diary, 20_000)
    data = load(diary.folder)
    joules_per_second = {
        number: float(str(job_part(data, number)["joules"])) / (end - start)
        for number, start, end, _ in (*ON_NODE1, *ON_NODE2)
    }
    assert list(joules_per_second.values()) == [pytest.approx(50.0)] * 4


def test_a_series_that_a_second_process_went_on_with(diary: Diary) -> None:
    """Nobody sampled from 40 s to 45 s: those joules are in the residual, and all others where they belong."""
    run_of_two_nodes(diary)
    write_series(diary.folder, "node1", lambda t: busy_s(ON_NODE1, t), end=40)
    write_series(diary.folder, "node1", lambda t: busy_s(ON_NODE1, t), start=45)
    write_series(diary.folder, "node2", lambda t: busy_s(ON_NODE2, t))
    seen = 2 * 100 * IDLE_W + CORE_W * (busy_s(ON_NODE1, 100) + busy_s(ON_NODE2, 100))
    account(diary, seen)
    data = load(diary.folder)
    gap = 5 * IDLE_W + 5 * CORE_W * 1.5
    assert accounts(data, "7.0")["unattributed"] == pytest.approx(gap)
    for number, start, end, cores in ON_NODE1:
        truth = (IDLE_W / 2 + CORE_W * cores) * (end - start - 5)
        assert job_part(data, number)["joules"] == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize(
    ("joules", "flag"), [(1_000.0, "negative_residual"), (80_000.0, "large_residual")], ids=["too few", "too many"]
)
def test_counters_that_do_not_fit_the_job_decide_nothing(diary: Diary, joules: float, flag: str) -> None:
    run_of_two_nodes(diary)
    for host, trials in (("node1", ON_NODE1), ("node2", ON_NODE2)):
        write_series(diary.folder, host, lambda t, trials=trials: busy_s(trials, t))  # type: ignore[misc]
    account(diary, joules)
    data = load(diary.folder)
    assert job_part(data, 0)["share_rule"] == "core_seconds"
    (job,) = data.energy[(data.energy["scope"] == "job") & data.energy["account"].isna()].to_dict("records")
    assert flag in job["reason"]


def test_a_node_without_a_series_leaves_the_job_to_time(diary: Diary) -> None:
    run_of_two_nodes(diary)
    write_series(diary.folder, "node1", lambda t: busy_s(ON_NODE1, t))
    account(diary, 20_000)
    assert job_part(load(diary.folder), 0)["share_rule"] == "core_seconds"


def test_a_gpu_on_a_node_goes_to_who_had_it_and_else_to_nobody(diary: Diary) -> None:
    run_of_two_nodes(diary)
    write_series(diary.folder, "node1", lambda t: busy_s(ON_NODE1, t), gpu_w=100.0)
    write_series(diary.folder, "node2", lambda t: busy_s(ON_NODE2, t))
    seen = 2 * 100 * IDLE_W + CORE_W * (busy_s(ON_NODE1, 100) + busy_s(ON_NODE2, 100)) + 100 * 100.0
    account(diary, seen)
    found = accounts(load(diary.folder), "7.0")
    idle_slots = IDLE_W / 2 * (2 * 100 - 50 - 90 + 2 * 100 - 70 - 20)
    assert found["idle"] == pytest.approx(idle_slots + 10_000.0)
    assert found["unattributed"] == pytest.approx(0.0, abs=1e-6)


def test_the_joules_of_nodes_that_died_with_their_records(diary: Diary) -> None:
    """Slurm has nothing of the run: what the nodes' own counters saw stands, and the trial under way is lost."""
    diary.number += 1
    about = {"host": "node1", "execution": "mpi", "slots": 4, "ranks": 4, "slurm": {"job_id": "7"}}
    diary.write("run", time=clock(0), **about)
    write_trials(diary, "node1", [(0, 10, 60, 1.0)])
    lost = {"params": {}, "point": [], "seed": 1, "role": "search", "generation": 0}
    diary.write("asked", trial=1, time=clock(20), **lost)
    diary.write("started", trial=1, attempt=0, host="node2", rank=2, device="cpu", time=clock(20))
    diary.run(200, restart=1)
    write_series(diary.folder, "node1", lambda t: busy_s([(0, 10, 60, 1.0)], t), end=70)
    write_series(diary.folder, "node2", lambda t: busy_s([(1, 20, 70, 2.0)], t), end=70)  # and then both died
    text = f"7|NODE_FAIL|75|2||{at(0)}|{at(75)}\n7|RUNNING|10|2||{at(200)}|Unknown\n"
    keep(diary.folder, HEAD + text, "sacct", utc=True, cluster=SETTINGS)
    data = load(diary.folder)
    seen = 2 * 70 * IDLE_W + CORE_W * (50 + 100)
    assert data.jobs["energy_from"].tolist()[0] == "nodes"
    assert {"live", "partial"} <= set(data.jobs["flags"].tolist()[0].split())
    found = accounts(data, "7.0")
    assert found[""] == pytest.approx(seen)
    (job,) = data.energy[(data.energy["id"] == "7.0") & data.energy["account"].isna()].to_dict("records")
    assert [job[name] for name in ("source", "method", "assurance")] == ["nodes", "measured_counter", "B"]
    assert job["domains"] == "cpu_pkg"
    assert found["trial"] == pytest.approx((IDLE_W / 2 + CORE_W) * 50)
    # alone on its node and with unknown CPU time: its slot's idle power, and all above it
    assert found["lost"] == pytest.approx(IDLE_W / 2 * 50 + CORE_W * 100)
    assert sum(round(joules * 1e6) for name, joules in found.items() if name) == round(seen * 1e6)
    nodes = data.energy[data.energy["scope"] == "node"]
    assert nodes.set_index("host")["joules"].to_dict() == {
        "node1": pytest.approx(70 * IDLE_W + 50 * CORE_W),
        "node2": pytest.approx(70 * IDLE_W + 100 * CORE_W),
    }
    assert set(nodes["run"]) == {0}


def test_without_the_number_of_nodes_nobody_knows_whether_all_left_a_series(diary: Diary) -> None:
    run_of_two_nodes(diary)
    for host, trials in (("node1", ON_NODE1), ("node2", ON_NODE2)):
        write_series(diary.folder, host, lambda t, trials=trials: busy_s(trials, t))  # type: ignore[misc]
    text = f"JobID|State|ElapsedRaw|ConsumedEnergyRaw\n7|COMPLETED|100|{20_000}\n"
    keep(diary.folder, text, "sacct", utc=True, cluster=SETTINGS)
    assert job_part(load(diary.folder), 0)["share_rule"] == "core_seconds"


def test_joules_of_steps_that_had_their_node_alone_come_before_shares_of_its_counters(diary: Diary) -> None:
    diary.number += 1
    about = {"host": "node1", "execution": "srun-steps", "slots": 1, "ranks": 1, "slurm": {"job_id": "7"}}
    diary.write("run", time=clock(0), **about)
    fields = {"params": {}, "point": [], "seed": 1, "role": "search", "generation": 0}
    diary.write("asked", trial=0, time=clock(10), **fields)
    where = {"host": "node1", "rank": 0, "device": "cpu", "step": "7.0"}
    diary.write("started", trial=0, attempt=0, time=clock(10), **where)
    times = {"started": clock(10), "finished": clock(60), "seconds": 50.0, "cpu_seconds": 50.0, "energy": []}
    result = {"state": "completed", "value": 0.5, "fitness": 0.5, "metrics": {"e": 0.5}, "epochs": 1, "error": ""}
    diary.write("told", trial=0, attempt=0, host="node1", rank=0, **times, **result)
    diary.end(100)
    write_series(diary.folder, "node1", lambda t: busy_s([(0, 10, 60, 1.0)], t))
    head = "JobID|State|ElapsedRaw|NNodes|ConsumedEnergyRaw|Start|End|NodeList\n"
    rows = f"7|COMPLETED|100|1|9000|{at(0)}|{at(100)}|node1\n7.extern|COMPLETED|100|1|9000|{at(0)}|{at(100)}|node1\n"
    step = f"7.0|COMPLETED|52|1|5500|{at(9)}|{at(61)}|node1\n"
    keep(diary.folder, head + rows + step, "sacct", utc=True, cluster=SETTINGS)
    own = job_part(load(diary.folder), 0)
    assert (own["share_rule"], own["joules"]) == ("step_exclusive", 5500.0)

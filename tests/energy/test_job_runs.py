# ruff: noqa: E501 - one case a line
"""Which joules a run of a job gets: a table of cases whose true figure is known.

Samples come from a real Slurm 22.05 whose nodes drew exactly 200 W each; the texts are written after outputs that sites
have published.
"""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autode.energy import job_runs, read_sacct
from autode.energy.runs import heaviest_apart

SAMPLES = Path(__file__).parent / "samples" / "sacct"
NAN = math.nan
HEADER = "JobID|State|ElapsedRaw|NNodes|ConsumedEnergyRaw\n"
TIMED = "JobID|State|ElapsedRaw|NNodes|ConsumedEnergyRaw|Start|End|NodeList\n"
DAY = "2026-01-01T00:"

# sample, job, run, state, joules, source
MEASURED = [
    ("nodefail.steps.txt", "7", 0, "NODE_FAIL", 7408.0, "extern"),  # the surviving node's share
    ("nodefail.steps.txt", "7", 1, "COMPLETED", 10056.0, "extern"),
    ("nodefail.allocations.txt", "7", 0, "NODE_FAIL", NAN, "none"),
    ("nodefail.allocations.txt", "7", 1, "COMPLETED", 10056.0, "job"),
    ("nodefail.mission_duplicates.txt", "7", 0, "", 7410.0, "extern"),
    ("nodefail.mission_duplicates.txt", "7", 1, "", 10060.0, "extern"),
    ("nodefail.json", "7", 0, "NODE_FAIL", 7408.0, "extern"),
    ("nodefail.json", "7", 1, "COMPLETED", 10056.0, "extern"),
    ("oom.steps.txt", "8", 0, "OUT_OF_MEMORY", 121.0, "extern"),
    ("oom.mission_duplicates.txt", "8", 0, "", 121.0, "extern"),
    ("timeout.steps.txt", "10", 0, "TIMEOUT", 16618.0, "extern"),  # the job's own line is blank
    ("timeout.mission_duplicates.txt", "10", 0, "", 16620.0, "extern"),
    ("failed.steps.txt", "11", 0, "FAILED", 644.0, "extern"),
    ("failed.mission_duplicates.txt", "11", 0, "", 644.0, "extern"),
    ("cancelled.steps.txt", "13", 0, "CANCELLED", 1550.0, "extern"),
    ("cancelled.mission_duplicates.txt", "13", 0, "", 1550.0, "extern"),
    ("pending.steps.txt", "14", 0, "PENDING", NAN, "none"),
    ("pending.mission_duplicates.txt", "14", 0, "", NAN, "none"),
    ("running.steps.txt", "16", 0, "RUNNING", NAN, "none"),
    ("running.mission_duplicates.txt", "16", 0, "", NAN, "none"),
    ("het.steps.txt", "17+0", 0, "COMPLETED", 1066.0, "extern"),
    ("het.steps.txt", "17+1", 0, "COMPLETED", 1066.0, "extern"),
    ("het.allocations.txt", "17+1", 0, "COMPLETED", 1066.0, "job"),
    ("gpu.steps.txt", "19", 0, "COMPLETED", 2435.0, "extern"),
    ("long.txt", "19", 0, "COMPLETED", 2440.0, "extern"),
    ("array.steps.txt", "21_1", 0, "COMPLETED", 403.0, "extern"),
    ("array.steps.txt", "21_2", 0, "COMPLETED", 422.0, "extern"),
    ("array.steps.txt", "21_3", 0, "FAILED", 402.0, "extern"),
    ("array.mission_duplicates.txt", "21_5", 0, "", 403.0, "extern"),
    ("srun_only.steps.txt", "1", 0, "COMPLETED", 120.0, "extern"),
    ("allocations.txt", "20", 0, "REQUEUED", NAN, "none"),
    ("allocations.txt", "20", 1, "COMPLETED", 1626.0, "job"),
    ("allocations.txt", "3_3", 0, "FAILED", 825.0, "job"),
    ("noval.txt", "27", 0, "COMPLETED", NAN, "none"),
    ("noval.txt", "29", 0, "COMPLETED", NAN, "none"),
    ("nodefail_single.txt", "30", 0, "NODE_FAIL", NAN, "none"),
    ("nodefail_single.txt", "30", 1, "FAILED", 4816.0, "batch"),  # its extern record was lost
    ("nodefail_down.txt", "31", 1, "COMPLETED", 8037.0, "extern"),
    ("pm_counters.txt", "1", 0, "", 2072.0, "extern"),
    ("pm_counters.txt", "2", 0, "", 8062.0, "extern"),
    ("requeue.txt", "1", 0, "REQUEUED", 5490.0, "extern"),
    ("requeue.txt", "1", 1, "COMPLETED", 649.0, "extern"),
    ("splitbrain.txt", "1", 0, "NODE_FAIL", NAN, "none"),
    ("splitbrain.txt", "1", 1, "COMPLETED", 9308.0, "extern"),
    ("nocontain.txt", "1", 0, "COMPLETED", 2003.0, "batch"),  # the job's own line is blank
    ("nocontain.txt", "2", 0, "COMPLETED", 5990.0, "steps"),  # two steps, one after the other, on both nodes
]


@pytest.mark.parametrize(("sample", "job", "run", "state", "joules", "source"), MEASURED)
def test_measured(sample, job, run, state, joules, source):
    runs = job_runs(read_sacct(SAMPLES / sample))
    own = runs[(runs["job"] == job) & (runs["run"] == run)].iloc[0]
    assert own["energy_j"] == pytest.approx(joules, nan_ok=True)
    assert (own["state"], own["energy_from"]) == (state if state or "mission" in sample else own["state"], source)


def test_every_whole_figure_agrees_with_200_watts_a_node():
    """Truth by physics: known power times nodes times time, to the second by which Slurm cuts its times."""
    checked = 0
    for path in SAMPLES.glob("*.*"):
        runs = job_runs(read_sacct(path))
        whole = runs[runs["energy_j"].notna() & runs["node_count"].notna() & (runs["elapsed_s"] >= 5)]
        for run in whole[~whole["job"].eq("7") | whole["run"].eq(1)].itertuples():
            truth = 200.0 * run.node_count * run.elapsed_s
            assert run.energy_j == pytest.approx(truth, abs=200.0 * run.node_count * 1.2, rel=0.03), (
                path.name,
                run.job,
            )
            checked += 1
    assert checked >= 15


# name, text, joules, source, a flag that must be there
WRITTEN = [
    # ARCHER2's documentation: all four rows of one job agree
    ("archer2", "JobID|ConsumedEnergy\n1|4.58M\n1.batch|4.58M\n1.extern|4.58M\n1.0|4.57M\n", 4.58e6, "extern", "rounded"),
    # a job whose line counts its node twice (autosubmit, discussion of jobs with 4.16G)
    ("twice", "JobID|ConsumedEnergy\n1|4.16G\n1.batch|38.56M\n1.extern|2.08G\n1.0|2.04G\n", 2.08e9, "extern", "double_count_suspected"),
    ("extern alone", HEADER + "1|COMPLETED|100|1|\n1.extern|COMPLETED|100|1|20000\n", 20000.0, "extern", ""),
    ("extern of two nodes", HEADER + "1|C|100|2|40000\n1.batch|C|100|1|20000\n1.extern|C|100|2|40000\n1.0|C|99|2|39600\n", 40000.0, "extern", ""),
    ("extern lost a node", HEADER + "1|C|100|2|\n1.extern|C|100|2|20000\n1.0|C|99|2|39600\n", 39600.0, "steps", "extern_incomplete"),
    ("extern without sensor", HEADER + "1|C|100|1|\n1.batch|C|100|1|20000\n1.extern|C|100|1|\n", 20000.0, "batch", ""),
    ("extern is zero", HEADER + "1|C|100|1|0\n1.batch|C|100|1|20000\n1.extern|C|100|1|0\n", 20000.0, "batch", ""),
    ("batch and its step overlap", HEADER + "1|C|100|1|39800\n1.batch|C|100|1|20000\n1.0|C|99|1|19800\n", 20000.0, "batch", "double_count_suspected"),
    ("batch alone", HEADER + "1|C|100|1|\n1.batch|C|100|1|20000\n", 20000.0, "batch", ""),
    ("interactive is a batch", HEADER + "1|C|100|1|\n1.interactive|C|100|1|20000\n1.0|C|50|1|10000\n", 20000.0, "batch", ""),
    ("batch is one node of two", HEADER + "1|C|100|2|\n1.batch|C|100|1|20000\n", 20000.0, "batch", "first_node_only"),
    ("steps of two nodes, not the batch", HEADER + "1|C|100|2|39000\n1.batch|C|100|1|20000\n1.0|C|98|2|39000\n", 39000.0, "steps", ""),
    ("steps one after the other", HEADER + "1|C|100|2|\n1.0|C|50|2|20000\n1.1|C|50|2|20000\n", 40000.0, "steps", ""),
    ("steps at once, by their lengths", HEADER + "1|C|100|1|\n1.0|C|100|1|20000\n1.1|C|100|1|20000\n", 20000.0, "steps", "overlapping_steps"),
    ("one step", HEADER + "1|C|100|2|40000\n1.0|C|100|2|40000\n", 40000.0, "steps", ""),
    ("the job's line knows the second node", HEADER + "1|C|100|2|40000\n1.batch|C|100|1|20000\n", 40000.0, "job", "steps_incomplete"),
    ("the job's line knows all of the time", HEADER + "1|C|100|1|20000\n1.0|C|25|1|5000\n", 20000.0, "job", "steps_incomplete"),
    ("the job's line counts its node twice", HEADER + "1|C|100|1|40000\n1.0|C|98|1|19600\n", 19600.0, "steps", "double_count_suspected"),
    ("cancelled by somebody", HEADER + "1|CANCELLED by 1000|10|1|1000\n1.batch|CANCELLED|11|1|1200\n1.extern|COMPLETED|11|1|1210\n", 1210.0, "extern", ""),
    ("tasks of an array yet to come", HEADER + "123_[4-7%2]|PENDING|0|1|0\n", NAN, "none", "unfinished"),
    ("steps without the line of their job", HEADER + "1.batch|C|100|1|20000\n1.0|C|90|1|18000\n", 20000.0, "batch", ""),
    ("a short figure and no exact one", "JobID|State|Elapsed|NNodes|ConsumedEnergy|ConsumedEnergyRaw\n1|C|1-03:46:40|1|4.5M|\n", 4.5e6, "job", "rounded"),
    ("zero in short, unset exactly", "JobID|ConsumedEnergy|ConsumedEnergyRaw\n1|0|18446744073709551614\n", NAN, "none", "absurd_energy"),
    ("the job's line alone", HEADER + "1|C|100|2|40000\n", 40000.0, "job", "job_row_only"),
    ("the job's line is zero", HEADER + "1|C|100|2|0\n", NAN, "none", "zero_energy"),
    ("the job's line is blank", HEADER + "1|C|100|2|\n", NAN, "none", ""),
    ("unset marker", HEADER + "1|C|100|2|18446744073709551614\n1.batch|C|100|1|18446744073709551614\n", NAN, "none", "absurd_energy"),
    ("an absurd line and a sound step", HEADER + "1|C|100|1|18446744073709551614\n1.batch|C|100|1|20000\n", 20000.0, "batch", "absurd_energy"),
    ("an underflow", HEADER + "1|C|100|1|\n1.extern|C|100|1|18446744073709551000\n1.batch|C|100|1|20000\n", 20000.0, "batch", "absurd_energy"),
    ("no node draws that much", HEADER + "1|C|100|1|90000000\n", NAN, "none", "implausible_power"),
    ("the sentinel of the RAPL plugin", HEADER + "1|C|100|1|1\n1.batch|C|100|1|1\n", NAN, "none", ""),
    ("still running", HEADER + "1|RUNNING|100|1|\n1.batch|RUNNING|100|1|0\n", NAN, "none", "unfinished"),
    ("watts are not joules", "JobID|TRESUsageOutAve\n1|\n1.batch|energy=794,fs/disk=1\n", NAN, "none", ""),
    ("watts beside joules", "JobID|ConsumedEnergy|TRESUsageOutAve\n1|101.63K|\n1.batch|101.63K|energy=794\n", 101630.0, "batch", "rounded"),
    ("a lost node leaves its share out", HEADER + "1|NODE_FAIL|100|2|\n1.extern|CANCELLED|100|2|20000\n", 20000.0, "extern", "partial"),
    # trials as steps, two at a time on one node of 400 W: their sum is twice the truth, the extern step is right
    ("trials in pairs", HEADER + "1|C|120|1|48000\n1.extern|C|120|1|48000\n" + "".join(f"1.{n}|C|20|1|8000\n" for n in range(12)), 48000.0, "extern", ""),
    # the same without extern, with times: the best sum of steps that do not overlap is the node's joules
    ("trials in pairs, timed", TIMED + "1|C|120|2||||\n" + "".join(
        f"1.{n}|C|20|1|8000|{DAY}0{n // 2 * 20 // 60}:{n // 2 * 20 % 60:02}|{DAY}0{(n // 2 + 1) * 20 // 60}:{(n // 2 + 1) * 20 % 60:02}|n1\n"
        for n in range(12)), 48000.0, "steps", "overlapping_steps"),
    ("trials on two nodes at once", TIMED + "1|C|20|2||||\n" + "".join(
        f"1.{n}|C|20|1|8000|{DAY}00:00|{DAY}00:20|n{n}\n" for n in (1, 2)), 16000.0, "steps", ""),
    ("steps that touch", TIMED + f"1|C|20|2||||\n1.0|C|10|2|4000|{DAY}00:00|{DAY}00:10|n[1-2]\n"
        f"1.1|C|10|2|4000|{DAY}00:10|{DAY}00:20|n[1-2]\n", 8000.0, "steps", ""),
    ("a step within a step", TIMED + f"1|C|20|2||||\n1.0|C|20|2|8000|{DAY}00:00|{DAY}00:20|n[1-2]\n"
        f"1.1|C|5|2|2000|{DAY}00:05|{DAY}00:10|n[1-2]\n", 8000.0, "steps", "overlapping_steps"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "joules", "source", "flag"), [case[1:] for case in WRITTEN], ids=[case[0] for case in WRITTEN]
)
def test_written(text, joules, source, flag):
    (own,) = job_runs(read_sacct(text)).to_dict("records")
    assert own["energy_j"] == pytest.approx(joules, nan_ok=True)
    assert own["energy_from"] == source
    assert flag in own["flags"].split(";")


def test_there_are_enough_cases():
    assert len(MEASURED) + len(WRITTEN) >= 60


def test_one_row_a_run_in_the_order_of_the_lines():
    runs = job_runs(read_sacct(SAMPLES / "allocations.txt"))
    assert len(runs) == 26
    assert runs["job"].tolist()[:3] == ["1", "2", "3_0"]
    assert not runs.duplicated(["job", "run"]).any()


def test_power_and_efficiency():
    text = (
        "JobID|State|Elapsed|NNodes|AllocCPUS|TotalCPU|MaxRSS|NTasks|AllocTRES|ConsumedEnergyRaw\n"
        "1|COMPLETED|00:36:37|1|20|10:45.900|||cpu=20,mem=122G,node=1|1204666\n"
        "1.batch|COMPLETED|00:36:37|1|20|10:45.900|3686400K|1|cpu=20,mem=122G,node=1|\n"
    )
    (own,) = job_runs(read_sacct(text)).to_dict("records")
    assert own["energy_j"] / 3600 == pytest.approx(334.63, abs=0.01)
    assert own["mean_node_power_w"] == pytest.approx(548.3, abs=0.05)
    assert own["cpu_efficiency"] == pytest.approx(0.0147, abs=1e-4)
    assert own["mem_efficiency"] == pytest.approx(3686400 / (122 * 2**20))


def test_mean_power_is_of_all_nodes_and_of_one():
    runs = job_runs(read_sacct(SAMPLES / "nodefail.allocations.txt"))
    own = runs[runs["run"] == 1].iloc[0]
    assert own["mean_power_w"] == pytest.approx(10056 / 25)
    assert own["mean_node_power_w"] == pytest.approx(10056 / 50)


def test_mean_power_of_a_run_whose_node_failed_counts_until_the_last_step_ended():
    rows = "1|NODE_FAIL|30|2|\n1.batch|CANCELLED|60|1|0\n1.extern|COMPLETED|60|2|12000\n"
    (own,) = job_runs(read_sacct(HEADER + rows)).to_dict("records")
    assert (own["energy_from"], own["elapsed_s"], own["mean_power_w"]) == ("extern", 30, 200.0)


def test_nothing_in_nothing_out():
    runs = job_runs(read_sacct("JobID|State\n"))
    assert len(runs) == 0
    assert "energy_from" in runs


def test_two_clusters_may_have_the_same_job():
    rows = read_sacct("JobID|Cluster|ConsumedEnergyRaw\n5|a|10\n5.extern|a|10\n5|b|20\n5.extern|b|20\n")
    assert job_runs(rows)["energy_j"].tolist() == [10.0, 20.0]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(1, 20), st.floats(0.1, 100.0)),
        min_size=1,
        max_size=9,
    )
)
def test_the_best_sum_of_intervals_apart_is_found(intervals):
    """Against every subset."""
    starts = np.array([start for start, _, _ in intervals])
    ends = starts + np.array([length for _, length, _ in intervals])
    weights = np.array([weight for _, _, weight in intervals])
    best = 0.0
    for subset in range(1 << len(intervals)):
        chosen = sorted((starts[i], ends[i]) for i in range(len(intervals)) if subset >> i & 1)
        if all(later[0] >= earlier[1] for earlier, later in itertools.pairwise(chosen)):
            best = max(best, sum(weights[i] for i in range(len(intervals)) if subset >> i & 1))
    assert heaviest_apart(starts, ends, weights) == pytest.approx(best)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["", "batch", "extern", "0", "1"]), st.integers(2, 10**6)))
)
def test_a_run_never_has_more_than_its_rows(records):
    """Whatever is printed: not more than the sum of the rows, not less than nothing, and one row a run."""
    text = "JobID|ConsumedEnergyRaw\n" + "".join(f"{j}.{s}|{e}\n" if s else f"{j}|{e}\n" for j, s, e in records)
    rows = read_sacct(text)
    runs = job_runs(rows)
    sums = rows.groupby(["job", "run"], sort=False)["energy_j"].sum()
    assert len(runs) == len(sums)
    if len(runs):
        merged = runs.set_index(["job", "run"])["energy_j"]
        assert (merged <= sums.reindex(pd.MultiIndex.from_tuples(merged.index)) + 1e-6).all()
        assert (merged > 0).all()

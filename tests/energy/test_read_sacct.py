import json
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autode.energy import read_sacct
from autode.energy.sacct import COLUMNS

SAMPLES = Path(__file__).parent / "samples" / "sacct"
MISSION = "JobID;ConsumedEnergy;CPUTime;Elapsed;TRESUsageOutAve;AllocTRES;Partition\n"
PIPE = "JobID|State|ElapsedRaw|NNodes|ConsumedEnergyRaw\n"


def row(rows, job, step="", run=0):
    (found,) = rows[(rows["job"] == job) & (rows["step"] == step) & (rows["run"] == run)].to_dict("records")
    return found


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.*")), ids=lambda path: path.name)
def test_every_sample_reads_completely(path):
    rows = read_sacct(path)
    assert tuple(rows.columns) == COLUMNS
    assert rows.attrs["skipped"] == 0
    expected = len(path.read_text().splitlines()) - 1
    if path.suffix == ".json":
        expected = sum(1 + len(job["steps"]) for job in json.loads(path.read_text())["jobs"])
    assert len(rows) == expected - (path.name == "padded.txt")
    assert not (rows["energy_j"] == 0).any()


class TestTheQueryOfTheUsers:
    """sacct -u $USER -j <jobid> --format=JobID,ConsumedEnergy,... --parsable2 --delimiter=";"."""

    rows = read_sacct(SAMPLES / "nodefail.mission_duplicates.txt")

    def test_joules_with_decimal_prefixes(self):
        assert row(self.rows, "7", "batch", 1)["energy_j"] == 5010.0
        assert row(self.rows, "7", "extern", 1)["energy_j"] == 10060.0
        assert row(self.rows, "7", "0", 0)["energy_j"] == 5000.0
        assert "rounded" in row(self.rows, "7", "extern", 1)["flags"]

    def test_what_looks_like_energy_in_the_usage_is_watts(self):
        assert row(self.rows, "7", "batch", 1)["power_w"] == 170.0
        assert math.isnan(row(self.rows, "7", "", 1)["power_w"])

    def test_blank_and_zero_are_unknown_and_never_zero(self):
        assert math.isnan(row(self.rows, "7", "", 0)["energy_j"])
        assert math.isnan(row(self.rows, "7", "batch", 0)["energy_j"])
        assert row(self.rows, "7", "batch", 0)["flags"] == "zero_energy"

    def test_the_rest_of_the_line(self):
        own = row(self.rows, "7", "", 1)
        assert (own["elapsed_s"], own["cpu_time_s"], own["cpus"], own["node_count"]) == (25.0, 200.0, 8.0, 2.0)
        assert own["partition"] == "batch"
        assert own["mem_allocated_bytes"] == 1600 * 2**20


def test_runs_of_a_requeued_job_are_numbered():
    rows = read_sacct(SAMPLES / "nodefail.steps.txt")
    assert rows["run"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert row(rows, "7", "", 0)["state"] == "NODE_FAIL"
    assert row(rows, "7", "", 1)["state"] == "COMPLETED"


def test_runs_are_in_order_of_their_start_wherever_their_lines_are():
    text = "JobID|Start\n5|2026-01-02T00:00:00\n5.batch|\n6|2026-01-01T00:00:00\n5|2026-01-01T00:00:00\n5.batch|\n"
    assert read_sacct(text)["run"].tolist() == [1, 1, 0, 0, 0]


def test_runs_of_steps_without_the_line_of_their_job():
    assert read_sacct("JobID|State\n5.batch|F\n5.0|F\n5.batch|C\n5.0|C\n")["run"].tolist() == [0, 0, 1, 1]


def test_requeued_jobs_among_others():
    rows = read_sacct(SAMPLES / "allocations.txt")
    assert rows[rows["job"] == "20"]["state"].tolist() == ["REQUEUED", "COMPLETED"]
    assert rows[rows["job"] == "20"]["run"].tolist() == [0, 1]
    assert row(rows, "20", "", 1)["energy_j"] == 1626.0
    assert row(rows, "13")["state"] == "CANCELLED"
    assert row(rows, "21_3")["job_name"] == "arr"


def test_two_clusters_may_have_the_same_job():
    rows = read_sacct("JobID|Cluster|ConsumedEnergyRaw\n5|a|10\n5.0|a|10\n5|b|20\n5.0|b|20\n")
    assert rows["run"].tolist() == [0, 0, 0, 0]


def test_json_says_the_same_as_text():
    from_json, text = read_sacct(SAMPLES / "nodefail.json"), read_sacct(SAMPLES / "nodefail.steps.txt")
    for name in ("job", "step", "run", "state", "elapsed_s", "energy_j", "power_w", "flags"):
        pd.testing.assert_series_equal(from_json[name], text[name])
    assert row(from_json, "7", "extern", 1)["nodes"] == "node[2-3]"
    # the text is rounded to KiB
    assert from_json["mem_used_bytes"].tolist() == pytest.approx(text["mem_used_bytes"].tolist(), rel=1e-3, nan_ok=True)


@pytest.mark.parametrize(
    ("energy", "joules"),
    [
        ({"set": True, "infinite": False, "number": 700}, 700.0),
        ({"set": False, "infinite": False, "number": 0}, math.nan),
        (None, math.nan),
        (-1, math.nan),
        (18446744073709551614, math.nan),
    ],
)
def test_json_of_later_versions(energy, joules):
    """Slurm 23.02 wraps numbers, lists states, and names steps in full."""
    step = {
        "step": {"id": "9_2.batch", "name": "batch"},
        "state": ["COMPLETED"],
        "time": {"elapsed": 30},
        "statistics": {"energy": {"consumed": energy}},
    }
    job = {
        "job_id": 10,
        "array": {"job_id": 9, "task_id": {"set": True, "infinite": False, "number": 2}},
        "het": {"job_id": 0, "job_offset": {"set": False, "infinite": False, "number": 0}},
        "state": {"current": ["COMPLETED"]},
        "time": {"elapsed": 31},
        "steps": [step],
    }
    own, batch = read_sacct(json.dumps({"jobs": [job]}, indent=1)).to_dict("records")
    assert (own["job"], own["state"], own["elapsed_s"]) == ("9_2", "COMPLETED", 31.0)
    assert (batch["job"], batch["step"], batch["state"]) == ("9_2", "batch", "COMPLETED")
    assert batch["energy_j"] == pytest.approx(joules, nan_ok=True)


@pytest.mark.parametrize(
    ("identity", "step"),
    [
        ("batch", "batch"),
        ("7.batch", "batch"),
        (0, "0"),
        ({"job_id": 7, "step_id": "extern"}, "extern"),
        ({"sluid": "sA1", "job_id": 7, "step_het_component": {"set": False}, "step_id": "interactive"}, "interactive"),
        ({"job_id": 7, "step_id": {"set": True, "infinite": False, "number": 3}}, "3"),
        ({"job_id": 7, "step_id": "4294967292"}, "extern"),
        (4294967291, "batch"),
    ],
)
def test_steps_as_json_of_any_version_names_them(identity, step):
    job = {"job_id": 7, "state": {"current": "COMPLETED"}, "steps": [{"step": {"id": identity, "name": "x"}}]}
    assert read_sacct(json.dumps({"jobs": [job]}))["step"].tolist() == ["", step]


def test_json_of_a_pending_array_and_of_an_error():
    unset = {"set": False, "infinite": False, "number": 0}
    job = {"job_id": 9, "array": {"job_id": 9, "task_id": unset, "task": "4-7%2"}, "steps": []}
    assert read_sacct(json.dumps({"jobs": [job]}))["job"].tolist() == ["9_[4-7%2]"]
    with pytest.raises(ValueError, match="reports an error and no job: Invalid job id"):
        read_sacct(json.dumps({"jobs": [], "errors": [{"description": "Invalid job id"}]}))
    with pytest.raises(ValueError, match="job 2 of this JSON is no object"):
        read_sacct(json.dumps({"jobs": [job, 5]}))


class TestForms:
    """The same two rows in every dress."""

    @pytest.mark.parametrize(
        ("text", "options"),
        [
            ("JobID|State|ConsumedEnergyRaw\n7|COMPLETED|10\n7.0|FAILED|5\n", {}),
            ("JobID|State|ConsumedEnergyRaw|\n7|COMPLETED|10|\n7.0|FAILED|5|\n", {}),  # --parsable
            ("jobid;state;consumedenergyraw\n7;COMPLETED;10\n7.0;FAILED;5", {}),
            ("JobID\tState\tConsumedEnergyRaw\n7\tCOMPLETED\t10\n7.0\tFAILED\t5\n", {"delimiter": "\t"}),
            ("JobID::State::ConsumedEnergyRaw\n7::COMPLETED::10\n7.0::FAILED::5\n", {}),
            ("JobID,State,ConsumedEnergyRaw\r\n7,COMPLETED,10\r\n7.0,FAILED,5\r\n", {}),
            ("7|COMPLETED|10\n7.0|FAILED|5\n", {"columns": ["JobID", "State", "ConsumedEnergyRaw"]}),
            ("7|COMPLETED|10|\n7.0|FAILED|5|\n", {"columns": ["JobID", "State", "ConsumedEnergyRaw"]}),
            (
                "7;COMPLETED;10\n7.0;FAILED;5\n",
                {"columns": ["jobid%20", "state", "consumedenergyraw"], "delimiter": ";"},
            ),
            (
                "JobID             State ConsumedEnergyRaw \n------------ ---------- ----------------- \n"
                "7             COMPLETED                10 \n7.0              FAILED                 5 \n",
                {},
            ),
            ("\n\nJobID|State|ConsumedEnergyRaw\n\n7|COMPLETED|10\n\n7.0|FAILED|5\n\n", {}),
            ("JobID|State|ConsumedEnergyRaw\n7|COMPLETED|10\nJobID|State|ConsumedEnergyRaw\n7.0|FAILED|5\n", {}),
            ("State|ConsumedEnergyRaw|JobIDRaw\nCOMPLETED|10|7\nFAILED|5|7.0\n", {}),
            ("\ufeffJobID|State|ConsumedEnergyRaw\r\n7|COMPLETED|10\r\n7.0|FAILED|5", {}),  # as Windows saves it
            ("JobID State ConsumedEnergyRaw\n7 COMPLETED 10\n7.0 FAILED 5\n", {"delimiter": " "}),
            ("JobID|ConsumedEnergyRaw|State|ConsumedEnergyRaw\n7|10|COMPLETED|10\n7.0|5|FAILED|5\n", {}),
        ],
    )  # fmt: skip
    def test_it_reads(self, text, options, tmp_path):
        rows = read_sacct(text, **options)
        found = rows[["job", "step", "state", "energy_j"]].values.tolist()
        assert found == [["7", "", "COMPLETED", 10.0], ["7", "0", "FAILED", 5.0]]
        path = tmp_path / "sacct.txt"
        path.write_bytes(text.encode())
        pd.testing.assert_frame_equal(read_sacct(path, **options), rows)

    @pytest.mark.parametrize("text", ["", "\n", "JobID|State\n", '{"jobs": []}'])
    def test_nothing_found_is_an_empty_table(self, text):
        rows = read_sacct(text)
        assert len(rows) == 0
        assert tuple(rows.columns) == COLUMNS

    def test_quotes_and_blanks_in_names_are_only_characters(self):
        rows = read_sacct('JobID|JobName|State\n7|say "hi|COMPLETED\n8|a, b; c|FAILED\n')
        assert rows["job_name"].tolist() == ['say "hi', "a, b; c"]

    def test_columns_that_nobody_asked_for_do_no_harm(self):
        assert row(read_sacct(SAMPLES / "long.txt"), "19", "extern")["energy_j"] == 2440.0


def test_a_carriage_return_in_a_name_ends_no_line():
    rows = read_sacct("JobID|JobName|ConsumedEnergyRaw\n7|a\rb|20000\n8|x|500\n")
    assert rows[["job_name", "energy_j"]].values.tolist() == [["a\rb", 20000.0], ["x", 500.0]]


def test_a_name_in_another_encoding_does_no_harm(tmp_path):
    path = tmp_path / "sacct.txt"
    path.write_bytes(b"JobID|JobName|ConsumedEnergyRaw\n7|caf\xe9|20000\n")
    assert read_sacct(path)["job_name"].tolist() == ["caf\ufffd"]


def test_what_powershell_redirects_is_utf_16(tmp_path):
    path = tmp_path / "sacct.txt"
    path.write_bytes("JobID|JobName|ConsumedEnergyRaw\r\n7|café|20000\r\n".encode("utf-16"))
    assert read_sacct(path)[["job_name", "energy_j"]].values.tolist() == [["café", 20000.0]]


def test_times_as_sites_print_them():
    written = [
        "2026-02-28T23:59:59", "2026-02-29T00:00:00", "Unknown", "None", "", "2026-02-28 23:59:59",
        "2026-02-28T23:59:59+0100", "1772323199", "2024-02-29T00:00:00",
    ]  # fmt: skip
    rows = read_sacct("JobID|Start\n" + "".join(f"{job}|{text}\n" for job, text in enumerate(written, start=1)))
    day = "2026-02-28 23:59:59"
    expected = [day, None, None, None, None, day, day, "2026-02-28 23:59:59", "2024-02-29 00:00:00"]
    pd.testing.assert_series_equal(
        rows["start"], pd.Series(pd.to_datetime(expected)).astype("datetime64[s]"), check_names=False
    )


@pytest.mark.parametrize(
    ("text", "mem", "joules"),
    [
        ("cpu=4,energy=2K,mem=800M,node=1", 800 * 2**20, 2048.0),
        ("energy=7,mem=1.5G", 1.5 * 2**30, 7.0),
        ("xenergy=5,mem=12,billing=1", 12.0, math.nan),
        ("cpu=1,energy=7,energy=8", math.nan, 7.0),
        ("gres/gpu:a100=4,gres/gpu=4,energy=123456789012345", math.nan, 123456789012345.0),
        ("energy=18446744073709551614", math.nan, math.nan),
        ("", math.nan, math.nan),
    ],
)
@pytest.mark.parametrize("form", ["AllocTRES|JobID\n{}|7\n", "JobID|AllocTRES|\n7|{}|\n", "JobID;AllocTRES\n7;{}"])
def test_items_of_lists(form, text, mem, joules):
    (own,) = read_sacct(form.format(text), max_node_power_w=math.inf).to_dict("records")
    assert own["mem_allocated_bytes"] == pytest.approx(mem, nan_ok=True)
    assert own["energy_j"] == pytest.approx(joules, nan_ok=True)


class TestMalformed:
    text = (
        PIPE + "7|COMPLETED|10|1|1000\n7.0|COMPLETED|10\n8|COMPLETED|10|1|many\n"
        "not a job|COMPLETED|10|1|5\n9|COMPLETED|10|1|2000\n"
    )

    @pytest.mark.parametrize(
        ("drop", "message"),
        [
            ((), "line 3: expected 5 fields, found 3"),
            ((2,), "line 3: energy 'many' is not a number"),
            ((2, 3), "line 3: job id 'not a job'"),
        ],
    )
    def test_the_error_names_the_line(self, drop, message):
        lines = [line for index, line in enumerate(self.text.splitlines()) if index not in drop]
        with pytest.raises(ValueError, match=message):
            read_sacct("\n".join(lines))

    def test_or_the_rows_are_skipped_and_counted(self):
        rows = read_sacct(self.text, on_error="skip")
        assert rows["job"].tolist() == ["7", "9"]
        assert rows["energy_j"].tolist() == [1000.0, 2000.0]
        assert rows.attrs["skipped"] == 3
        lines = sorted(problem.split(":")[0] for problem in rows.attrs["skipped_lines"])
        assert lines == ["line 3", "line 4", "line 5"]

    def test_a_message_of_sacct_is_no_table(self):
        with pytest.raises(ValueError, match=r"line 1: no header with a JobID field.*Invalid field"):
            read_sacct('sacct: error: Invalid field requested: "nosuchfield"\n')

    def test_a_message_before_the_table_is_skipped_as_any_bad_line(self):
        text = "sacct: warning: old\n\n" + PIPE + "7|COMPLETED|10|1|1000\n8|COMPLETED|10|1|many\n"
        rows = read_sacct(text, on_error="skip")
        assert (rows["job"].tolist(), rows.attrs["skipped"]) == (["7"], 2)
        assert rows.attrs["skipped_lines"][1].startswith("line 5: ")

    def test_other_mistakes(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_sacct(tmp_path / "none.txt")
        with pytest.raises(ValueError, match="on_error must be"):
            read_sacct(PIPE, on_error="ignore")
        with pytest.raises(ValueError, match="line of dashes"):
            read_sacct("JobID   State\n7    COMPLETED\n")
        with pytest.raises(ValueError, match="is not the output of sacct"):
            read_sacct('{"other": 1}\n')
        with pytest.raises(ValueError, match="looks like JSON"):
            read_sacct("{broken\n")


@pytest.mark.parametrize(
    ("line", "joules", "flags"),
    [
        ("7|COMPLETED|100|1|20000", 20000.0, ""),
        ("7|COMPLETED|100|1|18446744073709551614", None, "absurd_energy"),
        ("7|COMPLETED|100|1|18446744073709551000", None, "absurd_energy"),
        ("7|COMPLETED|100|1|100000000000000000000", None, "absurd_energy"),  # "in the scale of 10^20 joules" (LUMI)
        ("7|COMPLETED|100|1|4000000000", None, "implausible_power"),
        ("7|COMPLETED|100|1|1", None, "sentinel"),
        ("7|COMPLETED|0|1|1", 1.0, ""),
        ("7|COMPLETED|100|1|0", None, "zero_energy"),
        ("7|COMPLETED|100|1|", None, ""),
        ("7|COMPLETED|100|1|900", 900.0, "low_power"),
        ("7|COMPLETED|100|100|190000000", 190_000_000.0, ""),  # a hundred nodes of 19 kW
        ("7|COMPLETED|0|3|120", 120.0, ""),
    ],
)
def test_what_is_believed(line, joules, flags):
    own = read_sacct(PIPE + line).iloc[0]
    assert own["energy_j"] == pytest.approx(float("nan") if joules is None else joules, nan_ok=True)
    assert own["flags"] == flags


def test_the_bound_of_power_is_the_sites_own():
    text = PIPE + "7|COMPLETED|100|1|4000000000"
    assert read_sacct(text, max_node_power_w=1e9)["energy_j"].item() == 4e9


def test_an_exact_count_comes_before_a_rounded_one():
    rows = read_sacct("JobID|ConsumedEnergy|ConsumedEnergyRaw\n7|10.06K|10056\n")
    assert rows["energy_j"].item() == 10056.0
    assert rows["flags"].item() == ""


def test_joules_in_other_fields_are_used_where_the_own_field_is_missing():
    assert read_sacct("JobID|AllocTRES\n7|cpu=8,energy=10056,node=2\n")["energy_j"].item() == 10056.0
    assert read_sacct("JobID|TRESUsageInTot\n7.0|cpu=00:00:00,energy=10014\n")["energy_j"].item() == 10014.0


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 10**9),
            st.sampled_from(["", "batch", "extern", "0", "17"]),
            st.one_of(st.none(), st.integers(2, 10**8)),
            st.integers(0, 10**6),
        ),
        max_size=30,
    ),
    st.sampled_from(["|", ";", ",", "::", "\t"]),
)
def test_any_table_comes_back(records, delimiter):
    lines = [delimiter.join(["JobID", "ConsumedEnergyRaw", "ElapsedRaw"])]
    for job, step, joules, elapsed in records:
        text = "" if joules is None else str(joules)
        lines.append(delimiter.join([f"{job}.{step}" if step else str(job), text, str(elapsed)]))
    rows = read_sacct("\n".join(lines) + "\n", max_node_power_w=math.inf, delimiter=delimiter)
    assert rows["job"].tolist() == [str(record[0]) for record in records]
    assert rows["step"].tolist() == [record[1] for record in records]
    assert rows["elapsed_s"].tolist() == [record[3] for record in records]
    expected = [math.nan if record[2] is None else float(record[2]) for record in records]
    assert rows["energy_j"].tolist() == pytest.approx(expected, nan_ok=True)


def test_a_long_file_is_read_in_blocks_with_the_right_line_numbers(monkeypatch):
    monkeypatch.setattr("autode.energy.sacct_text._BLOCK_BYTES", 100)
    lines = [f"{job}|COMPLETED|100|1|{20000 + job}" for job in range(1, 201)]
    rows = read_sacct(PIPE + "\n".join(lines))
    assert rows["energy_j"].tolist() == [20000.0 + job for job in range(1, 201)]
    lines[150] = "broken"
    with pytest.raises(ValueError, match="line 152: expected 5 fields, found 1: 'broken'"):
        read_sacct(PIPE + "\n".join(lines))

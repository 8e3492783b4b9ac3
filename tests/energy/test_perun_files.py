"""Real results of perun 0.8.10, 0.9.1 and 1.0.0 over a synthetic powercap tree of exactly 116 W that wraps every 262 J.

Packages 60 and 40 W, memory 8 and 8 W; the monitored program marks regions trial_a (1.2 s), trial_b (2 s) and epoch
(8 x 0.4 s).
"""

import copy
import gzip
import json
from pathlib import Path

import pytest

from autode.energy import read_perun

SAMPLES = Path(__file__).parent / "samples" / "perun"
VERSIONS = ["0.8.10", "0.9.1", "1.0.0"]
WATTS = {"cpu": 100.0, "dram": 16.0, "total": 116.0}


@pytest.fixture
def hdf5(tmp_path):
    """Return a function that unpacks a version's HDF5 sample."""

    def unpacked(version):
        path = tmp_path / f"{version}.hdf5"
        path.write_bytes(gzip.decompress((SAMPLES / f"rapl_{version}.hdf5.gz").read_bytes()))
        return path

    return unpacked


@pytest.fixture
def document():
    """A result to be changed before it is written again."""
    return json.loads((SAMPLES / "rapl_1.0.0.json").read_text())


def written(document, tmp_path):
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document))
    return path


def host_of(document):
    round_ = document["nodes"][0]["run1"]["nodes"][0]["0"]
    return round_["nodes"][0]["vm"]["nodes"][0]


def sensor_of(document, group="cpu", name="cpu_0_package-0"):
    return host_of(document)[group]["nodes"][0][name]["raw_data"]


def pick(frame, **wanted):
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    (row,) = frame.to_dict("records")
    return row


class TestKnownPower:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_every_scope_and_domain_of_every_version(self, hdf5, version):
        """Joules are watts times the seconds covered: within 0.1 %, and 0.5 % for regions, which perun times itself.

        perun began to sample 0.4 s late in the sample of 0.8.10: its last regions are covered in part and say so.
        """
        frame = read_perun(hdf5(version))
        assert set(frame["domain"]) == set(WATTS)
        assert set(frame["scope"]) == {"run", "node", "region"}
        for row in frame.itertuples():
            bound = 0.005 if row.scope == "region" else 0.001
            assert row.energy_j == pytest.approx(WATTS[row.domain] * row.seconds * row.coverage, rel=bound)
            assert (row.method, row.flags) == ("measured_counter", "" if row.coverage > 0.995 else "partial")
            assert row.coverage == pytest.approx(1.0, abs=1e-3) or (version, row.scope) == ("0.8.10", "region")
            assert row.perun_version in ("", version)
            assert row.sampling_period_s == 1.0

    @pytest.mark.parametrize("version", ["0.8.10", "1.0.0"])
    def test_json_says_the_same_as_hdf5(self, hdf5, version):
        key = ["scope", "host", "region", "rank", "domain"]
        text = read_perun(SAMPLES / f"rapl_{version}.json").sort_values(key, ignore_index=True)
        binary = read_perun(hdf5(version)).sort_values(key, ignore_index=True)
        assert text[key].equals(binary[key])
        assert text["energy_j"].tolist() == pytest.approx(binary["energy_j"].tolist(), rel=1e-6)
        assert text["calls"].equals(binary["calls"])

    def test_regions(self):
        frame = read_perun(SAMPLES / "rapl_1.0.0.json")
        epoch = pick(frame, region="epoch", domain="total")
        assert (epoch["calls"], epoch["rank"], epoch["host"], epoch["run_id"], epoch["round"]) == (
            8,
            0,
            "vm",
            "run1",
            0,
        )
        trials = [pick(frame, region=name, domain="total")["energy_j"] for name in ("trial_a", "trial_b")]
        assert sum(trials) == pytest.approx(epoch["energy_j"], rel=0.005)


class TestWhatPerunGetsWrong:
    def test_a_failed_read_is_missing_and_adds_no_joules(self, document, tmp_path):
        """perun wrote 0 and counted a whole range of the counter on top."""
        truth = pick(read_perun(written(document, tmp_path)), scope="node", domain="cpu")["energy_j"]
        sensor_of(document)["alt_values"][2] = 0
        row = pick(read_perun(written(document, tmp_path)), scope="node", domain="cpu")
        assert row["energy_j"] == pytest.approx(truth)
        assert row["flags"] == "failed_reads"

    def test_a_failed_last_read_shortens_the_coverage(self, document, tmp_path):
        raw = sensor_of(document)
        raw["alt_values"][-1] = 0
        row = pick(read_perun(written(document, tmp_path)), scope="node", domain="cpu")
        covered = raw["timesteps"][-2]
        assert row["energy_j"] == pytest.approx(60.0 * covered + 40.0 * raw["timesteps"][-1], rel=1e-3)
        assert row["coverage"] == pytest.approx(covered / raw["timesteps"][-1])
        assert row["flags"] == "failed_reads;partial"

    def test_a_step_of_power_before_a_short_last_interval(self, document, tmp_path):
        """The counter's difference is exact where the trapezoid over derived watts is not."""
        raw = sensor_of(document)
        raw["timesteps"], raw["alt_values"] = [0.0, 1.0, 2.0, 2.1], [10**6, 11 * 10**6, 211 * 10**6, 231 * 10**6]
        row = pick(read_perun(written(document, tmp_path)), scope="region", region="trial_a", domain="cpu")
        start, end = document["nodes"][0]["run1"]["nodes"][0]["0"]["regions"]["trial_a"]["raw_data"]["0"]
        assert row["energy_j"] == pytest.approx(10.0 * (1 - start) + 200.0 * (end - 1) + 40.0 * (end - start), rel=1e-3)

    def test_overhead_and_pue_are_not_in_the_figure(self, document, tmp_path):
        before = read_perun(written(document, tmp_path))["energy_j"].tolist()
        document["nodes"][0]["run1"]["metadata"].update(
            {"post-processing.pue": "1.5", "post-processing.power_overhead": "10"}
        )
        assert read_perun(written(document, tmp_path))["energy_j"].tolist() == before


def test_watts_are_integrated_over_the_real_times(document, tmp_path):
    """A GPU: power samples only."""
    raw = copy.deepcopy(sensor_of(document))
    raw.update(timesteps=[0.0, 1.0, 1.1, 4.1], values=[100e3, 100e3, 300e3, 300e3], alt_values=None, alt_v_md=None)
    raw["v_md"].update(unit="W", mag=1e-3)
    host_of(document)["gpu"] = {"nodes": [{"CUDA:0_POWER": {"raw_data": raw}}]}
    frame = read_perun(written(document, tmp_path))
    gpu, total = (pick(frame, scope="node", domain=domain) for domain in ("gpu", "total"))
    assert gpu["energy_j"] == pytest.approx(100.0 + 20.0 + 900.0)
    assert (gpu["method"], gpu["flags"]) == ("measured_power_integrated", "short_run")
    assert total["method"] == "measured_power_integrated"
    assert total["energy_j"] > gpu["energy_j"] + 370.0


def test_sensors_that_contain_others_are_shown_and_not_added(document, tmp_path):
    host = host_of(document)
    host["socket"] = copy.deepcopy(host["cpu"])
    frame = read_perun(written(document, tmp_path))
    other, cpu, dram, total = (
        pick(frame, scope="node", domain=domain)["energy_j"] for domain in ("other", "cpu", "dram", "total")
    )
    assert other == pytest.approx(cpu)
    assert total == pytest.approx(cpu + dram)


def test_hosts_add_up_to_their_run(document, tmp_path):
    round_ = document["nodes"][0]["run1"]["nodes"][0]["0"]
    second = copy.deepcopy(round_["nodes"][0]["vm"])
    second["metadata"]["mpi_ranks"] = "[1]"
    round_["nodes"][0]["other"] = second
    round_["regions"]["trial_a"]["raw_data"]["1"] = [0.0, 2.0]
    frame = read_perun(written(document, tmp_path))
    run = pick(frame, scope="run", domain="total")
    nodes = frame[(frame["scope"] == "node") & (frame["domain"] == "total")]
    assert run["energy_j"] == pytest.approx(nodes["energy_j"].sum())
    assert run["seconds"] == nodes["seconds"].max()
    assert pick(frame, region="trial_a", rank=1, domain="total")["host"] == "other"
    assert pick(frame, region="trial_a", rank=1, domain="total")["energy_j"] == pytest.approx(232.0, rel=0.005)


def test_a_host_that_recorded_nothing_leaves_the_run_partial(document, tmp_path):
    round_ = document["nodes"][0]["run1"]["nodes"][0]["0"]
    round_["nodes"][0]["dark"] = {"metadata": {"mpi_ranks": "[1]"}, "metrics": {}, "nodes": [{}]}
    run = pick(read_perun(written(document, tmp_path)), scope="run", domain="total")
    assert "partial" in run["flags"]


def test_no_sensor_is_unavailable_and_not_zero():
    frame = read_perun(SAMPLES / "mpi2_0.9.1.json")
    assert frame["energy_j"].isna().all()
    assert set(frame["method"]) == {"unavailable"}
    assert set(frame["domain"]) == {"total"}
    assert frame["seconds"].gt(0).all()


def test_ranks_that_share_a_host_are_marked():
    frame = read_perun(SAMPLES / "mpi2_0.9.1.json")
    regions = frame[frame["scope"] == "region"]
    assert sorted(regions["rank"].unique()) == [0, 1]
    assert set(regions["flags"]) == {"whole_node"}


def test_several_rounds_and_a_failed_one(document, tmp_path):
    rounds = document["nodes"][0]["run1"]["nodes"][0]
    rounds["1"], rounds["failed"] = copy.deepcopy(rounds["0"]), copy.deepcopy(rounds["0"])
    frame = read_perun(written(document, tmp_path))
    runs = frame[(frame["scope"] == "run") & (frame["domain"] == "total")]
    assert runs["round"].isna().tolist() == [False, False, True]
    assert runs["flags"].tolist() == ["", "", "failed_run"]


@pytest.mark.parametrize(
    "content",
    [
        b"\x89HDF\r\n\x1a\nbroken",
        b"{broken",
        b'{"nodes": [1]}',
        b'{"id": "x", "nodes": [{"a": 1}]}',
        b"JobID|State\n",
        b"",
    ],
)
def test_what_perun_did_not_write(content, tmp_path):
    path = tmp_path / "train.hdf5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"train\.hdf5"):
        read_perun(path)


def test_a_truncated_file_is_an_error_and_no_half_result(hdf5, tmp_path):
    path = hdf5("1.0.0")
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match="damaged HDF5"):
        read_perun(path)


def test_no_file():
    with pytest.raises(FileNotFoundError):
        read_perun("nowhere.hdf5")


def test_regions_that_say_little(document, tmp_path):
    """A call without its end, a region without calls, one before and one behind the samples: no joules are made up."""
    round_ = document["nodes"][0]["run1"]["nodes"][0]["0"]
    calls = {"odd": [1.0, 2.0, 3.0], "empty": [], "late": [5.0, 99.0], "early": [-1.0, 1.0], "none": None}
    round_["regions"] = {name: {} if edges is None else {"raw_data": {"0": edges}} for name, edges in calls.items()}
    rows = read_perun(written(document, tmp_path))
    regions = rows[(rows["scope"] == "region") & (rows["domain"] == "total")].set_index("region")
    assert sorted(regions.index) == ["early", "empty", "late", "odd"]
    assert regions.loc["odd", "energy_j"] == pytest.approx(116.0, rel=0.01)
    assert regions.loc[["empty", "late"], "energy_j"].isna().all()
    assert (regions.loc["early", "coverage"], regions.loc["early", "flags"]) == (pytest.approx(0.5), "partial")


def test_a_single_sample_is_no_energy(document, tmp_path):
    for raw in (sensor_of(document), sensor_of(document, name="cpu_1_package-1")):
        raw |= {key: raw[key][:1] for key in ("timesteps", "values", "alt_values")}
    rows = read_perun(written(document, tmp_path))
    cpu = rows[(rows["domain"] == "cpu") & (rows["scope"] == "node")]
    assert cpu["energy_j"].isna().all()
    assert pick(rows, scope="node", domain="total")["flags"] == "partial"


def test_a_sensor_with_fewer_values_than_times_is_damaged(document, tmp_path):
    del sensor_of(document)["alt_values"][-1]
    with pytest.raises(ValueError, match="5 times and 4 values"):
        read_perun(written(document, tmp_path))

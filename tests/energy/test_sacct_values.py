import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.energy import sacct_values as values


@pytest.mark.parametrize(
    ("text", "joules"),
    [
        ("10056", 10056.0),
        ("2.05K", 2050.0),  # decimal: sacct prints 2048 J like this
        ("5K", 5000.0),
        ("39.65M", 39.65e6),
        ("31.72G", 31.72e9),
        ("2.08T", 2.08e12),
        ("0.00G", 0.0),
        ("0", 0.0),
        ("", math.nan),
        ("18446744073709551614", math.inf),  # NO_VAL64
        ("18446744073709551615", math.inf),
        ("9223372036854775808", math.inf),  # 2**63
        ("18446744.07T", math.inf),
        ("-1", math.inf),
    ],
)
def test_joules(text, joules):
    assert values.joules(text) == pytest.approx(joules, nan_ok=True)


@pytest.mark.parametrize("text", ["abc", "1,5K", "12 J", "K", "0x10"])
def test_what_is_no_energy(text):
    with pytest.raises(ValueError, match="energy"):
        values.joules(text)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("cpu=00:00:00,energy=2435,fs/disk=61840,mem=10952K", "energy", 2435.0),
        ("fs/disk=0,energy=30", "energy", 30.0),
        ("energy=2K", "energy", 2048.0),  # binary, unlike ConsumedEnergy
        ("energy=3906250K", "energy", 4.0e9),
        ("energy=0,fs/disk=1", "energy", 0.0),
        ("cpu=1,mem=200M,node=1", "energy", math.nan),
        ("", "energy", math.nan),
        ("billing=8,cpu=8,gres/gpu=4,mem=1600M,node=2", "node", 2.0),
        ("billing=8,cpu=8,gres/gpu=4,mem=1600M,node=2", "mem", 1600 * 2.0**20),
        ("mem=694K,pages=0,vmem=1250K", "mem", 694 * 1024.0),
        ("vmem=1250K,mem=694K", "mem", 694 * 1024.0),  # not the end of a longer name
        ("vmem=1250K", "mem", math.nan),
    ],
)
def test_tres_items(text, name, value):
    assert values.tres(text, name) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:25", 25.0),
        ("12:12:20", 43940.0),
        ("3-01:00:00", 262800.0),
        ("01:23", 83.0),
        ("00:04.252", 4.252),
        ("83", 83.0),
        ("", math.nan),
        ("INVALID", math.nan),
        ("UNLIMITED", math.nan),
    ],
)
def test_durations(text, seconds):
    assert values.seconds(text) == pytest.approx(seconds, nan_ok=True)


@given(st.integers(0, 10**7))
def test_every_duration_comes_back(total):
    days, rest = divmod(total, 86400)
    text = f"{days}-" * (days > 0) + f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    assert values.seconds(text) == total


@pytest.mark.parametrize(
    ("text", "job", "step"),
    [
        ("7", "7", ""),
        ("7.batch", "7", "batch"),
        ("7.0", "7", "0"),
        ("21_1.extern", "21_1", "extern"),
        ("21_[1-5%2]", "21_[1-5%2]", ""),
        ("17+0", "17+0", ""),
        ("17+1.extern", "17+1", "extern"),
        ("9.interactive", "9", "interactive"),
        ("2658300.bat+", "2658300", "batch"),
        ("2658300.ext+", "2658300", "extern"),
    ],
)
def test_job_ids(text, job, step):
    assert values.job_step(text) == (job, step)


@pytest.mark.parametrize("text", ["", "job7", "7.", ".batch", "7.0.1", "7 8", "sacct: error: x"])
def test_what_is_no_job_id(text):
    with pytest.raises(ValueError, match="job id"):
        values.job_step(text)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("COMPLETED", "COMPLETED"),
        ("CANCELLED by 0", "CANCELLED"),
        ("CANCELLED+", "CANCELLED"),
        ("OUT_OF_ME+", "OUT_OF_MEMORY"),
        ("NODE_FAIL", "NODE_FAIL"),
        ("A_LATER_STATE", "A_LATER_STATE"),
        ("", ""),
    ],
)
def test_states(text, state):
    assert values.state(text) == state


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("node1", 1),
        ("node[1-3]", 3),
        ("node[1-3,7],gpu01", 5),
        ("r[1-2]n[01-04]", 8),
        ("a,b,c", 3),
        ("", math.nan),
    ],
)
def test_host_lists(text, count):
    assert values.node_count(text) == pytest.approx(count, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "size"), [("10624K", 10624 * 1024.0), ("1.50G", 1.5 * 2**30), ("4Gn", 2.0**32), ("", math.nan), ("0", 0)]
)
def test_sizes(text, size):
    assert values.size_bytes(text) == pytest.approx(size, nan_ok=True)

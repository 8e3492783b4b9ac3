"""A trial on several ranks, under real MPI: its result is that of one rank, and a failing rank fails no other trial."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed import HashStore

from autode.study.journal import read_journal
from autode.training import distributed
from autode.training.batch_norm import GlobalBatchNorm
from autode.training.distributed import Ranks, Watch, connect, with_global_batch_norm
from autode.training.models import make_model
from autode.trial import Trial

SCENES = Path(__file__).with_name("distributed_ranks.py")


@pytest.fixture(scope="module")
def scenes() -> Any:
    """The scenes' module, to do on one rank what the ranks did together."""
    spec = importlib.util.spec_from_file_location("distributed_ranks", SCENES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study(mpiexec: str, scenes: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study in which two ranks have played all scenes."""
    folder = tmp_path_factory.mktemp("ranks")
    workflow = {
        "name": "scenes",
        "objective": {"python": f"{SCENES.stem}:objective", "metric": "value"},
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "search": {"algorithm": "random", "evaluations": len(scenes.SCENES)},
        "execution": {"schedule": "generational", "ranks_per_trial": 2},
    }
    shutil.copy(SCENES, folder)
    (folder / "workflow.toml").write_text(tomli_w.dumps(workflow))
    program = [mpiexec, "-n", "2", sys.executable, "-m", "autode.cli.main", "run", "workflow.toml", "--out", "out"]
    process = subprocess.run([*program, "--no-report"], capture_output=True, text=True, cwd=folder, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


@pytest.fixture(scope="module")
def seen(study: Path) -> Any:
    """What the ranks saw in a scene."""
    return lambda name: json.loads((study / f"seen-{name}.json").read_text())


# --- equal to one rank


@pytest.mark.mpi
@pytest.mark.parametrize("rows", [1, 7], ids=["a rank without a row", "unequal shares"])
def test_batch_statistics_and_gradients_are_those_of_the_whole_batch(seen, scenes, rows):
    for ours, whole in zip(seen("norm")[str(rows)], scenes.normalised(rows), strict=True):
        torch.testing.assert_close(torch.tensor(ours, dtype=torch.float64), whole, atol=1e-12, rtol=1e-12)


@pytest.mark.mpi
@pytest.mark.parametrize("name", ["sgd", "frozen"])
def test_two_ranks_find_what_one_finds(seen, scenes, tmp_path, name):
    """To rounding: sums are taken in another order, and training enlarges what that leaves."""
    first, second = seen(name)
    assert second == first
    assert first == pytest.approx(scenes.run(Trial(0, {}, 0, tmp_path), name), rel=1e-3, abs=1e-6)


@pytest.mark.mpi
def test_an_interruption_changes_no_bit(seen):
    assert seen("continued") == {"results": seen("frozen"), "checkpoint": [True, False]}


# --- failures


@pytest.mark.mpi
def test_a_rank_that_fails_fails_its_trial_only(study, seen, scenes):
    told = [one for one in read_journal(study / "out" / "journal.jsonl")[0] if one["type"] == "told"]
    failed = list(scenes.SCENES).index("broken")
    assert [(one["trial"], one["state"]) for one in told if one["state"] != "completed"] == [(failed, "failed")]
    assert "OSError: no space left" in (study / "out" / "trials" / f"{failed:05d}" / "log.txt").read_text()
    assert seen("after") == seen("sgd")


@pytest.mark.mpi
def test_a_rank_that_cannot_begin_keeps_the_others_from_waiting(seen):
    elsewhere = "RuntimeError: rank 1 of this trial's 2 could not begin"
    assert seen("missing") == [elsewhere, "FileNotFoundError: no such file"]


@pytest.mark.mpi
def test_an_error_of_the_leader_is_everybodys(seen):
    assert set(seen("leader")) == {"ValueError: invalid literal for int() with base 10: 'two'"}


@pytest.mark.mpi
def test_a_diverged_trial_ends_alike_on_all_ranks(seen):
    first, second = seen("diverged")
    assert first == second
    assert "FloatingPointError: training diverged" in first


# --- without MPI


class Comm:
    """As much of a communicator as ranks of one process can have."""

    size, rank = 2, 0

    def __init__(self, *places: tuple[str, str]):
        self.places = list(places)

    def allgather(self, own: object) -> list[tuple[str, str]]:
        return self.places


def test_two_ranks_cannot_share_a_gpu():
    with (
        pytest.raises(ValueError, match=r"two ranks of one trial have the same GPU \(cuda:0 of node1\)"),
        connect(Comm(("node1", "cuda:0"), ("node1", "cuda:0")), "cuda:0"),
    ):
        pass


def test_one_rank_needs_no_connection():
    with connect(None, "cpu") as ranks:
        assert ranks is None


@given(batch=st.integers(0, 1000), size=st.integers(1, 50))
def test_shares_are_even_and_follow_each_other(batch, size):
    bounds = [Ranks(0, size, batch).bounds(rank) for rank in range(size)]
    assert [start for start, _ in bounds] == [0, *(end for _, end in bounds[:-1])]
    assert bounds[-1][1] == batch
    assert {end - start for start, end in bounds} <= {batch // size, -(-batch // size)}


def test_global_batch_norm_keeps_names_and_tensors():
    model = make_model("resnet18", "embedded", 0.25, 10, seed=0)
    before = {name: value.data_ptr() for name, value in model.state_dict().items()}
    norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    changed = with_global_batch_norm(model)
    assert {name: value.data_ptr() for name, value in changed.state_dict().items()} == before
    assert sum(isinstance(module, GlobalBatchNorm) for module in changed.modules()) == norms == 20


def test_global_batch_norm_in_evaluation_needs_no_other_rank():
    plain = torch.nn.BatchNorm2d(4).eval()
    images = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(GlobalBatchNorm.like(plain)(images), plain(images))


def test_the_word_of_a_failed_rank_aborts_what_waits(monkeypatch):
    monkeypatch.setattr(distributed, "WATCH_INTERVAL_S", 0.01)
    store, aborted = HashStore(), threading.Event()
    waiting, failing = Watch(store, 2, aborted.set), Watch(store, 2, lambda: None)
    assert not aborted.wait(0.05)
    failing.tell_failure()
    failing.close()
    assert aborted.wait(60)
    waiting.wait_for_all()  # does not wait for who has failed
    waiting.close()


def test_nobody_leaves_before_all_are_done():
    store = HashStore()
    first, second = (Watch(store, 2, lambda: None) for _ in range(2))
    leaving = threading.Thread(target=first.wait_for_all)
    leaving.start()
    leaving.join(0.05)
    assert leaving.is_alive()
    second.wait_for_all()
    leaving.join(60)
    assert not leaving.is_alive()
    first.close()
    second.close()

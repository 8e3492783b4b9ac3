"""A checkpoint is whole or not there, and belongs to one trial."""

import pickle

import pytest
import torch

from autode.training import checkpoint

CPU = torch.device("cpu")
IDENTITY = {"lr": 0.1, "seed": 2**62, "optimizer": "sgd", "train_samples": None}
STATE = {"epoch": 3, "metrics": {"val_error": 0.25}, "model": {"w": torch.arange(5.0)}, "optimizer": {"state": {0: {}}}}


def assert_is_state(found):
    assert found is not None
    assert {key: value for key, value in found.items() if key != "model"} == {
        k: v for k, v in STATE.items() if k != "model"
    }
    assert torch.equal(found["model"]["w"], STATE["model"]["w"])


def test_what_is_saved_is_loaded(tmp_path):
    checkpoint.save(tmp_path / "trials" / "7", IDENTITY, STATE)
    assert_is_state(checkpoint.load(tmp_path / "trials" / "7", IDENTITY, CPU))
    assert [path.name for path in (tmp_path / "trials" / "7").iterdir()] == [checkpoint.FILE_NAME]


def test_without_a_file_there_is_nothing_to_load(tmp_path):
    assert checkpoint.load(tmp_path, IDENTITY, CPU) is None
    assert checkpoint.load(tmp_path / "missing", IDENTITY, CPU) is None


def test_a_write_that_was_cut_short_leaves_the_checkpoint_before(tmp_path):
    checkpoint.save(tmp_path, IDENTITY, STATE)
    (tmp_path / (checkpoint.FILE_NAME + ".tmp")).write_bytes(b"half of the next")
    assert_is_state(checkpoint.load(tmp_path, IDENTITY, CPU))
    checkpoint.save(tmp_path, IDENTITY, {**STATE, "epoch": 4})
    assert checkpoint.load(tmp_path, IDENTITY, CPU)["epoch"] == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lr": 0.2}, "belongs to another trial: its lr is 0.1, expected 0.2"),
        ({"threads": 2}, "its threads is None, expected 2"),
        ({"optimizer": "adamw"}, "its optimizer is 'sgd', expected 'adamw'"),
    ],
)
def test_another_trials_checkpoint_is_refused(tmp_path, change, sentence):
    checkpoint.save(tmp_path, IDENTITY, STATE)
    with pytest.raises(ValueError, match=sentence):
        checkpoint.load(tmp_path, IDENTITY | change, CPU)


def test_a_checkpoint_that_knows_more_is_refused(tmp_path):
    checkpoint.save(tmp_path, IDENTITY | {"threads": 2}, STATE)
    with pytest.raises(ValueError, match="its threads is 2, expected None"):
        checkpoint.load(tmp_path, IDENTITY, CPU)


def test_a_file_cut_anywhere_means_starting_afresh(tmp_path, caplog):
    checkpoint.save(tmp_path, IDENTITY, STATE)
    path = tmp_path / checkpoint.FILE_NAME
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        caplog.clear()
        assert checkpoint.load(tmp_path, IDENTITY, CPU) is None
        assert "cannot be read" in caplog.text


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code was run')",))


def test_code_in_a_checkpoint_is_never_run(tmp_path, caplog):
    torch.save({"identity": IDENTITY, "state": Trap()}, tmp_path / checkpoint.FILE_NAME)
    assert checkpoint.load(tmp_path, IDENTITY, CPU) is None
    (tmp_path / checkpoint.FILE_NAME).write_bytes(pickle.dumps(Trap(), protocol=2))
    assert checkpoint.load(tmp_path, IDENTITY, CPU) is None
    assert "cannot be read" in caplog.text


def test_deleting_twice_is_fine(tmp_path):
    checkpoint.save(tmp_path, IDENTITY, STATE)
    checkpoint.delete(tmp_path)
    checkpoint.delete(tmp_path)
    assert list(tmp_path.iterdir()) == []

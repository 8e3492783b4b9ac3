"""The median rule, fed by a study's journal."""

import json

import pytest

from autode.training.finetune import Finetune
from autode.training.median import MedianRule
from autode.trial import Trial, TrialStopped


def line(**record):
    return json.dumps({"crc": "00000000", **record}, separators=(",", ":")).encode() + b"\n"


def curve(trial, *values, state="completed"):
    epochs = [line(type="epoch", trial=trial, epoch=n, metrics={"e": v}) for n, v in enumerate(values, start=1)]
    return b"".join(epochs) + (line(type="told", trial=trial, state=state) if state else b"")


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal.jsonl"


def test_a_best_value_worse_than_the_median_of_means_stops(journal):
    journal.write_bytes(b"".join(curve(trial, 0.1 * trial, 0.0) for trial in range(1, 6)))
    rule = MedianRule(journal, "e")
    assert rule.stops(1, 0.31)  # the median after one epoch is 0.3
    assert not rule.stops(1, 0.3)
    assert rule.stops(2, 0.16)  # after two, means are half as large
    assert not rule.stops(2, 0.15)


def test_nothing_stops_before_five_trials_have_ended_well(journal):
    rule = MedianRule(journal, "e")
    assert not rule.stops(1, 9.0)  # there is no journal yet
    journal.write_bytes(b"".join(curve(trial, 0.1) for trial in range(4)) + curve(4, 0.1, state="failed"))
    assert not rule.stops(1, 9.0)
    with journal.open("ab") as file:
        file.write(curve(5, 0.1, state=""))
        assert not rule.stops(1, 9.0)
        file.write(line(type="told", trial=5, state="completed"))
    assert rule.stops(1, 9.0)


def test_trials_that_have_not_come_so_far_and_missing_values_do_not_count(journal):
    journal.write_bytes(b"".join(curve(trial, 0.1, None) for trial in range(5)))
    rule = MedianRule(journal, "e")
    assert rule.stops(1, 0.2)
    assert not rule.stops(2, 0.2)


def test_a_line_under_way_is_read_when_it_is_whole(journal):
    text = b"".join(curve(trial, 0.1) for trial in range(5))
    rule = MedianRule(journal, "e")
    journal.write_bytes(text[:-10])
    assert not rule.stops(1, 0.2)
    journal.write_bytes(text)
    assert rule.stops(1, 0.2)


def test_a_trial_of_the_search_ends_after_the_epochs_that_all_get(tmp_path):
    others = [
        line(type="epoch", trial=trial, epoch=epoch, metrics={"val_error": -1.0})
        for trial in range(5)
        for epoch in range(1, 5)
    ]
    told = [line(type="told", trial=trial, state="completed") for trial in range(5)]
    (tmp_path / "journal.jsonl").write_bytes(b"".join(others + told))
    table = {"train_samples": 32, "validation_samples": 20, "epochs": 4, "early_stop": "median", "early_stop_after": 2}
    epochs = []

    def trial(**given):
        return Trial(9, {}, 5, tmp_path / "trials" / "00009", on_report=lambda epoch, _: epochs.append(epoch), **given)

    with pytest.raises(TrialStopped) as stopped:
        Finetune(table)(trial())
    assert epochs == [1, 2]
    assert 0 <= stopped.value.metrics["val_error"] <= 1
    epochs.clear()
    Finetune(table)(trial(role="confirm"))
    assert epochs == [1, 2, 3, 4]

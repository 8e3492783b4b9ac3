"""The median stopping rule: a trial that has never been as good as the others were on average is ended early.

Reads, and never writes, the journal of the study that the trial belongs to: its lines of JSON hold the epochs of all
trials, on whatever node they ran.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

#: Trials that must have ended before any is compared with them.
LEAST_TRIALS = 5


class MedianRule:
    """Golovin et al. 2017 (Google Vizier, section 3.2.1): compare a trial's best with the median of running averages.

    Parameters
    ----------
    journal : pathlib.Path
        The study's journal; it need not exist.
    metric : str
        What is compared, the less the better.
    """

    def __init__(self, journal: Path, metric: str):
        self._journal, self._metric = journal, metric
        self._read_to = 0
        self._curves: dict[int, dict[int, float]] = {}
        self._ended: set[int] = set()

    def stops(self, epochs: int, best: float) -> bool:
        """Whether to end a trial.

        Parameters
        ----------
        epochs : int
            How many it has behind it.
        best : float
            Its best value in these.

        Returns
        -------
        bool
            True if its best value is worse than the median, over trials completed, of their means up to this epoch.
        """
        self._read_on()
        curves = [self._curves[trial] for trial in self._ended if trial in self._curves]
        so_far = [[value for epoch, value in curve.items() if epoch <= epochs] for curve in curves]
        means = [statistics.fmean(values) for values in so_far if len(values) == epochs]
        return len(means) >= LEAST_TRIALS and best > statistics.median(means)

    def _read_on(self) -> None:
        """Take the whole lines that were written since the last time."""
        try:
            with self._journal.open("rb") as file:
                file.seek(self._read_to)
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return
        for line in lines[:-1]:
            self._read_to += len(line) + 1
            if b'"type":"epoch"' in line or b'"type":"told"' in line:
                self._take(json.loads(line))

    def _take(self, record: dict[str, Any]) -> None:
        if record["type"] == "epoch" and record["metrics"].get(self._metric) is not None:
            self._curves.setdefault(record["trial"], {})[record["epoch"]] = record["metrics"][self._metric]
        elif record["type"] == "told" and record["state"] == "completed":
            self._ended.add(record["trial"])

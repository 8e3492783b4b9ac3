"""Known joules against every reader, every meter and the ledger: a suite that a site can run on its own machine.

``autode doctor --conformance`` prints it. Nothing of the machine is touched: counters are files in a temporary folder,
the GPU driver is an object, accounting is text. Every case states the truth, which is watts times seconds, and how far
off an answer may be.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from autode.energy.conformance.verdict import Verdict

__all__ = ["Verdict", "verdicts"]


def verdicts(folder: Path | None = None) -> Iterator[Verdict]:
    """Judge everything, one verdict at a time.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where the synthetic counters lie; by default a temporary folder.
    """
    from autode.energy.conformance.accounts import account_verdicts
    from autode.energy.conformance.bookings import ledger_verdicts
    from autode.energy.conformance.counters import meter_verdicts
    from autode.energy.conformance.perun_result import perun_verdicts
    from autode.energy.conformance.series import series_verdicts

    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) if folder is None else folder
        yield from meter_verdicts(place)
        yield from series_verdicts(place)
        yield from account_verdicts()
        yield from perun_verdicts(place)
        yield from ledger_verdicts()

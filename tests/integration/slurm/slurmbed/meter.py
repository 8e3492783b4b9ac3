"""The nodes' power supplies: integrates each node's ``watts`` file into the counters that its slurmd reads.

The format is that of Cray's pm_counters: ``energy`` holds joules, ``power`` watts. Slurm takes 0 J for "no sensor", so
the counters start above it. Run as ``python meter.py FOLDER_OF_THE_NODES``.
"""

import sys
import time
from pathlib import Path

_EVERY_S = 0.1
_START_J = 1000.0


def serve(nodes: list[Path]) -> None:
    """Count joules until killed. Files are rewritten in place, at a fixed width: a reader never finds half a number."""
    joules = dict.fromkeys(nodes, _START_J)
    counters = {(node, name): _counter(node / "pm_counters" / name) for node in nodes for name in ("energy", "power")}
    last = time.monotonic()
    while True:
        now = time.monotonic()
        for node in nodes:
            watts = float((node / "watts").read_text() or 0)
            joules[node] += watts * (now - last)
            _rewrite(counters[node, "energy"], b"%015d J\n" % int(joules[node]))
            _rewrite(counters[node, "power"], b"%06d W\n" % int(watts))
        last = now
        time.sleep(_EVERY_S)


def _counter(path: Path):
    return path.open("w+b", buffering=0)


def _rewrite(file, text: bytes) -> None:
    file.seek(0)
    file.write(text)


if __name__ == "__main__":
    serve(sorted(Path(sys.argv[1]).iterdir()))

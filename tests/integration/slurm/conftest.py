"""One Slurm cluster for all tests of this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from slurmbed import Cluster, missing


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three nodes of 200 W each; every test leaves them all powered on."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with Cluster(nodes=3, watts=200.0) as cluster:
        yield cluster

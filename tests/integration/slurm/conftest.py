"""One Slurm cluster for all tests of this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from slurmbed import Cluster, missing

_LAST_LINES = 60


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three nodes of 200 W each; every test leaves them all powered on."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with Cluster(nodes=3, watts=200.0) as cluster:
        yield cluster


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show with a failed test what its jobs and the cluster wrote: both are gone when the tests end."""
    report: Any = yield
    if report.failed and call.when == "call":
        arguments: dict[str, Any] = getattr(item, "funcargs", {})
        logs = list(arguments["tmp_path"].rglob("*.log")) if "tmp_path" in arguments else []
        if "cluster" in arguments:
            logs += (arguments["cluster"].site.folder / "log").glob("slurm*.log")
        for log in logs:
            lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            report.sections.append((f"the end of {log}", "\n".join(lines)))
    return report

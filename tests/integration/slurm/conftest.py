"""One Slurm cluster for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "containers/standin"))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import debian
from checkout import Checkout
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


@pytest.fixture(scope="session")
def checkout(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone of what is committed, with the image that its build script makes.

    Building runs every step of ``%post`` and ``%test``; without Apptainer in a root file system of Debian packages.
    ``$AUTODE_IMAGE`` names an image that is there already, to save the minute while such tests are written.
    """
    if shutil.which("apptainer") is None and (reason := debian.missing()):
        pytest.skip(reason)
    made = Checkout.clone(tmp_path_factory.mktemp("user") / "autode", cluster)
    if image := os.environ.get("AUTODE_IMAGE"):
        (made.folder / "autode.sif").symlink_to(image)
        return made
    with (made.folder.parent / "build.log").open("w") as log:
        build = ["containers/build.sh"]
        environment = {**os.environ, **made.environment}
        done = subprocess.run(build, cwd=made.folder, env=environment, stdout=log, stderr=log, check=False)
    assert done.returncode == 0, (made.folder.parent / "build.log").read_text()[-5000:]
    return made

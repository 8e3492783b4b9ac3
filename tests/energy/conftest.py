"""A powercap tree and a GPU driver whose joules the test decides: those of the conformance suite."""

import pytest

from autode.energy.conformance.gpu_driver import SyntheticNvml
from autode.energy.conformance.powercap import PowercapTree


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """One package with memory, counters not at zero, and zones that must not be added."""
    with PowercapTree.of_a_node(tmp_path / "powercap") as powercap:
        monkeypatch.setenv("AUTODE_POWERCAP", str(powercap.root))
        yield powercap


@pytest.fixture
def nvml(monkeypatch):
    """A node with two GPUs, seen by whoever imports pynvml."""
    fake = SyntheticNvml({"GPU-a": 5_000_000, "GPU-b": 7_000_000})
    monkeypatch.setitem(__import__("sys").modules, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return fake

"""The benchmark script, at a size at which its figures mean nothing: every check runs and writes what it must."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("bench_training", FOLDER / "bench_training.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(FOLDER))
        sys.modules.pop("bench_training", None)


def test_one_call_makes_every_check_and_one_results_file(script, tmp_path, capsys):
    results = tmp_path / "results.jsonl"
    script.main(["--quick", "--device", "cpu", "--results", str(results)])
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    names = [line["benchmark"].split()[1] for line in lines]
    expected = ["pipeline", "overhead", "limit", "trial", "together", "together", "versus"]
    assert names == expected
    assert len(capsys.readouterr().out.splitlines()) == len(expected)
    found = dict(zip(names, lines, strict=True))
    assert found["pipeline"]["ratio"] > 0
    assert found["overhead"]["ratio"] > 1  # passes are a part of the trial
    assert 0 < found["limit"]["share_of_limit"] < 1
    assert 0 <= found["trial"]["accuracy"] <= 1
    assert found["together"]["trials"] == 2
    assert found["versus"]["reference_images_per_s"] > 0
    assert all(line["machine"] and line["date"] and line["torch"] for line in lines)


def test_floating_point_operations_are_counted_forward_and_backward(script):
    """A convolution of 3 to 4 channels of 8x8 pixels with a 3x3 kernel, whose input needs no gradient: two passes."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert script.flops_per_image(network, 8) == 2 * (2 * 8 * 8 * 3 * 4 * 9)


def test_a_check_that_fails_does_not_keep_others_from_running(script, tmp_path, capsys):
    run = script.Run(torch.device("cpu"), None, script.CPU, tmp_path, None)
    with script.told(run, "limit"):
        raise RuntimeError("out of memory")
    assert "limit: FAILED: RuntimeError: out of memory" in capsys.readouterr().out

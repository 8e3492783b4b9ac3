"""The benchmark script, at a size at which its figures mean nothing: every check runs and writes what it must."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
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
    expected = [
        *("pipeline", "overhead", "agreement", "limit", "trial"),
        *("together", "together", "packed", "versus"),
    ]
    assert names == expected
    assert len(capsys.readouterr().out.splitlines()) == len(expected)
    found = dict(zip(names, lines, strict=True))
    assert found["pipeline"]["ratio"] > 0
    assert found["overhead"]["ratio"] > 1  # passes are a part of the trial
    results = found["agreement"]["results"]
    assert results["graphs"] == results["again"] == results["interrupted"] == results["plain"]
    assert results["plain, 1 epoch"] == results["CPU, 1 epoch"]
    assert 0 < found["limit"]["share_of_limit"] < 1
    assert found["limit"]["bound"] == "arithmetic"
    assert 0 <= found["trial"]["accuracy"] <= 1
    assert found["together"]["trials"] == 2
    assert found["packed"]["processes"] == 2
    assert found["versus"]["reference_images_per_s"] > 0
    assert all(line["machine"] and line["date"] and line["torch"] for line in lines)


def test_floating_point_operations_are_counted_forward_and_backward(script):
    """A convolution of 3 to 4 channels of 8x8 pixels with a 3x3 kernel, whose input needs no gradient: two passes."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert sys.modules["training_cost"].flops_per_image(network, 8) == 2 * (2 * 8 * 8 * 3 * 4 * 9)


def test_activations_are_counted_where_layers_give_them_out(script):
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert sys.modules["training_cost"].activations_per_image(network, 8) == 2 * 4 * 64 + 2 * 4


def test_the_limit_of_a_gpu_is_the_slower_of_arithmetic_and_memory(script, monkeypatch):
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    cost, operations, traffic = sys.modules["training_cost"], 2 * (2 * 8 * 8 * 3 * 4 * 9), 10 * (4 * 64 + 2 * 4)
    arithmetic = 1e6 / operations
    for peak, memory, expected in ((1e6, 1e9, arithmetic), (1e9, 1e6, 1e6 / traffic), (1e6, None, arithmetic)):
        monkeypatch.setattr(cost, "peaks", lambda device, both=(peak, memory): (*both, "made up"))
        found = script.physical_limit(network, 8, torch.device("cuda:0"))
        assert found.images_per_s == pytest.approx(expected)
        assert found.bound == ("memory" if expected == 1e6 / traffic else "arithmetic")
        assert found.shares(expected / 2)["share_of_limit"] == pytest.approx(0.5)
        assert found.shares(expected)["share_of_arithmetic"] == pytest.approx(expected * operations / peak)


def test_each_check_apart_is_named_when_it_fails_or_has_no_time(script, tmp_path, capsys):
    results = tmp_path / "results.jsonl"
    script.apart(["nonsense"], torch.device("cpu"), results, 300.0)
    script.apart(["limit", "trial"], torch.device("cpu"), results, 1.0)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [line["error"] for line in lines] == ["FAILED: exit code 2", *["skipped: no time left"] * 2]
    assert "bench_training trial: skipped: no time left" in capsys.readouterr().out


def test_a_check_that_hangs_is_killed_with_its_children(script, tmp_path):
    code = "import os, pathlib, subprocess, time; child = subprocess.Popen(['sleep', '600'])\n"
    code += f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid)); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        time.sleep(0.01)
    assert script.ended(process, 0.1) == "FAILED: killed after 0 s"
    child = Path("/proc", (tmp_path / "child").read_text())
    for _ in range(500):  # a killed child stays until its new parent has noticed
        if not child.exists() or ") Z " in (child / "stat").read_text():
            break
        time.sleep(0.01)
    else:
        pytest.fail("the child lives on")


def test_a_check_that_fails_does_not_keep_others_from_running(script, tmp_path, capsys):
    run = script.Run(torch.device("cpu"), None, script.CPU, tmp_path, None)
    with script.told(run, "limit"):
        raise RuntimeError("out of memory")
    assert "limit: FAILED: RuntimeError: out of memory" in capsys.readouterr().out

"""Fine-tuning against a script in the usual style, and against what the device could do at most.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_training.py [--device cuda] [--quick] [--only NAME,...]
        [--results FILE] [--minutes 7.75]

One call does all checks; on a machine with a GPU they run there. On a CPU figures are images per CPU second of one
thread, as others may use the machine; on a GPU images per second. Joules are measured ones, or there are none.
On a GPU each check is a process of its own, with a time after which it is killed, so that one which fails or hangs
takes no other with it; all together end within ``--minutes``, and nothing is downloaded. Every figure is printed and
written as soon as it is known. ``--quick`` is for tests: it shows that all runs, and its figures mean nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
import training_reference as reference
from machine import report
from training_cost import Cost, describe, matmul_flops, measure, physical_limit, synchronize
from training_overhead import overhead as measure_overhead
from training_tasks import Bench, bench, distorted_digits, noise, without_graphs

from autode.energy import MeterSet, open_meters
from autode.training.augmentation import random_affine
from autode.training.data import Split
from autode.training.finetune import Finetune
from autode.training.loop import train_epoch
from autode.training.models import make_model
from autode.trial import Trial, TrialInterrupted

#: Settings that hold one network fast: no pretrained weights to fetch, all of ResNet-18's channels.
WIDE = {"weights": "none", "width": 1.0}
SMALL = {"weights": "none", "width": 0.25}
#: Pairs of a trial and its passes.
PAIRS = 15


@dataclass(frozen=True)
class Sizes:
    """How much is done.

    Attributes
    ----------
    images : int
        Of an epoch that is timed.
    rounds : int
        Repetitions of what is compared by turns.
    versus : tuple
        (model, settings, resolution, batch size) of each comparison with the reference.
    small, large : int
        Resolutions of the two trials that are compared, ours and the reference's.
    trial_images : int
        Of each of these trials.
    trial_epochs : tuple of int
        Of our trial and of the reference's.
    limit : tuple
        (settings, resolution, batch size) compared with the device's limit.
    together, packed : tuple of int
        Numbers of trials trained at once, in one process and in as many processes.
    workers : int
        Of the reference's loader.
    least_s : float
        Of a measurement of throughput: a GPU's energy counter moves in steps of up to a tenth of a second.
    """

    images: int
    rounds: int
    versus: tuple[tuple[str, dict[str, Any], int, int], ...]
    small: int
    large: int
    trial_images: int
    trial_epochs: tuple[int, int]
    limit: tuple[dict[str, Any], int, int]
    together: tuple[int, ...]
    packed: tuple[int, ...]
    workers: int
    least_s: float = 0.0


QUICK = Sizes(64, 1, (("resnet18", SMALL, 32, 16),), 32, 48, 96, (1, 1), (SMALL, 32, 32), (1, 2), (2,), 0)
CPU = Sizes(
    192,
    3,
    (
        *(("resnet18", SMALL, 32, batch) for batch in (32, 128)),
        *(("resnet18", WIDE, size, 32) for size in (32, 64)),
        ("densenet121", {"weights": "none"}, 32, 32),
        ("convnext_tiny", {"weights": "none"}, 32, 32),
        ("vgg11", {"weights": "none"}, 32, 32),
    ),
    32,
    64,
    4000,
    (4, 3),
    (SMALL, 32, 128),
    (1, 2, 4),
    (1, 2),
    0,
)
_MODELS = (("resnet18", WIDE), *((name, {"weights": "none"}) for name in ("densenet121", "convnext_small", "vgg11")))
GPU = Sizes(
    8192,
    2,
    tuple((name, more, size, 128) for size, (name, more) in itertools.product((64, 224, 32), _MODELS)),
    64,
    224,
    20_000,
    (4, 3),
    (WIDE, 64, 512),
    (1, 2, 4, 8, 16),
    (1, 4, 8),
    12,
    2.0,
)
#: Seconds after which a check is killed where each is a process of its own.
LONGEST_S = {"agreement": 70, "limit": 60, "trial": 110, "together": 110, "packed": 110, "graphs": 60, "versus": 200}
#: Less is not worth the start of a process.
SHORTEST_S = 20.0


@dataclass(frozen=True)
class Run:
    """Where the checks run, how much they do, and where the figures go."""

    device: torch.device
    meters: MeterSet
    sizes: Sizes
    folder: Path
    results: Path | None
    ends: float = math.inf

    def tell(self, name: str, figures: dict[str, Any], text: str) -> None:
        facts = describe(self.device)
        place = f" on {facts['device']}" if self.device.type == "cuda" else ""
        report(f"bench_training {name}", {**facts, **figures}, text + place, self.results)

    def is_late(self, name: str) -> bool:
        """Whether there is no time left for one more figure; says so."""
        late = time.monotonic() > self.ends
        if late:
            self.tell(name, {"skipped": True}, "skipped: no time left")
        return late

    def measure(self, work: Callable[[], object]) -> Cost:
        return measure(self.device, self.meters, work)

    def rate(self, images: int, cost: Cost) -> float:
        return images / cost.seconds(self.device)

    def joules(self, images: int, cost: Cost) -> str:
        energy = cost.energy(self.device)
        return "no meter" if energy is None else f"{energy / images * 1e5:.4g} J per 10^5 images"


# --- the input pipeline, and what a trial takes beyond the network


def pipeline(run: Run) -> None:
    """Images a CPU second from bytes to the network's inputs: grey 32 px images, distorted and normalised."""
    count, cpu, figures = max(run.sizes.images, 64) * 2, torch.device("cpu"), {}
    data = noise(count, 32, 1, cpu)
    inputs = bench(run.folder, cpu, data, **SMALL).learner.inputs
    generator = torch.Generator().manual_seed(0)

    def ours() -> None:
        maps = random_affine(count, 0.3, generator)
        for start in range(0, count, 256):
            inputs(data.images[start : start + 256], maps[start : start + 256])

    def usual(resolution: int) -> Callable[[], object]:
        batches = reference.loader(data.images, data.labels, resolution, 256, training=True, workers=0)
        return lambda: sum(len(labels) for _, labels in batches)

    works = {"ours": ours, "reference": usual(32), "reference_224": usual(224)}
    costs = by_turns(run, works)
    figures = {name: count / seconds for name, seconds in costs.items()}
    ratio = figures["ours"] / figures["reference"]
    figures["ratio"], figures["target"] = ratio, 8.0
    text = f"{figures['ours']:.0f} images per CPU s against {figures['reference']:.0f} of the reference: {ratio:.1f}x"
    run.tell("pipeline", figures, f"{text} (target 8x; its resize to 224 px: {figures['reference_224']:.0f})")


def by_turns(run: Run, works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """CPU seconds of each work: the median over rounds in which they take turns."""
    seen: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(run.sizes.rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            seen[name].append(time.process_time() - start)
    return {name: statistics.median(times) for name, times in seen.items()}


def overhead(run: Run) -> None:
    """A whole trial of the embedded task, on a CPU, against nothing but the passes of its network."""
    quick = run.sizes is QUICK
    objective = Finetune({"train_samples": 64, "validation_samples": 64, "epochs": 1} if quick else {})
    objective.prepare("cpu")
    for batch in (32,) if quick else (32, 128):
        trial = Trial(0, {"batch_size": batch}, 0, run.folder / "overhead")
        found = measure_overhead(objective, trial, 2 if quick else PAIRS)
        figures = {"trial": found.trial_s, "passes": found.passes_s, "ratio": found.ratio, "ratios": found.ratios}
        text = f"{found.trial_s:.3f} CPU s a trial, {found.passes_s:.3f} its passes alone: {found.ratio:.3f}x"
        text += f" ({found.ratios[0]:.3f} to {found.ratios[-1]:.3f} in {len(found.ratios)} pairs; target 1.1x)"
        run.tell(f"overhead batch {batch}", figures | {"batch_size": batch, "target": 1.1}, text)


# --- against the reference and the limit


def steady(run: Run, one: Bench, data: Split) -> tuple[int, Cost]:
    """Images and cost of some epochs, behind one that warms up."""
    numbers = itertools.count(1)
    work = lambda: train_epoch(one.learner, data, one.values, next(numbers), 0)  # noqa: E731
    work()
    times = 1
    if run.sizes.least_s:
        times = math.ceil(run.sizes.least_s / run.measure(work).wall_s)
    return times * len(data), run.measure(lambda: [work() for _ in range(times)])


def throughput(run: Run, data: Split, **settings: Any) -> Bench:
    """A learner for data that mean nothing: on them, a high rate would end in NaN."""
    return bench(run.folder, run.device, data, lr=1e-3, epochs=1000, **settings)


def versus(run: Run) -> None:
    """Throughput of each model at each resolution, ours and the reference's."""
    for model, more, resolution, batch in run.sizes.versus:
        if run.is_late(f"versus {model} {resolution} px"):
            return
        with told(run, f"versus {model} {resolution} px"):
            _versus(run, model, more, resolution, batch)


def _versus(run: Run, model: str, more: dict[str, Any], resolution: int, batch: int) -> None:
    images = max(run.sizes.images // (4 if resolution > 100 else 1), 2 * batch)
    data = noise(images, 32, 3, run.device)
    ours = throughput(run, data, model=model, resolution=resolution, batch_size=batch, **more)
    bound = physical_limit(ours.learner.model, resolution, run.device)
    trained, cost = steady(run, ours, data)

    net = make_model(model, "none", more.get("width", 1.0), 10, 0).to(run.device)
    optimizer = reference.make_optimizer(net, 0.01)
    cpu = noise(images, 32, 3, torch.device("cpu"))
    batches = reference.loader(cpu.images, cpu.labels, resolution, batch, training=True, workers=run.sizes.workers)
    usual_epoch = lambda: reference.train_epoch(net, optimizer, batches, run.device)  # noqa: E731
    if run.device.type == "cuda":
        usual_epoch()
    usual = run.measure(usual_epoch)
    rate, usual_rate = run.rate(trained, cost), run.rate(images, usual)
    figures = {
        **{"model": model, "width": more.get("width", 1.0), "resolution": resolution, "batch_size": batch},
        **{"images_per_s": rate, "reference_images_per_s": usual_rate, "ratio": rate / usual_rate},
        **{"joules": cost.joules, "images": trained, "reference_joules": usual.joules, "reference_images": images},
        **vars(bound),
        **bound.shares(rate),
    }
    text = f"{rate:.0f} images/s ({run.joules(trained, cost)}, {100 * figures['share_of_limit']:.0f} % of the limit)"
    text += f" against {usual_rate:.0f} ({run.joules(images, usual)}): {rate / usual_rate:.1f}x"
    run.tell(f"versus {model} x{more.get('width', 1.0)} {resolution} px batch {batch}", figures, text)


def limit(run: Run) -> None:
    """Share of what the device could do, at a large batch."""
    settings, resolution, batch = run.sizes.limit
    images = 2 * batch if run.sizes is QUICK else max(run.sizes.images * 2, 4 * batch)
    data = noise(images, 32, 3, run.device)
    one = throughput(run, data, resolution=resolution, batch_size=batch, **settings)
    bound = physical_limit(one.learner.model, resolution, run.device)
    trained, cost = steady(run, one, data)
    rate = run.rate(trained, cost)
    shares = bound.shares(rate)
    figures = {**vars(bound), **shares, "rate": rate, "matmul_flops": matmul_flops(run.device)}
    figures |= {"joules": cost.joules, "images": trained, "target": 0.3}
    text = f"{rate:.0f} images/s, {run.joules(trained, cost)}: {100 * shares['share_of_limit']:.0f} % of the limit by "
    text += f"{bound.bound}, {100 * shares['share_of_arithmetic']:.0f} % of {bound.peak_flops / 1e12:.3g} TFLOP/s"
    run.tell(f"limit resnet18 {resolution} px batch {batch}", figures, f"{text} ({bound.source}; target on a GPU 30 %)")


def trial(run: Run) -> None:
    """One trial, ours at low resolution and the reference's at high, on the same images: joules, seconds, accuracy.

    Both come after something that warms them up, as all trials of a study but the first do.
    """
    sizes, batch = run.sizes, 64 if run.sizes is QUICK else 128
    (own_epochs, usual_epochs), width = sizes.trial_epochs, 0.25 if run.device.type == "cpu" else 1.0
    objective = digits(run, weights="none", width=width, resolution=sizes.small, epochs=own_epochs)
    training, validation = objective._splits("cpu")
    objective.prepare(str(run.device))
    ours: dict[str, float] = {}
    first, one = (
        Trial(n, {"batch_size": batch, "lr": 0.1}, n, run.folder / f"trial-{n}", device=str(run.device), epochs=epochs)
        for n, epochs in enumerate((1, None))
    )
    objective(first)
    cost = run.measure(lambda: ours.update(objective(one)))

    net = make_model("resnet18", "none", width, 10, 0).to(run.device)
    optimizer = reference.make_optimizer(net, 0.05)
    train, held_out = (
        reference.loader(split.images, split.labels, sizes.large, batch, training=mode, workers=sizes.workers)
        for split, mode in ((training, True), (validation, False))
    )
    reference.accuracy(net, held_out, run.device)
    reached: list[float] = []

    def usual() -> None:
        for _ in range(usual_epochs):
            reference.train_epoch(net, optimizer, train, run.device)
            reached.append(reference.accuracy(net, held_out, run.device))

    usual_cost = run.measure(usual)
    seconds, usual_seconds = cost.seconds(run.device), usual_cost.seconds(run.device)
    figures = {"seconds": seconds, "reference_seconds": usual_seconds, "joules": cost.joules, "target": 10.0}
    figures |= {"reference_joules": usual_cost.joules, "accuracy": 1 - ours["val_error"], "reference_accuracy": reached}
    figures |= {"images": len(training), "epochs": own_epochs, "reference_epochs": usual_epochs}
    figures |= {"resolution": sizes.small, "reference_resolution": sizes.large}
    energies = cost.energy(run.device), usual_cost.energy(run.device)
    joules = "no meter" if None in energies else f"{energies[1] / energies[0]:.1f}x fewer joules"  # type: ignore[operator]
    text = f"{seconds:.1f} s, accuracy {1 - ours['val_error']:.4f}, against {usual_seconds:.1f} s, {reached[-1]:.4f}"
    run.tell(f"trial {sizes.small} px against {sizes.large} px", figures, f"{text}: {joules} (target on a GPU 10x)")


def digits(run: Run, count: int = 0, **settings: Any) -> Finetune:
    """Fine-tuning on distorted digits; training and validation images are as the objective splits them."""
    count = count or run.sizes.trial_images
    held_out, spare = max(count // 5, 64), 10  # a test part of which nobody asks anything
    drawn = distorted_digits(count + held_out + spare, torch.device("cpu"))
    path = run.folder / f"digits-{count}.npz"
    np.savez(path, x_train=drawn.images.permute(0, 2, 3, 1).numpy(), y_train=drawn.labels.numpy())
    sizes = {"train_samples": count, "validation_samples": held_out, "test_samples": spare}
    return Finetune({"dataset": "arrays", "path": str(path), **sizes, **settings})


def agreement(run: Run) -> None:
    """What a trial's result owes to the device: graphs or none, an interruption or none, a CPU in its place."""
    count = 64 if run.sizes is QUICK else 2000  # enough steps for graphs
    settings = {"weights": "none", "width": 0.25, "resolution": 32, "epochs": 4, "batch_size": 32, "lr": 0.05}
    settings |= {"dropout": 0.2, "ema": 0.9, "precision": "float32"}
    graphs, plain = digits(run, count, **settings), digits(run, count, **settings, cuda_graphs=False)
    asking = digits(run, count, **settings, step_checkpoint_interval_s=0.0)

    def one(objective: Finetune, name: str, device: torch.device, **more: Any) -> dict[str, float]:
        return objective(Trial(0, {}, 0, run.folder / name, device=str(device), **more))

    def interrupted() -> dict[str, float]:
        asked = itertools.count(1)
        with contextlib.suppress(TrialInterrupted):
            one(asking, "interrupted", run.device, stop_requested=lambda: next(asked) % 3 == 0)
        return one(graphs, "interrupted", run.device)

    found = {
        "graphs": one(graphs, "graphs", run.device),
        "again": one(graphs, "again", run.device),
        "interrupted": interrupted(),
        "plain": one(plain, "plain", run.device),
        "plain, 1 epoch": one(plain, "short", run.device, epochs=1),
        "CPU, 1 epoch": one(plain, "cpu", torch.device("cpu"), epochs=1),
    }
    text = ", ".join(f"{name} {figures['val_loss']:.9g}" for name, figures in found.items())
    run.tell("agreement", {"results": found}, f"validation losses: {text}")


# --- many trials at once


def many(run: Run) -> tuple[Finetune, list[Trial], int]:
    """Trials at batch 64 that differ in their learning rates, and the image-steps of each."""
    cpu, quick = run.device.type == "cpu", run.sizes is QUICK
    count, batch = (64, 16) if quick else (320, 64) if cpu else (16_384, 64)
    data = noise(count + 64, 32, 3, torch.device("cpu"))
    path = run.folder / "noise.npz"
    np.savez(path, x_train=data.images.permute(0, 2, 3, 1).numpy(), y_train=data.labels.numpy())
    more = {**(SMALL if cpu else WIDE), "resolution": 32 if cpu else 64, "epochs": 1 if quick else 2}
    settings = {"dataset": "arrays", "path": str(path), "train_samples": count, "validation_samples": 54, **more}
    objective = Finetune({**settings, "test_samples": 10, "batch_size": batch})
    objective.prepare(str(run.device))
    numbers = range(max(run.sizes.together))
    trials = [Trial(n, {"lr": 0.01 + n / 1e3}, n, run.folder / str(n), device=str(run.device)) for n in numbers]
    return objective, trials, count * objective.settings["epochs"]


def together(run: Run) -> None:
    """Throughput of K trials trained as one against one alone."""
    objective, trials, images = many(run)
    objective(trials[0])
    alone = 0.0
    for size in run.sizes.together:
        if run.is_late(f"together {size} trials in one network"):
            return
        work = (lambda: objective(trials[0])) if size == 1 else (lambda size=size: objective.together(trials[:size]))
        costs = [run.measure(work) for _ in range(run.sizes.rounds)]
        rate = statistics.median(run.rate(size * images, cost) for cost in costs)
        alone = alone or rate
        figures = {"trials": size, "images_per_s": rate, "ratio": rate / alone, "joules": costs[-1].joules}
        text = f"{rate:.0f} images/s, {run.joules(size * images, costs[-1])}: {rate / alone:.2f}x one alone"
        run.tell(f"together {size} trials in one network", figures, f"{text} (target on a GPU 3x)")


def packed(run: Run) -> None:
    """Throughput of K processes that each train a trial on the same device, with and without MPS."""
    _, _, images = many(run)
    alone = 0.0
    for mps, size in itertools.product((False, True), run.sizes.packed):
        if run.is_late(f"packed {size} processes{' with MPS' if mps else ''}"):
            return
        with mps_daemon(run.folder, mps) as environment:
            if environment is None:
                continue
            seconds, cost = processes(run, size, environment)
        rate = size * images / seconds
        alone = alone or rate
        figures = {"processes": size, "mps": mps, "images_per_s": rate, "ratio": rate / alone, "joules": cost.joules}
        text = f"{rate:.0f} images/s of wall time, {run.joules(size * images, cost)}: {rate / alone:.2f}x one alone"
        run.tell(f"packed {size} processes{' with MPS' if mps else ''}", figures, f"{text} (target on a GPU 3x)")


def processes(run: Run, size: int, environment: dict[str, str]) -> tuple[float, Cost]:
    """Wall seconds in which `size` processes, all ready before, train a trial each."""
    place = Path(tempfile.mkdtemp(dir=run.folder))
    command = [sys.executable, __file__, "--device", str(run.device), "--worker", str(place)]
    command += ["--quick"] if run.sizes is QUICK else []
    started = [subprocess.Popen([*command, "--number", str(n)], env=environment) for n in range(size)]
    try:
        while len(list(place.glob("ready-*"))) < size:
            if any(process.poll() is not None for process in started):
                raise RuntimeError("a process of the packed trials has ended before its start")
            time.sleep(0.01)
        begin = time.perf_counter()
        (place / "go").touch()
        cost = run.measure(lambda: [process.wait() for process in started])
        if any(process.returncode for process in started):
            raise RuntimeError("a process of the packed trials has failed")
        ends = [float((place / f"end-{n}").read_text()) for n in range(size)]
    finally:
        for process in started:
            process.kill()
    return max(ends) - begin, cost  # perf_counter is one clock for all processes of a Linux machine


def worker(run: Run, place: Path, number: int) -> None:
    """One of the packed processes."""
    objective, trials, _ = many(run)
    objective.prepare(str(run.device))
    objective(trials[0])
    synchronize(run.device)
    (place / f"ready-{number}").touch()
    while not (place / "go").exists():
        time.sleep(0.001)
    objective(trials[number % len(trials)])
    synchronize(run.device)
    (place / f"end-{number}").write_text(str(time.perf_counter()))


@contextlib.contextmanager
def mps_daemon(folder: Path, wanted: bool) -> Iterator[dict[str, str] | None]:
    """NVIDIA's multi-process service for the processes inside; None where there is none."""
    control = shutil.which("nvidia-cuda-mps-control")
    if not wanted:
        yield dict(os.environ)
        return
    environment = {**os.environ, "CUDA_MPS_PIPE_DIRECTORY": str(folder / "mps"), "CUDA_MPS_LOG_DIRECTORY": str(folder)}
    if control is None or subprocess.run([control, "-d"], env=environment, check=False).returncode:
        yield None
        return
    try:
        yield environment
    finally:
        subprocess.run([control], input="quit\n", text=True, env=environment, check=False, timeout=60)


def graphs(run: Run) -> None:
    """Throughput at small batches with CUDA graphs and without."""
    if run.device.type != "cuda":
        return
    data = noise(4096, 32, 3, run.device)
    for batch in (16, 64):
        if run.is_late(f"graphs batch {batch}"):
            return
        one = throughput(run, data, resolution=64, batch_size=batch, **WIDE)
        rates = {
            name: run.rate(*steady(run, chosen, data))
            for name, chosen in (("eager", without_graphs(one)), ("graphs", one))
        }
        ratio = rates["graphs"] / rates["eager"]
        text = f"{rates['graphs']:.0f} images/s against {rates['eager']:.0f} without: {ratio:.2f}x"
        run.tell(f"graphs batch {batch}", {**rates, "batch_size": batch, "ratio": ratio}, text)


#: The most important first, for the machine with a GPU is lent for a short while.
CHECKS = {
    check.__name__: check for check in (pipeline, overhead, agreement, limit, trial, together, packed, graphs, versus)
}
#: Checks of the host's processor, which say nothing about a GPU.
OF_A_CPU = ("pipeline", "overhead")


@contextlib.contextmanager
def told(run: Run, name: str) -> Iterator[None]:
    """Say how a check failed and go on with the next: the machine is lent for one call. Tests want to fail."""
    try:
        yield
    except Exception as error:
        if run.sizes is QUICK:
            raise
        traceback.print_exc()
        run.tell(name, {"error": str(error)}, f"FAILED: {type(error).__name__}: {error}")


def apart(names: list[str], device: torch.device, results: Path | None, seconds: float) -> None:
    """Run each check in a process of its own, for which the last word is spoken here if it fails or hangs."""
    ends = time.monotonic() + seconds
    for name in names:
        allowed = min(ends - time.monotonic(), LONGEST_S.get(name, math.inf))
        failure = "skipped: no time left"
        if allowed >= SHORTEST_S:
            command = [sys.executable, __file__, "--device", str(device), "--only", name, "--one-process"]
            command += ["--minutes", str((allowed - SHORTEST_S / 2) / 60)]
            command += ["--results", str(results)] if results else []
            failure = ended(subprocess.Popen(command, start_new_session=True), allowed)
        if failure:
            report(f"bench_training {name}", {"device": str(device), "error": failure}, failure, results)


def ended(process: subprocess.Popen[bytes], seconds: float) -> str:
    """Wait for a process and kill it and its children if it takes too long; returns how it failed, if it did."""
    try:
        code = process.wait(timeout=seconds)
        return f"FAILED: exit code {code}" if code else ""
    except subprocess.TimeoutExpired:
        return f"FAILED: killed after {seconds:.0f} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", type=lambda text: text.split(","), help=", ".join(CHECKS))
    parser.add_argument("--results", type=Path)
    parser.add_argument("--minutes", type=float, default=7.75, help="of all checks on a GPU")
    parser.add_argument("--one-process", action="store_true", help="all checks in this process on a GPU, too")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    device = torch.device("cuda:0" if options.device == "cuda" else options.device)
    cuda = device.type == "cuda"
    names = options.only or [name for name in CHECKS if not (cuda and name in OF_A_CPU)]
    if unknown := set(names) - set(CHECKS):
        parser.error(f"--only: no check {min(unknown)!r}; there are {', '.join(CHECKS)}")
    if cuda and not (options.one_process or options.worker):
        apart(names, device, options.results, 60 * options.minutes)
        return
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = False
    sizes = QUICK if options.quick else GPU if cuda else CPU
    ends = time.monotonic() + 60 * options.minutes if cuda else math.inf
    with tempfile.TemporaryDirectory() as folder, open_meters(devices=[str(device)]) as meters:
        run = Run(device, meters, sizes, Path(folder), options.results, ends)
        if options.worker is not None:
            worker(run, options.worker, options.number)
            return
        for name in names:
            with told(run, name):
                CHECKS[name](run)


if __name__ == "__main__":
    main(sys.argv[1:])

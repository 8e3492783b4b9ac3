"""Kill real MPI runs with SIGKILL at random instants, go on with them, and count what was lost, repeated or refused.

    OMP_NUM_THREADS=1 python tests/benchmarks/kill_campaign.py [--kills 12] [--cluster 0] [--seed 1] [--results DIR]

Studies of 120 trials (3 epochs of 10 ms, a checkpoint each) run under ``mpiexec -n 2..4``, another number of ranks
after every restart. A kill takes all processes ("job"), one rank ("rank"), or one worker process ("worker", which fails
its trial and nothing else). A fifth of the kills comes while the program starts, the others up to 1.5 s after the first
result of the run. Half of the studies are generational: killed by job and rank only, they must end with the very trials
and values of a run without kills. The objective notes in a file of its own what begins and ends; that and the journal
are compared.

With ``--cluster N`` there are N kills more, of studies that are Slurm jobs on two nodes of the test cluster (as root on
Debian): a node's power, the whole job, or one rank.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from killed_study import KilledStudy, Tally
from machine import machine


def campaign(kills: int, cluster: int, seed: int, save: Callable[[Tally], None]) -> Tally:
    rng, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as folder:
        while len(tally.kills) < kills:  # the launcher ends the other ranks when one is killed
            schedule = ("generational", "asynchronous")[tally.studies % 2]
            number = tally.studies
            study = KilledStudy(Path(folder) / f"study{number}", schedule, seed * 1000 + number, rng, tally)
            while not study.cycle(kill=len(tally.kills) < kills):
                pass
            study.check()
            save(tally)
            print(f"{len(tally.kills)} kills, {tally.studies} studies", file=sys.stderr, flush=True)
        if cluster:
            from cluster_kills import kill_on_cluster

            kill_on_cluster(Path(folder), cluster, seed, rng, tally, save)
    return tally


def summary(tally: Tally, seed: int) -> dict[str, Any]:
    fresh, again = tally.fresh_s, tally.restart_s
    beyond = [one - statistics.median(fresh) for one in again] if fresh else []
    return {
        "command": shlex.join(["OMP_NUM_THREADS=1", "python", "tests/benchmarks/kill_campaign.py", *sys.argv[1:]]),
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "kills": len(tally.kills),
        "by_kind": dict(Counter(kill.kind for kill in tally.kills)),
        "while_starting": sum(kill.starting for kill in tally.kills),
        "studies": tally.studies,
        "trials": tally.trials,
        "restarts": tally.restarts,
        "told_results_lost": tally.lost,
        "told_trials_run_again": tally.repeated,
        "restarts_failed": len(tally.restarts_failed),
        "generational_studies_different": tally.different,
        "processes_left_over": sum(kill.left_over for kill in tally.kills),
        "trials_failed_by_the_kill_of_their_worker": tally.failed_by_worker_kill,
        "ended_in_the_instant_of_the_kill_and_continued": sum(kill.ended_untold for kill in tally.kills),
        "fresh_start_to_first_evaluation_s": spread(fresh),
        "restart_to_first_evaluation_s": spread(again),
        "restart_beyond_median_fresh_start_s": spread(beyond),
        "opened_study_to_first_evaluation_s": spread(tally.opened_s),
    }


def spread(seconds: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds), 3), "max": round(max(seconds), 3)} if seconds else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--cluster", type=int, default=0, help="kills on the Slurm test cluster, besides these")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, help="folder for kills.md and kills.json")
    arguments = parser.parse_args()

    def save(tally: Tally) -> None:
        if arguments.results:
            arguments.results.mkdir(parents=True, exist_ok=True)
            figures = summary(tally, arguments.seed)
            rows = figures | {"each": [asdict(kill) for kill in tally.kills]}
            (arguments.results / "kills.json").write_text(json.dumps(rows, indent=1) + "\n")
            (arguments.results / "kills.md").write_text(page(figures))

    tally = campaign(arguments.kills, arguments.cluster, arguments.seed, save)
    save(tally)
    print(
        f"kill_campaign: {len(tally.kills)} SIGKILLs {dict(Counter(kill.kind for kill in tally.kills))}: "
        f"{tally.lost} told results lost, {tally.repeated} run again, {len(tally.restarts_failed)} of "
        f"{tally.restarts} restarts failed, {tally.different} generational studies different; target 0 0 0 0 "
        f"[{machine()}]"
    )


def page(figures: dict[str, Any]) -> str:
    head = f"# Killed at random instants\n\n    {figures['command']}\n\n{figures['machine']}; {figures['date']}.\n\n"
    rows = [f"| {key.replace('_', ' ')} | {value} |" for key, value in figures.items() if key not in HEAD]
    return head + "| what | figure |\n|---|---|\n" + "\n".join(rows) + "\n\n" + MEANING


HEAD = ("command", "machine", "date")
MEANING = """\
A result is told once its record is in the journal; a told result must be there after every kill, and its trial must
never begin again. A trial whose objective had returned in the instant of the kill, before its result could be written,
goes on from its last checkpoint: it repeats nothing but its end. The kill of a worker process is taken for what it
mostly is on a cluster, the kernel's answer to too much memory: that trial fails, and the run goes on. The start to the
first evaluation is dominated by starting MPI and Python on a loaded machine, and varies with the load as much on an
empty folder; what going on costs by itself is measured by bench_restart.py (restart.jsonl).
"""


if __name__ == "__main__":
    main()

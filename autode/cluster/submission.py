"""From a workflow file to a job in the queue."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autode.cluster.script import SCRIPT_NAME, Submission, render_script
from autode.cluster.settings import validate_slurm
from autode.cluster.site_profile import with_profile
from autode.cluster.sweep import Cell, sweep_cells
from autode.study.errors import UserError
from autode.study.folder import write_atomically
from autode.study.objectives import absent, source_of
from autode.study.workflow import Workflow, apply_override, parse_workflow, read_tables

Table = dict[str, Any]


def plan_submission(workflow: Path, out: Path | None, overrides: Sequence[str]) -> tuple[Submission, Table]:
    """Check a workflow, every cell of its sweep included, and return what is to be submitted and the Slurm settings.

    Parameters
    ----------
    workflow : pathlib.Path
    out : pathlib.Path or None
        Output folder; None: ``results/<name of the study>``.
    overrides : sequence of str
        ``table.key=value`` settings; those of ``slurm`` and ``sweep`` concern the job, the others are handed on to it.
        A key of the sweep picks the cells that have this value.

    Raises
    ------
    UserError
        One sentence that names file, table, key and what was expected.
    """
    content, cells = _tables_and_cells(workflow, overrides)
    slurm = content.pop("slurm", {})
    try:
        settings = validate_slurm(with_profile(slurm) if isinstance(slurm, dict) else slurm)
    except ValueError as error:
        raise UserError(f"{workflow}: {error}") from None
    studies = _check_studies(workflow, content, [cell.overrides for cell in cells])
    steps = _by_steps(studies)
    if steps and "container" in settings:
        where = f"{workflow}: [slurm] container"
        raise UserError(f'{where}: not with executor = "srun-steps", as srun is outside of the container')
    name = studies[-1].name
    swept = {override.partition("=")[0] for cell in cells for override in cell.overrides}
    handed_on = tuple(
        override
        for key, override in zip(_keys_of(overrides), overrides, strict=True)
        if key.split(".")[0].strip() not in ("slurm", "sweep") and key not in swept
    )
    folder = out or Path("results") / name
    return Submission(name, str(workflow), str(folder), handed_on, tuple(cells), steps=steps), settings


def studies_of(workflow: Path, overrides: Sequence[str] = ()) -> list[Workflow]:
    """Return the study of a workflow file, or those of all cells of its sweep, checked.

    Parameters
    ----------
    workflow : pathlib.Path
    overrides : sequence of str
        ``table.key=value`` settings that replace the file's.

    Raises
    ------
    UserError
        One sentence that names file, table, key and what was expected.
    """
    content, cells = _tables_and_cells(workflow, overrides)
    return _check_studies(workflow, content, [cell.overrides for cell in cells])


def _tables_and_cells(workflow: Path, overrides: Sequence[str]) -> tuple[Table, list[Cell]]:
    """Read a workflow file and take its sweep apart; a key of the sweep that is set has that value in all cells."""
    content = read_tables(workflow)
    for override in overrides:
        apply_override(content, override)
    sweep = content.pop("sweep", {})
    if isinstance(sweep, dict):
        sweep = sweep | {key: [_value_at(content, key)] for key in _keys_of(overrides) if key in sweep}
    try:
        return content, sweep_cells(sweep)
    except ValueError as error:
        raise UserError(f"{workflow}: {error}") from None


def _keys_of(overrides: Iterable[str]) -> list[str]:
    return [override.partition("=")[0].strip() for override in overrides]


def _value_at(content: Table, key: str) -> Any:
    value: Any = content
    for name in key.split("."):
        value = value[name]
    return value


def _by_steps(studies: Sequence[Workflow]) -> bool:
    """Return whether the studies call srun themselves; the cells of a sweep share one script."""
    executors = {study.execution["executor"] for study in studies}
    if len(executors) > 1:
        raise UserError(f"{studies[0].source}: [sweep] execution.executor: expected the same one in all cells")
    return executors == {"srun-steps"}


def _check_studies(path: Path, content: Table, cells: Sequence[Sequence[str]]) -> list[Workflow]:
    """Find here, and not hours later in a job, what is wrong with the study, or with a cell's; return them."""
    studies = []
    for overrides in cells or [()]:
        tables = copy.deepcopy(content)
        for override in overrides:
            apply_override(tables, override)
        workflow = parse_workflow(tables, source=str(path), folder=path.resolve().parent)
        source_of(workflow)
        studies.append(workflow)
    return studies


def with_this_venv(settings: Table) -> Table:
    """Return the settings; where they name no environment, the virtual environment of this process is taken."""
    chosen = any(settings.get(key) for key in ("venv", "container", "modules", "before"))
    if chosen or sys.prefix == sys.base_prefix:
        return settings
    return {**settings, "venv": sys.prefix}


def not_here(settings: Table, studies: Iterable[Workflow] = ()) -> list[str]:
    """Return, a sentence each, what the job needs and this machine does not have; the nodes may have it all the same.

    Parameters
    ----------
    settings : dict
        The ``[slurm]`` table as `validate_slurm` returns it.
    studies : iterable of Workflow
        What the job runs.
    """
    image, venv = settings.get("container"), settings.get("venv")
    sentences = []
    if image and "://" not in image and "$" not in image and not Path(image).exists():
        sentences.append(f"[slurm] container: there is no {image} here (containers/build.sh makes an image)")
    if venv and "$" not in venv and not (Path(venv) / "bin/activate").exists():
        sentences.append(f"[slurm] venv: there is no {venv}/bin/activate here")
    missing = dict.fromkeys(sentence for study in studies for sentence in absent(study))
    return [*sentences, *(f"[objective] {sentence}" for sentence in missing)]


def submit(submission: Submission, settings: Mapping[str, Any]) -> int:
    """Write the script into the study's folder, hand it to sbatch, and return the job's number.

    Raises
    ------
    UserError
        If the folder cannot be written, there is no sbatch here, or it refuses.
    """
    folder = Path(submission.out)
    script = folder / SCRIPT_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)  # Slurm opens the log before the study makes its folder
        write_atomically(script, render_script(submission, settings).encode())
    except OSError as error:
        raise UserError(f"{folder}: cannot write into the output folder ({error.strerror})") from None
    # an sbatch inside of a job would hand that job's settings on
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_"))}
    environment |= {"SLURM_CONF": os.environ["SLURM_CONF"]} if "SLURM_CONF" in os.environ else {}
    try:
        answer = subprocess.run(
            ["sbatch", "--parsable", str(script)], capture_output=True, text=True, env=environment, check=False
        )
    except FileNotFoundError:
        raise UserError("no sbatch on PATH; submit on a login node of the cluster, or see --dry-run") from None
    if answer.returncode:
        raise UserError(f"sbatch refused {script}: {' '.join(answer.stderr.split())}")
    return int(answer.stdout.split(";")[0])

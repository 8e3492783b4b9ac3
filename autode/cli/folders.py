"""The folders that a shell's pattern meant: ``results/sweep/*`` names the sweep's script and logs as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autode.study.errors import UserError


def study_folders(paths: Sequence[Path]) -> list[Path]:
    """Return the folders of studies; of several paths, files and comparisons are passed over, and named.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        As the user, or the shell, gave them.

    Raises
    ------
    UserError
        If none is left.
    """
    if len(paths) == 1:
        return list(paths)
    other = [path for path in paths if path.is_file() or (path / "comparison.csv").is_file()]
    studies = [path for path in paths if path not in other]
    if not studies:
        raise UserError(f"{', '.join(map(str, paths))}: none of these is the output folder of a study")
    if other:
        print(f"passed over, as no studies: {', '.join(path.name for path in other)}")
    return studies

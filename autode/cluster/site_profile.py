"""Site profiles: what a public system, or a site of one's own, wants in the ``[slurm]`` table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from autode.study.errors import did_you_mean

Table = dict[str, Any]
_TEXTS = ("sources", "required", "unsure", "notes")


@dataclass(frozen=True)
class Profile:
    """What is known of a site.

    Attributes
    ----------
    name, title : str
    slurm : dict
        Defaults of the ``[slurm]`` table.
    sources : tuple of str
        Pages that it was taken from.
    required : tuple of str
        Keys of the table that only the user knows.
    unsure : tuple of str
        Keys of the table that no source confirms.
    notes : tuple of str
    energy_plugin : str or None
        Slurm's ``AcctGatherEnergyType``, where the site has made it known.
    energy_faults : tuple of str
        What is wrong, or easily misread, about the joules that the site's accounting gives.
    """

    name: str
    title: str
    slurm: Table
    sources: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    energy_plugin: str | None = None
    energy_faults: tuple[str, ...] = ()


def profile_names() -> list[str]:
    """Return the names of the profiles that come with the program."""
    folder = resources.files("autode.cluster") / "profiles"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_profile(name: str) -> Profile:
    """Return a profile by its name, or from a file of the user's own.

    Parameters
    ----------
    name : str
        One of `profile_names`, or the path of a file that ends in ``.toml``.

    Raises
    ------
    ValueError
        If there is none, or it is no profile.
    """
    if name.endswith(".toml"):
        return _read(Path(name).stem, name, _text_of(Path(name)))
    if name not in profile_names():
        raise ValueError(
            f"profile {name!r} is unknown{did_you_mean(name, profile_names())} (or give the path of a .toml file)"
        )
    text = (resources.files("autode.cluster") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    return _read(name, f"profile {name}", text)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"profile {path}: cannot be read as a text file ({error})") from None


def _read(name: str, where: str, text: str) -> Profile:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where}: not valid TOML: {error}") from None
    energy = tables.pop("energy", {})
    known = {"title", "slurm", *_TEXTS}
    wrong = [key for key in tables if key not in known] or [
        f"energy.{key}" for key in energy if key not in ("plugin", "faults")
    ]
    if wrong:
        raise ValueError(f"{where}: {wrong[0]}: unknown key{did_you_mean(wrong[0], [*known, 'energy'])}")
    slurm = tables.get("slurm", {})
    if "profile" in slurm:
        raise ValueError(f"{where}: [slurm] profile: a profile cannot rest on another")
    return Profile(
        name=name,
        title=str(tables.get("title", name)),
        slurm=slurm,
        energy_plugin=energy.get("plugin"),
        energy_faults=tuple(energy.get("faults", ())),
        **{key: tuple(tables.get(key, ())) for key in _TEXTS},
    )


def with_profile(table: Mapping[str, Any]) -> Table:
    """Return a ``[slurm]`` table with what its ``profile`` says filled in; what the table says itself wins.

    Parameters
    ----------
    table : mapping
        As the workflow file has it.

    Raises
    ------
    ValueError
        If the profile is unknown, or wants a key that only the user can give.
    """
    given = dict(table)
    name = given.pop("profile", None)
    if name is None:
        return given
    if not isinstance(name, str):
        raise ValueError(f"[slurm] profile: expected the name of a profile or of a .toml file, not {name!r}")
    profile = load_profile(name)
    for key in profile.required:
        if key not in given:
            raise ValueError(f"[slurm] {key}: missing; the profile {profile.name} ({profile.title}) needs yours")
    defaults = dict(profile.slurm)
    if "container" not in given:  # or they would be arguments for nothing
        defaults.pop("container_args", None)
    return defaults | given

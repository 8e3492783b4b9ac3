"""An image is a folder here, laid out as Apptainer lays out its images: built from a definition, entered with bwrap."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from debian import EMPTY, SITE, make_base, site_packages
from definition import Definition, read_definition

META = ".singularity.d"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_HANDED_ON = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
#: what every container sees of the outside, as Apptainer's own settings have it
_SHARED = ("/proc", "/sys", "/tmp", "/var/tmp", "/etc/hosts", "/etc/resolv.conf")


def build(image: Path, source: Path) -> None:
    """Run all sections of a definition file, in Apptainer's order: files, post, labels, then the test."""
    definition = read_definition(source)
    make_base(image)
    _write_scripts(image, definition)
    for name, target in definition.files:
        place = image / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-fLr", name, place], check=True)
    labels = image / META / "more-labels"
    labels.touch()
    pip = _pip_settings()
    binds = [*_named_paths(pip.values())]
    # what is never imported need not be compiled; what is, Python compiles when the test section imports it
    variables = {**pip, "PIP_NO_COMPILE": "1", "APPTAINER_LABELS": f"/{META}/more-labels", "HOME": "/root"}
    _enter(image, ["/bin/sh", "-ex", f"/{META}/post"], binds, variables, writable=True)
    found = definition.labels | {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1] for line in _lines(labels)}
    (image / META / "labels.json").write_text(json.dumps(found, indent=2))
    test(image, writable=True)


def test(image: Path, *, writable: bool = False) -> None:
    """Run the test section, without a network; while an image is built it can still be written."""
    execute(image, ["/bin/sh", f"/{META}/test"], options=["--unshare-net"], writable=writable)


def execute(
    image: Path,
    command: Sequence[str],
    binds: Iterable[str] = (),
    options: Sequence[str] = (),
    *,
    writable: bool = False,
) -> None:
    """Run a command in the image."""
    home = os.environ.get("HOME", "/root")
    enter = ["/bin/sh", "-c", f'. /{META}/env/90-environment.sh; exec "$@"', "sh", *command]
    options = [*options, "--chdir", str(Path.cwd())]
    _enter(image, enter, [*binds, *_outside(home)], {"HOME": home}, writable=writable, options=options)


def _outside(home: str) -> list[str]:
    """Return the home and the working folder, which a container sees under their own names."""
    return [place for place in (home, str(Path.cwd())) if place != "/" and not place.startswith(("/tmp/", "/proc/"))]


def _enter(
    image: Path,
    command: Sequence[str],
    binds: Iterable[str],
    variables: Mapping[str, str],
    *,
    writable: bool = False,
    options: Sequence[str] = (),
) -> None:
    how = "--bind" if writable else "--ro-bind"
    root: list[str] = ["--tmpfs", "/"]
    for entry in sorted(image.iterdir()):
        if entry.is_symlink():
            root += ["--symlink", str(entry.readlink()), f"/{entry.name}"]
        elif entry.name not in EMPTY:
            root += [how, str(entry), f"/{entry.name}"]
    view = [word for place in _SHARED if Path(place).exists() for word in ("--bind", place, place)]
    view += ["--dev-bind", "/dev", "/dev", "--ro-bind", str(site_packages()), SITE, "--dir", "/root", "--dir", "/run"]
    for bind in binds:
        outside, _, inside = bind.partition(":")
        view += ["--bind", outside, inside or outside]
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON}
    environment |= {"PATH": _PATH, **variables}
    bwrap = shutil.which("bwrap") or "bwrap"
    line = [bwrap, *root, *view, *options, "--", *command]
    if not writable:  # become the command: signals reach it, and so do open files such as srun's connection to MPI
        os.execve(bwrap, line, environment)
    subprocess.run(line, env=environment, check=True)


def _write_scripts(image: Path, definition: Definition) -> None:
    meta = image / META
    (meta / "env").mkdir(parents=True)
    for name, file in {"environment": "env/90-environment.sh", "post": "post", "test": "test"}.items():
        (meta / file).write_text(definition.sections.get(name, ""))
    (meta / "test").write_text(f". /{META}/env/90-environment.sh\n" + definition.sections.get("test", ""))
    (meta / "runscript").write_text(definition.sections.get("runscript", ""))


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip()]


def _pip_settings() -> dict[str, str]:
    """Return this machine's settings of pip as variables: where its packages come from is the machine's affair."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    settings = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.partition(".")
        if section in ("global", "install"):
            words = value.strip("'\"").replace("\\n", " ").split()
            settings[f"PIP_{key.upper().replace('-', '_')}"] = " ".join(words)
    return settings


def _named_paths(values: Iterable[str]) -> set[str]:
    """Return the folders and files of this machine that pip's settings name; an index has its files beside it."""
    words = [word.removeprefix("file://").removesuffix("/simple") for value in values for word in value.split()]
    return {word for word in words if word.startswith("/") and Path(word).exists()}


def remove(image: Path) -> None:
    """Remove an image."""
    if image.exists():
        shutil.rmtree(image)

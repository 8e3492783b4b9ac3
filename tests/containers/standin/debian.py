"""What stands for the base image: a root file system of Debian packages, with this machine's torch in it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

_PYTHON = ("python3", "python3-pip", "python3-venv")
SUITE = "bookworm"
PACKAGES = ("bash", "ca-certificates", "coreutils", "dash", "grep", "libstdc++6", "sed", *_PYTHON)
#: where the machine's packages are seen in the image
SITE = "/base-site"
#: folders that every container gets from outside
EMPTY = ("dev", "proc", "sys", "run", "tmp", "root", "home", SITE.strip("/"))


def make_base(root: Path) -> None:
    """Make the root file system in a new folder, from the cache if it was made before.

    The packages are unpacked, as their scripts have nothing to do here: no daemon, no user, no kernel.
    """
    archive = _cache() / f"debian-{_key()}.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            new = Path(folder) / "debian.tar"
            options = ("--quiet", "--variant=extract", f"--include={','.join(PACKAGES)}")
            subprocess.run(["mmdebstrap", *options, SUITE, new], check=True)
            new.replace(archive)
    root.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-f", archive, "-C", root, "--exclude=./dev/*"], check=True)
    for name in EMPTY:
        (root / name).mkdir(exist_ok=True)
    _furnish(root)
    _show_torch(root)


def _cache() -> Path:
    """Return the folder of what is slow to make; nothing else of the tests is kept there."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "autode-tests"


def _key() -> str:
    """Return what the root file system depends on; the archive's own updates do not matter."""
    return f"{SUITE}-{hashlib.sha256(repr((PACKAGES, EMPTY)).encode()).hexdigest()[:12]}"


def _furnish(root: Path) -> None:
    """Do what the scripts of the packages would have done, as far as Python needs it."""
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/resolv.conf").touch()
    bundle = sorted(path.read_text() for path in (root / "usr/share/ca-certificates").rglob("*.crt"))
    (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    (root / "etc/ssl/certs/ca-certificates.crt").write_text("".join(bundle))


def _show_torch(root: Path) -> None:
    """Let the image's Python see torch and what torch needs, and nothing else, of this Python's packages."""
    view = root / "opt/base"
    view.mkdir(parents=True)
    for name in _torch_files():
        (view / name).symlink_to(f"{SITE}/{name}")
    (root / "usr/lib/python3/dist-packages/base.pth").write_text("/opt/base\n")


def site_packages() -> Path:
    """Return the folder of this Python's torch."""
    return Path(str(metadata.distribution("torch").locate_file("")))


def _torch_files() -> set[str]:
    """Return the top-level files and folders of torch, torchvision and all that they need."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [Requirement("torch"), Requirement("torchvision")]
    seen = set()
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        for extra in ("", *wanted.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                found[name] = metadata.distribution(name)
                needs = [Requirement(text) for text in found[name].requires or ()]
                waiting += [one for one in needs if one.marker is None or one.marker.evaluate({"extra": extra})]
    tops = {file.parts[0] for one in found.values() for file in one.files or ()}
    return {name for name in tops if name not in ("..", "__pycache__") and not name.endswith(".pth")}


def missing() -> str:
    """Return why no base can be made here, in one sentence; empty if one can."""
    if os.geteuid() != 0:
        return "a root file system of Debian packages needs root"
    absent = [program for program in ("mmdebstrap", "bwrap") if shutil.which(program) is None]
    if absent:
        return f"no {' and no '.join(absent)} here; apt-get install --no-install-recommends mmdebstrap bubblewrap"
    if sys.version_info[:2] != (3, 11):
        return f"Debian {SUITE} has Python 3.11; this Python's torch is not for that"
    return ""

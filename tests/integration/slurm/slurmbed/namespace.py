"""A machine of its own made of namespaces: own processes, network, host name and mounts, the file system shared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slurmbed.requirements import PATH
from slurmbed.waiting import until

_KINDS = ("--mount", "--uts", "--ipc", "--net", "--pid")
_INIT = Path(__file__).with_name("init.py")


class Namespace:
    """A set of namespaces with `init.py` as its process 1; it ends with this process at the latest.

    Parameters
    ----------
    inside : Namespace, optional
        Whose processes will see those of the new one, and whose end ends it.
    """

    def __init__(self, inside: Namespace | None = None):
        make = ["unshare", *_KINDS, "--fork", "--kill-child", "--mount-proc", sys.executable, "-ISB", str(_INIT)]
        command = make if inside is None else inside.entering(make)
        # stdin is the pipe that it lives by; the tools' last words at its death are kept out of the tests' output
        self._outer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._outer.stdout is not None
        if self._outer.stdout.readline() != b"ready\n":
            raise RuntimeError(f"namespaces could not be made: {self._outer.communicate()[1].decode().strip()}")
        self.pid = _innermost(self._outer.pid)

    def entering(self, command: Sequence[str], folder: str | Path = "/") -> list[str]:
        """Return the command line that runs a command in here; entering a mount namespace loses the working folder."""
        return ["nsenter", f"--target={self.pid}", *_KINDS, "--", "env", f"--chdir={folder}", *command]

    def run(self, *command: str | Path, folder: str | Path = "/", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; like `subprocess.run` with text captured."""
        line = self.entering([str(part) for part in command], folder)
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, "check": True, **options}
        completed = subprocess.run(line, env=environment(options.pop("env", {})), **{**options, "check": False})
        if options["check"] and completed.returncode:
            output = f"{completed.stdout or ''}{completed.stderr or ''}".strip()
            raise RuntimeError(f"exit code {completed.returncode} of {' '.join(map(str, command))}: {output}")
        return completed

    def start(self, *command: str | Path, log: Path, env: Mapping[str, str] | None = None) -> None:
        """Start a command that stays; it ends with the namespace."""
        line = self.entering(["setsid", *map(str, command)])
        with log.open("ab") as file:
            subprocess.Popen(line, env=environment(env or {}), stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def kill(self) -> None:
        """Cut the power: the kernel kills every process in here at once."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
        self._outer.communicate()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._outer.poll() is None


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of commands: ours without traces of a Slurm or MPI around the tests."""
    foreign = ("SLURM_", "PMI_", "PMIX_", "OMPI_")
    ours = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return {**ours, "LC_ALL": "C.UTF-8", "PATH": PATH, **more}


def _innermost(pid: int) -> int:
    """Return the only descendant without children: nsenter -> unshare -> process 1 of the namespace."""

    def child(of: int) -> str:
        return Path(f"/proc/{of}/task/{of}/children").read_text().strip()

    until(lambda: child(pid), "the namespace's first process", seconds=10)
    while below := child(pid):
        pid = int(below)
    return pid

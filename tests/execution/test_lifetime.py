"""What was printed reaches the launcher before the job is ended under it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autode.execution.lifetime import end_if_longer_than, hand_over_output


def test_the_end_waits_until_the_reader_of_a_pipe_has_taken_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        print("the last words", file=stream)
        ended = threading.Thread(target=hand_over_output, args=(60.0,))
        ended.start()
        first = reader.read(4)
        assert ended.is_alive(), "bytes are still in the pipe"
        assert first + reader.read(100) == b"the last words\n"
        ended.join(60)
        assert not ended.is_alive()


def test_a_reader_that_never_reads_does_not_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        print("nobody reads this", file=stream)
        hand_over_output(patience_s=0.01)


@pytest.mark.parametrize("output", ["closed", "file"])
def test_output_that_is_no_pipe_is_not_waited_for(output: str, tmp_path: object) -> None:
    script = "from autode.execution.lifetime import hand_over_output; print('words'); hand_over_output(600)"
    shell = f"exec {sys.executable} -c {script!r} " + (">&-" if output == "closed" else f">{tmp_path}/out")
    shell = shell.replace(repr(script), '"$SCRIPT"')
    subprocess.run(["sh", "-c", shell], env={**os.environ, "SCRIPT": script}, check=True, timeout=120)


def test_what_is_done_in_time_leaves_no_watcher() -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text()
    with end_if_longer_than(600.0, "never said"):
        assert children.read_text() != before
    assert children.read_text() == before


def test_what_takes_too_long_ends_with_a_sentence_though_it_hears_nothing() -> None:
    script = (
        "import ctypes; from autode.execution.lifetime import end_if_longer_than\n"
        "with end_if_longer_than(0.5, 'too long'): ctypes.PyDLL(None).sleep(100)"  # keeps Python's lock
    )
    before = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGUSR2, "autode: too long\n")
    assert time.monotonic() - before < 60


def test_a_process_whose_parent_was_killed_ends_too() -> None:
    script = (
        "from autode.execution.lifetime import end_with_parent; import time\n"
        "end_with_parent(0.01); print('watching', flush=True); time.sleep(100)"
    )
    # the shell goes on after the command, so it stays its parent
    parent = subprocess.Popen(
        ["sh", "-c", '"$0" -c "$1"; true', sys.executable, script], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "watching\n"
    parent.kill()
    ended = threading.Thread(target=parent.stdout.read)  # until nobody holds the pipe
    ended.start()
    ended.join(60)
    assert not ended.is_alive()
    parent.communicate()

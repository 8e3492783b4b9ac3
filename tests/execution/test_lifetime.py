"""What was printed reaches the launcher before the job is ended under it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from autode.execution.lifetime import hand_over_output


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

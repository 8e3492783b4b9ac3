"""Memory that steps free stays with the process."""

import json
import os
import subprocess
import sys

import pytest

MEASURE = """
import ctypes, json, resource
from autode.training.memory import keep_freed_memory
told = keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
faults = []
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(ctypes.c_size_t(80_000_000))
    ctypes.memset(block, 1, 80_000_000)
    libc.free(block)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(json.dumps([told, faults]))
"""
glibc = pytest.mark.skipif("glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="only glibc can be told")


def measure(**told):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", MEASURE]
    done = subprocess.run(command, env=environment | told, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@glibc
def test_a_large_block_is_cleared_by_the_kernel_once_only():
    told, faults = measure()
    assert told
    assert max(faults[1:]) < faults[0] / 10


@glibc
def test_what_the_environment_says_wins():
    assert measure(MALLOC_MMAP_THRESHOLD_="1000000")[0] is False

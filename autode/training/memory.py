"""Freed memory stays with the process: what a step frees the next one needs again, and asking the kernel is slow."""

from __future__ import annotations

import ctypes
import functools
import os

#: Numbers of glibc's ``malloc.h``.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
#: What a user may have told glibc about the same, see ``man mallopt``.
_TOLD = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


@functools.cache
def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed, once a process, unless the environment tells it something else.

    By default glibc gives large blocks, as activations are, back to the kernel at once, which clears every page before
    it lends it again. A process then holds on to the most that it ever needed.

    Returns
    -------
    bool
        Whether it was told; other C libraries than glibc cannot be.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None or any(name in os.environ for name in _TOLD):
        return False
    return bool(set_option(_MMAP_MAX, 0) and set_option(_TRIM_THRESHOLD, -1))

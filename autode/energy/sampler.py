"""The one background thread of a process that polls meters while some window needs them."""

from __future__ import annotations

import os
import threading
import time
from typing import Protocol


class Polled(Protocol):
    """What the sampler needs of a meter."""

    period_s: float | None

    def poll(self) -> float:
        """Take one sample of everything now."""
        ...


class Sampler:
    """Polls watched meters, each at its own period, in one daemon thread that sleeps while nothing is watched.

    The thread starts with the first watched meter and ends when the last user has gone.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        """Begin anew, also in a forked child, where the parent's thread does not exist."""
        self._changed = threading.Condition()
        self._due: dict[Polled, float] = {}
        self._watchers: dict[Polled, int] = {}
        self._users = 0
        self._thread: threading.Thread | None = None

    def join(self) -> None:
        """Announce one more user (a meter set)."""
        with self._changed:
            self._users += 1

    def leave(self) -> None:
        """Take one user back; the thread ends with the last one."""
        with self._changed:
            self._users = max(0, self._users - 1)
            if self._users:
                return
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def watch(self, meter: Polled) -> None:
        """Poll a meter at its period until as many `unwatch` calls follow; without a period it needs no polling."""
        if meter.period_s is None:
            return
        with self._changed:
            self._watchers[meter] = self._watchers.get(meter, 0) + 1
            self._due.setdefault(meter, time.monotonic() + meter.period_s)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="autode-energy", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def unwatch(self, meter: Polled) -> None:
        """Undo one `watch`."""
        with self._changed:
            left = self._watchers.get(meter, 0) - 1
            if left > 0:
                self._watchers[meter] = left
            else:
                self._watchers.pop(meter, None)
                self._due.pop(meter, None)

    def _run(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                if self._thread is not me:
                    return
                wait = min(self._due.values()) - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                now = time.monotonic()
                ready = [meter for meter, due in self._due.items() if due <= now]
                for meter in ready:
                    self._due[meter] = now + (meter.period_s or 1.0)
            for meter in ready:  # outside the lock: a sensor may be slow
                meter.poll()


SAMPLER = Sampler()
os.register_at_fork(after_in_child=SAMPLER._reset)

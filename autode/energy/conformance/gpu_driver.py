"""A GPU driver whose energy counters are known: the part of ``pynvml`` that the meter uses."""

from __future__ import annotations


class SyntheticNvml:
    """Counters in millijoules by UUID; None is a GPU without a counter.

    Parameters
    ----------
    millijoules : dict of str to int or None
        Where the counters stand; to be changed while they are watched.
    """

    class NVMLError(Exception):
        """As the driver's."""

    def __init__(self, millijoules: dict[str, int | None]):
        self.millijoules = millijoules
        self.sessions = 0

    def nvmlInit(self) -> None:  # noqa: N802
        """Open a session."""
        self.sessions += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        """Close a session."""
        self.sessions -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        """Count the GPUs."""
        return len(self.millijoules)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        """Return a handle."""
        return self.nvmlDeviceGetHandleByUUID(list(self.millijoules)[index])

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        """Return a handle, which is the UUID itself."""
        if uuid not in self.millijoules:
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetUUID(self, handle: str) -> str:  # noqa: N802
        """Return the UUID of a handle."""
        return handle

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        """Return the counter of a GPU."""
        value = self.millijoules[handle]
        if value is None:
            raise self.NVMLError("Not Supported")
        return value

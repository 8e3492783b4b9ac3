"""Where trials run: in this process, in worker processes, or on the ranks of an MPI world. Knows no search."""

from autode.execution.events import EpochDone, Event, Executor, Finished, Started

__all__ = ["EpochDone", "Event", "Executor", "Finished", "Started"]

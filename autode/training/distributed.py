"""One trial on several MPI ranks: each computes its share of every batch, and all hold the same network.

A batch is split over the ranks, its logits are gathered, and every rank computes the loss of the whole batch. Batch
normalisation takes its statistics over the whole batch too. So the batch size is the batch of the trial, however many
ranks share it, and every decision (a diverged loss, an early stop) is the same on all of them.

MPI brings the ranks together; tensors go through torch's own backends, NCCL between GPUs and gloo between CPUs.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn, optim
from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

from autode.training.batch_norm import GlobalBatchNorm
from autode.training.loop import Inputs, Learner
from autode.trial import TrialInterrupted, TrialStopped

Result = TypeVar("Result")

#: A rank that says nothing for so long fails the trial. Long, as the others may wait for a slow file system.
TIMEOUT = timedelta(minutes=20)
#: How often a rank looks whether another has failed. Between CPUs the closed connection tells at once.
WATCH_INTERVAL_S = 0.5


def several(comm: Any) -> bool:
    """Whether a trial's communicator has more than one rank; None has one."""
    return comm is not None and comm.size > 1


def on_all_ranks(comm: Any, prepare: Callable[[], Result]) -> Result:
    """Do what may fail on one rank only (a missing file, say), so that no rank goes on alone.

    Parameters
    ----------
    comm : mpi4py communicator or None
        The trial's; a collective call.
    prepare : callable
        Called once on each rank.

    Returns
    -------
    What `prepare` returned on this rank.

    Raises
    ------
    Exception
        What `prepare` raised here.
    RuntimeError
        If it raised elsewhere only.
    """
    if not several(comm):
        return prepare()
    error: Exception | None = None
    try:
        result = prepare()
    except Exception as raised:
        error = raised
    failed = [rank for rank, fine in enumerate(comm.allgather(error is None)) if not fine]
    if error is not None:
        raise error
    if failed:
        raise RuntimeError(f"rank {failed[0]} of this trial's {comm.size} could not begin")
    return result


def from_leader(comm: Any, read: Callable[[], Result]) -> Result:
    """Do something on the trial's first rank and give what came out, or the error, to all; a collective call."""
    if not several(comm):
        return read()
    outcome: tuple[Any, Exception | None] = (None, None)
    if comm.rank == 0:
        try:
            outcome = (read(), None)
        except Exception as raised:
            outcome = (None, raised)
    result, error = comm.bcast(outcome)
    if error is not None:
        raise error
    return cast("Result", result)


def leads(comm: Any) -> bool:
    """Whether this rank writes the trial's files."""
    return comm is None or comm.rank == 0


@dataclass
class Ranks:
    """The ranks of one trial while they are connected.

    Attributes
    ----------
    rank, size : int
        Of this process, among them.
    batch : int
        Images in the whole batch under way, kept from its split until its logits are gathered.
    """

    rank: int
    size: int
    batch: int = 0

    def bounds(self, rank: int) -> tuple[int, int]:
        """First and last row + 1 of a rank's share of the batch; empty if there are fewer rows than ranks."""
        return self.batch * rank // self.size, self.batch * (rank + 1) // self.size

    def share(self, learner: Learner) -> Learner:
        """Make a learner work on this rank's share; network, loss and metrics stay those of the whole batch.

        Parameters
        ----------
        learner : Learner
            Its network must have the same weights on all ranks, and `with_global_batch_norm` applied.

        Returns
        -------
        Learner
            With the same network and optimizer, to which hooks were added.
        """
        learner.model.register_forward_hook(lambda module, arguments, logits: _gather(logits, self))
        learner.optimizer.register_step_pre_hook(_sum_gradients)
        return replace(learner, inputs=SharedInputs(learner.inputs, self))


class SharedInputs(Inputs):
    """Prepares this rank's share of a batch only.

    Parameters
    ----------
    whole : Inputs
        As it would prepare the whole batch.
    ranks : Ranks
        Is told the size of the batch.
    """

    def __init__(self, whole: Inputs, ranks: Ranks):
        self.__dict__.update(whole.__dict__)
        self._ranks = ranks

    def __call__(self, images: Tensor, maps: Tensor | None = None) -> Tensor:
        """Map the whole batch (n, ...) to the network's inputs for this rank's rows."""
        self._ranks.batch = len(images)
        start, end = self._ranks.bounds(self._ranks.rank)
        some = slice(start, max(end, start + 1))  # not every operation takes an empty batch
        return super().__call__(images[some], None if maps is None else maps[some])[: end - start]

    def at_once(self, batch_size: int) -> int:
        """One batch: it is shared out here."""
        return 1


class _Gather(torch.autograd.Function):
    """Rows of all ranks, one after the other. Each rank computes the same loss, so its gradient is its own rows'."""

    @staticmethod
    def forward(context: Any, rows: Tensor, ranks: Ranks) -> Tensor:
        context.bounds = ranks.bounds(ranks.rank)
        sizes = [end - start for start, end in map(ranks.bounds, range(ranks.size))]
        padded = rows.new_zeros(max(sizes), *rows.shape[1:])
        padded[: len(rows)] = rows
        gathered = rows.new_empty(ranks.size * max(sizes), *rows.shape[1:])
        dist.all_gather_into_tensor(gathered, padded)
        return torch.cat([part[:size] for part, size in zip(torch.split(gathered, max(sizes)), sizes, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        start, end = context.bounds
        return gradients[0][start:end], None


def _gather(rows: Tensor, ranks: Ranks) -> Tensor:
    """Return the rows (n, ...) of the whole batch from this rank's share of them."""
    return cast("Tensor", _Gather.apply(rows, ranks))


def _sum_gradients(optimizer: optim.Optimizer, *arguments: Any) -> None:
    """Add up the ranks' gradients in one message."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, part in zip(gradients, torch.split(flat, [one.numel() for one in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))


def with_global_batch_norm(model: nn.Module) -> nn.Module:
    """Replace batch normalisation by one over all ranks' images; parameters, buffers and their names stay.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place, before any of its modules is taken out (to freeze it, say).

    Returns
    -------
    torch.nn.Module
        The network, for one that is itself a batch normalisation.
    """
    for name, child in model.named_children():
        setattr(model, name, with_global_batch_norm(child))
    if type(model) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        return GlobalBatchNorm.like(cast("nn.BatchNorm2d", model))
    return model


@contextmanager
def connect(comm: Any, device: str) -> Iterator[Ranks | None]:
    """Connect the ranks of a trial for as long as the context lasts.

    Parameters
    ----------
    comm : mpi4py communicator or None
        The trial's; entering is a collective call. With one rank or none nothing happens.
    device : str
        Of this rank.

    Yields
    ------
    Ranks or None
        None if the trial has one rank.

    Raises
    ------
    ValueError
        If two ranks have the same GPU, which NCCL cannot connect.
    RuntimeError
        Inside, in whatever waits for another rank, if that rank has left with an error.
    """
    if not several(comm):
        yield None
        return
    store = _meet(comm, device)
    place = torch.device(device)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    # the trials of a process come one after the other, so torch's one default group a process is theirs in turn
    hook = sys.excepthook
    dist.init_process_group(
        "nccl" if place.type == "cuda" else "gloo",
        store=PrefixStore("group", store),
        rank=comm.rank,
        world_size=comm.size,
        timeout=TIMEOUT,
        device_id=place if place.type == "cuda" else None,
    )
    sys.excepthook = hook  # torch wraps it at every call, for ever
    watch = Watch(store, comm.size, dist.group.WORLD.abort)  # type: ignore[union-attr]
    try:
        yield Ranks(comm.rank, comm.size)
        watch.wait_for_all()
    except (TrialInterrupted, TrialStopped):
        watch.wait_for_all()
        raise
    except BaseException:
        watch.tell_failure()
        raise
    finally:
        watch.close()
        dist.destroy_process_group()


def _meet(comm: Any, device: str) -> TCPStore:
    """Open a store on the first rank, on a port that its kernel chooses, and connect the others to it."""
    places: list[tuple[str, str]] = comm.allgather((socket.gethostname(), device))
    twice = next((place for place in places if place[1] != "cpu" and places.count(place) > 1), None)
    if twice is not None:
        raise ValueError(
            f"two ranks of one trial have the same GPU ({twice[1]} of {twice[0]}): "
            "start as many ranks a node as it has GPUs, or set ranks_per_trial = 1 in [execution]"
        )
    # a name need not be known to others where nobody else is asked
    host = places[0][0] if len({host for host, _ in places}) > 1 else "127.0.0.1"
    store: Any = None
    if comm.rank == 0:
        store = TCPStore(host, 0, comm.size, is_master=True, timeout=TIMEOUT, wait_for_workers=False)
    port = comm.bcast(None if store is None else store.port)
    return store or TCPStore(host, port, comm.size, is_master=False, timeout=TIMEOUT, wait_for_workers=False)


class Watch:
    """Ends what waits for the other ranks once one of them has failed.

    Between CPUs the end of a process group closes its connections, and whoever waits on them gets an error. A kernel of
    NCCL would wait on, so a thread looks for the word of the failed rank and aborts it.

    Parameters
    ----------
    store : torch.distributed.Store
        Known to all ranks.
    size : int
        How many they are.
    abort : callable
        Ends the communication under way on this rank.
    """

    def __init__(self, store: Store, size: int, abort: Callable[[], None]):
        self._store, self._size, self._abort = store, size, abort
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch-ranks", daemon=True)
        self._thread.start()

    def tell_failure(self) -> None:
        """Let the other ranks know that this one has failed."""
        with suppress(RuntimeError):  # the first rank, which holds the store, is gone
            self._store.set("failed", "1")

    def wait_for_all(self) -> None:
        """Wait until all ranks are here or one has failed: who closes first would cut the others' last messages."""
        with suppress(RuntimeError):
            self._store.add("done", 1)
            while self._store.add("done", 0) < self._size and not self._store.check(["failed"]):
                time.sleep(0.002)

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(WATCH_INTERVAL_S):
            try:
                failed = self._store.check(["failed"])
            except RuntimeError:  # the store has gone with the first rank
                failed = True
            if failed and not self._ended.is_set():
                self._abort()
                return

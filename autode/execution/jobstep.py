"""The process of a job step: one trial for a coordinator on another node. ``python -m autode.execution.jobstep``.

It does not run the trial itself but watches over the worker process that does, so whatever a trial does to its process
is the trial's failure, told by this one. A step that ends without having told anything was therefore not ended by its
trial, but by its node or by Slurm.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Client, Connection, wait

from autode.execution.devices import device_of, gpu_count
from autode.execution.evaluate import Place
from autode.execution.events import Finished
from autode.execution.lifetime import die_with_parent, leave_signals_to_parent
from autode.execution.local import LocalWorker
from autode.execution.srun import ADDRESS, KEY, NUMBER, Hello, Order

#: seconds without a sign of life from the coordinator's node, not its process, until it counts as dead
SILENCE_S = 60


def main() -> None:
    """Call the coordinator that the environment names and do what it orders."""
    die_with_parent()
    leave_signals_to_parent()
    key, number = bytes.fromhex(os.environ.pop(KEY)), int(os.environ.pop(NUMBER))
    pipe = _connect(os.environ.pop(ADDRESS), key)  # taken out: none of this is a trial's business
    _limit_silence(pipe)
    import cloudpickle

    with suppress(EOFError, OSError):
        step = f"{os.environ.get('SLURM_JOB_ID', '')}.{os.environ.get('SLURM_STEP_ID', '')}"
        pipe.send(Hello(number, step, socket.gethostname()))
        sys.path[:] = pipe.recv()
        order: Order = cloudpickle.loads(pipe.recv_bytes())
        try:
            serve(pipe, order)
        except OSError as error:
            if error.errno in (errno.ETIMEDOUT, errno.EHOSTUNREACH) and order.job:
                _end_job(order.job)
            raise


def _connect(address: str, key: bytes) -> Connection:
    """Call the coordinator: at the address that Slurm itself was called from, else by its node's name."""
    host, _, port = address.rpartition(":")
    hosts = [one for one in (os.environ.get("SLURM_LAUNCH_NODE_IPADDR"), host) if one]
    for one in hosts[:-1]:
        with suppress(OSError):
            return Client((one, int(port)), authkey=key)
    return Client((hosts[-1], int(port)), authkey=key)


def _limit_silence(pipe: Connection) -> None:
    """Have the kernel ask whether the coordinator's node is there, and raise an error if it is not."""
    with socket.socket(fileno=os.dup(pipe.fileno())) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENCE_S // 4)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, SILENCE_S // 4)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_S * 1000)


def _end_job(job: str) -> None:
    """Put the job whose batch node is gone back into the queue, or end it if it may not go there.

    With --no-kill Slurm leaves that to us: it would keep the other nodes until the time limit with nobody using them.
    """
    with suppress(OSError):
        for command in (["scontrol", "requeue", job], ["scancel", "--state=RUNNING", job]):
            if subprocess.run(command, check=False).returncode == 0:
                return


def serve(pipe: Connection, order: Order) -> None:
    """Run the trial that is ordered, and end when the coordinator has its result or is gone."""
    here = Place.here(order.rank, device_of(0, gpu_count()))
    worker = LocalWorker(replace(order.setup, place=here), order.threads)
    try:
        worker.submit(order.task)
        _watch(worker, pipe)
        pipe.recv()  # "close", or the end of the connection: a result on its way is not lost with the step
    finally:
        worker.close()


def _watch(worker: LocalWorker, pipe: Connection) -> None:
    """Pass on what the worker tells, and what it is told, until it has told the end of the trial."""
    while True:
        wait([worker.pipe, pipe], max(0.0, min(1.0, worker.deadline - time.monotonic())))
        for event in worker.read():
            pipe.send(event)
            if isinstance(event, Finished):
                return
        while pipe.poll():
            if pipe.recv()[0] == "stop":
                worker.interrupt()


if __name__ == "__main__":
    main()

"""The nodes' joules against the job's: what the job's counter saw and the meters on the nodes did not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from autode.energy.ledger import UNATTRIBUTED, Entry, Ledger

#: A node's own meter sees power supplies, fans and network, which RAPL and GPU counters do not: up to this share.
_MOST_UNSEEN = 0.60


@dataclass(frozen=True)
class Reconciliation:
    """How a job's joules and the sum of its nodes' meters fit together.

    Attributes
    ----------
    job_j, node_sum_j, residual_j : float
        Joules; the residual is the job's less the nodes'.
    residual : float
        The same as a share of the job's joules.
    u_j : float
        Standard uncertainty of the residual, joules.
    flags : tuple of str
        ``negative_residual`` (the nodes have more than the job, beyond three standard uncertainties),
        ``large_residual`` (more than 60 % of the job is on no meter).
    """

    job_j: float
    node_sum_j: float
    residual_j: float
    residual: float
    u_j: float
    flags: tuple[str, ...] = ()


def reconcile(ledger: Ledger, job_uj: int, u_rel: float = 0.05) -> tuple[Ledger, Reconciliation]:
    """Close the ledger of a job's nodes with the job's own counter.

    Parameters
    ----------
    ledger : Ledger
        Of all nodes of one run of the job.
    job_uj : int
        What Slurm accounted for it, microjoules.
    u_rel : float
        Relative standard uncertainty of the job's counter.

    Returns
    -------
    ledger : Ledger
        With the residual in the account ``unattributed``, so that it adds up to the job's joules.
    reconciliation : Reconciliation

    Raises
    ------
    ValueError
        If the job has no joules.
    """
    if not job_uj > 0:
        raise ValueError(f"a job's joules must be greater than zero to be reconciled, not {job_uj} microjoules")
    residual = job_uj - ledger.total_uj
    # the entries share the errors of one counter: they add straight, not in quadrature
    nodes_u = sum(entry.u_j for entry in ledger.entries)
    u_j = math.hypot(u_rel * job_uj * 1e-6, nodes_u)
    flags = ("negative_residual",) * (residual * 1e-6 < -3 * u_j) + ("large_residual",) * (
        residual > _MOST_UNSEEN * job_uj
    )
    entries = tuple(replace(one, share=one.energy_uj / job_uj) for one in ledger.entries)
    if residual:
        signed = ("negative_residual",) * (residual < 0)
        entries += (Entry("job", UNATTRIBUTED, "residual", "residual", residual, residual / job_uj, u_j, signed),)
    result = Reconciliation(job_uj * 1e-6, ledger.total_uj * 1e-6, residual * 1e-6, residual / job_uj, u_j, flags)
    return Ledger(entries, job_uj), result

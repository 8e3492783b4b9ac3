"""autode: differential evolution for tens to hundreds of evaluations, its trial vectors screened by surrogates."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from autode.de import surrogate
from autode.de.arrays import FloatArray, IntArray
from autode.de.bounds import Box
from autode.de.checks import whole
from autode.de.density import ENOUGH
from autode.de.evidence import Evidence, Phenotype
from autode.de.optimizer import DifferentialEvolution
from autode.de.quadratic import terms
from autode.de.start import MINIMUM
from autode.de.strategy import Columns, Common
from autode.de.table import Draws
from autode.de.trials import Batch
from autode.de.trust import DENSITY, LOCAL, Allotment, smallest_radius

STARTS_OF_BUDGET = 10


def start_size(dimension: int, max_evaluations: int) -> int:
    """Choose how many space-filling points come first: ``min(2 D, B / 10)``, at least 4."""
    return max(MINIMUM, min(2 * dimension, max_evaluations // STARTS_OF_BUDGET))


class AutoDE(DifferentialEvolution):
    """The algorithm for hyperparameter studies: surrogate-assisted, steady-state differential evolution.

    It starts with the centre of the box and a scrambled Sobol sequence. After that surrogates of all told points choose
    the trial vectors (Jin, Swarm Evol. Comput. 1:61, 2011, calls this individual-based evolution control), each being
    the best of some generations of current-to-pbest/1 on a Gaussian process over the whole box, whose expected
    improvement is maximised (Jones et al. 1998), or, when the box is of real numbers and enough points are told, on a
    quadratic model in a trust region about the best point, or elsewhere when nothing more is found there: these two
    take turns, the more often the more they improve. From the thirtieth told point on, every second turn of the process
    goes to densities: of some vectors near good points the one that lies most among the good and least among the others
    is tried (Bergstra et al., NeurIPS 2011), which goes on finding where a process is sure that nothing is left. Trials
    that are out count as told with the value the process expects of them. A configuration is proposed only once while
    there are new ones.

    The told points are the whole memory: the surrogates follow from them alone. A trial costs milliseconds.

    Parameters
    ----------
    bounds, **common
        See `DifferentialEvolution`. ``population``: how many points start, and how many trials a generation has; None:
        `start_size`. Here ``schedule`` is "asynchronous" unless set, and `ask` without a number then gives one trial
        at a time after the start, as every told value makes the next trial better.
    centre : bool
        Whether the centre of the box is the first point after those of ``x0``.
    local : bool
        Whether the quadratic model takes its turns.
    densities : bool
        Whether the densities take theirs.
    pool, inner_generations : int
        Trial vectors that evolve on the surrogate, and for how long.
    """

    name = "autode"
    uniforms = ("seed",)
    planes: ClassVar[tuple[str, ...]] = ()
    forced = False
    parameters: ClassVar[tuple[str, ...]] = ("model",)

    def __init__(
        self,
        bounds: Any,
        *,
        centre: bool = True,
        local: bool = True,
        densities: bool = True,
        pool: int = 40,
        inner_generations: int = 20,
        **common: Unpack[Common],
    ):
        box = Box.parse(bounds)
        points = [] if common.get("x0") is None else [np.atleast_2d(np.asarray(common["x0"], dtype=np.float64))]
        if common.get("population") is None:
            size = start_size(box.dimension, whole("max_evaluations", common["max_evaluations"], 1))
            common["population"] = max(size, sum(map(len, points)) + centre)
        if centre and sum(map(len, points)) < whole("population", common["population"], MINIMUM):
            common["x0"] = np.concatenate([*points, 0.5 * (box.low + box.high)[None]])
        common.setdefault("init", "sobol")
        common.setdefault("schedule", "asynchronous")
        options = {
            "centre": bool(centre),
            "local": bool(local),
            "densities": bool(densities),
            "pool": whole("pool", pool, 8),
            "inner_generations": whole("inner_generations", inner_generations, 0),
        }
        super().__init__(box, options=options, **common)
        self._width = np.where(box.high > box.low, box.high - box.low, 1.0)
        self._given: FloatArray | None = None
        self.see(Phenotype.plain(box.dimension))

    def see(self, phenotype: Phenotype) -> None:
        """Say what the objective sees of a point; to be called before the first trial."""
        self._evidence = Evidence(phenotype, self.box.dimension)
        self._allotment = Allotment(self.box.dimension, smallest_radius(self.max_evaluations))
        is_local = phenotype.continuous and self.options["local"]
        self._process = surrogate.Process(self._evidence, surrogate.CELL if is_local else 0.0)

    def ask(self, n: int | None = None) -> Batch:
        """Return up to n trials to evaluate; see `DifferentialEvolution.ask`.

        With n = None the asynchronous schedule gives the rest of the start, then one trial.
        """
        if n is None and self.schedule == "asynchronous" and self._bred >= self._population.n:
            n = 1
        return super().ask(n)

    def repeat(self, x: FloatArray) -> Batch:
        """Ask for the one trial that an earlier run got here, and spare the work of finding it again.

        Surrogates are linear algebra, whose last bits differ between processors: a record of the earlier run counts
        more than what this one would find.
        """
        self._given = x
        batch = super().ask(1)
        self._given = None
        if len(batch) and not np.array_equal(batch.x[0], x):
            batch.x[0] = x
            self.substitute(int(batch.ids[0]), x)
        return batch

    def reassess(self, x: FloatArray, value: float) -> None:
        """Let a told point, shape (D,), have another value; the surrogates learn of it."""
        super().reassess(x, value)
        self._evidence.reassess(self._unit(x), value)

    def _control(self, draws: Draws, slots: IntArray) -> Columns:
        return {"model": np.zeros(slots.size)}  # filled in by `_build`

    def _build(self, draws: Draws, slots: IntArray, control: Columns) -> FloatArray:
        out = [*self._unit(self._trials.x[np.isnan(self._trials.values)])]
        trials = np.empty((slots.size, self.box.dimension))
        for k, number in enumerate(draws["seed"]):
            model = self._allotment.next(self._is_local_ready(), self._is_density_ready())
            control["model"][k] = model
            if self._given is not None:
                trials[k], self._given = self._given, None
            else:
                point = self._propose(model, np.array(out), np.random.default_rng(int(number * 2**53)))
                trials[k] = self.box.from_unit(point[None])[0]
            out.append(self._unit(trials[k]))
        return trials

    def _propose(self, model: int, out: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Choose a point of the unit cube, shape (D,), while others, shape (m, D), are out."""
        if self._evidence.size < 2 or not np.isfinite(self._evidence.y).all():
            return surrogate.far_point(self._evidence, out, self.box.dimension, rng)
        pool, generations = self.options["pool"], self.options["inner_generations"]
        if model == DENSITY:
            return surrogate.density_point(self._evidence, out, rng)
        if model == LOCAL:
            centre = self._evidence.x[self._allotment.centre(self._evidence)]
            point = surrogate.local_point(self._evidence, centre, self._allotment.radius, out, rng)
            if point is not None:
                return point
        return self._process.point(out, pool, generations, rng)

    def _is_local_ready(self) -> bool:
        evidence = self._evidence
        enough = evidence.size >= terms(self.box.dimension) + 2
        if not (self.options["local"] and evidence.phenotype.continuous and enough):
            return False
        return not surrogate.is_plateau(evidence, self._allotment.centre(evidence))

    def _is_density_ready(self) -> bool:
        return bool(self.options["densities"] and self._evidence.size >= ENOUGH)

    def _select(self, rows: IntArray) -> None:
        """Take told trials as evidence, in the order of rows; the population keeps the best."""
        trials, population = self._trials, self._population
        for row in rows:
            value = float(trials.values[row])
            model = int(trials.parameter("model")[row]) if trials.generation[row] > 0 else None
            if model is not None:
                self._learn(model, value)
            self._evidence.add(self._unit(trials.x[row]), value, crowd=model == LOCAL)
            slot = int(trials.slots[row]) if trials.generation[row] == 0 else population.worst()
            if not value >= population.f[slot]:
                population.replace(np.array([slot]), trials.x[row][None], np.array([value]))

    def _learn(self, model: int, value: float) -> None:
        """Learn whether a surrogate's trial was an improvement: on the best, or on the trust region's centre."""
        evidence, allotment = self._evidence, self._allotment
        if model != LOCAL or not evidence.size:
            allotment.learn(model, value < evidence.best)
            return
        centre = allotment.centre(evidence)
        allotment.learn(model, value < evidence.y[centre])
        allotment.end_search(evidence.x[centre])

    def _unit(self, x: FloatArray) -> FloatArray:
        u: FloatArray = np.clip((x - self.box.low) / self._width, 0.0, 1.0)
        return u

    def _learned(self) -> dict[str, Any]:
        return {"evidence": self._evidence.state(), "allotment": self._allotment.state()}

    def _relearn(self, state: dict[str, Any]) -> None:
        self._evidence.load(state["evidence"])
        self._allotment.load(state["allotment"])
        self._process.forget()

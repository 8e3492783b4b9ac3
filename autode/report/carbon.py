"""Carbon of a study, only where somebody states the intensity of its electricity.

Three quantities, three columns, never one in the place of another: the joules of the computers, those with the data
centre's overhead (PUE), and grams of CO2 equivalent. The rate follows ISO/IEC 21031:2024 (Software Carbon Intensity):
``SCI = (E * I + M) per R``: energy E with its overhead in kWh, location-based intensity I in g/kWh, embodied grams M
as stated (or not included, which is said), and one trial with a result as the functional unit R. Offsets do not
count. Modelled joules get no grams: a model of a model is no figure to state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autode.report.costs import JOB, total_joules
from autode.report.quantities import APPORTIONED, MEASURED, joules, number, watt_hours
from autode.report.sections import Cell, cell

if TYPE_CHECKING:
    import pandas as pd

    from autode.report.study_data import StudyData

JOULES_PER_KWH = 3.6e6
#: Keys of the workflow's table ``[energy]`` that state it.
KEYS = ("carbon_g_per_kwh", "carbon_source", "pue", "embodied_g")


@dataclass(frozen=True)
class Intensity:
    """What grams are computed with.

    Attributes
    ----------
    g_per_kwh : float
        Grams of CO2 equivalent per kWh, location-based.
    source : str
        Where that figure is from.
    pue : float
        Power usage effectiveness of the data centre, at least 1.
    embodied_g : float or None
        The study's share of the hardware's embodied emissions, grams; None: not included.

    Raises
    ------
    ValueError
        For a negative intensity or embodied share, or a PUE below 1.
    """

    g_per_kwh: float
    source: str = ""
    pue: float = 1.0
    embodied_g: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.g_per_kwh < math.inf:
            raise ValueError(f"carbon intensity must be grams per kWh >= 0, not {self.g_per_kwh}")
        if not 1 <= self.pue < math.inf:
            raise ValueError(f"PUE must be at least 1, not {self.pue}")
        if self.embodied_g is not None and not 0 <= self.embodied_g < math.inf:
            raise ValueError(f"embodied emissions must be grams >= 0, not {self.embodied_g}")

    @classmethod
    def stated(cls, energy: Mapping[str, Any], **given: Any) -> Intensity | None:
        """Return what a workflow's table ``[energy]`` states, or is given instead; None without an intensity."""
        found = {name: energy[name] for name in KEYS if energy.get(name) is not None}
        found |= {name: value for name, value in given.items() if value is not None}
        if "carbon_g_per_kwh" not in found:
            return None
        return cls(found.pop("carbon_g_per_kwh"), found.pop("carbon_source", ""), **found)


def carbon_frame(data: StudyData, intensity: Intensity) -> pd.DataFrame:
    """Return grams and SCI of a study, one row for its trials and one for its jobs, as far as they are whole.

    Parameters
    ----------
    data : StudyData
    intensity : Intensity

    Returns
    -------
    pandas.DataFrame
        ``scope``, ``energy_class``, ``energy_j``, ``energy_kwh`` (of the computers), ``pue``, ``energy_with_pue_j``,
        ``g_per_kwh``, ``intensity_source``, ``operational_g``, ``embodied_g`` (empty: not included), ``trials`` (with a
        result), ``sci_g_per_trial``.
    """
    import pandas as pd

    found = [("trials", kind, total_joules(data, kind)) for kind in (MEASURED, APPORTIONED)]
    found += [("jobs", MEASURED, total_joules(data, JOB))]
    units = len(data.valued())
    rows = [_row(scope, kind, energy, units, intensity) for scope, kind, energy in found if energy is not None]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_COLUMNS = (
    *("scope", "energy_class", "energy_j", "energy_kwh", "pue", "energy_with_pue_j", "g_per_kwh", "intensity_source"),
    *("operational_g", "embodied_g", "trials", "sci_g_per_trial"),
)


def _row(scope: str, kind: str, energy: float, units: int, intensity: Intensity) -> dict[str, Any]:
    kwh = energy / JOULES_PER_KWH
    operational = kwh * intensity.pue * intensity.g_per_kwh
    return {
        "scope": scope,
        "energy_class": kind,
        "energy_j": energy,
        "energy_kwh": kwh,
        "pue": intensity.pue,
        "energy_with_pue_j": energy * intensity.pue,
        "g_per_kwh": intensity.g_per_kwh,
        "intensity_source": intensity.source or None,
        "operational_g": operational,
        "embodied_g": intensity.embodied_g,
        "trials": units,
        "sci_g_per_trial": (operational + (intensity.embodied_g or 0.0)) / units if units else None,
    }


def carbon_table(found: pd.DataFrame) -> tuple[list[str], list[list[Cell]]]:
    """Return head and rows of the page's table."""
    head = ["of", "class", "energy", "Wh", "PUE", "energy with PUE", "g/kWh", "operational gCO2e", "embodied gCO2e"]
    head += ["SCI, g per trial"]
    rows = [
        [
            *(cell(row["scope"]), cell(row["energy_class"])),
            *(Cell(write(row["energy_j"]), style="number") for write in (joules, watt_hours)),
            *(cell(row["pue"]), Cell(joules(row["energy_with_pue_j"]), style="number"), cell(row["g_per_kwh"])),
            cell(row["operational_g"]),
            Cell(
                "not included" if row["embodied_g"] != row["embodied_g"] else number(row["embodied_g"]), style="number"
            ),
            cell(row["sci_g_per_trial"]),
        ]
        for row in found.astype({"embodied_g": float}).to_dict("records")
    ]
    return head, rows

"""perun's result files as one plain tree, from HDF5 or JSON of perun 0.8 to 1.x.

Both formats keep application > run (one call of perun) > round > host > group of sensors > sensor; regions hang on the
round. Names and units are read from the file, never assumed. Pickle files are not read, as reading one executes what is
in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


class PerunFileError(ValueError):
    """Raised for a file that perun did not write, or wrote only in part."""


@dataclass(frozen=True)
class Series:
    """What one sensor recorded.

    Attributes
    ----------
    times : numpy.ndarray, shape (n,)
        Seconds since the first sample.
    values : numpy.ndarray, shape (n,)
        In ``unit`` times ``magnitude``.
    unit : str
        ``"J"`` for a counter, ``"W"`` for power.
    counts_max : float or None
        Where a counter wraps to zero, in counts.
    """

    group: str
    name: str
    times: FloatArray
    values: FloatArray
    unit: str
    magnitude: float
    counts_max: float | None


@dataclass(frozen=True)
class Host:
    """A node with its energy sensors, the MPI ranks that ran on it, and perun's own length of the run (NaN: not
    written).
    """

    name: str
    ranks: tuple[int, ...]
    series: tuple[Series, ...]
    runtime_s: float


@dataclass(frozen=True)
class Round:
    """One execution of the monitored program.

    Attributes
    ----------
    regions : dict
        Name of the region -> rank -> seconds (n, 2), start and end of each call, since the round began.
    """

    app: str
    run_id: str
    round: str
    settings: dict[str, str]
    hosts: tuple[Host, ...]
    regions: dict[str, dict[int, FloatArray]] = field(default_factory=dict)


def perun_rounds(path: Path) -> list[Round]:
    """Read every round in a file.

    Raises
    ------
    PerunFileError
        If the file is not a result of perun, or is damaged (parallel runs that write one HDF5 file damage it).
    FileNotFoundError
        If there is no such file.
    """
    with path.open("rb") as file:
        beginning = file.read(64)
    if beginning.startswith(b"\x89HDF"):
        return _from_hdf5(path)
    if beginning.lstrip().startswith(b"{"):
        return _from_json(path)
    raise PerunFileError(f"{path}: neither HDF5 nor JSON; export it with 'perun export FILE json'")


def _from_hdf5(path: Path) -> list[Round]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return [one for name in file for one in _hdf5_app(name, file[name])]
    except (OSError, KeyError, RuntimeError) as error:
        raise PerunFileError(f"{path}: a damaged HDF5 file, or not perun's: {error}") from None


def _hdf5_app(app: str, group: Any) -> Iterator[Round]:
    for run_id, run in group["nodes"].items():
        settings = {key: str(value) for key, value in run.attrs.items()}
        for number, one in run["nodes"].items():
            hosts = tuple(_hdf5_host(name, host) for name, host in one["nodes"].items())
            regions = {
                name: {int(rank): _calls(calls[()]) for rank, calls in region["raw_data"].items()}
                for name, region in (one["regions"].items() if "regions" in one else ())
                if "raw_data" in region
            }
            yield Round(app, run_id, number, settings, hosts, regions)


def _hdf5_host(name: str, host: Any) -> Host:
    series = []
    for group_name, group in host["nodes"].items():
        for sensor_name, sensor in group["nodes"].items():
            raw = sensor.get("raw_data")
            if raw is not None and "values" in raw:
                # perun moves a counter to alt_values and puts the watts it derives from it in its place
                data = raw["alt_values"] if "alt_values" in raw else raw["values"]
                series.append(
                    _series(group_name, sensor_name, raw["timesteps"][()], data[()], dict(data.attrs), "valid_max")
                )
    runtime = host["metrics"].get("RUNTIME")
    runtime_s = float("nan") if runtime is None else float(runtime.attrs["value"] * runtime.attrs["mag"])
    ranks = _ranks(host.attrs.get("mpi_ranks", ""))
    return Host(name, ranks, tuple(one for one in series if one is not None), runtime_s)


def _from_json(path: Path) -> list[Round]:
    try:
        document = json.loads(path.read_bytes())
        return list(_json_app(document))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PerunFileError(f"{path}: damaged JSON, or not perun's: {error!r}") from None


def _json_app(document: dict[str, Any]) -> Iterator[Round]:
    for run_id, run in _json_nodes(document).items():
        settings = {key: str(value) for key, value in run["metadata"].items()}
        for number, one in _json_nodes(run).items():
            hosts = tuple(_json_host(name, host) for name, host in _json_nodes(one).items())
            regions = {
                name: {int(rank): _calls(calls) for rank, calls in region["raw_data"].items()}
                for name, region in (one.get("regions") or {}).items()
                if region.get("raw_data") is not None
            }
            yield Round(str(document["id"]), run_id, number, settings, hosts, regions)


def _json_host(name: str, host: dict[str, Any]) -> Host:
    series = []
    for group_name, group in _json_nodes(host).items():
        for sensor_name, sensor in _json_nodes(group).items():
            raw = sensor.get("raw_data")
            if raw:
                counter = raw.get("alt_values") is not None
                values, about = (raw["alt_values"], raw["alt_v_md"]) if counter else (raw["values"], raw["v_md"])
                series.append(_series(group_name, sensor_name, raw["timesteps"], values, about, "max"))
    ranks = _ranks(host["metadata"].get("mpi_ranks", ""))
    runtime = (host.get("metrics") or {}).get("runtime")
    runtime_s = float("nan") if runtime is None else float(runtime["value"] * runtime["metric_md"]["mag"])
    return Host(name, ranks, tuple(one for one in series if one is not None), runtime_s)


def _json_nodes(node: dict[str, Any]) -> dict[str, Any]:
    """Return a node's children; perun writes them as a list that holds one dict."""
    nodes = node.get("nodes") or {}
    if isinstance(nodes, list):
        nodes = nodes[0] if nodes else {}
    return dict(nodes)


def _series(group: str, name: str, times: Any, values: Any, about: dict[str, Any], limit: str) -> Series | None:
    """Build a series; None for a sensor of anything but energy or power."""
    unit = str(about["unit"])
    if unit not in ("J", "W"):
        return None
    counts_max = float(about[limit]) if unit == "J" and about.get(limit) is not None else None
    as_floats = [np.asarray(data, dtype=np.float64) for data in (times, values)]
    if as_floats[0].shape != as_floats[1].shape:
        raise PerunFileError(f"sensor {name}: {len(as_floats[0])} times and {len(as_floats[1])} values")
    return Series(group, name, as_floats[0], as_floats[1], unit, float(about["mag"]), counts_max)


def _ranks(text: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(text)))


def _calls(edges: Any) -> FloatArray:
    """Return the calls as (n, 2); a call without its end is left out."""
    flat = np.asarray(edges, dtype=np.float64).ravel()
    return flat[: len(flat) // 2 * 2].reshape(-1, 2)

"""Array types of the optimiser, and the exact JSON form of a state made of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_KIND = {"f": "<f8", "i": "<i8", "b": "|b1"}


def state_to_json(state: Mapping[str, Any]) -> str:
    """Write a state as JSON text; every bit of every array survives.

    Parameters
    ----------
    state : mapping
        What `DifferentialEvolution.state_dict` returned.

    Returns
    -------
    str
        Strict JSON (no NaN, no Infinity): arrays are ``{"array": dtype, "shape": [...], "base64": bytes}``.
    """
    return json.dumps(_encode(state), allow_nan=False)


def state_from_json(text: str) -> dict[str, Any]:
    """Read a state that `state_to_json` wrote.

    Raises
    ------
    ValueError
        If the text is not JSON of an object.
    """
    state = json.loads(text)
    if not isinstance(state, dict):
        raise ValueError(f"an optimiser state must be a JSON object, not {type(state).__name__}")
    decoded: dict[str, Any] = _decode(state)
    return decoded


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value, dtype=_KIND[value.dtype.kind])
        data = base64.b64encode(array.tobytes()).decode("ascii")
        return {"array": _KIND[value.dtype.kind], "shape": list(value.shape), "base64": data}
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items()}
    return value


def _decode(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "base64" in value:
        flat = np.frombuffer(base64.b64decode(value["base64"]), dtype=value["array"])
        return flat.reshape(value["shape"]).copy()
    return {key: _decode(item) for key, item in value.items()}

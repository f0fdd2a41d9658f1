"""Loading a net and moving arrays in and out of ncnn, with the traps of the binding in one place.

`ncnn.Mat(array)` aliases the array's memory and reads a non-contiguous one wrongly, so every Mat
made here is cloned from a contiguous array that is still bound to a name. A Mat has a batch
count of its own (`Mat.n`), which `numpy()` drops unless it is asked for by `batch_index`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import ncnn
import numpy as np

from .protocol import Array

_NO_BATCH_AXIS = 233
_FORMATS = {"float32": "f", "int32": "i"}


class NetError(Exception):
    """ncnn refused a file, an input or an extraction."""


def new_net(param: str, options: Mapping[str, Any]) -> Any:
    """Return a net with its structure loaded, the given `ncnn.Option` fields set before that.

    Raises:
        NetError: an unknown option, or a return code other than 0 from ncnn.
    """
    net = ncnn.Net()
    for name, value in options.items():
        if not hasattr(net.opt, name):
            raise NetError(f"this ncnn has no option {name!r}")
        setattr(net.opt, name, value)
    code = net.load_param(os.fsencode(param))  # bytes: a str may hold what this locale cannot decode
    if code != 0:
        raise NetError(f"ncnn refuses the param file (load_param returned {code})")
    return net


def load_net(param: str, weights: str, options: Mapping[str, Any]) -> Any:
    """Load a net, its structure and its weights.

    Raises:
        NetError: an unknown option, or a return code other than 0 from ncnn.
    """
    net = new_net(param, options)
    code = net.load_model(os.fsencode(weights))
    if code != 0:
        raise NetError(f"ncnn refuses the bin file (load_model returned {code})")
    return net


def to_mat(array: Array, batch_axis: int | None) -> Any:
    """Return an ncnn.Mat that owns a copy of `array` (float32 or int32, outermost axis first)."""
    owned = np.ascontiguousarray(array)
    mat = ncnn.Mat(owned, _NO_BATCH_AXIS if batch_axis is None else batch_axis)
    return mat.clone()


def to_array(mat: Any, dtype: str = "float32") -> tuple[Array, int | None]:
    """Return a view of a Mat as an array and its batch axis (0 when `Mat.n` > 1, else None).

    The view borrows the Mat's memory: use it up before the Mat is released.
    """
    if mat.n > 1:
        return mat.numpy(_FORMATS[dtype], batch_index=0), 0
    return mat.numpy(_FORMATS[dtype]), None

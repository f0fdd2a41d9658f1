"""Average pooling with a window, as ncnn's fp16 kernels add it up (`pooling_arm_asimdhp.cpp`).

The numbers of a window are added one by one, row by row, in fp16: of a large window the sum may leave the
range, or grow until what is added rounds to nothing, although the average is an ordinary number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.graph import Layer
from edgekit.ops import describe

Array = npt.NDArray[Any]
Round = Callable[[Array], Array]

_AT_ONCE = 4


def average(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    """Return the averages of (c, h, w), None of a pooling that is none or takes the whole picture.

    Four channels at once are multiplied by a rounded 1 / n; where they do not come in fours, a sum is
    divided by n. `step` rounds.
    """
    facts: Mapping[str, Any] = describe(layer)
    if facts["pooling_type"] != "average" or facts["global_pooling"] or facts["adaptive_pooling"]:
        return None
    rows, columns = facts["kernel"]
    pads = ((0, 0), *facts["pads"])
    total = _windows(np.pad(inputs[0], pads), facts, step)
    count = np.asarray(float(rows * columns))
    if not facts["avgpool_count_include_pad"]:
        count = _windows(np.pad(np.ones_like(inputs[0][:1]), pads), facts, lambda x: x)
    return step(total / count) if inputs[0].shape[0] % _AT_ONCE else step(total * step(1 / count))


def _windows(x: Array, facts: Mapping[str, Any], step: Round) -> Array:
    """Add up what each window sees."""
    kernel, stride = facts["kernel"], facts["stride"]
    down, right = ((x.shape[axis + 1] - kernel[axis]) // stride[axis] + 1 for axis in (0, 1))
    total = np.zeros((x.shape[0], down, right))
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            total = step(total + x[:, row :: stride[0], column :: stride[1]][:, :down, :right])
    return total

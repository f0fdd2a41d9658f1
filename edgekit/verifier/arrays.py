"""Arrays that the user brings as inputs of a model: how many samples one holds, and the samples."""

from __future__ import annotations

import numpy as np

from edgekit.bundle import TensorSpec
from edgekit.errors import UserError
from edgekit.runtimes.trace import Array


def sample_count(shape: tuple[int, ...], dtype: np.dtype[np.generic], spec: TensorSpec) -> int | None:
    """How many samples an array holds; None when it is a single one, with or without its batch of one.

    Several are stacked along an axis in front, or along the batch.

    Raises:
        UserError: the array cannot be this input.
    """
    wanted = np.dtype(spec.dtype)
    if dtype.kind != wanted.kind and not (dtype.kind in "iu" and wanted.kind in "iu"):
        raise UserError(
            f"'{spec.name}' holds {dtype}, the model takes {wanted}", f"turn it into {wanted}, {_scale(spec)}"
        )
    bare = spec.shape[1:] if spec.shape[:1] == (1,) else spec.shape
    if shape in (spec.shape, bare):
        return None
    if shape[1:] in (spec.shape, bare) and shape[0] > 0:
        return shape[0]
    raise UserError(
        f"'{spec.name}' has shape {list(shape)}",
        f"the model takes {list(spec.shape)}, with an axis in front for several samples; "
        "export it again for another size",
    )


def samples_of(array: Array, spec: TensorSpec) -> Array:
    """Return the samples of an array that `sample_count` accepts: (samples, *shape), of the input's dtype."""
    return np.ascontiguousarray(array.reshape(-1, *spec.shape), np.dtype(spec.dtype))


def _scale(spec: TensorSpec) -> str:
    if spec.value_range is None:
        return "scaled as the model wants it"
    low, high = spec.value_range
    return f"scaled to {low:g} .. {high:g}"

"""A photograph as a model input: cropped to the input's proportions, resized, scaled to its range."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import FormatError, UserError, require

Array = npt.NDArray[Any]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".tif", ".tiff"})


def read_image(path: Path, shape: Sequence[int], value_range: tuple[float, float] | None) -> Array:
    """Return a photograph as float32 of `shape` (batch, channels, height, width).

    The middle of the picture with the proportions of the input is resized bilinearly. Brightness 0 becomes
    the lowest value of the range and 255 the highest (0 and 1 without a range). One channel means grey; six
    channels hold the picture twice.

    Raises:
        UserError: the input is no image, or the file cannot be read.
    """
    if len(shape) != 4 or shape[1] % 3 not in (0, 1):
        raise UserError(f"an input of shape {'x'.join(map(str, shape))} is no image", "give an .npz instead")
    batch, channels, height, width = shape
    image_module = require("PIL.Image", "report")
    try:
        with image_module.open(path) as opened:
            picture = opened.convert("L" if channels == 1 else "RGB")
    except (OSError, ValueError) as error:
        raise FormatError(f"'{path}' is no readable picture: {error}", "give a PNG or JPEG file") from None
    box = _middle(picture.size, width / height)
    resized = picture.resize((width, height), resample=image_module.Resampling.BILINEAR, box=box)
    pixels = np.asarray(resized, np.float32).reshape(height, width, -1).transpose(2, 0, 1)
    low, high = value_range or (0.0, 1.0)
    scaled = low + (high - low) * np.tile(pixels, (channels // pixels.shape[0], 1, 1)) / np.float32(255)
    return np.ascontiguousarray(np.broadcast_to(scaled, (batch, *scaled.shape)), np.float32)


def _middle(size: tuple[int, int], proportion: float) -> tuple[float, float, float, float]:
    """The largest middle part (left, top, right, bottom) of a picture with width / height = proportion."""
    width, height = size
    wanted_width = min(float(width), height * proportion)
    wanted_height = wanted_width / proportion
    left, top = (width - wanted_width) / 2, (height - wanted_height) / 2
    return left, top, left + wanted_width, top + wanted_height

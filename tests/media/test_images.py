"""Photographs as inputs: which part of the picture, which size, which numbers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekit.errors import FormatError, UserError
from edgekit.media.images import read_image


def picture(path: Path, width: int, height: int) -> Path:
    """A picture whose left third is red, middle third green, right third blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for channel in range(3):
        pixels[:, channel * width // 3 : (channel + 1) * width // 3, channel] = 255
    Image.fromarray(pixels).save(path)
    return path


def test_the_middle_of_a_wide_picture_is_taken(tmp_path: Path) -> None:
    array = read_image(picture(tmp_path / "wide.png", 300, 100), (1, 3, 50, 50), (0.0, 1.0))
    assert array.shape == (1, 3, 50, 50)
    assert array.dtype == np.float32
    assert array[0, 1].mean() > 0.95, "the middle third is green"
    assert array[0, 0].mean() < 0.05


def test_the_whole_picture_is_kept_where_proportions_agree(tmp_path: Path) -> None:
    array = read_image(picture(tmp_path / "a.png", 300, 100), (1, 3, 20, 60), (0.0, 1.0))
    assert np.allclose(array[0].mean((1, 2)), 1 / 3, atol=0.02)


def test_brightness_spans_the_range(tmp_path: Path) -> None:
    array = read_image(picture(tmp_path / "a.png", 90, 90), (1, 3, 90, 90), (-2.0, 3.0))
    assert array.min() == -2.0
    assert array.max() == 3.0


def test_grey_and_doubled_channels(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 90, 90)
    assert read_image(path, (1, 1, 30, 30), None).shape == (1, 1, 30, 30)
    doubled = read_image(path, (2, 6, 30, 30), None)
    assert doubled.shape == (2, 6, 30, 30)
    assert np.array_equal(doubled[:, :3], doubled[:, 3:])
    assert np.array_equal(doubled[0], doubled[1])


def test_what_is_no_picture_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    with pytest.raises(FormatError, match="no readable picture"):
        read_image(path, (1, 3, 8, 8), None)
    with pytest.raises(UserError, match="is no image"):
        read_image(path, (1, 5), None)

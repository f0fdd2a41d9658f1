"""Rounding to 16 bits, against what the formats say."""

import numpy as np
import pytest
import torch

from edgekit.numerics.halves import LARGEST, cast, faded, lost, overflows, rounded


@pytest.mark.parametrize(
    ("value", "stored"),
    [(65504.0, 65504.0), (65519.0, 65504.0), (65520.0, np.inf), (2.0**-24, 2.0**-24), (2.0**-26, 0.0)],
)
def test_fp16(value: float, stored: float) -> None:
    assert rounded(np.array([value, -value]), "fp16").tolist() == [stored, -stored]


def test_bf16_is_torchs_but_for_ties() -> None:
    values = np.random.default_rng(0).standard_normal(10_000).astype(np.float32) * 1e5
    theirs = torch.from_numpy(values).to(torch.bfloat16).to(torch.float32).numpy()
    assert np.array_equal(rounded(values, "bf16"), theirs)
    tie = np.array([1 + 2.0**-8], np.float32)
    assert rounded(tie, "bf16").tolist() == [1 + 2.0**-7]


def test_ncnns_cast_makes_zeros_of_small_numbers_that_are_left_over_from_fours() -> None:
    small = 2.0**-15
    picture = np.full((2, 3, 3), small, np.float32)  # 9 numbers of a channel: 8 and one left over
    wanted = np.full((2, 9), small)
    wanted[:, 8] = 0
    assert cast(picture, "fp16").reshape(2, 9).tolist() == wanted.tolist()
    matrix = np.full((3, 3), small, np.float32)
    assert (cast(matrix, "fp16") == 0).sum() == 1 and cast(matrix.T, "fp16")[2, 2] == 0
    assert (cast(picture, "bf16") == small).all()
    assert cast(np.full(3, 2.0**-14, np.float32), "fp16").tolist() == [2.0**-14] * 3
    assert faded(picture, "fp16") == small and faded(picture * 2, "fp16") == 0


def test_infinity_and_nan_stay() -> None:
    odd = np.array([np.inf, -np.inf, np.nan], np.float32)
    for precision in LARGEST:
        assert np.array_equal(rounded(odd, precision), odd, equal_nan=True)


def test_the_range_ends_where_rounding_goes_to_infinity() -> None:
    assert not overflows(65519.0, "fp16") and overflows(65520.0, "fp16")
    assert not overflows(1e38, "bf16")


def test_what_is_lost_is_counted_among_what_is_not_zero() -> None:
    assert lost(np.array([0.0, 1e-9, 1.0, 1e-9]), "fp16") == pytest.approx(2 / 3)
    assert lost(np.zeros(3), "fp16") == 0

"""Each relation between a wrong result and its reference is named, and none is invented."""

import numpy as np
import pytest

from edgekit.verifier.diagnosis import diagnose

RNG = np.random.default_rng(0)
REFERENCE = RNG.standard_normal((16, 12, 12)).astype(np.float32)


def noisy(array: np.ndarray) -> np.ndarray:
    return (array + 1e-6 * RNG.standard_normal(array.shape)).astype(np.float32)


def swapped() -> np.ndarray:
    other = REFERENCE.copy()
    other[[2, 5]] = other[[5, 2]]
    return other


def bordered() -> np.ndarray:
    other = REFERENCE.copy()
    other[:, 0] += 1
    other[:, :, -1] -= 1
    return other


def one_channel() -> np.ndarray:
    other = REFERENCE.copy()
    other[3] *= 1.5
    return other


@pytest.mark.parametrize(
    ("actual", "reference", "sentence"),
    [
        (1.01 * REFERENCE, REFERENCE, "everything is multiplied by 1.01"),
        (REFERENCE + 0.3, REFERENCE, "everything is shifted by 0.3"),
        (swapped(), REFERENCE, "2 channels stand in another order (2<-5, 5<-2)"),
        (one_channel(), REFERENCE, "only channel 3 of 16 differs"),
        (bordered(), REFERENCE, "only the outermost pixel on each side differs: the padding's value or mode"),
        (np.roll(REFERENCE, 1, -1), REFERENCE, "the picture is moved by a pixel to the right"),
        (REFERENCE[..., ::-1], REFERENCE, "the picture is mirrored left to right"),
        (REFERENCE, np.maximum(REFERENCE, 0), "an activation is missing or has other bounds"),
        (np.maximum(REFERENCE, 0), REFERENCE, "an activation too many or with other bounds"),
        (REFERENCE + RNG.standard_normal((16, 1, 1)), REFERENCE, "the bias is wrong"),
        (REFERENCE * RNG.uniform(0.5, 2, (16, 1, 1)), REFERENCE, "scaled by a factor of its own"),
    ],
)
def test_a_relation_is_named(actual: np.ndarray, reference: np.ndarray, sentence: str) -> None:
    found = diagnose(noisy(actual), reference.astype(np.float32))
    assert found is not None
    assert sentence in found


def test_noise_is_left_without_a_diagnosis() -> None:
    assert diagnose(noisy(REFERENCE + 0.01 * RNG.standard_normal(REFERENCE.shape)), REFERENCE) is None
    assert diagnose(REFERENCE, REFERENCE) is None


def test_what_is_no_usable_result() -> None:
    broken = REFERENCE.copy()
    broken[0] = np.nan
    assert diagnose(broken, REFERENCE) == "NaN in 6.2% of the numbers"
    assert diagnose(np.full_like(REFERENCE, np.inf), REFERENCE) == "every number is infinity"
    assert diagnose(np.zeros_like(REFERENCE), REFERENCE) == "every number is zero"
    assert diagnose(REFERENCE[:8], REFERENCE) == "the shape is 8x12x12 instead of 16x12x12"
    assert diagnose(None, REFERENCE) == "ncnn gives no result for this blob"


@pytest.mark.parametrize("size", [0.05, 3.0])
def test_an_activation_that_was_lost_is_named(size: float) -> None:
    x = size * np.random.default_rng(0).standard_normal((3, 8, 8)).astype(np.float32)
    silu = x / (1 + np.exp(-x))
    assert diagnose(x, silu) == "an activation is missing behind it: PyTorch has silu of what it gives"
    assert diagnose(silu, x) == "an activation too many: it gives silu of what PyTorch has"


def test_a_half_is_no_silu() -> None:
    x = 0.05 * np.random.default_rng(0).standard_normal((3, 8, 8)).astype(np.float32)
    assert diagnose(2 * x, x) == "everything is multiplied by 2"


def test_numbers_of_a_vector_in_another_order() -> None:
    vector = np.linspace(1, 2, 10)
    found = diagnose(np.roll(vector, 1), vector)
    assert found is not None
    assert found.startswith("10 numbers stand in another order (0<-9")

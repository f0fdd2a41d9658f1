"""The numbers of two networks of the same structure."""

from pathlib import Path

import numpy as np

from edgekit.differ import WeightComparison, diff

PARAM = """\
7767517
3 3
Input data 0 1 data 0=8 1=8 2=3
Convolution stem 1 1 data a 0=4 1=3 4=1 5=1 6=108 9=1
Convolution head 1 1 a out 0=2 1=1 6=8
"""
KERNEL = (4, 3, 3, 3)


def network(path: Path, stem: np.ndarray, bias: np.ndarray) -> Path:
    """Write a network, float32: a tag of 0 before each layer's weights, biases without one."""
    path.write_text(PARAM, encoding="ascii")
    head = np.arange(8, dtype=np.float32)
    tag = np.zeros(1, np.float32)
    np.concatenate([tag, stem.ravel(), bias, tag, head]).tofile(path.with_suffix(".bin"))
    return path


def compared(folder: Path, stem: np.ndarray, bias: np.ndarray) -> WeightComparison:
    rng = np.random.default_rng(0)
    first = rng.normal(size=KERNEL).astype(np.float32), np.ones(4, np.float32)
    report = diff(network(folder / "a.param", *first), network(folder / "b.param", stem, bias))
    assert report.same
    assert report.weights is not None
    return report.weights


def test_colours_in_another_order_are_a_weight_that_differs(tmp_path: Path) -> None:
    stem = np.random.default_rng(0).normal(size=KERNEL).astype(np.float32)
    found = compared(tmp_path, stem[:, ::-1].copy(), np.ones(4, np.float32))
    assert (found.compared, found.equal) == (3, 2)
    (different,) = found.different
    assert (different.name, different.weight) == ("stem", "weight")
    wanted = np.max(np.abs(stem - stem[:, ::-1])) / np.max(np.abs(stem))
    np.testing.assert_allclose(different.largest, wanted, rtol=1e-5)


def test_the_bias_alone_is_named_alone(tmp_path: Path) -> None:
    stem = np.random.default_rng(0).normal(size=KERNEL).astype(np.float32)
    found = compared(tmp_path, stem, np.zeros(4, np.float32))
    assert [(each.name, each.weight) for each in found.different] == [("stem", "bias")]


def test_what_fp16_rounds_is_the_same_number(tmp_path: Path) -> None:
    stem = np.random.default_rng(0).normal(size=KERNEL).astype(np.float32)
    found = compared(tmp_path, stem.astype(np.float16).astype(np.float32), np.ones(4, np.float32))
    assert found.different == ()

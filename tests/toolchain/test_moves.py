"""Permutations of many axes by permutations of at most four."""

from itertools import permutations

import numpy as np

from edgekit.toolchain.moves import moves


def test_every_permutation_of_five_axes_is_made_of_moves_of_four_blocks() -> None:
    sizes = [2, 3, 4, 5, 6]
    array = np.arange(np.prod(sizes)).reshape(sizes)
    for order in permutations(range(5)):
        found, axes = array, list(range(5))
        steps = moves(order)
        assert steps is not None
        for step in steps:
            lengths = [int(np.prod([sizes[axis] for axis in block])) for block in step.cut(axes)]
            assert len(lengths) <= 4
            found = found.reshape(lengths).transpose(step.order)
            axes = step.applied(axes)
        assert tuple(axes) == order
        np.testing.assert_array_equal(found.reshape(-1), array.transpose(order).reshape(-1))


def test_seven_axes_are_left_alone() -> None:
    assert moves((6, 5, 4, 3, 2, 1, 0)) is None

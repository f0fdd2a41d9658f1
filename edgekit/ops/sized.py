"""What a shape rule sees of a layer, and how it says that it cannot tell."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.ops.spec import Params, WeightSpec

Shape = tuple[int, ...]
AXES = {1: "w", 2: "hw", 3: "chw", 4: "cdhw"}


class CannotTell(Exception):
    """The shape does not follow from the shapes and parameters; the message says why."""


@dataclass(frozen=True, slots=True)
class Sized:
    """A layer whose input shapes are known: (c, h, w) and the like, with a batch beside them."""

    params: Params
    weights: tuple[WeightSpec, ...]
    inputs: tuple[Shape, ...]
    batches: tuple[int, ...]
    outputs: int

    def input(self, index: int = 0, *ranks: int) -> Shape:
        """Return the shape of an input, which must have one of the ranks if any are given.

        Raises:
            CannotTell: it is missing or has another rank.
        """
        if index >= len(self.inputs):
            raise CannotTell(f"input {index} is missing")
        shape = self.inputs[index]
        if ranks and len(shape) not in ranks:
            raise CannotTell(f"input {index} has {len(shape)} axes, {' or '.join(map(str, ranks))} expected")
        return shape

    def axis(self, name: str = "axis", rank: int | None = None) -> int:
        """Return an axis parameter counted from the outermost axis.

        Raises:
            CannotTell: there is no such axis.
        """
        rank = len(self.input()) if rank is None else rank
        axis = self.params.integer(name)
        if not -rank <= axis < rank:
            raise CannotTell(f"there is no axis {axis} among {rank}")
        return axis % rank

    def sizes(self) -> dict[str, int]:
        """Return the first input's sizes by axis letter, 1 where it has no such axis."""
        shape = self.input()
        return {"w": 1, "h": 1, "d": 1, "c": 1} | dict(zip(AXES[len(shape)], shape, strict=True))


def resized(shape: Shape, axis: int, size: int) -> Shape:
    """Return a shape with one axis changed."""
    return (*shape[:axis], size, *shape[axis + 1 :])

"""The inputs of a model: what the user says of them, and the seeded numbers that probe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, prod

import numpy as np

from edgekit.errors import UserError, did_you_mean
from edgekit.runtimes.trace import Array
from edgekit.units import parse_shape

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "bool")
DTYPES = (*FLOATS, *INTEGERS)
_DEFAULT_ID_LIMIT = 9
_MOST_NUMBERS = 1 << 31  # 8 GiB of float32


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input: name, shape, dtype; `value_range` (lowest, highest) and `kind` shape its seeded values.

    `shape2` is a second shape of the same rank: the sizes in which it differs become dynamic.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    value_range: tuple[float, float] | None = None
    kind: str | None = None
    shape2: tuple[int, ...] | None = None

    @property
    def is_integer(self) -> bool:
        """Whether the input holds whole numbers, such as ids."""
        return self.dtype in INTEGERS


ShapeLike = Sequence[int] | InputSpec


def parse_input(text: str) -> InputSpec:
    """Read `NAME=1x3x224x224[,1x3x256x256][:int64][@0..1]`.

    A second shape makes the sizes in which it differs dynamic, the dtype defaults to float32, and
    `@LOW..HIGH` is the range of the seeded values.

    Raises:
        UserError: it cannot be read so.
    """
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise UserError(f"'{text}' does not name an input", "write it as in NAME=1x3x224x224")
    rest, _, bounds = rest.partition("@")
    shapes, _, dtype = rest.partition(":")
    texts = shapes.split(",") if "x" in shapes.lower() else [shapes]
    if len(texts) > 2:
        raise UserError(f"'{text}' gives {len(texts)} shapes", "give one, or two for dynamic sizes")
    shape, *second = (parse_shape(each) for each in texts)
    return checked_input(
        InputSpec(
            name=name,
            shape=shape,
            dtype=dtype.strip() or "float32",
            value_range=_parse_range(bounds) if bounds else None,
            shape2=second[0] if second else None,
        )
    )


def _parse_range(text: str) -> tuple[float, float]:
    low, dots, high = text.partition("..")
    try:
        return float(low), float(high)
    except ValueError:
        problem = f"'@{text}' is not a range" if dots else f"'@{text}' has no '..'"
        raise UserError(problem, "write it as in @0..1") from None


def checked_input(spec: InputSpec) -> InputSpec:
    """Return the spec when it makes sense: float inputs become float32, the range is in order.

    Raises:
        UserError: an unknown dtype, a rank that changes, a range that is empty.
    """
    if spec.dtype not in DTYPES:
        remedy = did_you_mean(spec.dtype, DTYPES) or "known dtypes: " + ", ".join(DTYPES)
        raise UserError(f"input '{spec.name}' has the unknown dtype '{spec.dtype}'", remedy)
    if not spec.shape or any(size <= 0 for size in spec.shape):
        raise UserError(f"input '{spec.name}' has no positive shape", "give sizes as in 1x3x224x224")
    for shape in (spec.shape, spec.shape2 or ()):
        if prod(shape) > _MOST_NUMBERS:
            raise UserError(
                f"input '{spec.name}' of shape {'x'.join(map(str, shape))} is too large", "give smaller sizes"
            )
    if spec.shape2 is not None and len(spec.shape2) != len(spec.shape):
        raise UserError(
            f"the two shapes of input '{spec.name}' differ in rank", "give two shapes of the same rank"
        )
    if spec.value_range is not None and not _is_range(*spec.value_range):
        raise UserError(f"the range of input '{spec.name}' is empty or endless", "write it as in @0..1")
    dtype = spec.dtype if spec.is_integer else "float32"
    shape2 = None if spec.shape2 == spec.shape else spec.shape2
    return replace(spec, dtype=dtype, shape2=shape2)


def _is_range(low: float, high: float) -> bool:
    return isfinite(low) and isfinite(high) and low < high


def input_specs(inputs: Mapping[str, ShapeLike] | Sequence[InputSpec]) -> tuple[InputSpec, ...]:
    """Return checked specs from `{"x": (1, 3, 224, 224)}` or from specs."""
    if isinstance(inputs, Mapping):
        items = [
            replace(value, name=name) if isinstance(value, InputSpec) else InputSpec(name, tuple(value))
            for name, value in inputs.items()
        ]
    else:
        items = list(inputs)
    names = [item.name for item in items]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"input '{twice}' is given twice", "give each input once")
    return tuple(checked_input(item) for item in items)


def probe(
    specs: Sequence[InputSpec], seed: int, number: int, *, second_shape: bool = False
) -> dict[str, Array]:
    """Return seeded values for every input, in torch's dtype for it; `number` tells the probes apart.

    The zoo's kinds (images, spectra, ...) get signals that look like them. Other inputs are uniform in
    their range where it is known, and normal with mean 0 and variance 1 where it is not.
    """
    if second_shape:
        specs = [replace(spec, shape=spec.shape2 or spec.shape) for spec in specs]
    return {
        spec.name: _values(spec, np.random.default_rng([seed, number, index]), [seed, number, index])
        for index, spec in enumerate(specs)
    }


def _values(spec: InputSpec, rng: np.random.Generator, seed: list[int]) -> Array:
    if spec.dtype == "bool":
        return rng.integers(0, 2, spec.shape).astype(np.bool_)
    if spec.is_integer:
        low, high = spec.value_range or (0, _DEFAULT_ID_LIMIT)
        return rng.integers(int(low), int(high), spec.shape, endpoint=True).astype(spec.dtype)
    if spec.kind is not None and spec.value_range is not None:
        return _signal(spec, seed)
    if spec.value_range is not None:
        low, high = spec.value_range
        return (low + (high - low) * rng.random(spec.shape)).astype(np.float32)
    return rng.standard_normal(spec.shape).astype(np.float32)


def _signal(spec: InputSpec, seed: list[int]) -> Array:
    from edgekit.models import entry, signals

    assert spec.value_range is not None
    wanted = entry.InputSpec(spec.name, spec.shape, spec.kind, spec.value_range)  # type: ignore[arg-type]
    key = int(np.random.SeedSequence(seed).generate_state(1)[0])
    values: Array = signals.sample([wanted], key)[spec.name]
    return values

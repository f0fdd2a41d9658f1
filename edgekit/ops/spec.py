"""What the table says of one ncnn layer type, and how a layer's parameters are read by it.

ncnn reads a parameter without looking at its type: an integer where a layer asks for a float
gives the float with the same bits, a word gives 0. `decode` reads the same way, so that what
it returns is what runs; `problems` names the parameters that were hardly meant so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from edgekit.errors import FormatError
from edgekit.graph import Layer, Param

Kind = Literal["int", "float", "ints", "floats", "string"]
Scalar = int | float | str | tuple[()]
Default = Scalar | Callable[[Mapping[str, Param]], Scalar]


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One parameter: the id in the file, ncnn's own name, its kind and its default.

    A default that is a function computes it from the parameters before it (`kernel_h` is
    `kernel_w` unless the file says otherwise). `choices` names the values of an enumeration.
    """

    id: int
    name: str
    kind: Kind
    default: Default
    meaning: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightSpec:
    """One weight as the `.bin` holds it: ncnn's name, logical shape, and whether a tag stands before it.

    The shape is outermost axis first. A tagged weight may be float32, float16, int8 or a
    table of 256 floats with byte indices; an untagged one is raw float32.
    """

    name: str
    shape: tuple[int, ...]
    tagged: bool

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Params:
    """The decoded parameters of one layer by ncnn's names, defaults filled in."""

    owner: str
    values: Mapping[str, Param]

    def integer(self, name: str) -> int:
        """Return an integer parameter."""
        value = self.values[name]
        assert isinstance(value, int)
        return value

    def number(self, name: str) -> float:
        """Return a float parameter."""
        value = self.values[name]
        assert isinstance(value, (int, float))
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return an array parameter."""
        value = self.values[name]
        assert isinstance(value, tuple)
        return tuple(item for item in value if not isinstance(item, str))

    def ints(self, name: str) -> tuple[int, ...]:
        """Return an array of integers."""
        return tuple(int_bits(item) for item in self.numbers(name))

    def text(self, name: str) -> str:
        """Return a string parameter."""
        value = self.values[name]
        assert isinstance(value, str)
        return value

    def positive(self, name: str) -> int:
        """Return an integer parameter that has to be at least 1.

        Raises:
            FormatError: it is not.
        """
        value = self.integer(name)
        if value < 1:
            raise FormatError(
                f"{self.owner}: parameter {name} is {value}, at least 1 is needed", "export the model again"
            )
        return value

    def quotient(self, total: str, *factors: int) -> int:
        """Return parameter `total` divided by the product of `factors`, which must leave no rest.

        Raises:
            FormatError: the division leaves a rest or gives less than 1.
        """
        divisor = prod(factors)
        value = self.integer(total)
        if value < 1 or value % divisor:
            raise FormatError(
                f"{self.owner}: parameter {total}={value} is not a positive multiple of {divisor}",
                "the parameters contradict each other: export the model again",
            )
        return value // divisor


Layout = Callable[[Params], tuple[WeightSpec, ...]]


def no_weights(params: Params) -> tuple[WeightSpec, ...]:
    """Return the layout of a layer type that reads nothing from the `.bin`."""
    return ()


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """One layer type of ncnn: what it does, its parameters and what it reads from the `.bin`."""

    type: str
    description: str
    params: tuple[ParamSpec, ...] = ()
    layout: Layout = no_weights


COMMON_PARAMS = (
    ParamSpec(30, "top_shapes", "ints", (), "shape hints of the outputs: rank, w, h, (d,) c of each"),
    ParamSpec(
        31,
        "featmask",
        "int",
        0,
        "features turned off: 1 fp16 arithmetic, 2 fp16 storage, "
        "4 bf16 storage, 8 int8, 16 Vulkan, 32 sgemm, 64 winograd, 128 threads",
    ),
)


def i(
    id: int, name: str, default: int | Callable[[Mapping[str, Param]], int] = 0, meaning: str = ""
) -> ParamSpec:
    """Return an integer parameter."""
    return ParamSpec(id, name, "int", default, meaning)


def choice(id: int, name: str, *choices: str, default: int = 0) -> ParamSpec:
    """Return an integer parameter whose values 0, 1, ... have names."""
    return ParamSpec(id, name, "int", default, choices=choices)


def f(
    id: int, name: str, default: float | Callable[[Mapping[str, Param]], float] = 0.0, meaning: str = ""
) -> ParamSpec:
    """Return a float parameter."""
    return ParamSpec(id, name, "float", default, meaning)


def array(id: int, name: str, kind: Literal["ints", "floats"], meaning: str = "") -> ParamSpec:
    """Return an array parameter, empty by default."""
    return ParamSpec(id, name, kind, (), meaning)


def string(id: int, name: str, meaning: str = "") -> ParamSpec:
    """Return a string parameter, empty by default."""
    return ParamSpec(id, name, "string", "", meaning)


def same(name: str) -> Callable[[Mapping[str, Param]], int]:
    """Return a default that repeats an earlier parameter."""

    def default(values: Mapping[str, Param]) -> int:
        value = values[name]
        assert isinstance(value, int)
        return value

    return default


def int_bits(value: float) -> int:
    """Return the integer that ncnn finds where this number is stored: itself, or a float's 32 bits."""
    if isinstance(value, int):
        return value
    try:
        return int(struct.unpack("<i", struct.pack("<f", value))[0])
    except OverflowError:
        return int(struct.unpack("<i", struct.pack("<f", float("inf") if value > 0 else float("-inf")))[0])


def float_bits(value: float) -> float:
    """Return the float that ncnn finds where this number is stored: itself, or an integer's 32 bits."""
    if isinstance(value, int):
        return float(struct.unpack("<f", struct.pack("<i", value))[0])
    return value


def _read(kind: Kind, value: Param) -> Param:
    """Return a parameter as ncnn's `ParamDict::get` hands it to a layer that asks for `kind`."""
    if kind == "string":
        return value if isinstance(value, str) else ""
    if kind in ("ints", "floats"):
        if not isinstance(value, tuple):
            return ()
        numbers = tuple(item for item in value if not isinstance(item, str))
        if kind == "ints":
            return tuple(int_bits(item) for item in numbers)
        return tuple(float_bits(item) for item in numbers)
    number = value if isinstance(value, (int, float)) else 0
    return int_bits(number) if kind == "int" else float_bits(number)


def decode(spec: LayerSpec, layer: Layer) -> Params:
    """Return all parameters that the type knows, by name, as ncnn reads them."""
    values: dict[str, Param] = {}
    for param in (*spec.params, *COMMON_PARAMS):
        key = str(param.id)
        if key in layer.params:
            values[param.name] = _read(param.kind, layer.params[key])
        else:
            values[param.name] = param.default(values) if callable(param.default) else param.default
    return Params(f"layer '{layer.name}' ({layer.type})", values)


def problems(spec: LayerSpec, layer: Layer) -> tuple[str, ...]:
    """Return what ncnn would read otherwise than the file seems to mean, one line each."""
    known = {str(param.id): param for param in (*spec.params, *COMMON_PARAMS)}
    found = []
    for key, value in layer.params.items():
        param = known.get(key)
        if param is None:
            found.append(f"parameter {key} is not known to {spec.type}: ncnn ignores it")
        elif not _is_meant(param.kind, value):
            found.append(
                f"parameter {key} ({param.name}) is {value!r}, but ncnn expects {_EXPECTED[param.kind]} "
                f"and reads {_read(param.kind, value)!r}"
            )
    return tuple(found)


_EXPECTED: Mapping[Kind, str] = {
    "int": "a whole number",
    "float": "a number with a decimal point",
    "ints": "an array of whole numbers",
    "floats": "an array of numbers with decimal points",
    "string": "a string",
}


def _is_meant(kind: Kind, value: Param) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind in ("ints", "floats"):
        element: Kind = "int" if kind == "ints" else "float"
        return isinstance(value, tuple) and all(_is_meant(element, item) for item in value)
    if kind == "int":
        return isinstance(value, int)
    return isinstance(value, float) or (isinstance(value, int) and value == 0)

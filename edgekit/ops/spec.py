"""What the table says of one ncnn layer type, and how a layer's parameters are read by it.

ncnn is lenient with a parameter of another kind than it asks for: an integer passes as a float
(releases before the middle of 2026 take its bits instead, and see almost 0), anything else
gives the default. `decode` does as ncnn does, so that what it returns is what runs; `problems`
names the parameters that were hardly meant so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from edgekit.errors import FormatError
from edgekit.graph import Layer, Param

Kind = Literal["int", "float", "ints", "floats", "bits", "string"]
Storage = Literal["tagged", "float32", "bytes"]
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
    """One weight as the `.bin` holds it: ncnn's name, its logical shape and how it is stored.

    The shape is outermost axis first. A "tagged" weight may be float32, float16, bfloat16, int8 or
    a table of 256 floats with byte indices; "float32" and "bytes" have no tag.
    """

    name: str
    shape: tuple[int, ...]
    storage: Storage

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
        return tuple(int(item) for item in self.numbers(name))

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


def array(id: int, name: str, kind: Literal["ints", "floats", "bits"], meaning: str = "") -> ParamSpec:
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


def _float_bits(value: int) -> float:
    """Return the float with the bits of an integer."""
    return float(struct.unpack("<f", struct.pack("<i", value))[0])


def _read(param: ParamSpec, value: Param) -> Param | None:
    """Return a parameter as ncnn's `ParamDict::get` gives it to a layer; None is the default."""
    if param.kind == "string":
        return value if isinstance(value, str) else None
    if param.kind in ("ints", "floats"):
        return _read_array(value) if isinstance(value, tuple) else None
    if param.kind == "bits":
        return _read_bits(value) if isinstance(value, tuple) else None
    if isinstance(value, (str, tuple)) or value is None:
        return None
    if param.kind == "float":
        return float(value)
    return value if isinstance(value, int) else None


def _read_array(value: tuple[object, ...]) -> Param:
    """Return an array of integers as it is; in a mixed one ncnn keeps the bits of the integers."""
    numbers = tuple(item for item in value if isinstance(item, (int, float)))
    if all(isinstance(item, int) for item in numbers):
        return numbers
    return tuple(_float_bits(item) if isinstance(item, int) else item for item in numbers)


def _read_bits(value: tuple[object, ...]) -> Param:
    """Return an array of floats that converters write as whole numbers with their bits."""
    numbers = tuple(item for item in value if isinstance(item, (int, float)))
    return tuple(_float_bits(item) if isinstance(item, int) else item for item in numbers)


def decode(spec: LayerSpec, layer: Layer) -> Params:
    """Return all parameters that the type knows, by name, as ncnn reads them."""
    values: dict[str, Param] = {}
    for param in (*spec.params, *COMMON_PARAMS):
        value = _read(param, layer.params.get(str(param.id)))
        if value is None:
            value = param.default(values) if callable(param.default) else param.default
        values[param.name] = value
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
            read = _read(param, value)
            found.append(
                f"parameter {key} ({param.name}) is {value!r}, but ncnn expects {_EXPECTED[param.kind]} and "
                + ("takes the default" if read is None else "older releases misread it")
            )
    return tuple(found)


_EXPECTED: Mapping[Kind, str] = {
    "int": "a whole number",
    "float": "a number with a decimal point",
    "ints": "an array of whole numbers",
    "floats": "an array of numbers with decimal points",
    "bits": "an array of numbers",
    "string": "a string",
}


def _is_meant(kind: Kind, value: Param) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "bits":
        return isinstance(value, tuple)
    if kind in ("ints", "floats"):
        element: Kind = "int" if kind == "ints" else "float"
        return isinstance(value, tuple) and all(_is_meant(element, item) for item in value)
    if kind == "int":
        return isinstance(value, int)
    return isinstance(value, float) or (isinstance(value, int) and value == 0)

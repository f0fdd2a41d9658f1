"""What the zoo knows of a network without importing torch: arguments, inputs, source, builder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from edgekit.errors import UserError, did_you_mean

Value = int | float | str | bool
Dim = int | str
InputKind = Literal["image", "mel", "spectrum", "cube", "features", "state"]

_NO_LIMITS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Argument:
    """A setting of a zoo network: `choices` lists the allowed values, `low`..`high` a range.

    An argument with `shapes_only` changes the default inputs and nothing in the network.
    """

    name: str
    default: Value
    help: str
    choices: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    shapes_only: bool = False

    @property
    def type_name(self) -> str:
        """`int`, `float`, `str` or `bool`: the type of the default."""
        return type(self.default).__name__

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if isinstance(self.default, bool):
            return "true or false"
        if self.choices:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        return f"{self.type_name} from {self.low} to {self.high}"

    def parse(self, text: str) -> Value:
        """Read a value from text; raises `UserError` when it is not an allowed one."""
        value = self._convert(text.strip())
        if value is None or not self._allows(value):
            raise UserError(f"{self.name}={text} is not allowed", f"{self.name} is {self.allowed}")
        return value

    def _convert(self, text: str) -> Value | None:
        if isinstance(self.default, bool):
            return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
        try:
            return type(self.default)(text)
        except ValueError:
            return None

    def _allows(self, value: Value) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, (bool, str)):
            return True
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input: `shape` with the batch first, what kind of signal it is, and its value range.

    The range is where nearly all values lie; `edgekit.models.signals` makes such a signal.
    """

    name: str
    shape: tuple[int, ...]
    kind: InputKind
    range: tuple[float, float]


@dataclass(frozen=True, slots=True)
class InputTemplate:
    """An input whose dimensions may name integer arguments: `(1, 3, "resolution", "resolution")`."""

    name: str
    shape: tuple[Dim, ...]
    kind: InputKind
    range: tuple[float, float]

    def resolve(self, arguments: Mapping[str, Value]) -> InputSpec:
        """Put the arguments' values into the shape."""
        shape = tuple(dim if isinstance(dim, int) else int(arguments[dim]) for dim in self.shape)
        return InputSpec(self.name, shape, self.kind, self.range)


@dataclass(frozen=True, slots=True)
class Entry:
    """A network of the zoo.

    `builder` and `finisher` are `module:function` references, imported only when used. The
    builder takes the arguments as keywords and returns the bare module; the finisher takes
    (module, spec, seed), gives the module its weights and returns it.
    `parameters` and `macs` (1 MAC = 2 FLOP) hold for the default arguments.
    `calibration` limits size arguments for the pass that sets the normalisation statistics,
    and `calibration_batch` samples go into it.
    """

    name: str
    family: str
    source: str
    builder: str
    parameters: int
    macs: int
    inputs: tuple[InputTemplate, ...]
    outputs: tuple[str, ...] = ("out",)
    arguments: tuple[Argument, ...] = ()
    calibration: Mapping[str, int] = field(default_factory=lambda: _NO_LIMITS)
    calibration_batch: int = 4
    finisher: str = "edgekit.models.weights:finish_lively"

    def argument(self, name: str) -> Argument:
        """Return the argument of that name; raises `UserError` when there is none."""
        for argument in self.arguments:
            if argument.name == name:
                return argument
        names = [argument.name for argument in self.arguments]
        takes = f"it takes {', '.join(names)}" if names else "it takes no arguments"
        raise UserError(f"{self.name} has no argument '{name}'", did_you_mean(name, names) or takes)

    def defaults(self) -> dict[str, Value]:
        """Return the default of each argument."""
        return {argument.name: argument.default for argument in self.arguments}


@dataclass(frozen=True, slots=True)
class ZooSpec:
    """A zoo network with all its arguments settled."""

    entry: Entry
    arguments: Mapping[str, Value]

    @property
    def name(self) -> str:
        """The name in the catalogue."""
        return self.entry.name

    @property
    def text(self) -> str:
        """The canonical text: the name, and the arguments that differ from their defaults."""
        defaults = self.entry.defaults()
        changed = [f"{k}={_format(v)}" for k, v in self.arguments.items() if v != defaults[k]]
        return self.name + (":" + ",".join(changed) if changed else "")

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The inputs under these arguments, in the order in which the network takes them."""
        return tuple(template.resolve(self.arguments) for template in self.entry.inputs)

    @property
    def calibration_inputs(self) -> tuple[InputSpec, ...]:
        """The inputs at the (often smaller) size that sets the normalisation statistics."""
        limits = self.entry.calibration
        arguments = {k: min(int(v), limits[k]) if k in limits else v for k, v in self.arguments.items()}
        return tuple(template.resolve(arguments) for template in self.entry.inputs)

    @property
    def builder_arguments(self) -> dict[str, Value]:
        """The arguments that the builder takes."""
        return {a.name: self.arguments[a.name] for a in self.entry.arguments if not a.shapes_only}


def _format(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Layer, Blob and Graph: what an ncnn or pnnx file says, without knowing any file format.

Layer names are not unique in ncnn (two layers called `splitncnn_0` are legal and pnnx writes
them), blob names are: everything here is keyed by layer index or by blob name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from edgekit.errors import FormatError

ParamArray = tuple[int, ...] | tuple[float, ...]
Param = int | float | bool | str | None | ParamArray | tuple[str, ...]

_NO_PARAMS: Mapping[str, Param] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """One weight tensor of a layer, in the order in which the `.bin` stores it.

    `name` is the role in ncnn's own words (`weight_data`, `bias_data`, ...), `data` holds the
    stored numbers in their stored dtype (float32, float16 or int8) and logical shape.
    `tag` is the storage flag that stood before the data: None where the format has none.
    """

    name: str
    data: npt.NDArray[np.generic]
    tag: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One operator: its type and name, the blobs it reads and writes, parameters and weights.

    `params` maps the parameter id as text ("0", "11" in ncnn; "kernel_size" in pnnx) to its value.
    """

    type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, Param] = field(default=_NO_PARAMS)
    weights: tuple[Weight, ...] = ()

    def weight(self, name: str) -> npt.NDArray[np.generic] | None:
        """Return the data of the weight with that role, or None."""
        for weight in self.weights:
            if weight.name == name:
                return weight.data
        return None


@dataclass(frozen=True, slots=True)
class Blob:
    """One tensor of the graph: who writes it and who reads it, as layer indices.

    `shape` is what the file itself says (outermost axis first), None where it says nothing.
    """

    name: str
    producer: int
    consumers: tuple[int, ...]
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Graph:
    """Layers in file order, with the blobs that connect them. Validated when made.

    Raises:
        FormatError: a blob has two producers, none, or is read before it is written.
    """

    layers: tuple[Layer, ...]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        written: set[str] = set()
        for index, layer in enumerate(self.layers):
            for blob in layer.inputs:
                if blob not in written:
                    raise FormatError(
                        f"layer {index} '{layer.name}' reads blob '{blob}', which no earlier layer writes"
                    )
            for blob in layer.outputs:
                if blob in written:
                    raise FormatError(f"layer {index} '{layer.name}' writes blob '{blob}' a second time")
                written.add(blob)

    @cached_property
    def blobs(self) -> Mapping[str, Blob]:
        """Every blob by name, in the order in which the layers write them."""
        consumers: dict[str, list[int]] = {}
        for index, layer in enumerate(self.layers):
            for name in layer.inputs:
                consumers.setdefault(name, []).append(index)
        return MappingProxyType(
            {
                name: Blob(name, index, tuple(consumers.get(name, ())), self.shapes.get(name))
                for index, layer in enumerate(self.layers)
                for name in layer.outputs
            }
        )

    @cached_property
    def input_blobs(self) -> tuple[str, ...]:
        """The blobs that layers without inputs of type `Input` (or `pnnx.Input`) write."""
        return tuple(
            name
            for layer in self.layers
            if layer.type in ("Input", "pnnx.Input")
            for name in layer.outputs
        )

    @cached_property
    def output_blobs(self) -> tuple[str, ...]:
        """The blobs that no layer reads, in file order."""
        return tuple(blob.name for blob in self.blobs.values() if not blob.consumers)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

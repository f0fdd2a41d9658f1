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
    A weight stored as byte indices into 256 values has them in `table`; `padding` are the
    bytes that filled it up to four; `kind` names an element type that numpy lacks ("bf16":
    `data` is uint16 then, "c32": float16 pairs along a last axis).
    """

    name: str
    data: npt.NDArray[np.generic]
    tag: int | None = None
    table: npt.NDArray[np.float32] | None = None
    padding: bytes = b""
    kind: str | None = None

    def values(self) -> npt.NDArray[np.generic]:
        """Return the numbers themselves: indices looked up, bfloat16 widened, the rest as stored."""
        if self.table is not None:
            return self.table[self.data.astype(np.intp)]
        if self.kind == "bf16":
            return (self.data.astype(np.uint32) << 16).view(np.float32)
        return self.data


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One operator: its type and name, the blobs it reads and writes, parameters and weights.

    `params` maps the parameter id as text ("0", "11" in ncnn; "kernel_size" in pnnx) to its value.
    `text` is the passage of the file that said all this, if a file did: a writer of the same
    format keeps its spelling wherever it still holds.
    """

    type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, Param] = field(default_factory=dict)
    weights: tuple[Weight, ...] = ()
    text: str | None = None

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

    `shapes` is what the file says of blob shapes (outermost axis first, -1 is open) and `dtypes`
    of their element types; `frame` is the text before the first and after the last layer.

    Raises:
        FormatError: a blob has two producers, none, or is read before it is written.
    """

    layers: tuple[Layer, ...]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    frame: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        written: set[str] = set()
        for index, layer in enumerate(self.layers):
            for blob in layer.inputs:
                if blob not in written:
                    raise FormatError(
                        f"layer {index} '{layer.name}' reads blob '{blob}', which no earlier layer writes",
                        "put the layer that writes it before this one",
                    )
            for blob in layer.outputs:
                if blob in written:
                    raise FormatError(
                        f"layer {index} '{layer.name}' writes blob '{blob}' a second time",
                        "every blob needs a name of its own",
                    )
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
            name for layer in self.layers if layer.type in ("Input", "pnnx.Input") for name in layer.outputs
        )

    @cached_property
    def output_blobs(self) -> tuple[str, ...]:
        """The blobs that no layer reads, in file order."""
        return tuple(blob.name for blob in self.blobs.values() if not blob.consumers)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

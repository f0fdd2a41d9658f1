"""The numbers of an ncnn `.bin`: the weights of all layers in order, each padded to four bytes.

A tagged weight starts with four bytes that say how it is stored (`modelbin.cpp`); an untagged
one is raw float32. Which is which, and how long, only the layer type knows: `edgekit.ops`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.errors import FormatError, UserError
from edgekit.files import Buffer
from edgekit.formats.text import Where
from edgekit.graph import Layer, Weight
from edgekit.ops import WeightSpec, weight_layout

TAG_FLOAT32 = 0
TAG_FLOAT16 = 0x01306B47
TAG_INT8 = 0x000D4B38
TAG_SCALED_FLOAT32 = 0x0002C056
TAG_BFLOAT16 = 0x01348B83
_TABLE_SIZE = 256
_STORED: dict[int, type[np.generic]] = {
    TAG_FLOAT32: np.float32,
    TAG_FLOAT16: np.float16,
    TAG_INT8: np.int8,
    TAG_SCALED_FLOAT32: np.float32,
    TAG_BFLOAT16: np.uint16,
}
_UNTAGGED: dict[str, type[np.generic]] = {"float32": np.float32, "bytes": np.uint8}
_TAG_OF = {np.dtype(np.float32): TAG_FLOAT32, np.dtype(np.float16): TAG_FLOAT16, np.dtype(np.int8): TAG_INT8}
_FLOAT16_PADDING = b"\x83\x22"  # what pnnx fills up with


@dataclass(slots=True)
class _Cursor:
    """Reads on through a buffer; every size is checked against what is left before it is used."""

    buffer: Buffer
    file: str
    offset: int = 0

    @property
    def left(self) -> int:
        return len(self.buffer) - self.offset

    def take(self, size: int, what: str) -> int:
        """Step over `size` bytes and return where they start."""
        if size > self.left:
            raise Where(self.file).error(
                f"{what} needs {size} bytes at offset {self.offset}, {self.left} are left",
                "the .bin is cut off or belongs to another .param: export both again",
            )
        start = self.offset
        self.offset += size
        return start

    def array(self, dtype: type[np.generic], count: int, what: str) -> npt.NDArray[np.generic]:
        """Return a read-only view of `count` elements."""
        start = self.take(count * np.dtype(dtype).itemsize, what)
        return np.frombuffer(self.buffer, np.dtype(dtype).newbyteorder("<"), count, start)


def parse_bin(
    layers: Sequence[Layer], places: Sequence[Where], buffer: Buffer, file: str
) -> list[tuple[Weight, ...]]:
    """Return the weights of each layer; views into the buffer, nothing is copied.

    Raises:
        FormatError: the buffer is too short or too long, or a layer's parameters are impossible.
    """
    cursor = _Cursor(buffer, file)
    weights = []
    for layer, place in zip(layers, places, strict=True):
        try:
            specs = weight_layout(layer)
        except FormatError as error:
            raise place.wrap(error) from None
        weights.append(tuple(_read_weight(cursor, layer, spec) for spec in specs))
    if cursor.left:
        raise Where(file).error(
            f"{cursor.left} bytes are left over after the last layer (offset {cursor.offset})",
            "the .bin belongs to another .param: export both again",
        )
    return weights


def _read_weight(cursor: _Cursor, layer: Layer, spec: WeightSpec) -> Weight:
    what = f"{spec.name} {_text(spec.shape)} of layer '{layer.name}' ({layer.type})"
    if spec.storage != "tagged":
        data = cursor.array(_UNTAGGED[spec.storage], spec.size, what).reshape(spec.shape)
        return Weight(spec.name, data, padding=_read_padding(cursor, data.nbytes, what))
    (tag,) = struct.unpack_from("<I", cursor.buffer, cursor.take(4, f"the tag of {what}"))
    table: npt.NDArray[np.float32] | None = None
    if tag in _STORED:
        dtype = _STORED[tag]
    else:
        dtype = np.uint8
        values = cursor.array(np.float32, _TABLE_SIZE, f"the value table of {what}")
        table = values.astype(np.float32, copy=False)
    data = cursor.array(dtype, spec.size, what).reshape(spec.shape)
    padding = _read_padding(cursor, data.nbytes, what)
    return Weight(spec.name, data, tag, table, padding, "bf16" if tag == TAG_BFLOAT16 else None)


def _read_padding(cursor: _Cursor, size: int, what: str) -> bytes:
    pad = -size % 4
    start = cursor.take(pad, f"the padding of {what}")
    return bytes(cursor.buffer[start : start + pad])


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def dump_bin(layers: Sequence[Layer]) -> Iterator[bytes]:
    """Yield the bytes of the `.bin`, weight by weight.

    Raises:
        UserError: a layer's weights are not those that its parameters announce.
    """
    for layer in layers:
        specs = weight_layout(layer)
        if [weight.name for weight in layer.weights] != [spec.name for spec in specs]:
            raise UserError(
                f"layer '{layer.name}' ({layer.type}) has the weights {_names(layer.weights)}, "
                f"its parameters announce {_names(specs)}",
                "read the .bin together with the .param" if not layer.weights else "make them agree",
            )
        for weight, spec in zip(layer.weights, specs, strict=True):
            yield from _weight_bytes(layer, weight, spec)


def _names(items: Sequence[Weight] | Sequence[WeightSpec]) -> str:
    return "(" + ", ".join(item.name for item in items) + ")"


def _weight_bytes(layer: Layer, weight: Weight, spec: WeightSpec) -> Iterator[bytes]:
    what = f"{weight.name} of layer '{layer.name}' ({layer.type})"
    if weight.data.shape != spec.shape:
        raise UserError(
            f"{what} has shape {weight.data.shape}, its parameters announce {spec.shape}", "make them agree"
        )
    dtype = weight.data.dtype.newbyteorder("=")
    if spec.storage == "tagged":
        yield struct.pack("<I", _tag(weight, dtype, what))
    elif dtype != _UNTAGGED[spec.storage]:
        raise UserError(f"{what} is {dtype}, ncnn stores it as {spec.storage}", "convert it")
    if weight.table is not None:
        yield weight.table.astype("<f4", copy=False).tobytes()
    data = weight.data.astype(weight.data.dtype.newbyteorder("<"), copy=False).tobytes()
    yield data
    yield _padding(weight, len(data))


def _tag(weight: Weight, dtype: np.dtype[np.generic], what: str) -> int:
    """Return the tag to write, checked against the element type."""
    if weight.table is not None:
        shaped = dtype == np.uint8 and weight.table.shape == (_TABLE_SIZE,)
        if not shaped or not weight.tag or weight.tag in _STORED:
            raise UserError(f"{what} has no valid table", "256 float32, uint8 indices and a tag are needed")
        return weight.tag
    tag = weight.tag
    if tag is None:
        tag = TAG_BFLOAT16 if weight.kind == "bf16" else _TAG_OF.get(dtype)
    if tag is None or tag not in _STORED or np.dtype(_STORED[tag]) != dtype:
        raise UserError(f"{what} is {dtype}, which does not go with its tag", "use float32, float16 or int8")
    return tag


def _padding(weight: Weight, size: int) -> bytes:
    pad = -size % 4
    if len(weight.padding) == pad:
        return weight.padding
    return _FLOAT16_PADDING if weight.data.dtype.itemsize == 2 and pad == 2 else bytes(pad)

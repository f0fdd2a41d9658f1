"""The text of a `.pnnx.param`: layers with named parameters, weights, operand roles and shapes.

    nn.Conv2d  conv_0  1 1 0 1  bias=True kernel_size=(3,3) @bias=(32)f32 @weight=(32,3,3,3)f32 $input=0
               #0=(1,3,224,224)f32 #1=(1,32,112,112)f32

`@` announces a weight in the `.pnnx.bin`, `$` gives an input its role, `#` a blob its shape, in
which `?` is open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from edgekit.errors import FormatError
from edgekit.formats.pnnx.values import parse_value, spell_value
from edgekit.formats.text import Record, Where, join_document, layer_columns, parse_document, parse_record
from edgekit.graph import Graph, Layer, Param, Weight

_WORD = re.compile(r"[^ \t\n\v\f\r]+")
_TYPED_SHAPE = re.compile(r"\(([^()]*)\)(\w+)")
_AXIS = re.compile(r"\d{1,10}|\?|%.*")
_OPEN_AXIS = -1

# The spelling of an element type, and the numpy type that stores it. Numpy has neither bfloat16
# (kept as uint16) nor half complex numbers (kept as pairs of float16).
ELEMENT_TYPES: Mapping[str, str] = {
    "f32": "float32", "f64": "float64", "f16": "float16", "i32": "int32", "i64": "int64", "i16": "int16",
    "i8": "int8", "u8": "uint8", "bool": "bool", "c64": "complex64", "c128": "complex128",
}  # fmt: skip
SPECIAL_TYPES: Mapping[str, tuple[str, int]] = {
    "bf16": ("uint16", 1),
    "c32": ("float16", 2),
    "null": ("uint8", 1),
}


@dataclass(frozen=True, slots=True)
class Announced:
    """The shape and the element type that a line gives a weight or a blob; -1 is an open axis."""

    shape: tuple[int, ...]
    kind: str


@dataclass(slots=True)
class Line:
    """Everything behind the blobs of a layer line, with the words as they were spelled."""

    params: dict[str, Param] = field(default_factory=dict)
    weights: dict[str, Announced] = field(default_factory=dict)
    blobs: dict[str, Announced] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParsedParam:
    """A graph without weights, and for each layer the weights it announces and its place."""

    graph: Graph
    weights: tuple[Mapping[str, Announced], ...]
    places: tuple[Where, ...]


def parse_param(data: bytes, file: str) -> ParsedParam:
    """Read the text.

    Raises:
        FormatError: the text is damaged, naming file, line and remedy.
    """
    document = parse_document(data, file)
    layers, announced = [], []
    blobs: dict[str, Announced] = {}
    for record in document.records:
        line = _parse_line(record)
        for name, blob in line.blobs.items():
            if blobs.setdefault(name, blob) != blob:
                raise record.where.error(
                    f"blob '{name}' is {_spell_shape(blob)} here, but {_spell_shape(blobs[name])} before",
                    "the file was edited or damaged: export the model again",
                )
        announced.append(line.weights)
        layers.append(
            Layer(record.type, record.name, record.inputs, record.outputs, line.params, text=record.text)
        )
    if not any("." in layer.type or "_" in layer.type for layer in layers):
        raise Where(file).error("this is the .param of ncnn, not of pnnx", "give the .pnnx.param")
    graph = Graph(
        tuple(layers),
        {name: blob.shape for name, blob in blobs.items()},
        {name: blob.kind for name, blob in blobs.items()},
        (document.head, document.tail),
    )
    return ParsedParam(graph, tuple(announced), tuple(record.where for record in document.records))


def _parse_line(record: Record) -> Line:
    line = Line()
    for key, word, value in _assignments(record):
        line.words[key] = word
        if key[0] == "@":
            line.weights[key[1:]] = _typed_shape(record, key, value)
        elif key[0] == "#":
            if key[1:] not in (*record.inputs, *record.outputs):
                raise record.where.error(
                    f"layer '{record.name}' gives a shape to '{key[1:]}', which is none of its blobs",
                    "export the model again",
                )
            line.blobs[key[1:]] = _typed_shape(record, key, value)
        elif key[0] == "$":
            line.params[key] = value
        else:
            line.params[key] = parse_value(key, value)
    return line


def _assignments(record: Record) -> list[tuple[str, str, str]]:
    """Return (key, word, value); a word without `=` belongs to the value before it."""
    found: list[tuple[str, str, str]] = []
    for match in _WORD.finditer(record.rest):
        word = match.group()
        key, equals, value = word.partition("=")
        if equals and key not in ("", "@", "#", "$"):
            found.append((key, word, value))
        elif found:
            key, start, value = found.pop()
            found.append((key, f"{start} {word}", f"{value} {word}"))
        else:
            raise record.where.error(
                f"layer '{record.name}': '{word[:40]}' is no parameter", "parameters are key=value"
            )
    return found


def _typed_shape(record: Record, key: str, text: str) -> Announced:
    match = _TYPED_SHAPE.fullmatch(text)
    axes = match[1].split(",") if match is not None and match[1] else []
    kind = match[2] if match is not None else ""
    known = kind in ELEMENT_TYPES or kind in SPECIAL_TYPES
    if match is None or not known or not all(_AXIS.fullmatch(axis) for axis in axes):
        raise record.where.error(
            f"layer '{record.name}': {key}={text[:40]} is no shape with an element type",
            "it should look like (1,3,224,224)f32",
        )
    return Announced(tuple(int(axis) if axis.isdigit() else _OPEN_AXIS for axis in axes), kind)


def dump_param(graph: Graph) -> str:
    """Return the text: unchanged layers as they were spelled, the others as pnnx would.

    Raises:
        UserError: a parameter has a value that pnnx cannot read.
    """
    records = [_record(layer) for layer in graph.layers]
    old = [Line() if record is None else _parse_line(record) for record in records]
    mentioned = {name for line in old for name in line.blobs}
    lines = []
    for layer, record, said in zip(graph.layers, records, old, strict=True):
        wanted = _wanted(layer, graph)
        # A graph that was read without its .bin still announces the weights.
        wanted.weights = wanted.weights or said.weights
        if record is not None and _holds(record, said, layer, wanted, mentioned):
            lines.append(record.text)
        else:
            lines.append(_spell(layer, wanted, said))
    return join_document(graph, lines)


def _record(layer: Layer) -> Record | None:
    """Return the line from which a layer was read."""
    return None if layer.text is None else parse_record(layer.text, layer.text, Where(layer.name))


def _holds(record: Record, said: Line, layer: Layer, wanted: Line, mentioned: Set[str]) -> bool:
    """Tell whether an old line still says all that it has to.

    A line need not repeat the shape of a blob, as long as some line gives it.
    """
    head = (layer.type, layer.name, layer.inputs, layer.outputs)
    return (
        (record.type, record.name, record.inputs, record.outputs) == head
        and repr((said.params, said.weights)) == repr((wanted.params, wanted.weights))
        and all(wanted.blobs.get(name) == blob for name, blob in said.blobs.items())
        and all(name in said.blobs or name in mentioned for name in wanted.blobs)
    )


def _spell(layer: Layer, wanted: Line, old: Line) -> str:
    """Return a fresh line, with the old spelling of each value that is still the same."""
    parts = [layer_columns(layer.type, layer.name, layer.inputs, layer.outputs)]
    for key, value in wanted.params.items():
        if not key.startswith("$"):
            unchanged = key in old.params and repr(old.params[key]) == repr(value)
            parts.append(old.words[key] if unchanged else f"{key}={spell_value(key, value)}")
    parts += [f"@{key}={_spell_shape(weight)}" for key, weight in wanted.weights.items()]
    parts += [f"{key}={value}" for key, value in wanted.params.items() if key.startswith("$")]
    parts += [f"#{key}={_spell_shape(blob)}" for key, blob in wanted.blobs.items()]
    return " ".join(parts) + "\n"


def _wanted(layer: Layer, graph: Graph) -> Line:
    """Return what the line of a layer has to say, in the order in which pnnx says it."""
    blobs = {
        name: Announced(graph.shapes[name], graph.dtypes.get(name, "f32"))
        for name in dict.fromkeys((*layer.inputs, *layer.outputs))
        if name in graph.shapes
    }
    weights = {weight.name: announce(weight) for weight in layer.weights}
    return Line(dict(layer.params), weights, blobs)


def announced_weights(layer: Layer) -> Mapping[str, Announced]:
    """Return the weights that the line announces from which the layer was read."""
    record = _record(layer)
    return {} if record is None else _parse_line(record).weights


def announce(weight: Weight) -> Announced:
    """Return the shape and the element type with which a line announces a weight."""
    if weight.kind is not None:
        _, width = SPECIAL_TYPES[weight.kind]
        return Announced(weight.data.shape[: -1 if width > 1 else None], weight.kind)
    name = weight.data.dtype.name
    kind = next((spelled for spelled, stored in ELEMENT_TYPES.items() if stored == name), None)
    if kind is None:
        raise FormatError(
            f"weight '{weight.name}' is {name}, which pnnx cannot store", "convert it to float32"
        )
    return Announced(weight.data.shape, kind)


def _spell_shape(announced: Announced) -> str:
    axes = ",".join("?" if axis == _OPEN_AXIS else str(axis) for axis in announced.shape)
    return f"({axes}){announced.kind}"

"""The text of an ncnn `.param`: layers with their blobs and numbered parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from edgekit.errors import FormatError
from edgekit.formats.ncnn.values import Token, parse_params, spell, values_of
from edgekit.formats.text import (
    Record,
    Where,
    join_document,
    layer_columns,
    parse_document,
    parse_record,
    printable,
)
from edgekit.graph import Graph, Layer, Param
from edgekit.ops import SPECS, UnknownLayerType, refusal, spec_of

Unknown = Literal["error", "keep"]
Shape = tuple[int, ...]

_SHAPES_ID = "30"


def parse_param(
    data: bytes, file: str, unknown: Unknown, *, surplus: bool = False
) -> tuple[Graph, tuple[Where, ...]]:
    """Return the graph without weights, and the place of each layer in the file.

    With `surplus`, lines beyond the announced number of layers are left out, as ncnn does.

    Raises:
        FormatError: the text is damaged, naming file, line and remedy.
        UnknownLayerType: a layer type that ncnn does not register, unless `unknown` is "keep".
    """
    document = parse_document(data, file, surplus=surplus)
    _check_readers([(record.name, record.inputs, record.where) for record in document.records])
    layers = []
    shapes: dict[str, Shape] = {}
    for record in document.records:
        layer = _layer(record)
        if unknown == "error":
            _check_type(layer, record.where)
        refused = refusal(layer)
        if refused is not None:
            raise record.where.error(f"layer '{layer.name}': {refused}", "export the model again")
        shapes |= _shape_hints(layer, record.where)
        layers.append(layer)
    graph = Graph(tuple(layers), shapes, frame=(document.head, document.tail))
    return graph, tuple(record.where for record in document.records)


def _check_readers(layers: Iterable[tuple[str, Sequence[str], Where]]) -> None:
    """Raise if two layers read the same blob: ncnn frees it after the first and crashes at the second."""
    readers: dict[str, str] = {}
    for layer, inputs, where in layers:
        for blob in set(inputs):
            if blob in readers:
                raise where.error(
                    f"blob '{blob}' is read by layer '{layer}' and by '{readers[blob]}': ncnn crashes",
                    "put a Split layer behind it and give each reader an output of that",
                )
            readers[blob] = layer


def _layer(record: Record) -> Layer:
    return Layer(
        record.type,
        record.name,
        record.inputs,
        record.outputs,
        values_of(_tokens(record)),
        text=record.text,
    )


def _tokens(record: Record) -> dict[str, Token]:
    try:
        return parse_params(record.rest)
    except FormatError as error:
        if record.type.startswith("pnnx.") or "." in record.type:
            raise _is_pnnx(record.where) from None
        raise record.where.error(f"layer '{record.name}': {error.message}", error.remedy) from None


def _is_pnnx(where: Where) -> FormatError:
    return where.error("this is the .param of pnnx, not of ncnn", "give the .ncnn.param")


def _check_type(layer: Layer, where: Where) -> None:
    if layer.type not in SPECS:
        if layer.type.startswith("pnnx."):
            raise _is_pnnx(where)
        try:
            spec_of(layer.type, layer.name)
        except UnknownLayerType as error:
            message = printable(f"{where.file} line {where.line}: {error.message}")
            raise UnknownLayerType(message, error.remedy) from None


def _shape_hints(layer: Layer, where: Where) -> dict[str, Shape]:
    """Return the shapes that parameter 30 states, outermost axis first: (w), (h, w), (c, [d,] h, w).

    Each output has four or five numbers: rank, w, h, [d,] c.
    """
    hints = layer.params.get(_SHAPES_ID, ())
    if not isinstance(hints, tuple) or not all(isinstance(size, int) for size in hints):
        raise _bad_hints(layer, where)
    step = len(hints) // len(layer.outputs) if layer.outputs else 0
    if step == 0:
        return {}
    if step not in (4, 5) or len(hints) % len(layer.outputs):
        raise _bad_hints(layer, where)
    shapes = {}
    for index, blob in enumerate(layer.outputs):
        rank, *sizes = (int(size) for size in hints[index * step : (index + 1) * step])
        if not 0 <= rank < step or min(sizes) < 0:
            raise _bad_hints(layer, where)
        if rank:
            axes = [*sizes[:2], sizes[-1]] if rank == 3 else sizes[:rank]
            shapes[blob] = tuple(reversed(axes))
    return shapes


def _bad_hints(layer: Layer, where: Where) -> FormatError:
    return where.error(
        f"layer '{layer.name}': the shape hints (-23330) do not fit its {len(layer.outputs)} outputs",
        "remove the parameter, ncnn does not need it",
    )


def dump_param(graph: Graph) -> str:
    """Return the text of the `.param`: unchanged layers as they were spelled, the others as pnnx would.

    Raises:
        UserError: a parameter has a value that ncnn cannot read, or two layers read the same blob.
    """
    _check_readers([(layer.name, layer.inputs, Where("the graph")) for layer in graph.layers])
    return join_document(graph, [_line(layer) for layer in graph.layers])


def _line(layer: Layer) -> str:
    if layer.text is None:
        return _spell(layer, {})
    record = parse_record(layer.text, layer.text, Where(layer.name))
    tokens = _tokens(record)
    same_blobs = (record.inputs, record.outputs) == (layer.inputs, layer.outputs)
    if (record.type, record.name) == (layer.type, layer.name) and same_blobs and _same(tokens, layer):
        return layer.text
    return _spell(layer, tokens)


def _same(tokens: dict[str, Token], layer: Layer) -> bool:
    return _identity(list(values_of(tokens).items())) == _identity(list(layer.params.items()))


def _identity(value: Param | Sequence[tuple[str, Param]]) -> str:
    """Return a text that tells 1, 1.0 and True apart, as `==` does not."""
    return repr(value)


def _spell(layer: Layer, tokens: dict[str, Token]) -> str:
    """Return a fresh line, with the old spelling of each value that is still the same."""
    parts = [layer_columns(layer.type, layer.name, layer.inputs, layer.outputs)]
    for key, value in layer.params.items():
        token = tokens.get(key)
        unchanged = token is not None and _identity(token.value) == _identity(value)
        parts.append(token.text if token is not None and unchanged else spell(key, value))
    return " ".join(parts) + "\n"

"""A network whose layers are edited in place: what every change and every rewrite is made with.

Sizes that follow from an edit (weights of the layers below, groups of depthwise ones) are put right by
`refitted`, so that the edited file is one that a converter could have written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from edgekit.errors import EdgekitError
from edgekit.graph import Graph, Layer, Param
from edgekit.ops import SPECS, Params, Unknown, decode, infer_graph, infer_shapes, weight_layout

Shape = tuple[int, ...]
HINTS = "30"
MOVING = ("Split", "Noop", "Dropout", "ReLU", "Clip", "Sigmoid", "HardSwish", "Swish")


class Net:
    """Layers in file order. `inputs` are shapes of inputs that the file leaves open."""

    def __init__(self, graph: Graph, inputs: Mapping[str, Shape]) -> None:
        self.layers = [_without_hints(layer) for layer in graph]
        self.inputs = dict(inputs)
        self._made = 0

    def graph(self) -> Graph:
        """Return the network as a graph."""
        return Graph(tuple(self.layers))

    def shapes(self) -> dict[str, Shape]:
        """Return the shapes of all blobs that can be told."""
        return dict(infer_graph(self.graph(), self.inputs).shapes)

    def index(self, name: str) -> int:
        """Return the place of a layer."""
        return next(index for index, layer in enumerate(self.layers) if layer.name == name)

    def new(self, what: str) -> str:
        """Return a name that no layer and no blob has."""
        self._made += 1
        return f"{what}_{self._made}_made"

    def set(self, index: int, params: Mapping[str, Param | None]) -> None:
        """Set parameters of a layer; None leaves one to its default."""
        merged = {**self.layers[index].params, **params}
        kept = {key: value for key, value in merged.items() if value is not None}
        self.layers[index] = replace(self.layers[index], params=kept, text=None)

    def become(self, index: int, type: str, params: Mapping[str, Param] | None = None) -> None:
        """Make a layer one of another type; without `params` it keeps its own."""
        layer = self.layers[index]
        own = layer.params if params is None else dict(params)
        self.layers[index] = replace(layer, type=type, params=own, text=None)

    def read_from(self, index: int, operand: int, blob: str) -> None:
        """Let a layer read another blob; what is read twice gets a Split."""
        layer = self.layers[index]
        others = [each for each, other in enumerate(self.layers) if blob in other.inputs]
        inputs = list(layer.inputs)
        inputs[operand] = blob
        self.layers[index] = replace(layer, inputs=tuple(inputs), text=None)
        if others:
            self._split(blob)

    def _split(self, blob: str) -> None:
        """Put a Split behind a blob that several layers read."""
        producer = next(index for index, layer in enumerate(self.layers) if blob in layer.outputs)
        made: list[str] = []
        for index, layer in enumerate(self.layers):
            if blob in layer.inputs:
                made.append(self.new("split"))
                inputs = tuple(made[-1] if each == blob else each for each in layer.inputs)
                self.layers[index] = replace(layer, inputs=inputs, text=None)
        self.layers.insert(producer + 1, Layer("Split", self.new("split"), (blob,), tuple(made)))

    def bypass(self, index: int, operand: int = 0) -> None:
        """Take a layer of one output out: what read it reads one of its operands."""
        layer = self.layers.pop(index)
        if any(layer.outputs[0] in other.inputs for other in self.layers):
            self._rename(layer.outputs[0], layer.inputs[operand])
            self.sweep(layer.inputs)

    def _rename(self, old: str, new: str) -> None:
        for index, layer in enumerate(self.layers):
            if old in layer.inputs:
                inputs = tuple(new if each == old else each for each in layer.inputs)
                self.layers[index] = replace(layer, inputs=inputs, text=None)

    def sweep(self, blobs: Sequence[str]) -> None:
        """Take out what nothing reads any more above some blobs, and Splits to one reader."""
        read = {blob for layer in self.layers for blob in layer.inputs}
        for blob in blobs:
            index = next((each for each, layer in enumerate(self.layers) if blob in layer.outputs), None)
            if index is None or blob in read:
                continue
            layer = self.layers[index]
            kept = tuple(each for each in layer.outputs if each in read)
            if layer.type == "Split" and len(kept) > 1:
                self.layers[index] = replace(layer, outputs=kept, text=None)
            elif layer.type == "Split" and kept:
                self.layers.pop(index)
                self._rename(kept[0], layer.inputs[0])
            elif not kept and layer.type != "Input":
                self.layers.pop(index)
                self.sweep(layer.inputs)

    def insert_after(
        self, index: int, type: str, params: Mapping[str, Param], name: str | None = None
    ) -> str:
        """Put a layer of one input behind the first output of another; return its name."""
        layer = self.layers[index]
        inner, name = self.new("blob"), name or self.new(type.lower())
        outer = layer.outputs[0]
        self.layers[index] = replace(layer, outputs=(inner, *layer.outputs[1:]), text=None)
        self.layers.insert(index + 1, Layer(type, name, (inner,), (outer,), dict(params)))
        return name

    def insert_before(self, index: int, type: str, params: Mapping[str, Param], operand: int = 0) -> str:
        """Put a layer of one input before an operand of another; return its name."""
        layer = self.layers[index]
        made, name = self.new("blob"), self.new(type.lower())
        inputs = list(layer.inputs)
        before, inputs[operand] = inputs[operand], made
        self.layers[index] = replace(layer, inputs=tuple(inputs), text=None)
        self.layers.insert(index, Layer(type, name, (before,), (made,), dict(params)))
        return name

    def origin(self, blob: str) -> str:
        """Return the blob that Splits and Noops hand on as this one."""
        makers = {each: layer for layer in self.layers for each in layer.outputs}
        while makers[blob].type in ("Split", "Noop") and len(makers[blob].inputs) == 1:
            blob = makers[blob].inputs[0]
        return blob


def _without_hints(layer: Layer) -> Layer:
    return replace(
        layer, params={key: value for key, value in layer.params.items() if key != HINTS}, text=None
    )


def decoded(layer: Layer) -> Params:
    """Return a layer's parameters by ncnn's names, defaults filled in."""
    return decode(SPECS[layer.type], layer)


def refitted(net: Net) -> bool:
    """Give every layer the weights that its inputs ask for; return whether all of them fit together."""
    before = net.shapes()
    shapes: dict[str, Shape] = {}
    for index, layer in enumerate(net.layers):
        if layer.type not in SPECS or any(blob not in shapes for blob in layer.inputs):
            continue
        fed = [shapes[blob] for blob in layer.inputs]
        try:
            if layer.inputs and not _fit(net, index, fed):
                return False
            made = infer_shapes(net.layers[index], fed) if layer.inputs else _input(net, index)
        except EdgekitError:
            return False
        if isinstance(made, Unknown):
            if all(blob in before for blob in layer.outputs):
                return False
            continue
        shapes |= dict(zip(layer.outputs, made, strict=False))
    return all(min(shape) > 0 for shape in shapes.values())


def _input(net: Net, index: int) -> tuple[Shape, ...] | Unknown:
    layer = net.layers[index]
    if layer.type == "Input" and layer.outputs[0] in net.inputs:
        return (net.inputs[layer.outputs[0]],)
    made = infer_shapes(layer, ())
    return Unknown("open") if not isinstance(made, Unknown) and min(made[0]) <= 0 else made


_CHANNELS = {"BatchNorm": "0", "Bias": "0", "InstanceNorm": "0", "Scale": "0", "PReLU": "0", "GroupNorm": "1"}


def _fit(net: Net, index: int, fed: Sequence[Shape]) -> bool:
    layer = net.layers[index]
    if layer.type.startswith(("Convolution", "Deconvolution")):
        return _fit_convolution(net, index, fed[0][0])
    key = _CHANNELS.get(layer.type)
    if key is not None and layer.params.get(key, 0) not in (-233, 1):
        net.set(index, {key: fed[0][0]})
    if layer.type == "InnerProduct":
        wide = fed[0][-1] if len(fed[0]) == 2 else prod(fed[0])
        net.set(index, {"2": wide * decoded(layer).integer("num_output")})
    return _fits(net.layers[index], fed)


def _fits(layer: Layer, fed: Sequence[Shape]) -> bool:
    """Whether a layer whose sizes are what they are can be fed this."""
    params = decoded(layer)
    match layer.type:
        case "GroupNorm" | "ShuffleChannel":
            return fed[0][0] % params.integer("group") == 0
        case "LayerNorm" if params.integer("affine"):
            return params.integer("affine_size") in (fed[0][-1], prod(fed[0][-2:]), prod(fed[0]))
        case "Gemm" if params.integer("constantB"):
            return fed[0][-1] == params.integer("constantK")
        case "MultiHeadAttention":
            return fed[0][-1] * params.integer("embed_dim") == params.integer("weight_data_size")
        case "GRU" | "LSTM" | "RNN":
            return weight_layout(layer)[0].shape[-1] == fed[0][-1]
        case "BinaryOp" | "Eltwise" if len(fed) > 1:
            return _broadcast(fed)
        case "Concat":
            return _joins(fed, params.integer("axis"))
    return True


def _fit_convolution(net: Net, index: int, channels: int) -> bool:
    layer = net.layers[index]
    params = decoded(layer)
    if params.values.get("dynamic_weight"):
        return True
    out, kernel = params.integer("num_output"), 1
    for axis in "whd":
        kernel *= int(params.integer(f"kernel_{axis}")) if f"kernel_{axis}" in params.values else 1
    groups = params.integer("group") if "DepthWise" in layer.type else 1
    old = params.integer("weight_data_size") // out // kernel * groups
    if groups > 1 and groups == old:
        out, groups = out // groups * channels, channels
        net.set(index, {"0": out, "7": groups})
    if channels % groups or out % groups:
        return False
    net.set(index, {"6": out * (channels // groups) * kernel})
    return True


def _broadcast(fed: Sequence[Shape]) -> bool:
    rank = max(map(len, fed))
    if any(len(shape) != rank for shape in fed):
        return True
    return all(len({size for size in sizes if size != 1}) <= 1 for sizes in zip(*fed, strict=True))


def _joins(fed: Sequence[Shape], axis: int) -> bool:
    rank = len(fed[0])
    if any(len(shape) != rank for shape in fed) or not -rank <= axis < rank:
        return False
    rests = {tuple(size for each, size in enumerate(shape) if each != axis % rank) for shape in fed}
    return len(rests) == 1

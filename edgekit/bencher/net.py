"""Build ncnn graphs layer by layer, with the shape of every blob: the ground of the block suites.

Weights are left out: a worker fills a bare `.param` with random ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from edgekit.graph import Graph, Layer, Param

Shape = tuple[int, ...]

# activation_type and activation_params of ncnn's convolutions
FUSED: dict[str, tuple[int, tuple[float, ...]]] = {
    "none": (0, ()),
    "relu": (1, ()),
    "relu6": (3, (0.0, 6.0)),
    "sigmoid": (4, ()),
    "hswish": (6, (1 / 6, 0.5)),
}


@dataclass(frozen=True, slots=True)
class Value:
    """One blob: its name and its shape, (c, h, w), (h, w) or (w,)."""

    blob: str
    shape: Shape

    @property
    def channels(self) -> int:
        """The outermost axis."""
        return self.shape[0]


class Net:
    """A graph in the making."""

    def __init__(self) -> None:
        self._layers: list[Layer] = []
        self._shapes: dict[str, Shape] = {}

    def input(self, shape: Shape) -> Value:
        """Add an input blob."""
        width, height, channels = (*reversed(shape), 0, 0)[:3]
        sizes = {"0": width, "1": height, "2": channels}
        return self._add("Input", (), shape, {key: size for key, size in sizes.items() if size})

    def conv(
        self,
        x: Value,
        channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        act: str = "none",
        groups: int = 1,
        dilation: tuple[int, int] = (1, 1),
        padding: tuple[int, int, int, int] | None = None,
    ) -> Value:
        """Add a convolution with bias; it keeps the size at stride 1 unless a padding is given.

        `kernel` and `dilation` are (height, width), `padding` is top, bottom, left, right.
        """
        kernel_h, kernel_w = (kernel, kernel) if isinstance(kernel, int) else kernel
        reach_h, reach_w = dilation[0] * (kernel_h - 1), dilation[1] * (kernel_w - 1)
        top, bottom, left, right = padding or (reach_h // 2, reach_h // 2, reach_w // 2, reach_w // 2)
        activation, arguments = FUSED[act]
        params: dict[str, Param] = {
            "0": channels, "1": kernel_w, "11": kernel_h, "2": dilation[1], "12": dilation[0],
            "3": stride, "13": stride, "4": left, "15": right, "14": top, "16": bottom,
            "5": 1, "6": channels * x.channels // groups * kernel_h * kernel_w, "9": activation,
        }  # fmt: skip
        if arguments:
            params["10"] = arguments
        if groups > 1:
            params["7"] = groups
        height = (x.shape[1] + top + bottom - reach_h - 1) // stride + 1
        width = (x.shape[2] + left + right - reach_w - 1) // stride + 1
        kind = "ConvolutionDepthWise" if groups > 1 else "Convolution"
        return self._add(kind, (x,), (channels, height, width), params)

    def depthwise(self, x: Value, kernel: int, *, stride: int = 1, act: str = "none") -> Value:
        """Add a convolution with one filter per channel."""
        return self.conv(x, x.channels, kernel, stride=stride, act=act, groups=x.channels)

    def pointwise(self, x: Value, channels: int, *, act: str = "none", groups: int = 1) -> Value:
        """Add a 1x1 convolution."""
        return self.conv(x, channels, 1, act=act, groups=groups)

    def linear(self, x: Value, size: int, act: str = "none") -> Value:
        """Add a linear layer over the last axis."""
        activation, arguments = FUSED[act]
        params: dict[str, Param] = {"0": size, "1": 1, "2": size * x.shape[-1], "9": activation}
        if arguments:
            params["10"] = arguments
        return self._add("InnerProduct", (x,), (*x.shape[:-1], size), params)

    def activation(self, x: Value, act: str) -> Value:
        """Add an activation as a layer of its own."""
        kinds: dict[str, tuple[str, dict[str, Param]]] = {
            "relu": ("ReLU", {}),
            "relu6": ("Clip", {"0": 0.0, "1": 6.0}),
            "sigmoid": ("Sigmoid", {}),
            "hswish": ("HardSwish", {"0": 1 / 6, "1": 0.5}),
            "hsigmoid": ("HardSigmoid", {"0": 1 / 6, "1": 0.5}),
            "square": ("UnaryOp", {"0": 4}),
        }
        kind, params = kinds[act]
        return self._add(kind, (x,), x.shape, params)

    def prelu(self, x: Value) -> Value:
        """Add a PReLU with one slope per channel."""
        return self._add("PReLU", (x,), x.shape, {"0": x.channels})

    def add(self, x: Value, y: Value) -> Value:
        """Add two blobs of one shape."""
        return self._add("BinaryOp", (x, y), x.shape, {"0": 0})

    def multiply(self, x: Value, y: Value) -> Value:
        """Multiply by a blob that is broadcast to the shape of `x`."""
        return self._add("BinaryOp", (x, y), x.shape, {"0": 2})

    def scale(self, x: Value, factor: float) -> Value:
        """Multiply by a number."""
        return self._add("BinaryOp", (x,), x.shape, {"0": 2, "1": 1, "2": factor})

    def halves(self, x: Value) -> tuple[Value, Value]:
        """Split the outermost axis in two."""
        half = (x.channels // 2, *x.shape[1:])
        outputs = (self._new(half), self._new(half))
        self._layer("Slice", (x,), outputs, {"0": (-233, -233), "1": 0})
        return outputs

    def concat(self, *parts: Value) -> Value:
        """Join along the outermost axis."""
        shape = (sum(part.channels for part in parts), *parts[0].shape[1:])
        return self._add("Concat", parts, shape, {"0": 0})

    def shuffle(self, x: Value, groups: int) -> Value:
        """Deal the channels of each group out over all groups."""
        return self._add("ShuffleChannel", (x,), x.shape, {"0": groups})

    def global_pool(self, x: Value, kind: str = "mean") -> Value:
        """Reduce each plane to its mean or maximum: (c, h, w) to (c,)."""
        return self._add("Pooling", (x,), (x.channels,), {"0": 1 if kind == "mean" else 0, "4": 1})

    def reduce(self, x: Value, kind: str, axis: int, *, keep: bool) -> Value:
        """Reduce one axis to its mean or maximum."""
        shape = tuple(
            1 if index == axis else size for index, size in enumerate(x.shape) if keep or index != axis
        )
        operation = {"mean": 3, "max": 4}[kind]
        params: dict[str, Param] = {"0": operation, "1": 0, "3": (axis,), "4": int(keep), "5": 1}
        return self._add("Reduction", (x,), shape, params)

    def reshape(self, x: Value, shape: Shape) -> Value:
        """Give the same numbers another shape of one to three axes."""
        assert prod(shape) == prod(x.shape)
        sizes = dict(zip(("0", "1", "2"), reversed(shape), strict=False))
        return self._add("Reshape", (x,), shape, dict(sizes))

    def transpose(self, x: Value) -> Value:
        """Exchange the last two axes."""
        return self._add("Permute", (x,), (*x.shape[:-2], x.shape[-1], x.shape[-2]), {"0": 1})

    def matmul(self, x: Value, y: Value, *, transposed: bool = False) -> Value:
        """Multiply matrices in the last two axes, the second one transposed on request."""
        columns = y.shape[-2] if transposed else y.shape[-1]
        return self._add("MatMul", (x, y), (*x.shape[:-1], columns), {"0": int(transposed)})

    def softmax(self, x: Value) -> Value:
        """Normalise the last axis."""
        return self._add("Softmax", (x,), x.shape, {"0": len(x.shape) - 1, "1": 1})

    def gru(self, x: Value, hidden: int) -> Value:
        """Add a GRU over the rows: (time, features) to (time, hidden)."""
        size = 3 * hidden * x.shape[-1]
        return self._add("GRU", (x,), (x.shape[0], hidden), {"0": hidden, "1": size, "2": 0})

    def graph(self) -> Graph:
        """Return the graph, with a Split wherever a blob has several readers, as ncnn needs it."""
        readers: dict[str, int] = {}
        for layer in self._layers:
            for blob in layer.inputs:
                readers[blob] = readers.get(blob, 0) + 1
        copies: dict[str, list[str]] = {}
        shapes = dict(self._shapes)
        layers: list[Layer] = []
        for layer in self._layers:
            inputs = tuple(copies[blob].pop(0) if blob in copies else blob for blob in layer.inputs)
            layers.append(Layer(layer.type, layer.name, inputs, layer.outputs, layer.params))
            for blob in layer.outputs:
                if readers.get(blob, 0) > 1:
                    names = [f"{blob}_{index}" for index in range(readers[blob])]
                    layers.append(Layer("Split", f"split_{blob}", (blob,), tuple(names)))
                    copies[blob] = names
                    shapes.update(dict.fromkeys(names, shapes[blob]))
        return Graph(tuple(layers), shapes)

    def _add(self, kind: str, inputs: tuple[Value, ...], shape: Shape, params: dict[str, Param]) -> Value:
        output = self._new(shape)
        self._layer(kind, inputs, (output,), params)
        return output

    def _new(self, shape: Shape) -> Value:
        blob = str(len(self._shapes))
        self._shapes[blob] = shape
        return Value(blob, shape)

    def _layer(
        self, kind: str, inputs: tuple[Value, ...], outputs: tuple[Value, ...], params: dict[str, Param]
    ) -> None:
        name = f"{kind.lower()}_{len(self._layers)}"
        sources = tuple(value.blob for value in inputs)
        targets = tuple(value.blob for value in outputs)
        self._layers.append(Layer(kind, name, sources, targets, params))

"""The building blocks of mobile networks as small ncnn nets, for the suites of `benchmarks/`.

Each function adds one block behind `x` and returns its output; BatchNorm is folded away, as in any converted
net. `BLOCKS` names them with the settings that a suite may vary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt

from edgekit.bencher.net import Net, Value
from edgekit.errors import UserError, did_you_mean
from edgekit.graph import Graph

Setting = int | float | str | bool

_HEAD_CHANNELS = 64  # of one attention head, as in MobileNet V4


@dataclass(frozen=True, slots=True)
class Block:
    """One kind of block: how to build it, and its settings with their defaults."""

    build: Callable[..., Value]
    defaults: Mapping[str, Setting]

    def settle(self, settings: Mapping[str, Setting]) -> dict[str, Setting]:
        """Return all settings of the block, the given ones over the defaults.

        Raises:
            UserError: a setting that the block does not have, or of another kind.
        """
        known = {"channels": 32, "size": 56, **self.defaults}
        for name, value in settings.items():
            if name not in known:
                remedy = did_you_mean(name, known) or "settings: " + ", ".join(known)
                raise UserError(f"this block has no setting '{name}'", remedy)
            if not _is_like(value, known[name]):
                raise UserError(f"{name}={value!r} is of the wrong kind", f"write it like {known[name]!r}")
        return {**known, **settings}

    def graph(self, settings: Mapping[str, Setting]) -> Graph:
        """Return the block as a net of its own.

        Raises:
            UserError: settings that do not go together.
        """
        settled = self.settle(settings)
        channels, size = int(settled.pop("channels")), int(settled.pop("size"))
        if channels < 1 or size < 1:
            raise UserError(f"{channels} channels of {size}x{size} are no block", "give positive sizes")
        net = Net()
        x = net.input((channels, size, size))
        self.build(net, x, **settled)
        return net.graph()


def _is_like(value: object, default: Setting) -> bool:
    """Whether a value is of its default's kind; a whole number will do for any number."""
    return type(value) is type(default) or (type(value) is int and type(default) is float)


def _even(channels: int, parts: int, what: str) -> int:
    if channels % parts:
        raise UserError(f"{channels} channels do not make {parts} {what}", f"use a multiple of {parts}")
    return channels // parts


def depthwise(net: Net, x: Value, kernel: int, stride: int, act: str) -> Value:
    """One filter per channel."""
    return net.depthwise(x, kernel, stride=stride, act=act)


def pointwise(net: Net, x: Value, out: int, act: str) -> Value:
    """1x1 convolution; `out` 0 keeps the channels."""
    return net.pointwise(x, out or x.channels, act=act)


def standard(net: Net, x: Value, out: int, kernel: int, stride: int, act: str) -> Value:
    """Full convolution."""
    return net.conv(x, out or x.channels, kernel, stride=stride, act=act)


def separable(net: Net, x: Value, out: int, kernel: int, stride: int, act: str) -> Value:
    """Depthwise and pointwise, each with its activation (MobileNet V1): 1/N + 1/k^2 of the MACs."""
    x = net.depthwise(x, kernel, stride=stride, act=act)
    return net.pointwise(x, out or x.channels, act=act)


def inverted_residual(
    net: Net, x: Value, out: int, expansion: float, kernel: int, stride: int, se: bool, act: str
) -> Value:
    """Expand, depthwise, project linearly, add (MobileNet V2; V3 with `se` and act `hswish`)."""
    out = out or x.channels
    y = x if expansion == 1 else net.pointwise(x, round(x.channels * expansion), act=act)
    y = net.depthwise(y, kernel, stride=stride, act=act)
    if se:
        y = squeeze_excite(net, y, reduction=4, gate="hsigmoid")
    y = net.pointwise(y, out)
    return net.add(x, y) if stride == 1 and out == x.channels else y


def squeeze_excite(net: Net, x: Value, reduction: int, gate: str) -> Value:
    """Scale each channel by a gate made of all channels' means."""
    y = net.global_pool(x)
    y = net.linear(y, max(1, x.channels // reduction), act="relu")
    if gate == "sigmoid":
        y = net.linear(y, x.channels, act="sigmoid")
    else:
        y = net.activation(net.linear(y, x.channels), "hsigmoid")
    return net.multiply(x, y)


def universal(
    net: Net, x: Value, out: int, expansion: float, start: int, middle: int, stride: int, act: str
) -> Value:
    """Universal inverted bottleneck of MobileNet V4; a kernel of 0 leaves its depthwise out.

    start 0, middle k is the inverted bottleneck; k, 0 ConvNext-like; k, k extra depthwise; 0, 0 the FFN.
    """
    out = out or x.channels
    y = x
    if start:
        y = net.depthwise(y, start, stride=1 if middle else stride)
    y = net.pointwise(y, round(x.channels * expansion), act=act)
    if middle:
        y = net.depthwise(y, middle, stride=stride, act=act)
    y = net.pointwise(y, out)
    return net.add(x, y) if y.shape == x.shape else y


def shuffle_v1(net: Net, x: Value, groups: int) -> Value:
    """ShuffleNet V1 unit of stride 1: grouped 1x1, shuffle, depthwise, grouped 1x1."""
    middle = _even(x.channels, 4 * groups, "groups of the bottleneck") * groups
    y = net.pointwise(x, middle, act="relu", groups=groups)
    y = net.shuffle(y, groups) if groups > 1 else y
    y = net.depthwise(y, 3)
    y = net.pointwise(y, x.channels, groups=groups)
    return net.activation(net.add(x, y), "relu")


def shuffle_v2(net: Net, x: Value) -> Value:
    """ShuffleNet V2 unit of stride 1: half of the channels through 1x1, depthwise, 1x1."""
    half = _even(x.channels, 2, "halves")
    kept, y = net.halves(x)
    y = net.pointwise(y, half, act="relu")
    y = net.depthwise(y, 3)
    y = net.pointwise(y, half, act="relu")
    return net.shuffle(net.concat(kept, y), 2)


def cbam(net: Net, x: Value, reduction: int) -> Value:
    """Channel gate from mean and maximum, then a spatial gate by a 7x7 convolution."""
    branches = []
    for kind in ("mean", "max"):
        y = net.linear(net.global_pool(x, kind), max(1, x.channels // reduction), act="relu")
        branches.append(net.linear(y, x.channels))
    x = net.multiply(x, net.activation(net.add(*branches), "sigmoid"))
    planes = net.concat(net.reduce(x, "max", 0, keep=True), net.reduce(x, "mean", 0, keep=True))
    return net.multiply(x, net.conv(planes, 1, 7, act="sigmoid"))


def multi_head(net: Net, x: Value, heads: int) -> Value:
    """Self-attention over the positions, each head with keys and values of its own."""
    _, height, width = x.shape
    depth, positions = _HEAD_CHANNELS, height * width
    query, key, value = (
        net.reshape(net.pointwise(x, heads * depth), (heads, depth, positions)) for _ in range(3)
    )
    scores = net.matmul(net.scale(net.transpose(query), 1 / sqrt(depth)), key)
    mixed = net.transpose(net.matmul(net.softmax(scores), value, transposed=True))
    mixed = net.reshape(mixed, (heads * depth, height, width))
    return net.add(x, net.pointwise(mixed, x.channels))


def multi_query(net: Net, x: Value, heads: int, reduction: int) -> Value:
    """Self-attention whose heads share one key and one value, from a smaller plane with `reduction` 2."""
    _, height, width = x.shape
    depth, positions = _HEAD_CHANNELS, height * width
    query = net.transpose(net.reshape(net.pointwise(x, heads * depth), (heads, depth, positions)))
    query = net.reshape(query, (heads * positions, depth))
    shared = []
    for _ in range(2):
        y = net.depthwise(x, 3, stride=reduction) if reduction > 1 else x
        y = net.pointwise(y, depth)
        shared.append(net.reshape(y, (depth, y.shape[1] * y.shape[2])))
    key, value = shared
    scores = net.matmul(net.scale(query, 1 / sqrt(depth)), key)
    mixed = net.matmul(net.softmax(scores), value, transposed=True)
    mixed = net.transpose(net.reshape(mixed, (heads, positions, depth)))
    mixed = net.reshape(mixed, (heads * depth, height, width))
    return net.add(x, net.pointwise(mixed, x.channels))


def classifier(net: Net, x: Value, out: int) -> Value:
    """Mean of each plane, then a linear layer."""
    return net.linear(net.global_pool(x), out)


def temporal_conv(net: Net, x: Value, dilation: int) -> Value:
    """GTConvBlock of GTCRN: half of the channels through neighbours, a causal dilated depthwise and a gate.

    Rows are frames, columns frequency bands.
    """
    half = _even(x.channels, 2, "halves")
    y, kept = net.halves(x)
    y = net.conv(y, half * 3, (1, 3), groups=half)
    y = net.prelu(net.pointwise(y, x.channels))
    padding = (2 * dilation, 0, 1, 1)
    y = net.conv(y, x.channels, 3, groups=x.channels, dilation=(dilation, 1), padding=padding)
    y = net.pointwise(net.prelu(y), half)
    energy = net.transpose(net.reduce(net.activation(y, "square"), "mean", 2, keep=False))
    gate = net.linear(net.gru(energy, x.channels), half, act="sigmoid")
    gate = net.reshape(net.transpose(gate), (half, x.shape[1], 1))
    return net.shuffle(net.concat(net.multiply(y, gate), kept), 2)


_WINDOW: Mapping[str, Setting] = {"kernel": 3, "stride": 1, "act": "relu6"}
_EXPANDING: Mapping[str, Setting] = {"out": 0, "expansion": 4.0}

BLOCKS: Mapping[str, Block] = {
    "depthwise": Block(depthwise, _WINDOW),
    "pointwise": Block(pointwise, {"out": 0, "act": "relu6"}),
    "standard": Block(standard, {"out": 0, **_WINDOW}),
    "separable": Block(separable, {"out": 0, **_WINDOW}),
    "inverted_residual": Block(inverted_residual, {"out": 0, "expansion": 6.0, "se": False, **_WINDOW}),
    "squeeze_excite": Block(squeeze_excite, {"reduction": 4, "gate": "sigmoid"}),
    "universal": Block(universal, {**_EXPANDING, "start": 0, "middle": 3, "stride": 1, "act": "relu"}),
    "shuffle_v1": Block(shuffle_v1, {"groups": 3}),
    "shuffle_v2": Block(shuffle_v2, {}),
    "cbam": Block(cbam, {"reduction": 16}),
    "mhsa": Block(multi_head, {"heads": 4}),
    "mqa": Block(multi_query, {"heads": 4, "reduction": 1}),
    "classifier": Block(classifier, {"out": 1000}),
    "gtconv": Block(temporal_conv, {"dilation": 1}),
}


def block(name: str) -> Block:
    """Return the block of that name.

    Raises:
        UserError: there is none.
    """
    if name not in BLOCKS:
        raise UserError(
            f"there is no block '{name}'", did_you_mean(name, BLOCKS) or "blocks: " + ", ".join(BLOCKS)
        )
    return BLOCKS[name]

"""Whole networks out of blocks, as a table in a suite, with width and resolution multipliers.

    [networks.mobilenet_v1]
    divisor = 8
    layers = [
        { block = "standard", out = 32, stride = 2, act = "relu" },
        { block = "separable", out = 64, act = "relu" },
        { block = "classifier", out = 1000, scale = "none" },
    ]

`out` is multiplied by the width and rounded to a multiple of `divisor`; `scale = "none"` leaves it alone and
`scale = "up"` lets it only grow. `repeat` repeats a layer, with its stride in the first one only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.bencher.blocks import Setting, block
from edgekit.bencher.net import Net, Value
from edgekit.errors import UserError, did_you_mean
from edgekit.graph import Graph

_SETTINGS = {"width": 1.0, "resolution": 224}
_MOST_REPEATS = 1000
_LAYER_KEYS = ("block", "out", "scale", "repeat")


def network_graph(table: Mapping[str, Any], settings: Mapping[str, Setting]) -> Graph:
    """Return the network of a table at a width and a resolution (defaults 1.0 and 224).

    Raises:
        UserError: a setting or a layer that does not exist.
    """
    for name in settings:
        if name not in _SETTINGS:
            raise UserError(
                f"a network has no setting '{name}'",
                did_you_mean(name, _SETTINGS) or "settings: " + ", ".join(_SETTINGS),
            )
    width = float(settings.get("width", 1.0))
    size = int(settings.get("resolution", 224))
    if width <= 0 or size < 1:
        raise UserError(f"width {width} at resolution {size} is no network", "give positive numbers")
    net = Net()
    x = net.input((int(table.get("channels", 3)), size, size))
    for layer in table.get("layers", ()):
        repeat = int(layer.get("repeat", 1))
        if not 0 < repeat <= _MOST_REPEATS:
            raise UserError(f"a layer is repeated {repeat} times", f"give a number from 1 to {_MOST_REPEATS}")
        for index in range(repeat):
            x = _layer(net, x, layer, width, int(table.get("divisor", 8)), first=index == 0)
    return net.graph()


def scaled(channels: int, width: float, divisor: int) -> int:
    """Return the multiple of `divisor` nearest to channels * width, never below 90 % of it.

    The rule of the MobileNet authors' `_make_divisible`.
    """
    wanted = channels * width
    rounded = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * wanted else rounded


def _layer(net: Net, x: Value, layer: Mapping[str, Any], width: float, divisor: int, *, first: bool) -> Value:
    kind = block(str(layer["block"]))
    known = {**kind.defaults}
    given = {key: value for key, value in layer.items() if key not in _LAYER_KEYS}
    for name in given:
        if name not in known:
            raise UserError(
                f"block '{layer['block']}' has no setting '{name}'",
                did_you_mean(name, known) or "settings: " + ", ".join(known),
            )
    known.update(given)
    if "out" in layer:
        scale = {"none": 1.0, "up": max(1.0, width)}.get(str(layer.get("scale")), width)
        known["out"] = scaled(int(layer["out"]), scale, divisor) if scale != 1.0 else int(layer["out"])
    if not first and "stride" in known:
        known["stride"] = 1
    output: Value = kind.build(net, x, **known)
    return output

"""Recurrent layers of several, one behind the other as layers of their own.

The converter takes them apart by itself, and splits and joins their states on the way, in shapes that no
tensor of PyTorch has; from ONNX it knows states of single layers alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class Unrolled(nn.Module):
    """Takes and gives what the layer did that it is made of, with the batch in front."""

    made_of_one = True
    """Its layers are no modules of the model's: a trace knows them by the path of the whole."""

    def __init__(self, layer: nn.RNNBase, parameters: Mapping[str, nn.Parameter | None]) -> None:
        super().__init__()
        self.batch_first = layer.batch_first
        self.directions = 2 if layer.bidirectional else 1
        for number in range(layer.num_layers):
            self.add_module(f"l{number}", _single(layer, number, parameters))
        self.train(layer.training)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Run one layer after the other, each from its part of the states, which are joined in the end."""
        steps, ends = input, []
        for number, layer in enumerate(self.children()):
            places = slice(number * self.directions, (number + 1) * self.directions)
            steps, last = layer(steps, _first(hx, places))
            ends.append(last)
        if isinstance(ends[0], tuple):
            return steps, tuple(torch.cat(parts, 0) for parts in zip(*ends, strict=True))
        return steps, torch.cat(ends, 0)


def _first(states: Any, places: slice) -> Any:
    """The part of the first states that one layer begins with."""
    if isinstance(states, tuple | list):
        return tuple(each[places] for each in states)
    return None if states is None else states[places]


def _single(layer: nn.RNNBase, number: int, parameters: Mapping[str, nn.Parameter | None]) -> nn.RNNBase:
    """One of the layers, with its own parameters under the names of a first one."""
    own = {
        name.replace(f"_l{number}", "_l0"): each
        for name, each in parameters.items()
        if name.removesuffix("_reverse").endswith(f"_l{number}")
    }
    settings: dict[str, Any] = {"proj_size": layer.proj_size} if isinstance(layer, nn.LSTM) else {}
    if isinstance(layer, nn.RNN):
        settings["nonlinearity"] = layer.nonlinearity
    weight = own["weight_ih_l0"]
    assert weight is not None
    kind: Any = type(layer)
    single: nn.RNNBase = kind(
        weight.shape[1],
        layer.hidden_size,
        bias=layer.bias,
        batch_first=True,
        bidirectional=layer.bidirectional,
        device="meta",
        **settings,
    )
    single._parameters.update(own)
    single._init_flat_weights()
    return single

"""Parameters, multiply-accumulates and output shapes of a network, without any real arithmetic.

The network is built and run on torch's meta device, where tensors have shapes and no numbers.
`Entry.parameters` and `Entry.macs` in the catalogue are these figures for the default arguments,
so that listing the zoo needs no torch; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from edgekit.models import registry
from edgekit.models.entry import ZooSpec


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What a network costs: learned parameters, and MACs for one call (1 MAC = 2 FLOP)."""

    text: str
    parameters: int
    macs: int
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]


def summarize(spec: ZooSpec) -> ModelSummary:
    """Count a zoo network's parameters and MACs under the given arguments.

    MACs are those of convolutions, matrix products and recurrent layers; biases,
    normalisations, activations and element-wise products are left out, as is usual.
    """
    with torch.device("meta"), torch.no_grad():
        module = registry.build_bare(spec)
        inputs = {given.name: torch.empty(given.shape) for given in spec.inputs}
        counter = MacCounter()
        with _recurrent_layers_counted(module, counter), counter:
            result = module(*inputs.values())
    outputs = (result,) if isinstance(result, Tensor) else result
    return ModelSummary(
        text=spec.text,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        macs=counter.macs,
        inputs={name: tuple(value.shape) for name, value in inputs.items()},
        outputs={name: tuple(value.shape) for name, value in zip(spec.entry.outputs, outputs, strict=True)},
    )


class MacCounter(TorchDispatchMode):
    """Adds up the MACs of every convolution and matrix product that runs under it.

    convolution: outputs x weights per output channel (transposed: inputs x weights per input
    channel); product of (n, k) and (k, m): n k m.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operator and count it."""
        result = func(*args, **(kwargs or {}))
        match func.overloadpacket:
            case torch.ops.aten.convolution:
                source, weight, transposed = args[0], args[1], args[6]
                elements = source.numel() if transposed else result.numel()
                self.macs += elements * weight[0].numel()
            case torch.ops.aten.mm | torch.ops.aten.bmm:
                self.macs += result.numel() * args[0].shape[-1]
            case torch.ops.aten.addmm:
                self.macs += result.numel() * args[1].shape[-1]
        return result


@contextmanager
def _recurrent_layers_counted(module: nn.Module, counter: MacCounter) -> Iterator[None]:
    """Replace each GRU by its shapes and its count: step by step they would take seconds."""
    layers = [layer for layer in module.modules() if isinstance(layer, nn.GRU)]
    for layer in layers:
        layer.forward = _gru_shapes(layer, counter)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _gru_shapes(layer: nn.GRU, counter: MacCounter) -> Any:
    directions = 2 if layer.bidirectional else 1

    def forward(x: Tensor) -> tuple[Tensor, None]:
        hidden = layer.hidden_size
        rows = x.numel() // layer.input_size
        counter.macs += rows * directions * 3 * hidden * (layer.input_size + hidden)
        return x.new_empty((*x.shape[:-1], directions * hidden)), None

    return forward

"""Seeded weights under which every layer of a network matters.

A freshly initialised network is a poor test subject: with default statistics its activations
fade with depth, and dropping an early ReLU6 moves the output by a millionth. `init_lively`
draws seeded weights, then runs one batch through the network and sets each layer by what it
sees, in the manner of data-dependent initialisation (LSUV, Mishkin and Matas 2016,
arXiv:1511.06422): convolutions are scaled to unit variance, BatchNorm takes the batch's own
mean and variance, and affine parameters are spread over about a decade.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import cast

import torch
from torch import Tensor, nn

from edgekit.models import signals
from edgekit.models.entry import ZooSpec

CALIBRATION_BATCH = 4
_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Linear)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_AFFINE_NORMS = (*_BATCH_NORMS, nn.GroupNorm, nn.LayerNorm)
_RECURRENT = (nn.GRU, nn.GRUCell)


def finish_lively(module: nn.Module, spec: ZooSpec, seed: int) -> nn.Module:
    """Give a zoo network its seeded weights, calibrated on synthetic signals."""
    inputs = signals.sample(spec.calibration_inputs, seed, CALIBRATION_BATCH)
    init_lively(module, {name: torch.from_numpy(value) for name, value in inputs.items()}, seed)
    return module


def init_lively(module: nn.Module, inputs: Mapping[str, Tensor], seed: int) -> None:
    """Draw seeded weights and calibrate them on `inputs` (passed in order), in place.

    `inputs` wants a batch of at least two different samples. The module is left in eval mode.
    Bit for bit the same for the same seed on the same machine, whatever the number of threads
    that torch is set to; the global random state is not touched.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        _draw(module, generator)
        module.eval()
        with _one_thread(), ExitStack() as stack:
            for layer in module.modules():
                if isinstance(layer, _WEIGHTED):
                    stack.enter_context(_scaled_on_first_call(layer, generator))
                elif isinstance(layer, _BATCH_NORMS):
                    stack.enter_context(_taking_batch_statistics(layer))
            module(*inputs.values())
    module.eval()


def _draw(module: nn.Module, generator: torch.Generator) -> None:
    for layer in module.modules():
        own = list(layer.parameters(recurse=False))
        if isinstance(layer, _WEIGHTED):
            fan_in = layer.weight[0].numel()
            layer.weight.normal_(0.0, math.sqrt(2.0 / fan_in), generator=generator)
            if layer.bias is not None:
                layer.bias.normal_(0.0, 0.25, generator=generator)
        elif isinstance(layer, _AFFINE_NORMS):
            layer.weight.log_normal_(-0.1, 0.45, generator=generator)
            layer.bias.normal_(0.0, 0.3, generator=generator)
        elif isinstance(layer, nn.PReLU):
            layer.weight.uniform_(0.05, 0.45, generator=generator)
        elif isinstance(layer, _RECURRENT):
            bound = 1.5 / math.sqrt(layer.hidden_size)
            for parameter in own:
                parameter.uniform_(-bound, bound, generator=generator)
        else:
            for parameter in own:
                parameter.uniform_(0.5, 1.5, generator=generator)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread: sums are then taken in one order, so the statistics have one value."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _scaled_on_first_call(layer: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Scale a layer's weight so that its first output varies by about one about its mean.

    The mean of each output channel is moved into the bias where there is one, because a mean
    over a plane is nearly the same for all inputs and would drown what tells them apart.
    The scale is held within a factor of four, so that no layer turns rounding into signal.
    """

    def hook(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor:
        handle.remove()
        weight, bias = cast(Tensor, layer.weight), cast("Tensor | None", layer.bias)
        channel = output.dim() - 1 if isinstance(layer, nn.Linear) else 1
        others = [axis for axis in range(output.dim()) if axis != channel]
        mean = output.mean(others, keepdim=True)
        centred = output - mean
        deviation = float(centred.square().mean().sqrt())
        scale = min(max(1.0 / max(deviation, 1e-6), 0.25), 4.0)
        weight.mul_(scale)
        if bias is None:
            return output * scale
        fresh = torch.empty_like(bias).normal_(0.0, 0.3, generator=generator)
        bias.copy_((bias - mean.flatten()) * scale + fresh)
        return centred * scale + fresh.reshape(mean.shape)

    handle = layer.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _taking_batch_statistics(norm: nn.modules.batchnorm._BatchNorm) -> Iterator[None]:
    """Let a BatchNorm replace its running statistics by those of the next batch."""
    momentum = norm.momentum
    norm.momentum = 1.0
    norm.train()
    try:
        yield
    finally:
        norm.eval()
        norm.momentum = momentum
        if norm.running_var is not None:
            norm.running_var.clamp_(min=0.01)

"""Seeded weights under which every layer of a network matters.

A freshly initialised network is a poor test subject: with default statistics its activations
fade with depth, and dropping an early ReLU6 moves the output by a millionth. `init_lively`
draws seeded weights, then runs one batch through the network and sets each layer by what it
sees, in the manner of data-dependent initialisation (LSUV, Mishkin and Matas 2016,
arXiv:1511.06422). The constants below hold every network of the zoo, up to 60 layers deep, at
activations of about one for inputs that the calibration has not seen.
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
from edgekit.threads import one_thread

# A few images do not show what a channel can vary by: trust each channel's own variance for a
# quarter, the layer's mean variance for the rest, and more of the latter below 32 values.
PRIOR_SHARE = 0.75
PRIOR_SAMPLES = 32
# A residual branch starts small beside its trunk, as it is in a trained network.
RESIDUAL_GAIN = 0.3
# Depthwise filters average a little: pure differences of smooth maps would amplify rounding.
DEPTHWISE_MEAN = 0.5
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d)
_WEIGHTED = (*_CONVOLUTIONS, nn.Linear)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_AFFINE_NORMS = (*_BATCH_NORMS, nn.GroupNorm, nn.LayerNorm)
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)


def finish_lively(module: nn.Module, spec: ZooSpec, seed: int) -> nn.Module:
    """Give a zoo network its seeded weights, calibrated on synthetic signals."""
    inputs = signals.sample(spec.calibration_inputs, seed, spec.entry.calibration_batch)
    init_lively(module, {name: torch.from_numpy(value) for name, value in inputs.items()}, seed)
    return module


def init_lively(module: nn.Module, inputs: Mapping[str, Tensor], seed: int) -> None:
    """Draw seeded weights and calibrate them on `inputs` (passed in order), in place.

    `inputs` wants a batch of several different samples, or one with many positions. A module may
    have a `residual_end`: the normalisation that ends its residual branch, which then starts
    small. The module is left in eval mode.
    Bit for bit the same for the same seed on the same machine, whatever the number of threads
    that torch is set to; the global random state is not touched.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        _draw(module, generator)
        module.eval()
        with one_thread(), ExitStack() as stack:
            for layer in module.modules():
                if isinstance(layer, _WEIGHTED):
                    stack.enter_context(_scaled_on_first_call(layer, generator))
                elif isinstance(layer, _BATCH_NORMS):
                    stack.enter_context(_taking_batch_statistics(layer))
            module(*inputs.values())
    module.eval()


def _draw(module: nn.Module, generator: torch.Generator) -> None:
    for layer in module.modules():
        if isinstance(layer, _WEIGHTED):
            fan_in = layer.weight[0].numel()
            depthwise = isinstance(layer, _CONVOLUTIONS) and layer.groups == layer.weight.shape[0]
            mean = DEPTHWISE_MEAN if depthwise else 0.0
            layer.weight.normal_(mean, 1.0, generator=generator).mul_(math.sqrt(2.0 / fan_in))
            if layer.bias is not None:
                layer.bias.normal_(0.0, 0.25, generator=generator)
        elif isinstance(layer, nn.PReLU):
            layer.weight.uniform_(0.05, 0.45, generator=generator)
        elif isinstance(layer, _RECURRENT):
            bound = 1.5 / math.sqrt(layer.hidden_size)
            for parameter in layer.parameters(recurse=False):
                parameter.uniform_(-bound, bound, generator=generator)
        else:
            is_norm = isinstance(layer, _AFFINE_NORMS)
            for name, parameter in layer.named_parameters(recurse=False):
                _draw_other(name, parameter, is_norm, generator)
    for layer in module.modules():
        end = getattr(layer, "residual_end", None)
        if isinstance(end, _AFFINE_NORMS) and end.weight is not None:
            end.weight.mul_(RESIDUAL_GAIN)


def _draw_other(name: str, parameter: Tensor, is_norm: bool, generator: torch.Generator) -> None:
    """Norms get factors about one and shifts about 0.3; matrices are scaled by their fan-in;
    any other vector is a shift by its name, or else a small factor on a residual branch.
    """
    if name == "bias":
        parameter.normal_(0.3 if is_norm else 0.0, 0.3, generator=generator)
    elif is_norm:
        parameter.log_normal_(-0.05, 0.3, generator=generator)
    elif parameter.numel() > max(parameter.shape, default=1):
        fan_in = parameter[0].numel()
        parameter.normal_(0.0, math.sqrt(1.0 / fan_in), generator=generator)
    else:
        parameter.uniform_(0.1, 0.4, generator=generator)


@contextmanager
def _scaled_on_first_call(layer: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Scale a layer's weight so that its first output varies by about one about its mean.

    The mean of each output channel is moved into the bias where there is one, because a mean
    over a plane is nearly the same for all inputs and would drown what tells them apart.
    Weights are only ever scaled down, so that no layer turns rounding into signal.
    """

    def hook(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> Tensor:
        handle.remove()
        weight, bias = cast(Tensor, layer.weight), cast("Tensor | None", layer.bias)
        channel = output.dim() - 1 if isinstance(layer, nn.Linear) else 1
        others = [axis for axis in range(output.dim()) if axis != channel]
        mean = output.mean(others, keepdim=True)
        centred = output if bias is None else output - mean
        samples = output.numel() / mean.numel()
        variance, power = float(centred.square().mean()), float(output.square().mean())
        variance = (samples * variance + PRIOR_SAMPLES * power) / (samples + PRIOR_SAMPLES)
        scale = min(max(1.0 / math.sqrt(max(variance, 1e-12)), 0.25), 1.0)
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
    """Let a BatchNorm take its running statistics from the next batch that it sees.

    The variance of each channel is drawn towards the mean variance of the layer.
    """

    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        handle.remove()
        (x,) = inputs
        others = [axis for axis in range(x.dim()) if axis != 1]
        variance, mean = torch.var_mean(x, others, correction=0)
        samples = x.numel() / x.shape[1]
        pooled = variance.mean()
        prior = PRIOR_SHARE + (1 - PRIOR_SHARE) * PRIOR_SAMPLES / (samples + PRIOR_SAMPLES)
        variance = torch.lerp(variance, pooled, prior)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    handle = norm.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()

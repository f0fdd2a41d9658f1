"""Substitutes for normalisations that ncnn knows over other axes, or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitution import Noted, Rule, State, sizes_of, untraced


def _layer_norm(
    state: State,
    x: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    """Normalise the flattened axes as one; ncnn knows two axes at most, and not all but the batch."""
    count = len(normalized_shape)
    if count < 2 or (count == 2 and x.dim() > 3):
        return NotImplemented
    sizes, length = sizes_of(x), math.prod(normalized_shape)
    outer = sizes[: len(sizes) - count]
    if not outer:
        return NotImplemented
    with untraced():
        flat_weight = None if weight is None else weight.detach().reshape(-1)
        flat_bias = None if bias is None else bias.detach().reshape(-1)
    rows = x.reshape(*outer, length) if len(outer) > 1 else x.reshape(outer[0], 1, length)
    return F.layer_norm(rows, (length,), flat_weight, flat_bias, eps).reshape(sizes)


def _rms_norm(
    state: State,
    x: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,
    eps: float | None = None,
) -> Any:
    """X / sqrt(mean(x^2) + eps): ONNX has no word for it."""
    if not state.onnx:
        return NotImplemented
    dims = list(range(-len(normalized_shape), 0))
    eps = torch.finfo(torch.float32).eps if eps is None else eps
    normal = x * (x.pow(2).mean(dims, keepdim=True) + eps).rsqrt()
    return normal if weight is None else normal * weight


def _local_response_norm(
    state: State, x: torch.Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """X / (k + alpha mean(x^2))^beta, the mean over neighbouring channels as a 1x1 convolution."""
    if not state.onnx or x.dim() != 4:
        return NotImplemented
    with untraced():
        places = torch.arange(sizes_of(x)[1])
        distance = places[None] - places[:, None]  # the window reaches size // 2 back, the rest forth
        near = (distance >= -(size // 2)) & (distance <= (size - 1) // 2)
        band = near.to(torch.float32)[:, :, None, None] / size
    return x / (F.conv2d(x.pow(2), band) * alpha + k).pow(beta)


def _instance_norm(
    state: State,
    x: torch.Tensor,
    running_mean: torch.Tensor | None = None,
    running_var: torch.Tensor | None = None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Give a signal a second axis: ncnn normalises planes. Statistics that were kept are constants."""
    if state.onnx:
        return NotImplemented
    if not use_input_stats and running_mean is not None and running_var is not None:
        fixed = F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
        return Noted(
            fixed, "wrote an instance normalisation that kept its statistics as a batch normalisation"
        )
    if x.dim() != 3:
        return NotImplemented
    return F.instance_norm(x.unsqueeze(3), weight=weight, bias=bias, eps=eps).squeeze(3)


RULES: dict[Any, tuple[str, Rule]] = {
    F.layer_norm: ("flattened the axes of a layer normalisation", _layer_norm),
    F.rms_norm: ("wrote the RMS normalisation as arithmetic", _rms_norm),
    F.local_response_norm: ("wrote the local response normalisation as arithmetic", _local_response_norm),
    F.instance_norm: ("gave an instance normalisation over one axis a second one", _instance_norm),
}

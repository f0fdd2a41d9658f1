"""The blocks that all two-dimensional networks of the zoo share.

Every `forward` has one operation per line: a report names these lines as the source of a layer.
Shapes are (N, C, H, W) throughout.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["none", "relu", "relu6", "hswish", "gelu", "prelu"]
Norm = Literal["batch", "group1", "none"]


def round_channels(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never losing more than 10 % (MobileNet V2, section 4)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def activation(kind: Activation, channels: int) -> nn.Module:
    """Make an activation; PReLU has one slope per channel."""
    match kind:
        case "relu":
            return nn.ReLU()
        case "relu6":
            return nn.ReLU6()
        case "hswish":
            return nn.Hardswish()
        case "gelu":
            return nn.GELU()
        case "prelu":
            return nn.PReLU(channels)
        case "none":
            return nn.Identity()


def normalization(kind: Norm, channels: int, eps: float = 1e-5) -> nn.Module:
    """Make a normalisation; `group1` is GroupNorm with a single group."""
    match kind:
        case "batch":
            return nn.BatchNorm2d(channels, eps=eps)
        case "group1":
            return nn.GroupNorm(1, channels, eps=eps)
        case "none":
            return nn.Identity()


class ConvNormAct(nn.Module):
    """Convolution, normalisation, activation. Padding keeps the size at stride 1 by default."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        stride: int = 1,
        act: Activation = "relu",
        *,
        groups: int = 1,
        dilation: int = 1,
        padding: int | None = None,
        norm: Norm = "batch",
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        pad = dilation * (kernel - 1) // 2 if padding is None else padding
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride,
            pad,
            dilation,
            groups,
            bias=norm == "none",
        )
        self.norm = normalization(norm, out_channels, eps)
        self.act = activation(act, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.norm(x)
        x = self.act(x)
        return x


def depthwise(
    channels: int,
    kernel: int = 3,
    stride: int = 1,
    act: Activation = "relu",
    *,
    eps: float = 1e-5,
) -> ConvNormAct:
    """A `ConvNormAct` with one filter per channel."""
    return ConvNormAct(channels, channels, kernel, stride, act, groups=channels, eps=eps)


def pointwise(
    in_channels: int,
    out_channels: int,
    act: Activation = "relu",
    *,
    groups: int = 1,
    norm: Norm = "batch",
    eps: float = 1e-5,
) -> ConvNormAct:
    """A 1x1 `ConvNormAct`."""
    return ConvNormAct(in_channels, out_channels, 1, 1, act, groups=groups, norm=norm, eps=eps)


class DepthwiseSeparable(nn.Module):
    """Depthwise 3x3, then pointwise, each with normalisation and activation (MobileNet V1)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, act: Activation = "relu") -> None:
        super().__init__()
        self.depthwise = depthwise(in_channels, 3, stride, act)
        self.pointwise = pointwise(in_channels, out_channels, act)

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(x)
        x = self.pointwise(x)
        return x


class SqueezeExcite(nn.Module):
    """Channel gate: mean over the plane, two 1x1 convolutions, a gate in [0, 1] (SENet)."""

    def __init__(self, channels: int, squeezed: int, gate: Literal["hard", "smooth"] = "hard") -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = nn.Hardsigmoid() if gate == "hard" else nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        scale = F.adaptive_avg_pool2d(x, 1)
        scale = self.reduce(scale)
        scale = F.relu(scale)
        scale = self.expand(scale)
        scale = self.gate(scale)
        x = x * scale
        return x


class InvertedResidual(nn.Module):
    """Expand, depthwise, optional gate, linear projection, skip (MobileNet V2 and V3).

    `hidden == in_channels` leaves the expansion out. The skip exists when neither the
    resolution nor the number of channels changes.
    """

    def __init__(
        self,
        in_channels: int,
        hidden: int,
        out_channels: int,
        kernel: int = 3,
        stride: int = 1,
        act: Activation = "relu6",
        *,
        squeeze_excite: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.expand: nn.Module = nn.Identity()
        if hidden != in_channels:
            self.expand = pointwise(in_channels, hidden, act, eps=eps)
        self.depthwise = depthwise(hidden, kernel, stride, act, eps=eps)
        self.gate: nn.Module = nn.Identity()
        if squeeze_excite:
            self.gate = SqueezeExcite(hidden, round_channels(hidden / 4))
        self.project = pointwise(hidden, out_channels, "none", eps=eps)
        self.skip = stride == 1 and in_channels == out_channels

    @property
    def residual_end(self) -> nn.Module | None:
        """The normalisation that scales the residual branch."""
        return self.project.norm if self.skip else None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.expand(x)
        y = self.depthwise(y)
        y = self.gate(y)
        y = self.project(y)
        if self.skip:
            y = x + y
        return y


class Classifier(nn.Module):
    """Global mean, then a linear layer."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(x, 1)
        x = x.flatten(1)
        x = self.fc(x)
        return x

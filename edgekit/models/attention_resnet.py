"""ResNet-18 with a gate in every block: SENet's (arXiv:1709.01507) or CBAM's (arXiv:1807.06521).

Depth and reduction (16) are those of the ResNet-18 rows of the CBAM paper's table 4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgekit.models.blocks import Classifier, ConvNormAct, SqueezeExcite

STEM = 64  # 112x112, then pooled to 56x56
# channels, blocks, stride of the first
STAGES = (
    (64, 2, 1),  # 56x56
    (128, 2, 2),  # 28x28
    (256, 2, 2),  # 14x14
    (512, 2, 2),  # 7x7
)
REDUCTION = 16


class ChannelAttention(nn.Module):
    """One small perceptron over the plane's mean and its maximum, summed into a gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // REDUCTION, 1)
        self.expand = nn.Conv2d(channels // REDUCTION, channels, 1)

    def _perceptron(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        x = F.relu(x)
        x = self.expand(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        mean = self._perceptron(F.adaptive_avg_pool2d(x, 1))
        peak = self._perceptron(F.adaptive_max_pool2d(x, 1))
        gate = torch.sigmoid(mean + peak)
        return x * gate


class SpatialAttention(nn.Module):
    """A 7x7 convolution over the channels' mean and maximum makes a gate for each position."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvNormAct(2, 1, 7, 1, "none")

    def forward(self, x: Tensor) -> Tensor:
        peak = torch.amax(x, dim=1, keepdim=True)
        mean = torch.mean(x, dim=1, keepdim=True)
        gate = self.conv(torch.cat((peak, mean), dim=1))
        gate = torch.sigmoid(gate)
        return x * gate


def _gate(kind: str, channels: int) -> nn.Module:
    if kind == "se":
        return SqueezeExcite(channels, channels // REDUCTION, gate="smooth")
    return nn.Sequential(ChannelAttention(channels), SpatialAttention())


class GatedBasicBlock(nn.Module):
    """Two 3x3 convolutions, a gate, and a skip (projected where the shape changes)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, gate: str) -> None:
        super().__init__()
        self.first = ConvNormAct(in_channels, out_channels, 3, stride)
        self.second = ConvNormAct(out_channels, out_channels, 3, 1, "none")
        self.gate = _gate(gate, out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = ConvNormAct(in_channels, out_channels, 1, stride, "none")

    @property
    def residual_end(self) -> nn.Module:
        """The normalisation that scales the residual branch."""
        return self.second.norm

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        y = self.second(y)
        y = self.gate(y)
        y = self.shortcut(x) + y
        y = F.relu(y)
        return y


class AttentionResNet(nn.Module):
    """Images (N, 3, H, W) to logits (N, classes)."""

    def __init__(self, gate: str, classes: int) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, STEM, 7, 2)
        blocks: list[nn.Module] = []
        channels = STEM
        for out_channels, repeats, first_stride in STAGES:
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                blocks.append(GatedBasicBlock(channels, out_channels, stride, gate))
                channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.classifier = Classifier(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.max_pool2d(x, 3, 2, 1)
        x = self.blocks(x)
        x = self.classifier(x)
        return x


def build_se(classes: int) -> AttentionResNet:
    """Make an SE-ResNet-18."""
    return AttentionResNet("se", classes)


def build_cbam(classes: int) -> AttentionResNet:
    """Make a ResNet-18 with CBAM."""
    return AttentionResNet("cbam", classes)

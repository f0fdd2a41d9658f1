"""The depthwise separable convolution with PReLU, as one block alone.

For 16 to 32 channels and a 3x3 kernel it has 16*3*3 + 32*16 = 656 convolution weights, against
4608 of a full convolution; biases, BatchNorm and the one PReLU slope come on top.
"""

from __future__ import annotations

from torch import Tensor, nn


class DepthwiseSeparableConv(nn.Module):
    """Features (N, in, T, F) to (N, out, T, F): depthwise, pointwise, BatchNorm, PReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        pad = (kernel - 1) // 2
        self.depth_conv = nn.Conv2d(in_channels, in_channels, kernel, padding=pad, groups=in_channels)
        self.point_conv = nn.Conv2d(in_channels, out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.depth_conv(x)
        x = self.point_conv(x)
        x = self.bn(x)
        x = self.act(x)
        return x


def build(in_channels: int, out_channels: int, kernel: int) -> DepthwiseSeparableConv:
    """Make the block."""
    return DepthwiseSeparableConv(in_channels, out_channels, kernel)

"""ShuffleNet V1 (Zhang et al. 2017, arXiv:1707.01083) and V2 (Ma et al. 2018, arXiv:1807.11164).

V1 follows table 1 of its paper, with the stem widths that its authors published for other
widths (megvii-model/ShuffleNet-Series); V2 follows table 5 of its paper.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgekit.models.blocks import Classifier, ConvNormAct, depthwise, pointwise

REPEATS = (4, 8, 4)  # units at 28x28, 14x14 and 7x7
V1_FIRST_STAGE = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}  # channels at 28x28 for each group count
V1_STEM = {0.5: 12, 1.0: 24, 1.5: 24, 2.0: 48}
V1_STEM_HALF_WIDTH_8_GROUPS = 16
V2_STEM = 24
# channels at 28x28, 14x14, 7x7 and of the head
V2_CHANNELS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Deal the channels of each group out over all groups."""
    n, channels, height, width = x.shape
    x = x.reshape(n, groups, channels // groups, height, width)
    x = x.transpose(1, 2)
    x = x.reshape(n, channels, height, width)
    return x


class ShuffleUnitV1(nn.Module):
    """Grouped 1x1, shuffle, depthwise 3x3, grouped 1x1; added, or joined to a pooled input."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, groups: int, first: bool) -> None:
        super().__init__()
        middle = -(-out_channels // 4 // groups) * groups
        branch = out_channels - in_channels if stride == 2 else out_channels
        self.groups = groups
        self.stride = stride
        self.reduce = pointwise(in_channels, middle, groups=1 if first else groups)
        self.depthwise = depthwise(middle, 3, stride, "none")
        self.expand = pointwise(middle, branch, "none", groups=groups)

    @property
    def residual_end(self) -> nn.Module | None:
        """The normalisation that scales the residual branch."""
        return self.expand.norm if self.stride == 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce(x)
        y = channel_shuffle(y, self.groups)
        y = self.depthwise(y)
        y = self.expand(y)
        if self.stride == 2:
            pooled = F.avg_pool2d(x, 3, 2, 1)
            y = torch.cat((pooled, y), dim=1)
        else:
            y = x + y
        y = F.relu(y)
        return y


class ShuffleUnitV2(nn.Module):
    """Half of the channels through 1x1, depthwise, 1x1; the other half past it; shuffle."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.reduce = pointwise(half, half)
        self.depthwise = depthwise(half, 3, 1, "none")
        self.expand = pointwise(half, half)

    def forward(self, x: Tensor) -> Tensor:
        kept, y = x.chunk(2, dim=1)
        y = self.reduce(y)
        y = self.depthwise(y)
        y = self.expand(y)
        y = torch.cat((kept, y), dim=1)
        y = channel_shuffle(y, 2)
        return y


class ShuffleDownV2(nn.Module):
    """The unit at stride 2: both branches see all channels, and their number doubles."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.side_depthwise = depthwise(in_channels, 3, 2, "none")
        self.side_expand = pointwise(in_channels, half)
        self.reduce = pointwise(in_channels, half)
        self.depthwise = depthwise(half, 3, 2, "none")
        self.expand = pointwise(half, half)

    def forward(self, x: Tensor) -> Tensor:
        side = self.side_depthwise(x)
        side = self.side_expand(side)
        y = self.reduce(x)
        y = self.depthwise(y)
        y = self.expand(y)
        y = torch.cat((side, y), dim=1)
        y = channel_shuffle(y, 2)
        return y


class ShuffleNet(nn.Module):
    """Images (N, 3, H, W) to logits (N, classes)."""

    def __init__(
        self, stem: int, units: list[nn.Module], head: nn.Module, channels: int, classes: int
    ) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, stem, 3, 2)
        self.units = nn.Sequential(*units)
        self.head = head
        self.classifier = Classifier(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.max_pool2d(x, 3, 2, 1)
        x = self.units(x)
        x = self.head(x)
        x = self.classifier(x)
        return x


def build_v1(groups: int, width: float, classes: int) -> ShuffleNet:
    """Make a ShuffleNet V1 with that many groups, its channels multiplied by `width`."""
    stem = V1_STEM_HALF_WIDTH_8_GROUPS if (groups, width) == (8, 0.5) else V1_STEM[width]
    channels, units = stem, list[nn.Module]()
    for stage, repeats in enumerate(REPEATS):
        out_channels = int(V1_FIRST_STAGE[groups] * width) * 2**stage
        for index in range(repeats):
            stride = 2 if index == 0 else 1
            units.append(ShuffleUnitV1(channels, out_channels, stride, groups, first=not units))
            channels = out_channels
    return ShuffleNet(stem, units, nn.Identity(), channels, classes)


def build_v2(width: float, classes: int) -> ShuffleNet:
    """Make a ShuffleNet V2 of that width."""
    *stages, head = V2_CHANNELS[width]
    channels, units = V2_STEM, list[nn.Module]()
    for out_channels, repeats in zip(stages, REPEATS, strict=True):
        units.append(ShuffleDownV2(channels, out_channels))
        units.extend(ShuffleUnitV2(out_channels) for _ in range(repeats - 1))
        channels = out_channels
    return ShuffleNet(V2_STEM, units, pointwise(channels, head), head, classes)

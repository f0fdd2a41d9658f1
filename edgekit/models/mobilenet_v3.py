"""MobileNet V3 Large and Small (Howard et al. 2019, arXiv:1905.02244, tables 1 and 2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from edgekit.models.blocks import Activation, ConvNormAct, InvertedResidual, pointwise, round_channels

Row = tuple[int, int, int, bool, Activation, int]

# kernel, hidden, channels, squeeze-excite, activation, stride           output at 224x224
LARGE: tuple[Row, ...] = (
    (3, 16, 16, False, "relu", 1),  # 112x112
    (3, 64, 24, False, "relu", 2),  # 56x56
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),  # 28x28
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hswish", 2),  # 14x14
    (3, 200, 80, False, "hswish", 1),
    (3, 184, 80, False, "hswish", 1),
    (3, 184, 80, False, "hswish", 1),
    (3, 480, 112, True, "hswish", 1),
    (3, 672, 112, True, "hswish", 1),
    (5, 672, 160, True, "hswish", 2),  # 7x7
    (5, 960, 160, True, "hswish", 1),
    (5, 960, 160, True, "hswish", 1),
)
SMALL: tuple[Row, ...] = (
    (3, 16, 16, True, "relu", 2),  # 56x56
    (3, 72, 24, False, "relu", 2),  # 28x28
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hswish", 2),  # 14x14
    (5, 240, 40, True, "hswish", 1),
    (5, 240, 40, True, "hswish", 1),
    (5, 120, 48, True, "hswish", 1),
    (5, 144, 48, True, "hswish", 1),
    (5, 288, 96, True, "hswish", 2),  # 7x7
    (5, 576, 96, True, "hswish", 1),
    (5, 576, 96, True, "hswish", 1),
)
STEM = 16  # 112x112
TAIL_ROWS = 3  # the rows whose channels a reduced tail halves
EPS = 1e-3


class MobileNetV3(nn.Module):
    """Images (N, 3, H, W) to logits (N, classes).

    A reduced tail halves the channels of the last stage and of the head, for use as a backbone.
    """

    def __init__(
        self, table: tuple[Row, ...], embedding: int, width: float, reduced_tail: bool, classes: int
    ) -> None:
        super().__init__()
        channels = round_channels(STEM * width)
        self.stem = ConvNormAct(3, channels, 3, 2, "hswish", eps=EPS)
        blocks: list[nn.Module] = []
        for index, (kernel, hidden, base, gated, act, stride) in enumerate(_reduced(table, reduced_tail)):
            out_channels = round_channels(base * width)
            inner = channels if index == 0 else round_channels(hidden * width)
            blocks.append(
                InvertedResidual(
                    channels, inner, out_channels, kernel, stride, act, squeeze_excite=gated, eps=EPS
                )
            )
            channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.head = pointwise(channels, channels * 6, "hswish", eps=EPS)
        embedded = round_channels(embedding * width / (2 if reduced_tail else 1))
        self.embed = nn.Linear(channels * 6, embedded)
        self.classifier = nn.Linear(embedded, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        x = self.head(x)
        x = F.adaptive_avg_pool2d(x, 1)
        x = x.flatten(1)
        x = self.embed(x)
        x = F.hardswish(x)
        x = self.classifier(x)
        return x


def _reduced(table: tuple[Row, ...], reduced_tail: bool) -> list[Row]:
    rows = list(table)
    if reduced_tail:
        first = len(rows) - TAIL_ROWS
        for index in range(first, len(rows)):
            kernel, hidden, channels, gated, act, stride = rows[index]
            hidden = hidden if index == first else hidden // 2
            rows[index] = (kernel, hidden, channels // 2, gated, act, stride)
    return rows


def build_large(width: float, reduced_tail: bool, classes: int) -> MobileNetV3:
    """Make a MobileNet V3 Large."""
    return MobileNetV3(LARGE, 1280, width, reduced_tail, classes)


def build_small(width: float, reduced_tail: bool, classes: int) -> MobileNetV3:
    """Make a MobileNet V3 Small."""
    return MobileNetV3(SMALL, 1024, width, reduced_tail, classes)

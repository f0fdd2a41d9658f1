"""MobileNet V2 (Sandler et al. 2018, arXiv:1801.04381, table 2)."""

from __future__ import annotations

from torch import Tensor, nn

from edgekit.models.blocks import Classifier, ConvNormAct, InvertedResidual, pointwise, round_channels

# expansion, channels, repeats, stride of the first        output at 224x224
BLOCKS = (
    (1, 16, 1, 1),  # 112x112
    (6, 24, 2, 2),  # 56x56
    (6, 32, 3, 2),  # 28x28
    (6, 64, 4, 2),  # 14x14
    (6, 96, 3, 1),  # 14x14
    (6, 160, 3, 2),  # 7x7
    (6, 320, 1, 1),  # 7x7
)
STEM = 32  # 112x112
HEAD = 1280  # 7x7


class MobileNetV2(nn.Module):
    """Images (N, 3, H, W) to logits (N, classes)."""

    def __init__(self, width: float, classes: int) -> None:
        super().__init__()
        channels = round_channels(STEM * width)
        head = round_channels(HEAD * max(1.0, width))
        self.stem = ConvNormAct(3, channels, 3, 2, "relu6")
        blocks: list[nn.Module] = []
        for expansion, base, repeats, first_stride in BLOCKS:
            out_channels = round_channels(base * width)
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                blocks.append(InvertedResidual(channels, channels * expansion, out_channels, 3, stride))
                channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.head = pointwise(channels, head, "relu6")
        self.classifier = Classifier(head, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        x = self.head(x)
        x = self.classifier(x)
        return x


def build(width: float, classes: int) -> MobileNetV2:
    """Make a MobileNet V2 with its channels multiplied by `width`."""
    return MobileNetV2(width, classes)

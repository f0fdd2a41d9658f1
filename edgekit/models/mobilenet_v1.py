"""MobileNet V1 (Howard et al. 2017, arXiv:1704.04861, table 1) and its AMC-pruned relative.

The `amc` profile is the channel list that AMC (He et al. 2018, arXiv:1802.03494) found for half
of the operations (mit-han-lab/amc, `models/mobilenet.py`).
"""

from __future__ import annotations

from torch import Tensor, nn

from edgekit.models.blocks import Classifier, ConvNormAct, DepthwiseSeparable

# channels of the stem, then (channels, stride) of each block
PROFILES: dict[str, tuple[int, tuple[tuple[int, int], ...]]] = {
    "normal": (
        32,  # 112x112
        (
            (64, 1),  # 112x112
            (128, 2),  # 56x56
            (128, 1),
            (256, 2),  # 28x28
            (256, 1),
            (512, 2),  # 14x14
            (512, 1),
            (512, 1),
            (512, 1),
            (512, 1),
            (512, 1),
            (1024, 2),  # 7x7
            (1024, 1),
        ),
    ),
    "amc": (
        24,  # 112x112
        (
            (48, 1),  # 112x112
            (96, 2),  # 56x56
            (80, 1),
            (192, 2),  # 28x28
            (200, 1),
            (328, 2),  # 14x14
            (352, 1),
            (368, 1),
            (360, 1),
            (328, 1),
            (400, 1),
            (736, 2),  # 7x7
            (752, 1),
        ),
    ),
}


class MobileNetV1(nn.Module):
    """Images (N, 3, H, W) to logits (N, classes)."""

    def __init__(self, profile: str, width: float, classes: int) -> None:
        super().__init__()
        stem, table = PROFILES[profile]
        channels = int(stem * width)
        self.stem = ConvNormAct(3, channels, 3, 2)
        blocks: list[nn.Module] = []
        for base, stride in table:
            blocks.append(DepthwiseSeparable(channels, int(base * width), stride))
            channels = int(base * width)
        self.blocks = nn.Sequential(*blocks)
        self.classifier = Classifier(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        x = self.classifier(x)
        return x


def build(profile: str, width: float, classes: int) -> MobileNetV1:
    """Make a MobileNet V1 with its channels multiplied by `width`."""
    return MobileNetV1(profile, width, classes)

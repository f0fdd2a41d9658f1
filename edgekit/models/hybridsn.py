"""HybridSN (Roy et al. 2019, arXiv:1902.06701, table I): 3-D, then 2-D convolutions.

It classifies the middle pixel of a hyperspectral patch; the defaults are those of the paper's
Indian Pines experiment.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

# filters, kernel (bands, height, width)                 output for 30 bands of 25x25
CONV3D = (
    (8, (7, 3, 3)),  # 24 bands of 23x23
    (16, (5, 3, 3)),  # 20 bands of 21x21
    (32, (3, 3, 3)),  # 18 bands of 19x19
)
CONV2D = 64  # 17x17
HIDDEN = (256, 128)


class HybridSN(nn.Module):
    """Patches (N, 1, bands, window, window) to logits (N, classes)."""

    def __init__(self, bands: int, window: int, classes: int) -> None:
        super().__init__()
        convolutions: list[nn.Module] = []
        channels, depth, size = 1, bands, window
        for filters, kernel in CONV3D:
            convolutions += [nn.Conv3d(channels, filters, kernel), nn.ReLU()]
            channels, depth, size = filters, depth - kernel[0] + 1, size - kernel[1] + 1
        self.spectral = nn.Sequential(*convolutions)
        self.spatial = nn.Conv2d(channels * depth, CONV2D, 3)
        self.fc1 = nn.Linear(CONV2D * (size - 2) ** 2, HIDDEN[0])
        self.fc2 = nn.Linear(HIDDEN[0], HIDDEN[1])
        self.fc3 = nn.Linear(HIDDEN[1], classes)
        self.dropout = nn.Dropout(0.4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.spectral(x)
        x = x.flatten(1, 2)  # filters and bands become the channels of a plane
        x = self.spatial(x)
        x = F.relu(x)
        x = x.flatten(1)
        x = self.fc1(x)
        x = F.relu(x)
        x = self.dropout(x)
        x = self.fc2(x)
        x = F.relu(x)
        x = self.dropout(x)
        x = self.fc3(x)
        return x


def build(bands: int, window: int, classes: int) -> HybridSN:
    """Make a HybridSN for patches of `bands` x `window` x `window`."""
    return HybridSN(bands, window, classes)

"""Small nets whose tensors the numbers alone cannot tell apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _conv(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)


class TwinBranches(nn.Module):
    """Two branches, equal but for the order of channels, read by layers that differ; x is 1x4x8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = _conv(4, 6), _conv(4, 6)
        order = torch.tensor([3, 0, 5, 1, 4, 2])
        self.right.load_state_dict({name: part[order] for name, part in self.left.state_dict().items()})
        self.of_left, self.of_right, self.last = _conv(6, 4), _conv(6, 4), _conv(12, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.left(x), self.right(x)
        y = torch.sigmoid(self.of_right(right)) * self.of_left(left)
        return self.last(torch.cat([right, left], 1)) + y


class DeadBranches(nn.Module):
    """Two branches whose ReLUs let nothing through: all that comes after them is equal; x is 1x4x8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = _conv(4, 4), _conv(4, 4, 1)
        for conv in (self.a, self.b):
            nn.init.constant_(conv.bias, -100.0)  # type: ignore[arg-type]
        self.after_a, self.after_b = _conv(4, 4, 1), _conv(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        a, b = F.relu(self.a(x)), F.relu(self.b(x))
        return torch.cat([self.after_a(a), self.after_b(b)], 1)


class Residuals(nn.Module):
    """Four blocks with equal weights that add nothing: every sum is the input; x is 1x4x8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_conv(4, 4) for _ in range(4))
        nn.init.constant_(self.blocks[0].bias, -100.0)
        for block in self.blocks[1:]:
            block.load_state_dict(self.blocks[0].state_dict())
        self.last = _conv(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + F.relu(block(x))
        return self.last(x)


class Repeated(nn.Module):
    """One block of weights four times over, alive; x is 1x4x8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(_conv(4, 4), nn.ReLU(), _conv(4, 4, 1)) for _ in range(4))
        for block in self.blocks[1:]:
            block.load_state_dict(self.blocks[0].state_dict())

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x

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


class TwinTowers(nn.Module):
    """Two towers of equal weights on one input, added: the converter keeps one of them; x is 1x4x8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = (nn.Sequential(_conv(4, 6), nn.ReLU(), _conv(6, 6)) for _ in range(2))
        self.right.load_state_dict(self.left.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.left(x) + self.right(x)


class UnreachedBounds(nn.Module):
    """Two clips, two slopes and two poolings that the numbers cannot tell apart, each added; x is 1x4x8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.dead, self.last = _conv(4, 4), _conv(4, 4), _conv(4, 3)
        nn.init.constant_(self.dead.bias, -100.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y = torch.sigmoid(self.first(x))
        y = F.hardtanh(y, -2.0, 2.0) + F.hardtanh(y, -3.0, 3.0)
        y = F.leaky_relu(y, 0.1) + F.leaky_relu(y, 0.2)
        z = F.relu(self.dead(y))
        z = F.max_pool2d(z, 2) + F.avg_pool2d(z, 2)
        return self.last(F.avg_pool2d(y, 2) + z)


class UnreachedSlopes(nn.Module):
    """Two PReLUs of which nothing reaches the slope, added: nothing tells them apart; x is 1x4x8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = _conv(4, 4), _conv(4, 3)
        self.a, self.b = nn.PReLU(4, init=0.1), nn.PReLU(4, init=0.2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.sigmoid(self.first(x))
        return self.last(self.a(y) + self.b(y))


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


class DeadParts(nn.Module):
    """Parts of what an activation lets through, cut up and put together again; x is 1x4x8x8.

    With a bias far below zero every part is the same: nothing.
    """

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.conv = _conv(4, 4, 1)
        nn.init.constant_(self.conv.bias, bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        first, rest = y[:, :1], F.relu(y[:, 1:])
        kept, doubled, dropped = rest[:, :1], rest[:, 1] * 2.0, rest[:, 2:]
        total = torch.cat([kept, doubled.unsqueeze(1), dropped], 1)
        last = total[:, 2:] + torch.sigmoid(first)
        return torch.tanh(torch.cat([first, kept, doubled.unsqueeze(1), last], 1))


class DeadOrAlive(nn.Module):
    """Parts, views and constants that are all zero unless it is `alive`; x is 1x4x8x8."""

    def __init__(self, *, alive: bool = False) -> None:
        super().__init__()
        self.conv, self.norm = _conv(4, 6, 1), nn.InstanceNorm2d(6, affine=True)
        self.scale = nn.Parameter(torch.rand(6, 1, 1))
        nn.init.uniform_(self.norm.weight)
        if not alive:
            nn.init.constant_(self.conv.bias, -100.0)  # type: ignore[arg-type]
            for constant in (self.norm.weight, self.scale):
                nn.init.zeros_(constant)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = F.relu(self.conv(x))
        a, b, c = y.chunk(3, 1)
        rest, first = y[:, 3:], y[:, :3]
        z = torch.cat([a * b, a - c, b * c, rest * torch.sigmoid(first)], 1)
        seen = y.flatten(2).transpose(1, 2)
        keys = seen * 2.0
        return z, self.norm(y) * self.scale, torch.softmax(seen @ keys.transpose(1, 2), -1) @ seen


class TwinQueries(nn.Module):
    """Queries and keys of equal weights: the converter keeps one product, behind it are views; x is 1x5x6."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(6, 6), nn.Linear(6, 6)
        self.key.load_state_dict(self.query.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        x = x.abs()
        return torch.softmax(self.query(x) @ self.key(x).transpose(1, 2) * 0.5, -1) @ x

"""Nets that half precision breaks, each in a way of its own; float32 computes all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

Exported = Callable[[str], Path]
"""The fixture `exported`: from a net's name to its bundle."""


class InTheMiddle(nn.Module):
    """Large BN scales: the block in the middle works at 1e5, the head brings it back."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.back = nn.Conv2d(8, 8, 1)
        self.head = nn.Conv2d(8, 4, 1)
        with torch.no_grad():
            self.norm.weight.fill_(3e5)
            self.back.weight.mul_(1e-5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(self.norm(self.middle(x)))
        return self.head(torch.relu(self.back(x)))


class Attention(nn.Module):
    """Single-head attention whose logits leave the range of fp16 before they are scaled down."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        with torch.no_grad():
            self.query.weight.mul_(400)
            self.key.weight.mul_(400)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = torch.matmul(self.query(x), self.key(x).transpose(1, 2))
        return torch.matmul(torch.softmax(logits * 1e-6, -1), self.value(x))


class LargeGates(nn.Module):
    """A GRU whose candidate gate overflows where its reset gate is shut: 0 times infinity."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(16, 16, batch_first=True)
        self.head = nn.Linear(16, 4)
        with torch.no_grad():
            self.gru.weight_ih_l0[:16].mul_(200)
            self.gru.weight_hh_l0[32:].mul_(2e5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.gru(x)
        return self.head(y)


class LargeSums(nn.Module):
    """A GroupNorm over numbers that fp16 cannot hold; what it gives is of the size of 1."""

    def __init__(self, scale: float = 3e5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.head = nn.Conv2d(8, 4, 1)
        with torch.no_grad():
            self.stem.weight.mul_(scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.norm(self.stem(x))))


class QuietSums(LargeSums):
    """Numbers of a few hundred: their squares leave fp16, but ncnn's GroupNorm adds up in float32."""

    def __init__(self) -> None:
        super().__init__(600)


class BareSoftmax(nn.Module):
    """Softmax written as exp over its sum, without taking off the maximum first."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.head = nn.Conv2d(8, 4, 1)
        with torch.no_grad():
            self.stem.weight.mul_(10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        e = torch.exp(self.stem(x))
        return self.head(e / e.sum(1, keepdim=True))


class TwoBranches(nn.Module):
    """Two branches of one input, each with a culprit of its own, joined at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 8, 3, padding=1)
        self.left_back, self.right_back = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 1)
        with torch.no_grad():
            for large, back in ((self.left, self.left_back), (self.right, self.right_back)):
                large.weight.mul_(3e5)
                back.weight.mul_(1e-5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = self.left_back(F.relu(self.left(x)))
        return torch.cat((left, self.right_back(torch.tanh(self.right(x)))), 1)


class Honest(nn.Module):
    """Nothing that fp16 cannot do."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.stem(x)))


class OddDepthwise(nn.Module):
    """A 3x3 depthwise convolution of stride 2 to 7 columns: ncnn's own fp16 kernel for it is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.widen, self.down = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 3, 2, 1, groups=16)
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.down(torch.relu(self.widen(x)))))


class InsideWinograd(nn.Module):
    """What goes into the 3x3 convolution and comes out fits; ncnn's winograd kernel leaves fp16 between."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.middle = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Conv2d(16, 4, 1)
        with torch.no_grad():
            self.stem.weight.mul_(4e3)
            self.head.weight.mul_(1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.middle(self.stem(x))))


class LargeWindow(nn.Module):
    """An average over 48x48: what goes in and comes out fits, the sum between does not."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 1)
        with torch.no_grad():
            self.stem.weight.mul_(200)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.avg_pool2d(torch.relu(self.stem(x)), 48) / 100)


class LargeCell(nn.Module):
    """An LSTM whose weights fp16 cannot hold; its gates are only shut or open."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(16, 16, batch_first=True)
        self.head = nn.Linear(16, 4)
        with torch.no_grad():
            self.lstm.weight_ih_l0.mul_(4e5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.lstm(x)
        return self.head(y)


class Vanishing(nn.Module):
    """The logarithm of a softmax: 1e-8 keeps it from zero in float32, not in fp16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 10, 1)
        with torch.no_grad():
            self.head.weight.mul_(100)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log(torch.softmax(self.head(torch.relu(self.stem(x))), 1) + 1e-8)


class Heads(nn.Module):
    """Multi-head attention as PyTorch has it: its logits leave fp16 inside the one layer that it becomes."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 4)
        with torch.no_grad():
            self.attention.in_proj_weight[:32].mul_(500)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.attention(x, x, x, need_weights=False)
        return self.head(y)


class ScaledLate(nn.Module):
    """Scaled dot-product attention: ncnn scales the logits when they are summed up, and too large."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        with torch.no_grad():
            self.query.weight.mul_(400)
            self.key.weight.mul_(400)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            each(x).reshape(1, -1, 2, 8).transpose(1, 2) for each in (self.query, self.key, self.value)
        )
        return F.scaled_dot_product_attention(q, k, v)


class Stem(nn.Module):
    """A 3x3 convolution from 3 to 16 channels: winograd rounds most where there is least to add up."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.stem(x)))


IMAGE, TOKENS = (1, 3, 12, 12), (1, 6, 16)
BROKEN: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "in_the_middle": (InTheMiddle, IMAGE),
    "attention": (Attention, TOKENS),
    "large_gates": (LargeGates, TOKENS),
    "large_sums": (LargeSums, IMAGE),
    "bare_softmax": (BareSoftmax, IMAGE),
    "two_branches": (TwoBranches, IMAGE),
    "odd_depthwise": (OddDepthwise, (1, 3, 14, 14)),
    "inside_winograd": (InsideWinograd, IMAGE),
    "large_window": (LargeWindow, (1, 3, 48, 48)),
    "large_cell": (LargeCell, TOKENS),
    "vanishing": (Vanishing, IMAGE),
    "heads": (Heads, TOKENS),
    "scaled_late": (ScaledLate, TOKENS),
}
SOUND: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "honest": (Honest, IMAGE),
    "quiet_sums": (QuietSums, IMAGE),
    "stem": (Stem, IMAGE),
}


def build(kind: type[nn.Module]) -> nn.Module:
    """Return a net with seeded weights."""
    torch.manual_seed(0)
    return kind().eval()

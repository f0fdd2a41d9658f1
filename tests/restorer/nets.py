"""Small networks with every kind of weight that a converter rearranges."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Shapes = dict[str, tuple[int, ...]]


class Convolutions(nn.Module):
    """BatchNorm behind layers with and without bias, groups, transposed layouts, one and many slopes."""

    inputs: ClassVar[Shapes] = {"x": (1, 4, 12, 12)}

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Conv2d(4, 8, 3, padding=1)
        self.biased = nn.Conv2d(8, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.bare = nn.Conv2d(8, 8, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(8, eps=1e-3)
        self.grouped = nn.Conv2d(8, 12, 3, groups=4, bias=False)
        self.stiff = nn.BatchNorm2d(12, affine=False)
        self.depthwise = nn.Conv2d(12, 12, (3, 1), groups=12, padding=(1, 0))
        self.slopes = nn.PReLU(12)
        self.up = nn.ConvTranspose2d(12, 6, 3, stride=2, bias=False)
        self.bn3 = nn.BatchNorm2d(6)
        self.up_grouped = nn.ConvTranspose2d(6, 4, 2, groups=2)
        self.slope = nn.PReLU()
        self.gn = nn.GroupNorm(2, 4)
        self.norm = nn.InstanceNorm2d(4, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.plain(x))
        x = F.relu(self.bn1(self.biased(x)))
        x = F.hardswish(self.bn2(self.bare(x)))
        x = self.stiff(self.grouped(x))
        x = self.slopes(self.depthwise(x))
        x = self.slope(self.bn3(self.up(x)))
        return self.norm(self.gn(self.up_grouped(x)))


class PreActivation(nn.Module):
    """BatchNorm that stands alone before the convolution, and two of the same input."""

    inputs: ClassVar[Shapes] = {"x": (1, 4, 8, 8)}

    def __init__(self) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(4)
        self.bn2 = nn.BatchNorm2d(4)
        self.left = nn.Conv2d(4, 4, 3, padding=1)
        self.right = nn.Conv2d(4, 4, 3, padding=1)
        self.same = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.left(F.relu(self.bn1(x))) + self.right(torch.sigmoid(self.bn2(x))) * self.same(x)


class Recurrent(nn.Module):
    """GRU, LSTM and RNN in both directions: orders of gates, and biases that are added up."""

    inputs: ClassVar[Shapes] = {"x": (1, 7, 6)}

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(10, 4, batch_first=True, num_layers=2)
        self.rnn = nn.RNN(4, 3, batch_first=True)
        self.plain = nn.GRU(3, 3, batch_first=True, bias=False)
        self.out = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.gru(x)
        x, _ = self.lstm(x)
        x, _ = self.rnn(x)
        x, _ = self.plain(x)
        return self.out(x)


class Attention(nn.Module):
    """Positions, attention with joined projections, LayerNorm, a matrix that is used transposed."""

    inputs: ClassVar[Shapes] = {"x": (1, 6, 8)}

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, 6, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm1 = nn.LayerNorm(8)
        self.inner = nn.Linear(8, 16)
        self.outer = nn.Linear(16, 8, bias=False)
        self.norm2 = nn.LayerNorm(8, eps=1e-6)
        self.matrix = nn.Parameter(torch.randn(8, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.position
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        x = self.norm2(x + self.outer(F.gelu(self.inner(x))))
        return x @ self.matrix


class Odd(nn.Module):
    """Tied weights, a scalar, a scale by channel, a flipped kernel, a buffer, a weight that is not used."""

    inputs: ClassVar[Shapes] = {"x": (1, 6, 10, 10)}

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(6, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.second.weight = self.first.weight
        self.factor = nn.Parameter(torch.tensor([0.7]))
        self.scale = nn.Parameter(torch.rand(1, 6, 1, 1) + 0.5)
        self.kernel = nn.Parameter(torch.randn(6, 1, 3, 3))
        self.register_buffer("window", torch.hann_window(10).view(1, 1, 1, 10) + 0.1)
        self.unused = nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x)) * self.factor
        x = self.second(x) * self.scale
        x = F.conv2d(x, torch.flip(self.kernel, (2, 3)), padding=1, groups=6)
        return x * self.window


NETS = {net.__name__.lower(): net for net in (Convolutions, PreActivation, Recurrent, Attention, Odd)}


def trained(name: str, seed: int) -> nn.Module:
    """Make a network whose weights, statistics included, are all of their own."""
    torch.manual_seed(seed)
    module = NETS[name]()
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 2.0)
            elif key.endswith("running_mean"):
                tensor.normal_(0.0, 0.5)
            elif key.rpartition(".")[2] in ("weight", "bias") and tensor.dim() == 1:
                tensor.add_(torch.randn_like(tensor) * 0.2)
    return module.eval()

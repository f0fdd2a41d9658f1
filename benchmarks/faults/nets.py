"""Small networks for the layer types that the zoo lacks: norms, recurrence, resampling; not trained."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgekit.models.mobilenet_v2 import MobileNetV2


def _conv(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2)


class Norms(nn.Module):
    """Norms over nearly constant input, where rounding alone does more than elsewhere; x is 1x8x16x16."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(8, 8) for _ in range(3))
        self.group, self.instance = nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True)
        self.layer = nn.LayerNorm(16)

    def forward(self, x: Tensor) -> Tensor:
        x = F.elu(self.group(self.convs[0](x) * 1e-2 + 5.0))
        x = F.leaky_relu(self.instance(self.convs[1](x) * 1e-2 - 3.0), 0.1)
        return self.layer(self.convs[2](x) * 1e-2 + 2.0)


class DefaultNorms(nn.Module):
    """BatchNorm as PyTorch initialises it, behind activations: 5e-6 from the identity; x is 1x4x16x16."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(_conv(4, 4), nn.ReLU(), nn.BatchNorm2d(4)) for _ in range(4)
        )
        self.last = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = x + stage(x)
        return self.last(F.relu(x))


class LargeMean(nn.Module):
    """Averages over numbers that hardly differ; x is 1x8x32x32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = _conv(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x) * 0.01 + 100.0
        y = F.adaptive_avg_pool2d(x, 1).flatten(1)
        z = x.mean((2, 3)) - x.amax((2, 3))
        return self.fc(y - y.mean(-1, keepdim=True)) + z


class Sequences(nn.Module):
    """Recurrence and attention; x is 1x20x16."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(16, 8, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(16, 16, batch_first=True)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm, self.up, self.down = nn.LayerNorm(16), nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, x: Tensor) -> Tensor:
        y = self.lstm(self.gru(x)[0])[0]
        z = x + self.attention(y, y, y, need_weights=False)[0]
        return torch.softmax(z + self.down(F.gelu(self.up(self.norm(z)))), -1)


class Resampling(nn.Module):
    """Transposed convolutions, three interpolations, pixel shuffle, padding and poolings; x is 1x8x8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.ConvTranspose2d(8, 8, 3, 2, 1, 1, groups=8)
        self.dense, self.conv = nn.ConvTranspose2d(8, 8, 4, 2, 1), _conv(8, 16)

    def forward(self, x: Tensor) -> Tensor:
        a, b = F.relu(self.dense(x)), F.hardswish(self.grouped(x))
        c = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        d = F.interpolate(x, size=(16, 16), mode="nearest")
        e = F.pixel_shuffle(self.conv(torch.tanh(a + b) * c - d), 2)
        e = F.avg_pool2d(F.pad(e, (1, 1, 0, 0)), 3, 2, 1)
        return torch.cat([F.max_pool2d(e, 2), torch.sigmoid(F.interpolate(e, (8, 8), mode="bicubic"))], 1)


class Bounded(nn.Module):
    """Bounds that no value of the sample gets near, and slopes that none needs; x is 1x3x16x16."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([_conv(3, 8, stride=2), _conv(8, 8), _conv(8, 8), _conv(8, 8, 1)])
        self.fc = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.convs[0](x))
        x = F.hardtanh(self.convs[1](x) * 0.5 - 0.1, -4.0, 4.0)
        x = F.hardswish(self.convs[2](x)) + torch.clamp(x, -3.0, 5.0)
        y = F.relu6(self.convs[3](x) + 0.3).mean((2, 3))
        return F.hardtanh(self.fc(F.leaky_relu(y + 2.0, 0.2)), -9.0, 9.0)


class Untrained(MobileNetV2):
    """MobileNet V2 as PyTorch initialises it: signals fade, no ReLU6 reaches its bound; x is 1x3x64x64."""

    def __init__(self) -> None:
        super().__init__(width=0.5, classes=100)


class Transformer(nn.Module):
    """Two encoder blocks, one with its norm in front, and a class token's worth of pooling; x is 1x24x32."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(32, 32)
        self.position = nn.Parameter(torch.randn(1, 24, 32) * 0.1)
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))
        self.out, self.up, self.down = nn.Linear(32, 32), nn.Linear(32, 64), nn.Linear(64, 32)
        self.norms = nn.ModuleList(nn.LayerNorm(32) for _ in range(3))
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        self.gate, self.head = nn.Linear(32, 32), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x) + self.position
        y = self.norms[0](x)
        q, k, v = (
            part(y).reshape(1, 24, 4, 8).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        y = torch.softmax(q @ k.transpose(2, 3) * 8**-0.5, -1) @ v
        x = x + self.out(y.transpose(1, 2).reshape(1, 24, 32))
        x = x + self.down(F.gelu(self.up(self.norms[1](x))))
        y = self.norms[2](x)
        x = x + self.attention(y, y, y, need_weights=False)[0] * torch.sigmoid(self.gate(y))
        return self.head(F.silu(x).mean(1))


class Branches(nn.Module):
    """Inception-like branches, some alike, a dense block, squeeze and excitation; x is 1x16x12x12."""

    def __init__(self) -> None:
        super().__init__()
        self.ones = nn.ModuleList(_conv(16, 8, 1) for _ in range(4))
        self.threes, self.five = nn.ModuleList([_conv(8, 8), _conv(8, 8)]), _conv(8, 8, 5)
        self.dense = nn.ModuleList([_conv(32, 8), _conv(40, 8), _conv(48, 16)])
        self.squeeze, self.excite = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.prelu = nn.PReLU(16, 0.2)

    def forward(self, x: Tensor) -> Tensor:
        a, b, c = (F.relu(one(x)) for one in self.ones[:3])
        d = self.ones[3](F.max_pool2d(x, 3, 1, 1))
        x = torch.cat([a, self.threes[0](b), self.threes[1](F.relu(self.five(c))), d], 1)
        for conv in self.dense[:2]:
            x = torch.cat([x, F.leaky_relu(conv(x), 0.1)], 1)
        x = self.prelu(self.dense[2](x))
        scale = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        left, right = (x * scale).chunk(2, 1)
        return torch.maximum(left - right, right * 0.5) / (1.5 + torch.tanh(left))


class Recurrent(nn.Module):
    """A convolution over time, a two-layer LSTM, a GRU both ways, a gated sum; x is 1x12x30."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.depthwise = nn.Conv1d(12, 16, 5, 2, 2), nn.Conv1d(16, 16, 3, 1, 1, groups=16)
        self.lstm = nn.LSTM(16, 12, num_layers=2, batch_first=True)
        self.gru = nn.GRU(12, 6, batch_first=True, bidirectional=True)
        self.gate, self.out = nn.Linear(12, 12), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.depthwise(torch.tanh(self.front(x))), 0.3).transpose(1, 2)
        x = self.lstm(x)[0]
        y = self.gru(x)[0]
        gate = torch.sigmoid(self.gate(x))
        return torch.softmax(self.out(gate * x + (1 - gate) * y), -1)


NETS: dict[str, tuple[type[nn.Module], dict[str, tuple[int, ...]]]] = {
    "norms": (Norms, {"x": (1, 8, 16, 16)}),
    "default_norms": (DefaultNorms, {"x": (1, 4, 16, 16)}),
    "large_mean": (LargeMean, {"x": (1, 8, 32, 32)}),
    "sequences": (Sequences, {"x": (1, 20, 16)}),
    "resampling": (Resampling, {"x": (1, 8, 8, 8)}),
    "bounded": (Bounded, {"x": (1, 3, 16, 16)}),
    "untrained": (Untrained, {"x": (1, 3, 64, 64)}),
    "transformer": (Transformer, {"x": (1, 24, 32)}),
    "branches": (Branches, {"x": (1, 16, 12, 12)}),
    "recurrent": (Recurrent, {"x": (1, 12, 30)}),
}


def build(name: str, seed: int) -> nn.Module:
    """Make a network with PyTorch's own initialisation, seeded; the global random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETS[name][0]().eval()

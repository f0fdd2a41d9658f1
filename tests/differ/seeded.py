"""Small networks of many architectures, each with arguments by which it is subtly another one."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[], nn.Module]


def block(
    cin: int, cout: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: Activation = nn.ReLU
) -> nn.Sequential:
    """Convolution, BatchNorm, activation."""
    conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout), act())


class UNet(nn.Module):
    def __init__(self, mode: str = "bilinear", skip: str = "first", bounded: bool = True) -> None:
        super().__init__()
        self.e1, self.e2, self.e3 = block(3, 16), block(16, 16, stride=2), block(16, 16, stride=2)
        self.mid, self.d2, self.d1 = block(16, 32), block(48, 16), block(32, 16)
        self.out = nn.Conv2d(16, 1, 1)
        self.mode, self.skip, self.bounded = mode, skip, bounded

    def up(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode=self.mode)

    def forward(self, x: Tensor) -> Tensor:
        a = self.e1(x)
        b = self.e2(a)
        u = self.d2(torch.cat([self.up(self.mid(self.e3(b))), b], 1))
        v = a if self.skip == "first" else F.interpolate(b, scale_factor=2, mode="nearest")
        y = self.out(self.d1(torch.cat([self.up(u), v], 1)))
        return torch.sigmoid(y) if self.bounded else y


class Squeezed(nn.Module):
    def __init__(self, ratio: int = 4, gate: Activation = nn.Sigmoid, plain: int | None = None) -> None:
        super().__init__()
        self.stem = block(3, 32, stride=2)
        self.bodies = nn.ModuleList(
            [nn.Sequential(block(32, 32), nn.Conv2d(32, 32, 3, 1, 1)) for _ in range(3)]
        )
        self.downs = nn.ModuleList([nn.Conv2d(32, 32 // ratio, 1) for _ in range(3)])
        self.ups = nn.ModuleList([nn.Conv2d(32 // ratio, 32, 1) for _ in range(3)])
        self.gate, self.plain = gate(), plain
        self.fc = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for index, body in enumerate(self.bodies):
            y = body(x)
            s = F.relu(self.downs[index](F.adaptive_avg_pool2d(y, 1)))
            y = y * self.gate(self.ups[index](s))
            x = F.relu(y if index == self.plain else y + x)
        return self.fc(x.mean((2, 3)))


class Speech(nn.Module):
    def __init__(
        self, hidden: int = 24, both: bool = False, kernel: int = 5, act: Activation = nn.PReLU
    ) -> None:
        super().__init__()
        self.c1, self.a1 = nn.Conv2d(1, 8, (1, kernel), (1, 2), (0, kernel // 2)), act()
        self.c2, self.a2 = nn.Conv2d(8, 8, (1, 3), (1, 2), (0, 1)), act()
        self.gru = nn.GRU(8 * 16, hidden, batch_first=True, bidirectional=both)
        self.fc = nn.Linear(hidden * (2 if both else 1), 64)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a2(self.c2(self.a1(self.c1(x))))
        y, _ = self.gru(y.permute(0, 2, 1, 3).reshape(1, 20, 8 * 16))
        return torch.sigmoid(self.fc(y))


class Inverted(nn.Module):
    def __init__(self, cin: int, cout: int, hidden: int, kernel: int, stride: int, act: Activation) -> None:
        super().__init__()
        self.expand = block(cin, hidden, 1, act=act)
        self.depthwise = block(hidden, hidden, kernel, stride, hidden, act)
        self.project = nn.Sequential(nn.Conv2d(hidden, cout, 1, bias=False), nn.BatchNorm2d(cout))
        self.skip = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.skip else y


class Mobile(nn.Module):
    def __init__(self, kernel: int = 5, hidden: int = 72, act: Activation = nn.Hardswish) -> None:
        super().__init__()
        self.stem = block(3, 16, stride=2, act=nn.Hardswish)
        self.blocks = nn.Sequential(
            Inverted(16, 24, 48, 3, 2, nn.ReLU),
            Inverted(24, 24, hidden, kernel, 1, nn.ReLU),
            Inverted(24, 40, 96, 5, 2, act),
            Inverted(40, 40, 120, 5, 1, act),
        )
        self.fc = nn.Linear(40, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))


class Dense(nn.Module):
    def __init__(self, swapped: bool = False, pool: Callable[[Tensor, int], Tensor] = F.max_pool2d) -> None:
        super().__init__()
        self.stem, self.l1, self.l2, self.l3 = block(3, 16), block(16, 8), block(24, 8), block(32, 8)
        self.transition, self.fc = block(40, 24, 1), nn.Linear(24, 5)
        self.swapped, self.pool = swapped, pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        a = self.l1(x)
        b = self.l2(torch.cat([x, a], 1))
        y = torch.cat([b, x, a] if self.swapped else [x, a, b], 1)
        y = self.transition(torch.cat([y, self.l3(y)], 1))
        return self.fc(self.pool(y, 2).mean((2, 3)))


class Temporal(nn.Module):
    def __init__(self, last: int = 8, groups: int = 1, causal: bool = True) -> None:
        super().__init__()
        self.dilations, self.causal = (2, 4, last), causal
        self.inp = nn.Conv1d(20, 32, 1)
        self.convs = nn.ModuleList(
            [nn.Conv1d(32, 32, 3, dilation=dilation, groups=groups) for dilation in self.dilations]
        )
        self.head = nn.Conv1d(32, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x)
        for dilation, conv in zip(self.dilations, self.convs, strict=True):
            y = F.pad(x, (2 * dilation, 0) if self.causal else (dilation, dilation))
            x = x + F.leaky_relu(conv(y))
        return self.head(x)


class Detector(nn.Module):
    def __init__(self, window: int = 13, slope: float = 0.1, anchors: int = 3) -> None:
        super().__init__()

        def act() -> nn.Module:
            return nn.LeakyReLU(slope)

        self.c1, self.c2 = block(3, 16, stride=2, act=act), block(16, 32, stride=2, act=act)
        self.c3 = block(32, 32, stride=2, act=act)
        self.pools = nn.ModuleList([nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, window)])
        self.spp, self.lateral = block(128, 32, 1, act=act), block(32, 16, 1, act=act)
        self.merge = block(48, 32, act=act)
        self.coarse, self.fine = nn.Conv2d(32, anchors * 7, 1), nn.Conv2d(32, anchors * 7, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        b = self.c2(self.c1(x))
        c = self.c3(b)
        s = self.spp(torch.cat([c, *(pool(c) for pool in self.pools)], 1))
        u = F.interpolate(self.lateral(s), scale_factor=2, mode="nearest")
        return self.coarse(s), self.fine(self.merge(torch.cat([u, b], 1)))


class Upscaler(nn.Module):
    def __init__(self, factor: float = 0.1, mode: str = "reflect", blocks: int = 2) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 16, 3, padding=1, padding_mode=mode)
        self.bodies = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1))
                for _ in range(blocks)
            ]
        )
        self.factor, self.up, self.shuffle = factor, nn.Conv2d(16, 12, 3, padding=1), nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        y = first = self.head(x)
        for body in self.bodies:
            y = y + self.factor * body(y)
        return self.shuffle(self.up(y + first)).clamp(0, 1)


class Generator(nn.Module):
    def __init__(self, affine: bool = True, act: Callable[[Tensor], Tensor] = torch.tanh) -> None:
        super().__init__()
        self.c1, self.n1 = nn.Conv2d(3, 16, 4, 2, 1), nn.InstanceNorm2d(16, affine=affine)
        self.c2, self.n2 = nn.Conv2d(16, 32, 4, 2, 1), nn.InstanceNorm2d(32, affine=affine)
        self.u1, self.n3 = nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.InstanceNorm2d(16, affine=affine)
        self.u2, self.act = nn.ConvTranspose2d(16, 3, 4, 2, 1), act

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.n1(self.c1(x)), 0.2)
        x = F.leaky_relu(self.n2(self.c2(x)), 0.2)
        return self.act(self.u2(F.relu(self.n3(self.u1(x)))))


class Attention(nn.Module):
    def __init__(self, heads: int = 4, act: Callable[[Tensor], Tensor] = F.gelu, eps: float = 1e-5) -> None:
        super().__init__()
        self.inp, self.attention = nn.Linear(16, 32), nn.MultiheadAttention(32, heads, batch_first=True)
        self.n1, self.n2 = nn.LayerNorm(32, eps=eps), nn.LayerNorm(32, eps=eps)
        self.inner, self.outer, self.act = nn.Linear(32, 64), nn.Linear(64, 32), act

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x)
        x = self.n1(x + self.attention(x, x, x, need_weights=False)[0])
        return self.n2(x + self.outer(self.act(self.inner(x))))


class Stacked(nn.Module):
    """Two recurrent layers in one module."""

    def __init__(self, cell: type[nn.RNNBase] = nn.GRU) -> None:
        super().__init__()
        self.steps = cell(8, 6, num_layers=2, batch_first=True)  # type: ignore[call-arg]

    def forward(self, x: Tensor) -> Tensor:
        return self.steps(x)[0]


def stacked_lstm() -> Stacked:
    return Stacked(nn.LSTM)

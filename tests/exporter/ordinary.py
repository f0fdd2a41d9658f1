"""Networks as people write them, each with habits that a converter has trouble with."""

import torch
import torch.nn.functional as F
from torch import nn


class LastStates(nn.Module):
    """Classifies by the last states of one direction and of two."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(12, 8, batch_first=True)
        self.both = nn.LSTM(8, 6, bidirectional=True)
        self.fc = nn.Linear(8 + 12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps, last = self.gru(x)
        _, (both, _) = self.both(steps.permute(1, 0, 2))
        return self.fc(torch.cat([last.squeeze(0), both[-2, :, :], both[-1]], 1))


class UpperState(nn.Module):
    """Starts with zeros of its own, and reads the state of the upper of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.LSTM(12, 8, num_layers=2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = x.new_zeros(2, x.size(0), 8)
        _, (last, _) = self.deep(x, (first, first))
        return last[-1].tanh()


class Cells(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTMCell(6, 8)
        self.gru = nn.GRUCell(8, 8)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cell, gated = torch.zeros_like(h), h
        for step in range(x.size(1)):
            h, cell = self.lstm(x[:, step], (h, cell))
            gated = self.gru(h, gated)
        return gated, cell


class Masked(nn.Module):
    """A decoder: causal self-attention, then attention to something else."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerDecoderLayer(16, 2, 24, batch_first=True)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(target.size(1))
        y: torch.Tensor = self.layer(target, source, tgt_mask=mask)
        return y


class Causal(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (each.view(1, -1, 2, 8).transpose(1, 2) for each in self.qkv(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return y.transpose(1, 2).reshape(1, -1, 16)


class Across(nn.Module):
    """Attention to something else by hand and without bias, on which the converter dies, and to itself."""

    def __init__(self) -> None:
        super().__init__()
        parts = [nn.Linear(16, 16, bias=False) for _ in range(6)]
        self.first, self.second = nn.ModuleList(parts[:3]), nn.ModuleList(parts[3:])
        self.out = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.first, x, x)
        return self.out(self.attention(self.second, x, y))

    def attention(self, parts: nn.ModuleList, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        given = zip(parts, (x, y, y), strict=True)
        q, k, v = (part(each).view(1, -1, 2, 8).transpose(1, 2) for part, each in given)
        weights = (q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1)
        return (weights @ v).transpose(1, 2).reshape(x.shape)


class Rotary(nn.Module):
    """Causal attention with rotary positions, whose angles are another for each number, and an RMS norm."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(16, 16, bias=False) for _ in range(3))
        self.weight = nn.Parameter(torch.rand(16))
        self.register_buffer("angles", torch.rand(2, 6, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight
        q, k, v = (part(y).view(1, 6, 2, 8).transpose(1, 2) for part in self.parts)
        found = F.scaled_dot_product_attention(self.turned(q), self.turned(k), v, is_causal=True)
        return x + found.transpose(1, 2).reshape(1, 6, 16)

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        cosine, sine = self.angles
        half = torch.cat((-x[..., 4:], x[..., :4]), -1)
        return x * cosine + half * sine


class Encoder(nn.Module):
    """Ids and learned positions through two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(50, 16), nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.size(1)).unsqueeze(0)
        y: torch.Tensor = self.layers(self.words(ids) + self.places(places))
        return y.mean(1)


class Grid(nn.Module):
    """A detection head: integers of a grid, and coordinates that another runtime rounds otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 7, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        n, _, h, w = x.shape
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        cells = torch.stack((columns, rows), 0).view(1, 2, h, w).float()
        y = self.conv(x).sigmoid()
        boxes = torch.cat([(y[:, :2] * 2 - 0.5 + cells) * 8, y[:, 2:]], 1)
        heat = y[:, :3].flatten(2).softmax(-1).view(n, 3, h, w)
        return boxes, (heat.sum(2) * torch.linspace(-1, 1, w)).sum(-1)


class Windows(nn.Module):
    """Patches merged channels-last, parts shifted in a ring."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = nn.Linear(16, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.roll(x.permute(0, 2, 3, 1), shifts=(-1, -1), dims=(1, 2))
        parts = [x[:, a::2, b::2, :] for a in (0, 1) for b in (0, 1)]
        return self.reduce(torch.cat(parts, -1))


class ShiftedWindows(nn.Module):
    """Attention in windows of 4 by 4, shifted in a ring, with bias and mask, as in a Swin block."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.qkv, self.last = nn.Conv2d(4, 8, 1), nn.Linear(8, 24), nn.Linear(8, 8)
        self.bias = nn.Parameter(torch.randn(1, 2, 16, 16))
        self.register_buffer("mask", -100.0 * (torch.rand(4, 16, 16) > 0.7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.roll(self.embed(x).permute(0, 2, 3, 1), shifts=(-2, -2), dims=(1, 2))
        parts = x.view(1, 2, 4, 2, 4, 8).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 16, 8)
        q, k, v = self.qkv(parts).reshape(-1, 16, 3, 2, 4).permute(2, 0, 3, 1, 4)
        scores = (q * 0.5) @ k.transpose(-2, -1) + self.bias
        scores = scores.view(-1, 4, 2, 16, 16) + self.mask.unsqueeze(1).unsqueeze(0)
        y = scores.view(-1, 2, 16, 16).softmax(-1) @ v
        y = self.last(y.transpose(1, 2).reshape(-1, 16, 8)).view(1, 2, 2, 4, 4, 8)
        y = y.permute(0, 1, 3, 2, 4, 5).contiguous().view(1, 8, 8, 8)
        return torch.roll(y, shifts=(2, 2), dims=(1, 2))


class GlobalNorm(nn.Module):
    """A normalisation over channels and time at once, as in Conv-TasNet."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(4, 8, 3), nn.Conv1d(8, 4, 1)
        self.scale, self.shift = nn.Parameter(torch.rand(1, 8, 1)), nn.Parameter(torch.rand(1, 8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        centred = y - y.mean(dim=(1, 2), keepdim=True)
        variance = centred.pow(2).mean(dim=(1, 2), keepdim=True)
        return self.last(self.scale * (centred / (variance + 1e-8).sqrt()) + self.shift)


class StepsFirst(nn.Module):
    """Recurrent layers as PyTorch has them unless told otherwise, between products, with states."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)
        self.gru = nn.GRU(8, 8)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y, h = self.gru(torch.tanh(self.first(x)), h)
        return self.last(y), h


class NoBatch(nn.Module):
    """Recurrent layers that are given no batch, and the last states of two directions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)
        self.gru, self.both = nn.GRU(8, 8), nn.LSTM(8, 4, bidirectional=True)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, h = self.gru(torch.tanh(self.first(x)), h)
        _, (both, cell) = self.both(y)
        return self.last(torch.cat([both[0], both[1]])), h, cell


class DeepStates(nn.Module):
    """First and last states of two layers of two directions; all last ones of two layers in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.LSTM(6, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.deep, self.last = nn.GRU(8, 8, 2), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y, (h, c) = self.both(x, (h, c))
        y, last = self.deep(y.transpose(0, 1))
        return self.last(last.transpose(0, 1).reshape(1, -1)), last[0].tanh(), y, h, c


class Gated(nn.Module):
    """The means of one axis after the other, a gate of SiLU, and scores that a sum is weighted by."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate, self.value = nn.Conv1d(4, 8, 3), nn.Linear(18, 6), nn.Linear(18, 6)
        self.score = nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        y = y - y.mean(dim=1, keepdim=True).mean(dim=2, keepdim=True)
        y = F.silu(self.gate(y)) * self.value(y)
        return (y * self.score(y.tanh()).softmax(1)).sum(1)


class SignalNorms(nn.Module):
    """Instance normalisations of signals, and one that kept its statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 3)
        self.affine = nn.InstanceNorm1d(4, affine=True)
        self.kept = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
        for each in (self.affine, self.kept):
            nn.init.uniform_(each.weight, 0.5, 1.5)
            nn.init.uniform_(each.bias)
        assert self.kept.running_mean is not None
        nn.init.uniform_(self.kept.running_mean)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        normal = self.affine(self.conv(x)).relu() + F.instance_norm(self.conv(x * 0.7), eps=1e-3)
        return normal.sin(), self.kept(y).tanh()


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 5))

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        a, b = self.branch(left), self.branch(right)
        return (a / a.norm(dim=1, keepdim=True) - b).abs()


@torch.jit.script
def gated(a: torch.Tensor, b: torch.Tensor, count: int) -> torch.Tensor:
    both = a + b
    return torch.tanh(both[:, :count]) * torch.sigmoid(both[:, count:])


class ScriptedFunction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return gated(self.conv(x), x, 2)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] > 3:
            x = self.conv(x)
        return x


class ScriptedPart(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = torch.jit.script(Branching())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.part(x).relu()
        return y * 2


class Odds(nn.Module):
    """Functions that one route or the other has no word for."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        steps = x.flatten(2)
        pooled = F.adaptive_avg_pool2d(F.local_response_norm(x, 3), (3, 5))
        spread = F.rms_norm(steps.repeat_interleave(2, dim=1), (64,)).view_as(torch.zeros(1, 8, 64))
        doubled = torch.tile(F.glu(steps, 1), (1, 2, 1)).repeat(1, 1, 2)
        return pooled, spread, doubled, F.channel_shuffle(x, 2)


class Resized(nn.Module):
    """Windows read from the tensor's shape, resizing to sizes that do not divide, bounds on one side."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        plane = (x.size(2), x.size(3))
        pooled = F.avg_pool2d(x, plane, stride=plane) + F.max_pool2d(x, plane)
        exact = F.interpolate(x, size=(5, 12), mode="nearest-exact")
        area = F.interpolate(x, scale_factor=0.5, mode="area").clamp_min(-0.1)
        return pooled, exact, area, F.interpolate(x, size=(5, 3), mode="area").clamp_max(0.2)


class Spatial(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(256, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        theta = self.fc(x.flatten(1)).view(-1, 2, 3) * 0.2
        grid = F.affine_grid(theta, list(x.size()), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)


class HalfInside(nn.Module):
    """Casts to the width of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3).half()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x.to(torch.float16)).float() + self.conv(x.half()).float()


class ManyAxes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(2).view(1, 4, 8, 8).sigmoid()
        return x.view(1, 2, 2, 2, 4, 8).permute(0, 2, 4, 1, 3, 5).relu()


class Involution(nn.Module):
    """Each place has a kernel of its own, for two groups of channels; `plane` is how its axes are written."""

    def __init__(self, *plane: int) -> None:
        super().__init__()
        self.plane = plane
        self.kernels, self.unfold = nn.Conv2d(4, 18, 1), nn.Unfold(3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernels = self.kernels(x).view(1, 2, 9, *self.plane).unsqueeze(2)
        patches = self.unfold(x).view(1, 2, 2, 9, *self.plane)
        return (kernels * patches).sum(3).view(1, 4, 8, 8)


class PartsWritten(nn.Module):
    """Parts of a tensor are assigned to: corners from centres, places of two axes, all of an empty one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)
        self.register_buffer("hidden", torch.rand(1, 4, 8, 8) > 0.7)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        boxes = self.conv(x).permute(0, 2, 3, 1).reshape(1, -1, 4)
        boxes[..., :2] -= boxes[..., 2:] / 2
        boxes[..., 2:] += boxes[..., :2]
        shifted = torch.zeros_like(x)
        shifted[:, :2, :-1] = x[:, :2, 1:]
        shifted[:, 2:] = x[:, 2:]
        made = torch.empty_like(x)
        made[..., 0::2], made[..., 1::2] = x[..., :4].sin(), x[..., 4:].cos()
        made[self.hidden] = 0.0
        return boxes, self.conv(shifted), made, self.views(x * 1.5)

    def views(self, y: torch.Tensor) -> torch.Tensor:
        """Write through views: of a place, of a view, and by a layer."""
        first, rest = y[:, 0], y[:, 1:]
        before = rest[:, 0]
        first.sigmoid_()
        self.act(rest)
        rest[:, 1].mul_(2.0)
        rest[:, 2] = first + before
        return y.tanh()


class Peaks(nn.Module):
    """Keeps the peaks of a heat map, and compares in every other way."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        heat = self.conv(x).sigmoid()
        peaks = heat * (F.max_pool2d(heat, 3, 1, 1) == heat).float()
        inside = (heat > 0.3) & (heat < 0.6) | ~(x != 0.0)
        clean = heat.clone()
        clean[heat < 0.5] = 0.1
        chosen = torch.where(x >= heat, x.tanh(), heat).masked_fill(x <= 0.2, -1.0)
        return peaks, inside * heat, clean.sin(), chosen, F.threshold(heat, 0.5, 0.3)


class WrittenByList(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[:, [0, 2]] = x[:, :2].relu()
        return y * 2


class Picked(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        best = x.mean((2, 3)).argmax(1)
        return x[:, best]


class Rounded(nn.Module):
    """Remainders, running sums, a triangle, and a border that is taken off."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x % 0.37, torch.fmod(x, 0.23) * (x // 0.41), F.pad(x.cumsum(2), (-1, 2)), torch.tril(x, 1)


class Phase(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.atan2(x[:, :1], x[:, 1:2] + 2)


class IntegerMask(nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return x * mask.float()

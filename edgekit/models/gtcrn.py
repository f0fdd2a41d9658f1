"""GTCRN: speech enhancement by a mask on the complex spectrum (Rong et al., ICASSP 2024).

Bands, channels and recurrent layers are those of the authors' repository (Xiaobin-Rong/gtcrn):
257 bins at 16 kHz, of which the lower 65 pass as they are and the upper 192 become 64 ERB bands;
23.67 K parameters. The fixed filters are buffers.

The network takes one clip at a time: (1, 2, T, 257), the real and the imaginary part of T
frames. Inside, features are (1, C, T, F). `gtcrn_stream` holds its frame-by-frame twin.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

BINS = 257  # of a 512-point transform
LOW_BINS = 65
BANDS = 64
SAMPLE_RATE_HZ = 16000
CHANNELS = 16
NARROW = 33  # bands after the two strided convolutions: 129 -> 65 -> 33
DILATIONS = (1, 2, 5)
Convolution = nn.Conv2d | nn.ConvTranspose2d


def erb_filters() -> Tensor:
    """Triangular filters (64, 192) on the ERB-rate scale over the bins above the 65th.

    ERB rate = 21.4 log10(1 + 0.00437 f), f in Hz (Glasberg and Moore 1990). Neighbouring
    triangles add up to one, so each filter is an interpolation basis between band centres.
    """
    bin_hz = SAMPLE_RATE_HZ / (2 * (BINS - 1))
    low, high = (21.4 * np.log10(1 + 0.00437 * f) for f in (LOW_BINS * bin_hz, SAMPLE_RATE_HZ / 2))
    centres_hz = (10 ** (np.linspace(low, high, BANDS) / 21.4) - 1) / 0.00437
    centres = np.round(centres_hz / bin_hz)
    bins = np.arange(LOW_BINS, BINS)
    filters = np.stack([np.interp(bins, centres, basis) for basis in np.eye(BANDS)])
    return torch.from_numpy(filters.astype(np.float32))


class ErbBands(nn.Module):
    """Merge the upper bins into ERB bands, and spread bands over bins again."""

    def __init__(self) -> None:
        super().__init__()
        filters = erb_filters()
        self.register_buffer("merge", filters, persistent=False)
        self.register_buffer("spread", filters.T.contiguous(), persistent=False)
        self.merge: Tensor
        self.spread: Tensor

    def to_bands(self, x: Tensor) -> Tensor:
        """(1, C, T, 257) to (1, C, T, 129)."""
        low = x[..., :LOW_BINS]
        high = F.linear(x[..., LOW_BINS:], self.merge)
        x = torch.cat((low, high), dim=-1)
        return x

    def to_bins(self, x: Tensor) -> Tensor:
        """(1, C, T, 129) to (1, C, T, 257)."""
        low = x[..., :LOW_BINS]
        high = F.linear(x[..., LOW_BINS:], self.spread)
        x = torch.cat((low, high), dim=-1)
        return x


class NeighbourBands(nn.Module):
    """Beside each band its two neighbours: C channels become 3 C (sub-band feature extraction).

    This is `unfold` along the bands, written as a fixed depthwise convolution, which converts.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.eye(3).reshape(3, 1, 1, 3).repeat(channels, 1, 1, 1)
        self.channels = channels
        self.register_buffer("taps", taps, persistent=False)
        self.taps: Tensor

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.taps, padding=(0, 1), groups=self.channels)
        return x


class TemporalAttention(nn.Module):
    """A gate per channel and frame, from the frames' energies up to now (TRA)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, channels * 2, batch_first=True)
        self.fc = nn.Linear(channels * 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        energy = x.pow(2).mean(dim=-1)  # (1, C, T)
        energy = energy.transpose(1, 2)
        memory, _ = self.gru(energy)  # (1, T, 2 C)
        gate = self.fc(memory)
        gate = torch.sigmoid(gate)
        gate = gate.transpose(1, 2).unsqueeze(-1)  # (1, C, T, 1)
        x = x * gate
        return x


class BandConv(nn.Module):
    """(Transposed) 1x5 convolution at stride 2 along the bands, BatchNorm, PReLU or tanh."""

    def __init__(
        self, in_channels: int, out_channels: int, groups: int, transposed: bool, last: bool = False
    ) -> None:
        super().__init__()
        kind = nn.ConvTranspose2d if transposed else nn.Conv2d
        self.conv = kind(in_channels, out_channels, (1, 5), stride=(1, 2), padding=(0, 2), groups=groups)
        self.bn = nn.BatchNorm2d(out_channels)
        self.act: nn.Module = nn.Tanh() if last else nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.bn(x)
        x = self.act(x)
        return x


class GTConvBlock(nn.Module):
    """Grouped temporal convolution: half of the channels through a causal dilated depthwise
    convolution and a temporal gate, then shuffled with the other half.

    The decoder's blocks use transposed convolutions of stride 1, whose padding crops what the
    past before the clip adds.
    """

    def __init__(self, channels: int, dilation: int, transposed: bool) -> None:
        super().__init__()
        half = channels // 2
        kind = nn.ConvTranspose2d if transposed else nn.Conv2d
        self.past = 2 * dilation  # frames of history
        self.sfe = NeighbourBands(half)
        self.point_conv1 = kind(half * 3, channels, 1)
        self.point_bn1 = nn.BatchNorm2d(channels)
        self.point_act = nn.PReLU()
        self.depth_conv = kind(
            channels,
            channels,
            3,
            padding=(self.past if transposed else 0, 1),
            dilation=(dilation, 1),
            groups=channels,
        )
        self.depth_bn = nn.BatchNorm2d(channels)
        self.depth_act = nn.PReLU()
        self.point_conv2 = kind(channels, half, 1)
        self.point_bn2 = nn.BatchNorm2d(half)
        self.tra = TemporalAttention(half)

    def forward(self, x: Tensor) -> Tensor:
        y, kept = x.chunk(2, dim=1)
        y = self.sfe(y)
        y = self.point_conv1(y)
        y = self.point_bn1(y)
        y = self.point_act(y)
        y = F.pad(y, (0, 0, self.past, 0))
        y = self.depth_conv(y)
        y = self.depth_bn(y)
        y = self.depth_act(y)
        y = self.point_conv2(y)
        y = self.point_bn2(y)
        y = self.tra(y)
        x = interleave(y, kept)
        return x


def interleave(a: Tensor, b: Tensor) -> Tensor:
    """Channels a0 b0 a1 b1 ... of two (1, C, T, F)."""
    _, channels, frames, bands = a.shape
    x = torch.stack((a, b), dim=2)
    x = x.reshape(1, channels * 2, frames, bands)
    return x


class GroupedGRU(nn.Module):
    """Two recurrent layers, each on one half of the features; sequences (rows, steps, C)."""

    def __init__(self, features: int, hidden: int, bidirectional: bool) -> None:
        super().__init__()
        half = features // 2
        self.rnn1 = nn.GRU(half, hidden // 2, batch_first=True, bidirectional=bidirectional)
        self.rnn2 = nn.GRU(half, hidden // 2, batch_first=True, bidirectional=bidirectional)

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=-1)
        first, _ = self.rnn1(first)
        second, _ = self.rnn2(second)
        x = torch.cat((first, second), dim=-1)
        return x


class DualPathRNN(nn.Module):
    """A recurrent layer along the bands of each frame, then one along the frames of each band."""

    def __init__(self) -> None:
        super().__init__()
        self.intra_rnn = GroupedGRU(CHANNELS, CHANNELS // 2, bidirectional=True)
        self.intra_fc = nn.Linear(CHANNELS, CHANNELS)
        self.intra_ln = nn.LayerNorm((NARROW, CHANNELS), eps=1e-8)
        self.inter_rnn = GroupedGRU(CHANNELS, CHANNELS, bidirectional=False)
        self.inter_fc = nn.Linear(CHANNELS, CHANNELS)
        self.inter_ln = nn.LayerNorm((NARROW, CHANNELS), eps=1e-8)

    def forward(self, x: Tensor) -> Tensor:
        _, channels, frames, bands = x.shape
        x = x.permute(0, 2, 3, 1)  # (1, T, F, C)

        y = x.reshape(frames, bands, channels)  # a second clip in the batch would fail here
        y = self.intra_rnn(y)
        y = self.intra_fc(y)
        y = y.reshape(1, frames, bands, channels)
        y = self.intra_ln(y)
        x = x + y

        y = x.reshape(frames, bands, channels).permute(1, 0, 2)  # (F, T, C)
        y = self.inter_rnn(y)
        y = self.inter_fc(y)
        y = y.permute(1, 0, 2).reshape(1, frames, bands, channels)
        y = self.inter_ln(y)
        x = x + y

        x = x.permute(0, 3, 1, 2)  # (1, C, T, F)
        return x


def spectrum_features(spectrum: Tensor) -> Tensor:
    """Magnitude, real and imaginary part: (1, 2, T, 257) to (1, 3, T, 257)."""
    real, imag = spectrum.chunk(2, dim=1)
    power = real.pow(2) + imag.pow(2)
    magnitude = torch.sqrt(power + 1e-12)
    x = torch.cat((magnitude, spectrum), dim=1)
    return x


def apply_mask(mask: Tensor, spectrum: Tensor) -> Tensor:
    """Complex product of two (1, 2, T, 257)."""
    mask_real, mask_imag = mask.chunk(2, dim=1)
    real, imag = spectrum.chunk(2, dim=1)
    out_real = real * mask_real - imag * mask_imag
    out_imag = imag * mask_real + real * mask_imag
    x = torch.cat((out_real, out_imag), dim=1)
    return x


class GTCRN(nn.Module):
    """A noisy spectrum (1, 2, T, 257) to the enhanced one of the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.erb = ErbBands()
        self.sfe = NeighbourBands(3)
        self.encoder = nn.ModuleList(
            [
                BandConv(9, CHANNELS, groups=1, transposed=False),  # 65 bands
                BandConv(CHANNELS, CHANNELS, groups=2, transposed=False),  # 33 bands
                *(GTConvBlock(CHANNELS, dilation, transposed=False) for dilation in DILATIONS),
            ]
        )
        self.dpgrnn1 = DualPathRNN()
        self.dpgrnn2 = DualPathRNN()
        self.decoder = nn.ModuleList(
            [
                *(GTConvBlock(CHANNELS, dilation, transposed=True) for dilation in reversed(DILATIONS)),
                BandConv(CHANNELS, CHANNELS, groups=2, transposed=True),  # 65 bands
                BandConv(CHANNELS, 2, groups=1, transposed=True, last=True),  # 129 bands
            ]
        )

    def forward(self, spectrum: Tensor) -> Tensor:
        x = spectrum_features(spectrum)
        x = self.erb.to_bands(x)
        x = self.sfe(x)
        skips: list[Tensor] = []
        for layer in self.encoder:
            x = layer(x)
            skips.append(x)
        x = self.dpgrnn1(x)
        x = self.dpgrnn2(x)
        for layer in self.decoder:
            x = x + skips.pop()
            x = layer(x)
        mask = self.erb.to_bins(x)
        x = apply_mask(mask, spectrum)
        return x


def build() -> GTCRN:
    """Make the whole-clip network."""
    return GTCRN()


def build_block(dilation: int, transposed: bool) -> GTConvBlock:
    """Make one GTConvBlock on 16 channels."""
    return GTConvBlock(CHANNELS, dilation, transposed)

"""GTCRN one frame at a time, with all memory as inputs and outputs.

Equal to `gtcrn.GTCRN` frame for frame (the network is causal). What differs is written so that
it converts: recurrent layers along time become cells of two linear layers, the padding in time
becomes a history that is joined in front, and transposed convolutions of stride 1 become plain
ones with flipped kernels. All states start as zeros:

    (1, 16, 2 d, 33)  history of the dilated convolution of a GTConvBlock with dilation d
    (1, 16)           memory of its temporal attention
    (1, 33, 8)        memory of one group of a dual-path layer, for each band
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from edgekit.models import gtcrn
from edgekit.models.entry import ZooSpec
from edgekit.models.gtcrn import GTCRN, DualPathRNN, GroupedGRU, GTConvBlock, TemporalAttention


def plain_convolution(conv: gtcrn.Convolution, padding: tuple[int, int]) -> nn.Conv2d:
    """Return a convolution of stride 1 that equals the given one, transposed or not.

    A transposed convolution of stride 1 is a convolution with its kernel turned by 180 degrees
    and, where it is not depthwise, its input and output channels exchanged.
    """
    plain = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        cast("tuple[int, int]", conv.kernel_size),
        padding=padding,
        dilation=cast("tuple[int, int]", conv.dilation),
        groups=conv.groups,
    )
    weight = conv.weight.detach()
    if isinstance(conv, nn.ConvTranspose2d):
        weight = weight.flip(2, 3)
        if conv.groups == 1:
            weight = weight.transpose(0, 1)
    assert plain.bias is not None and conv.bias is not None
    plain.weight.data.copy_(weight)
    plain.bias.data.copy_(conv.bias.detach())
    return plain


class GRUStep(nn.Module):
    """One step of a GRU as two linear layers: features and memory (..., C) to the new memory."""

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        self.of_input = nn.Linear(gru.input_size, 3 * gru.hidden_size)
        self.of_memory = nn.Linear(gru.hidden_size, 3 * gru.hidden_size)
        self.of_input.weight.data.copy_(cast(Tensor, gru.weight_ih_l0).detach())
        self.of_input.bias.data.copy_(cast(Tensor, gru.bias_ih_l0).detach())
        self.of_memory.weight.data.copy_(cast(Tensor, gru.weight_hh_l0).detach())
        self.of_memory.bias.data.copy_(cast(Tensor, gru.bias_hh_l0).detach())

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        input_reset, input_update, input_new = self.of_input(x).chunk(3, dim=-1)
        memory_reset, memory_update, memory_new = self.of_memory(memory).chunk(3, dim=-1)
        reset = torch.sigmoid(input_reset + memory_reset)
        update = torch.sigmoid(input_update + memory_update)
        new = torch.tanh(input_new + reset * memory_new)
        memory = new + update * (memory - new)
        return memory


class TemporalAttentionStep(nn.Module):
    """`TemporalAttention` for one frame (1, C, 1, F), with its memory (1, 2 C)."""

    def __init__(self, attention: TemporalAttention) -> None:
        super().__init__()
        self.gru = GRUStep(attention.gru)
        self.fc = attention.fc

    def forward(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        channels = x.shape[1]
        energy = x.pow(2).mean(dim=-1)  # (1, C, 1)
        energy = energy.reshape(1, channels)
        memory = self.gru(energy, memory)
        gate = self.fc(memory)
        gate = torch.sigmoid(gate)
        gate = gate.reshape(1, channels, 1, 1)
        x = x * gate
        return x, memory


class GTConvStep(nn.Module):
    """`GTConvBlock` for one frame, with the history of its convolution and its gate's memory."""

    def __init__(self, block: GTConvBlock) -> None:
        super().__init__()
        self.sfe = block.sfe
        self.point_conv1 = plain_convolution(block.point_conv1, padding=(0, 0))
        self.point_bn1 = block.point_bn1
        self.point_act = block.point_act
        self.depth_conv = plain_convolution(block.depth_conv, padding=(0, 1))
        self.depth_bn = block.depth_bn
        self.depth_act = block.depth_act
        self.point_conv2 = plain_convolution(block.point_conv2, padding=(0, 0))
        self.point_bn2 = block.point_bn2
        self.tra = TemporalAttentionStep(block.tra)

    def forward(self, x: Tensor, history: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y, kept = x.chunk(2, dim=1)
        y = self.sfe(y)
        y = self.point_conv1(y)
        y = self.point_bn1(y)
        y = self.point_act(y)
        y = torch.cat((history, y), dim=2)  # (1, 16, 2 d + 1, 33)
        history = y[:, :, 1:]
        y = self.depth_conv(y)
        y = self.depth_bn(y)
        y = self.depth_act(y)
        y = self.point_conv2(y)
        y = self.point_bn2(y)
        y, memory = self.tra(y, memory)
        x = gtcrn.interleave(y, kept)
        return x, history, memory


class GroupedGRUStep(nn.Module):
    """`GroupedGRU` for one frame: all bands at once, with a memory for each of the two groups."""

    def __init__(self, rnn: GroupedGRU) -> None:
        super().__init__()
        self.rnn1 = GRUStep(rnn.rnn1)
        self.rnn2 = GRUStep(rnn.rnn2)

    def forward(self, x: Tensor, memory1: Tensor, memory2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, second = x.chunk(2, dim=-1)
        memory1 = self.rnn1(first, memory1)
        memory2 = self.rnn2(second, memory2)
        x = torch.cat((memory1, memory2), dim=-1)
        return x, memory1, memory2


class DualPathStep(nn.Module):
    """`DualPathRNN` for one frame; the layer along the bands needs no memory."""

    def __init__(self, layer: DualPathRNN) -> None:
        super().__init__()
        self.intra_rnn = layer.intra_rnn
        self.intra_fc = layer.intra_fc
        self.intra_ln = layer.intra_ln
        self.inter_rnn = GroupedGRUStep(layer.inter_rnn)
        self.inter_fc = layer.inter_fc
        self.inter_ln = layer.inter_ln

    def forward(self, x: Tensor, memory1: Tensor, memory2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        _, channels, _, bands = x.shape
        x = x.permute(0, 2, 3, 1)  # (1, 1, F, C)

        y = x.reshape(1, bands, channels)
        y = self.intra_rnn(y)
        y = self.intra_fc(y)
        y = y.reshape(1, 1, bands, channels)
        y = self.intra_ln(y)
        x = x + y

        y = x.reshape(1, bands, channels)
        y, memory1, memory2 = self.inter_rnn(y, memory1, memory2)
        y = self.inter_fc(y)
        y = y.reshape(1, 1, bands, channels)
        y = self.inter_ln(y)
        x = x + y

        x = x.permute(0, 3, 1, 2)  # (1, C, 1, F)
        return x, memory1, memory2


class GTCRNStream(nn.Module):
    """One frame (1, 2, 1, 257) and 16 states to the enhanced frame and the 16 new states.

    The states come in pairs, in the order of the layers: history and memory of the three
    encoder blocks, both memories of the two dual-path layers, the three decoder blocks.
    """

    def __init__(self, clip: GTCRN) -> None:
        super().__init__()
        blocks = [layer for layer in (*clip.encoder, *clip.decoder) if isinstance(layer, GTConvBlock)]
        self.erb = clip.erb
        self.sfe = clip.sfe
        self.down1, self.down2 = clip.encoder[0], clip.encoder[1]
        self.encoder = nn.ModuleList([GTConvStep(block) for block in blocks[:3]])
        self.dual_path = nn.ModuleList([DualPathStep(clip.dpgrnn1), DualPathStep(clip.dpgrnn2)])
        self.decoder = nn.ModuleList([GTConvStep(block) for block in blocks[3:]])
        self.up1, self.up2 = clip.decoder[3], clip.decoder[4]

    def forward(self, frame: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        given = iter(states)
        kept: list[Tensor] = []
        x = gtcrn.spectrum_features(frame)
        x = self.erb.to_bands(x)
        x = self.sfe(x)
        wide = self.down1(x)
        narrow = self.down2(wide)
        x = narrow
        skips: list[Tensor] = []
        for step in self.encoder:
            x, *changed = step(x, next(given), next(given))
            kept.extend(changed)
            skips.append(x)
        for step in self.dual_path:
            x, *changed = step(x, next(given), next(given))
            kept.extend(changed)
        for step in self.decoder:
            x = x + skips.pop()
            x, *changed = step(x, next(given), next(given))
            kept.extend(changed)
        x = x + narrow
        x = self.up1(x)
        x = x + wide
        x = self.up2(x)
        mask = self.erb.to_bins(x)
        x = gtcrn.apply_mask(mask, frame)
        return (x, *kept)


def build() -> GTCRNStream:
    """Make the streaming network."""
    return GTCRNStream(GTCRN().eval())


def finish(_: nn.Module, spec: ZooSpec, seed: int) -> GTCRNStream:
    """Make the streaming twin of the whole-clip network of the same seed."""
    from edgekit.models import registry

    return GTCRNStream(cast(GTCRN, registry.build("gtcrn", seed)))

"""The porting case of document 0: the shipped network, and the re-implementation with its mistakes.

The shipped network is the zoo's `audio_face_unet` with what the document says of it taken to the letter:
no padding in the first two layers of the audio encoder, and the face and the last feature map padded by a
layer of their own before the convolutions. `Reproduction` is the document's PyTorch code.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgekit.models import audio_face, registry


class Conv2d(nn.Module):
    """The block of the document's audio encoder."""

    def __init__(
        self, cin: int, cout: int, kernel_size: int, stride: int, padding: int, residual: bool = False
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(cin, cout, kernel_size, stride, padding),
            nn.BatchNorm2d(cout),
        )
        self.act = nn.ReLU()
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv_block(x)
        if self.residual:
            out += x
        return self.act(out)


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; normalised by `norm_type` at the end."""

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: int, norm_type: type[nn.Module]
    ) -> None:
        super().__init__()
        hidden = inp * expand_ratio
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers += [nn.Conv2d(inp, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU()]
        layers += [
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm_type(oup),
            nn.ReLU(),
        ]
        self.conv = nn.Sequential(*layers)
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class Reproduction(nn.Module):
    """The document's PyTorch network, with every mistake that its tables list."""

    def __init__(self) -> None:
        super().__init__()
        norm_type = nn.InstanceNorm2d
        self.audio_encoder = nn.Sequential(
            Conv2d(1, 32, kernel_size=3, stride=2, padding=1),
            Conv2d(32, 32, kernel_size=3, stride=1, padding=1, residual=True),
            Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
            Conv2d(64, 64, kernel_size=3, stride=1, padding=1, residual=True),
            Conv2d(64, 128, kernel_size=3, stride=2, padding=1),
            Conv2d(128, 128, kernel_size=3, stride=2, padding=1),
            Conv2d(128, 128, kernel_size=3, stride=2, padding=1),
            Conv2d(128, 128, kernel_size=3, stride=1, padding=1, residual=True),
            nn.AdaptiveAvgPool2d((5, 5)),
        )
        self.stem = nn.Sequential(
            nn.Conv2d(6, 32, 3, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
        )
        self.stages = stages(norm_type)
        self.decoder = decoder(norm_type)
        self.conv_last = nn.Conv2d(8, 3, 1)
        self.conv_score = nn.Conv2d(3, 3, 1)

    def forward(self, audio: Tensor, face: Tensor) -> Tensor:
        x = joined(self.stages, self.decoder, self.audio_encoder(audio), self.stem(face))
        x = self.conv_last(x)
        x = self.conv_score(x)
        x = torch.sigmoid(x)
        return x


class Fixed(nn.Module):
    """The same with the changes that the document asks for, and dilated layers that can run."""

    def __init__(self) -> None:
        super().__init__()

        def norm_type(channels: int) -> nn.Module:
            return nn.GroupNorm(num_groups=1, num_channels=channels)

        self.audio_encoder = nn.Sequential(
            Conv2d(1, 16, kernel_size=3, stride=2, padding=0),
            Conv2d(16, 32, kernel_size=3, stride=2, padding=0),
            Conv2d(32, 32, kernel_size=3, stride=1, padding=1, residual=True),
            Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
            Conv2d(64, 128, kernel_size=3, stride=2, padding=1),
            nn.Sequential(nn.Conv2d(128, 128, 3, 2, 2, dilation=2), nn.BatchNorm2d(128), nn.ReLU()),
            nn.Sequential(nn.Conv2d(128, 128, 3, 2, 2, dilation=2), nn.BatchNorm2d(128), nn.ReLU()),
            Conv2d(128, 128, kernel_size=3, stride=1, padding=1, residual=True),
        )
        self.stem = nn.Sequential(
            nn.ZeroPad2d(1),
            nn.Conv2d(6, 16, 3, stride=1, padding=0, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
        )
        self.stages = stages(norm_type)
        self.decoder = decoder(norm_type)
        self.conv_last = nn.Conv2d(8, 3, 3)
        self.conv_score = nn.Conv2d(3, 3, 1)

    def forward(self, audio: Tensor, face: Tensor) -> Tensor:
        sound = F.interpolate(self.audio_encoder(audio), size=(5, 5), mode="bilinear", align_corners=False)
        x = joined(self.stages, self.decoder, sound, self.stem(face))
        x = F.pad(x, (1, 1, 1, 1), mode="constant", value=0)
        x = self.conv_last(x)
        x = self.conv_score(x)
        x = torch.tanh(x)
        return x


def stages(norm_type: Callable[[int], nn.Module]) -> nn.ModuleList:
    """Make the inverted residuals of the face encoder."""
    made = []
    channels = 32
    for expand_ratio, out_channels, repeats, stride in audio_face.FACE:
        blocks = []
        for index in range(repeats):
            step = stride if index == 0 else 1
            blocks.append(InvertedResidual(channels, out_channels, step, expand_ratio, norm_type))
            channels = out_channels
        made.append(nn.Sequential(*blocks))
    return nn.ModuleList(made)


def decoder(norm_type: Callable[[int], nn.Module]) -> nn.ModuleDict:
    """Make the up-sampling layers and the blocks after them."""

    def up(cin: int, cout: int) -> nn.Module:
        return nn.ConvTranspose2d(cin, cout, 3, padding=1, stride=2, output_padding=1, bias=False)

    return nn.ModuleDict(
        {
            "dconv0": nn.ConvTranspose2d(128, 128, kernel_size=1, stride=1, padding=0, bias=False),
            "norm0": norm_type(128),
            "invres0": InvertedResidual(448, 96, 1, 6, norm_type),
            "dconv1": up(96, 96),
            "norm1": norm_type(96),
            "invres1": InvertedResidual(192, 96, 1, 6, norm_type),
            "dconv2": up(96, 32),
            "norm2": norm_type(32),
            "invres2": InvertedResidual(64, 32, 1, 6, norm_type),
            "dconv3": up(32, 24),
            "norm3": norm_type(24),
            "invres3": InvertedResidual(48, 24, 1, 6, norm_type),
            "dconv4": up(24, 16),
            "norm4": norm_type(16),
            "invres4": InvertedResidual(32, 16, 1, 6, norm_type),
            "dconv5": up(16, 8),
            "norm5": norm_type(8),
        }
    )


def joined(stages: nn.ModuleList, decoder: nn.ModuleDict, sound: Tensor, face: Tensor) -> Tensor:
    """Run the face encoder's stages, then the decoder on the audio features and the skips."""
    skips = []
    for index, stage in enumerate(stages):
        face = stage(face)
        if index in audio_face.SKIPS:
            skips.append(face)
    x = sound
    for index, skip in enumerate([face, *reversed(skips)]):
        x = F.relu(decoder[f"norm{index}"](decoder[f"dconv{index}"](x)))
        x = decoder[f"invres{index}"](torch.cat((skip, x), dim=1))
    return F.relu(decoder["norm5"](decoder["dconv5"](x)))


def reproduction() -> nn.Module:
    """Make the re-implementation with its mistakes."""
    torch.manual_seed(0)
    return Reproduction().eval()


def fixed() -> nn.Module:
    """Make the re-implementation without them."""
    torch.manual_seed(0)
    return Fixed().eval()


def shipped() -> nn.Module:
    """Make the network that was shipped, as the document lists it."""
    net = registry.build("audio_face_unet", 0)
    for layer in net.audio_encoder.layers[:2]:
        layer.conv.padding = (0, 0)
    return net


INPUTS = {"audio": (1, 1, 256, 20), "face": (1, 6, 160, 160)}

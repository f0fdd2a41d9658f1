"""A talking-face network: an audio encoder, and a U-Net on faces that it drives.

It follows a published table of the layers of a network that was shipped for ncnn: 165 layers,
about 3.77 M parameters. Where that table contradicts its own feature maps, the maps decide:
convolutions 1 and 2 of the audio encoder take padding 1, and the two dilated ones padding 2 with
dilation 2, which gives 128x4x1 from 256x20. The inverted residuals are MobileNet V2's, with a
single block at 160 channels and GroupNorm and ReLU after each projection; converted, this makes
164 layers and 3.768 M parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgekit.models.blocks import ConvNormAct

# channels, stride, dilation, residual                output for audio of 256x20
AUDIO = (
    (16, 2, 1, False),  # 128x10
    (32, 2, 1, False),  # 64x5
    (32, 1, 1, True),
    (64, 2, 1, False),  # 32x3
    (128, 2, 1, False),  # 16x2
    (128, 2, 2, False),  # 8x1
    (128, 2, 2, False),  # 4x1
    (128, 1, 1, True),
)


class ResidualConv(nn.Module):
    """3x3 convolution and BatchNorm, added to the input before the ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = ConvNormAct(channels, channels, 3, 1, "none")

    @property
    def residual_end(self) -> nn.Module:
        """The normalisation that scales the residual branch."""
        return self.conv.norm

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        y = x + y
        y = F.relu(y)
        return y


class AudioEncoder(nn.Module):
    """A mel window (N, 1, 256, 20) to features (N, 128, 4, 1)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for out_channels, stride, dilation, residual in AUDIO:
            if residual:
                layers.append(ResidualConv(channels))
            else:
                layers.append(ConvNormAct(channels, out_channels, 3, stride, dilation=dilation))
            channels = out_channels
        self.layers = nn.Sequential(*layers)

    def forward(self, audio: Tensor) -> Tensor:
        features: Tensor = self.layers(audio)
        return features


# expansion, channels, repeats, stride of the first     output for a face of 160x160
FACE_STEM = (16, 32)  # 160x160, 80x80
FACE = (
    (1, 16, 1, 1),  # 80x80, skip
    (6, 24, 2, 2),  # 40x40, skip
    (6, 32, 3, 2),  # 20x20, skip
    (6, 64, 4, 2),  # 10x10
    (6, 96, 3, 1),  # 10x10, skip
    (6, 160, 1, 2),  # 5x5
    (6, 320, 1, 1),  # 5x5
)
SKIPS = (0, 1, 2, 4)  # the stages whose output the decoder sees again
AUDIO_FEATURES = 128
# channels after the up-sampling, channels after the block
DECODER = (
    (128, 96),  # 5x5, the audio features joined to the face's 320
    (96, 96),  # 10x10
    (32, 32),  # 20x20
    (24, 24),  # 40x40
    (16, 16),  # 80x80
)
LAST = 8  # 160x160


class FaceBlock(nn.Module):
    """Inverted residual whose projection ends in GroupNorm over all channels and a ReLU."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand: nn.Module = nn.Identity()
        if expansion != 1:
            self.expand = ConvNormAct(in_channels, hidden, 1)
        self.depthwise = ConvNormAct(hidden, hidden, 3, stride, groups=hidden)
        self.project = ConvNormAct(hidden, out_channels, 1, 1, norm="group1")
        self.skip = stride == 1 and in_channels == out_channels

    @property
    def residual_end(self) -> nn.Module | None:
        """The normalisation that scales the residual branch."""
        return self.project.norm if self.skip else None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.expand(x)
        y = self.depthwise(y)
        y = self.project(y)
        if self.skip:
            y = x + y
        return y


class FaceEncoder(nn.Module):
    """Two stacked images (N, 6, H, W) to features (N, 320, H/32, W/32) and four skips."""

    def __init__(self) -> None:
        super().__init__()
        first, second = FACE_STEM
        self.stem1 = ConvNormAct(6, first, 3, 1, padding=0)
        self.stem2 = ConvNormAct(first, second, 3, 2)
        stages: list[nn.Module] = []
        channels = second
        for expansion, out_channels, repeats, first_stride in FACE:
            blocks: list[nn.Module] = []
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                blocks.append(FaceBlock(channels, out_channels, stride, expansion))
                channels = out_channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = F.pad(face, (1, 1, 1, 1))
        x = self.stem1(x)
        x = self.stem2(x)
        skips: list[Tensor] = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in SKIPS:
                skips.append(x)
        return x, skips


class UpSample(nn.Module):
    """Transposed convolution, GroupNorm over all channels, ReLU; doubles the size at stride 2."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        kernel, pad = (3, 1) if stride == 2 else (1, 0)
        self.conv = nn.ConvTranspose2d(
            in_channels, out_channels, kernel, stride, pad, output_padding=stride - 1, bias=False
        )
        self.norm = nn.GroupNorm(1, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.norm(x)
        x = F.relu(x)
        return x


class Decoder(nn.Module):
    """Audio features and the face's features and skips to an image (N, 3, H, W) in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        joined = [FACE[-1][1], *(FACE[index][1] for index in reversed(SKIPS))]
        ups: list[nn.Module] = []
        blocks: list[nn.Module] = []
        channels = AUDIO_FEATURES
        for index, (up, out_channels) in enumerate(DECODER):
            ups.append(UpSample(channels, up, stride=1 if index == 0 else 2))
            blocks.append(FaceBlock(up + joined[index], out_channels, 1, 6))
            channels = out_channels
        self.ups = nn.ModuleList(ups)
        self.blocks = nn.ModuleList(blocks)
        self.last_up = UpSample(channels, LAST, stride=2)
        self.last_conv = nn.Conv2d(LAST, 3, 3)
        self.score = nn.Conv2d(3, 3, 1)

    def forward(self, audio: Tensor, face: Tensor, skips: Sequence[Tensor]) -> Tensor:
        x = audio
        for up, block, joined in zip(self.ups, self.blocks, (face, *reversed(skips)), strict=True):
            x = up(x)
            x = torch.cat((joined, x), dim=1)
            x = block(x)
        x = self.last_up(x)
        x = F.pad(x, (1, 1, 1, 1))
        x = self.last_conv(x)
        x = self.score(x)
        x = torch.tanh(x)
        return x


class AudioFaceUNet(nn.Module):
    """A mel window (N, 1, 256, 20) and two stacked faces (N, 6, H, W) to an image (N, 3, H, W).

    The faces are the reference and the one with its lower half covered; values in [-1, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.audio_encoder = AudioEncoder()
        self.face_encoder = FaceEncoder()
        self.decoder = Decoder()

    def forward(self, audio: Tensor, face: Tensor) -> Tensor:
        sound = self.audio_encoder(audio)
        features, skips = self.face_encoder(face)
        sound = F.interpolate(sound, size=features.shape[2:], mode="bilinear", align_corners=False)
        image: Tensor = self.decoder(sound, features, skips)
        return image


def build_encoder() -> AudioEncoder:
    """Make the audio encoder alone."""
    return AudioEncoder()


def build() -> AudioFaceUNet:
    """Make the whole network."""
    return AudioFaceUNet()

"""Small modules converted by the real pnnx, once for all tests here."""

from __future__ import annotations

import importlib.util
import subprocess
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from edgekit.toolchain.trace import attention_fast_path_off


@dataclass(frozen=True)
class Artefact:
    """What pnnx wrote for a module: `folder` holds m.ncnn.* and m.pnnx.*."""

    module: nn.Module
    folder: Path

    @property
    def ncnn(self) -> tuple[Path, Path]:
        return self.folder / "m.ncnn.param", self.folder / "m.ncnn.bin"

    @property
    def pnnx(self) -> tuple[Path, Path]:
        return self.folder / "m.pnnx.param", self.folder / "m.pnnx.bin"


def convert(module: nn.Module, inputs: tuple[torch.Tensor, ...], folder: Path, *options: str) -> Artefact:
    spec = importlib.util.find_spec("pnnx")
    assert spec is not None and spec.origin is not None
    with torch.no_grad(), attention_fast_path_off(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(module.eval(), inputs).save(folder / "m.pt")
    kinds = {torch.float32: "f32", torch.int64: "i64"}
    shapes = ",".join(f"{list(each.shape)}{kinds[each.dtype]}".replace(" ", "") for each in inputs)
    command = [Path(spec.origin).parent / "pnnx", "m.pt", f"inputshape={shapes}", *options]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return Artefact(module, folder)


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 6, (3, 5), stride=(1, 2), padding=(1, 2))
        self.group = nn.Conv2d(6, 6, 3, groups=2, padding=1, bias=False)
        self.depthwise = nn.Conv2d(6, 6, 3, groups=6, padding=2, dilation=2)
        self.prelu = nn.PReLU(6)
        self.up = nn.ConvTranspose2d(6, 3, (2, 4), stride=2)
        self.group_up = nn.ConvTranspose2d(3, 6, 3, groups=3)
        self.norm = nn.GroupNorm(2, 6)
        self.instance = nn.InstanceNorm2d(6, affine=True)
        self.line = nn.Conv1d(6, 5, 3, bias=False)
        self.line_up = nn.ConvTranspose1d(5, 4, 3)
        self.layer_norm = nn.LayerNorm(7)
        self.linear = nn.Linear(7, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.prelu(self.depthwise(self.group(self.conv(x))))
        x = self.instance(self.norm(self.group_up(self.up(x)))) * torch.linspace(0.5, 1.0, 6).view(1, 6, 1, 1)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 7)).flatten(2)
        return self.linear(self.layer_norm(self.line_up(self.line(x))))


class Volumes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 4, (1, 2, 3))
        self.depthwise = nn.Conv3d(4, 4, 3, groups=4)
        self.up = nn.ConvTranspose3d(4, 3, (3, 2, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.up(self.depthwise(self.conv(x)))


class Sequences(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.rnn = nn.RNN(8, 6, batch_first=True)
        self.gru = nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(10, 7, batch_first=True)
        self.projected = nn.LSTM(7, 8, batch_first=True, proj_size=4)
        self.widen = nn.Linear(4, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        for layer in (self.rnn, self.gru, self.lstm, self.projected):
            x = layer(x)[0]
        x = self.widen(x)
        return x + self.attention(x, x, x)[0]


class Shapes(nn.Module):
    """Reshapes that depend on the size of the input, slices, a matrix product, a constant."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        y = x.reshape(batch, channels, height * width)
        z = torch.softmax(y @ y.transpose(1, 2) * 0.37, dim=-1) @ y
        first, second = z.reshape(batch, channels, height, width).chunk(2, dim=1)
        return torch.cat((first[:, :, 1:-1], second[:, :, 2:].clamp(-0.125, 1e-5)), dim=1)


MODULES: Mapping[str, Callable[[], tuple[nn.Module, tuple[torch.Tensor, ...], tuple[str, ...]]]] = {
    "convolutions": lambda: (Convolutions(), (torch.rand(1, 4, 9, 11),), ()),
    "volumes": lambda: (Volumes(), (torch.rand(1, 2, 5, 6, 7),), ()),
    "sequences": lambda: (Sequences(), (torch.randint(11, (1, 9)),), ()),
    "shapes": lambda: (Shapes(), (torch.rand(1, 4, 6, 8),), ("inputshape2=[1,4,8,10]f32",)),
}


@pytest.fixture(scope="session", params=MODULES)
def artefact(request: pytest.FixtureRequest, artefacts: Callable[[str, bool], Artefact]) -> Artefact:
    return artefacts(request.param, False)


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Artefact]:
    """Return a function that converts a module by name, in fp16 or not, once."""
    made: dict[tuple[str, bool], Artefact] = {}

    def make(name: str, fp16: bool) -> Artefact:
        if (name, fp16) not in made:
            torch.manual_seed(0)
            torch.set_num_threads(1)
            module, inputs, options = MODULES[name]()
            folder = tmp_path_factory.mktemp(name)
            made[name, fp16] = convert(module, inputs, folder, f"fp16={int(fp16)}", *options)
        return made[name, fp16]

    return make

"""A copy that pnnx can follow shares everything but what cannot be shared."""

import torch
from torch import nn

from edgekit.toolchain.tracing_copy import tracing_copy


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = nn.Linear(8, 8)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x).relu())


class TwoPaths(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(4, 4, 1), nn.GRU(4, 4))
        self.stem = self.features[0]
        self.recurrent = self.features[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features[0](self.stem(x)).flatten(2).transpose(1, 2)
        return self.recurrent(x)[0]


def test_a_plain_module_is_not_copied() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm(4))
    assert tracing_copy(module) == (module, ())


def test_tied_weights_get_a_copy_each() -> None:
    module = Tied().eval()
    copy, notes = tracing_copy(module)
    assert notes == ("gave each of the tied weights second.weight a copy of its own",)
    assert copy.first.weight is module.first.weight
    assert copy.second.weight is not copy.first.weight
    assert module.second.weight is module.first.weight
    x = torch.randn(2, 8)
    assert torch.equal(copy(x), module(x))


def test_a_module_on_two_paths_becomes_two() -> None:
    module = TwoPaths().eval()
    copy, notes = tracing_copy(module)
    assert notes[0] == "gave each of the paths stem, recurrent a module of its own"
    assert copy.stem is not copy.features[0]
    assert copy.recurrent is not copy.features[1]
    x = torch.randn(1, 4, 3, 3)
    assert torch.equal(copy(x), module(x))


def test_a_layer_whose_setting_is_misread_is_renamed() -> None:
    module = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), nn.LayerNorm((8, 8)))
    copy, notes = tracing_copy(module)
    assert notes == ()
    assert [type(each).__name__ for each in copy] == ["OpenedConv2d", "OpenedLayerNorm"]
    assert type(module[0]) is nn.Conv2d
    x = torch.randn(1, 4, 8, 8)
    assert torch.equal(copy(x), module(x))


def test_normalised_weights_are_computed_once() -> None:
    module = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 4, 3)),
        nn.utils.parametrizations.spectral_norm(nn.Conv1d(4, 4, 3)),
    ).eval()
    copy, notes = tracing_copy(module)
    assert notes == ("computed the normalised weights of 0, 1 once and for all",)
    assert [type(each) for each in copy] == [nn.Conv1d, nn.Conv1d]
    assert list(dict(copy.named_parameters())) == ["0.bias", "0.weight", "1.bias", "1.weight"]
    x = torch.randn(1, 4, 12)
    torch.testing.assert_close(copy(x), module(x), rtol=0, atol=0)
    assert nn.utils.parametrize.is_parametrized(module[0])

"""Each substitute is the same function as the one that it stands for."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from edgekit.toolchain.substitutes import Substitutes

CASES: dict[str, Callable[[torch.Tensor], Any]] = {
    "var": lambda x: x.var(1),
    "var unbiased": lambda x: x.var(1, unbiased=False, keepdim=True),
    "var of axes": lambda x: torch.var(x, (2, 3), correction=0),
    "var of all": lambda x: x.var(),
    "std": lambda x: torch.std(x, dim=-1, keepdim=True),
    "circular": lambda x: F.pad(x, (1, 2, 3, 1), mode="circular"),
    "circular one side": lambda x: F.pad(x[0], (0, 2), mode="circular"),
    "layer norm": lambda x: F.layer_norm(
        x, (4, 8, 6), torch.arange(192.0).reshape(4, 8, 6), torch.ones(4, 8, 6)
    ),
    "normalize": lambda x: F.normalize(x, dim=1),
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "softmin": lambda x: F.softmin(x, 1),
    "cosine": lambda x: F.cosine_similarity(x, x.flip(1), dim=1),
    "cosine of another size": lambda x: F.cosine_similarity(x, x[:, :1], dim=1),
    "cube": lambda x: x**3,
    "fourth": lambda x: torch.pow(x, 4),
    "fifth": lambda x: x.pow(5.0),
    "list": lambda x: x[:, [2, 0, 1]],
    "neighbours": lambda x: x[:, [1, 2, 3]],
    "index tensor": lambda x: x[:, torch.tensor([3, 1])],
    "negative": lambda x: x[..., [-1, 0]],
    "step": lambda x: x[:, :, ::2, ::3],
    "step with start": lambda x: x[..., 1::2, ::2],
    "mask": lambda x: x.masked_fill(torch.ones(8, 6).tril() == 0, -2.0),
    "mask inf": lambda x: x.masked_fill(torch.ones(8, 6).tril() == 0, -math.inf),
    "negative padding": lambda x: F.pad(x, (-1, 2, 0, -3), value=0.5),
    "triangle": lambda x: x.triu(1) + torch.tril(x),
    "remainder": lambda x: x % 0.5 + torch.fmod(x, 0.3) + x // 0.5,
    "quotient": lambda x: torch.div(x, 0.3, rounding_mode="trunc"),
    "live mask": lambda x: x.masked_fill(x > 0, 0.0),
    "live where": lambda x: torch.where(x > 0, x, 0.0),
    "truth": lambda x: ((x == x.amax(1, keepdim=True)) | ~(x <= 0.1)) * x,
    "where": lambda x: torch.where(torch.ones(8, 6).tril() > 0, x, torch.zeros(())),
    "where inf": lambda x: torch.where(torch.ones(8, 6).tril() > 0, x, -math.inf),
    "unbind": lambda x: x.flatten(2).transpose(1, 2).reshape(1, 48, 2, 1, 2).permute(2, 0, 3, 1, 4).unbind(0),
    "select": lambda x: x.flatten(2).transpose(1, 2).reshape(1, 48, 2, 1, 2).permute(2, 0, 3, 1, 4)[1],
    "antialias": lambda x: F.interpolate(x, (5, 9), mode="bilinear", antialias=True),
    "antialias bicubic": lambda x: F.interpolate(x, scale_factor=0.6, mode="bicubic", antialias=True),
    "nearest by scale": lambda x: F.interpolate(x, scale_factor=(1.7, 0.37)),
    "nearest exact": lambda x: F.interpolate(x, scale_factor=1.7, mode="nearest-exact"),
    "nearest exact line": lambda x: F.interpolate(x[0], 11, mode="nearest-exact"),
    "roll": lambda x: torch.roll(x, (-2, 0, 1), (2, 1, 3)) - x.roll((1, 3), (1, 2)),
    "masked windows": lambda x: (x.view(4, 2, 4, 6).view(1, 4, 2, 4, 6) + torch.ones(1, 4, 1, 4, 6)).flatten(
        0, 1
    ),
    "scaled windows": lambda x: (x.view(4, 2, 4, 6).view(-1, 4, 2, 4, 6) * 2.0).view(-1, 2, 4, 6),
    "patches": lambda x: x.view(1, 4, 4, 2, 3, 2).permute(0, 2, 4, 3, 5, 1).reshape(1, 12, 16),
    "windows": lambda x: x.view(1, 4, 2, 4, 3, 2).permute(0, 1, 2, 4, 3, 5).contiguous().view(-1, 8, 4),
}


@pytest.mark.parametrize("name", CASES)
def test_a_substitute_gives_the_same_numbers(name: str) -> None:
    function = CASES[name]
    x = torch.randn(1, 4, 8, 6, generator=torch.Generator().manual_seed(1))
    expected = function(x)
    substitutes = Substitutes()
    substitutes.begin([x])
    with substitutes:
        found = function(x)
    assert substitutes.texts(), "the rule was used"
    for left, right in zip(_listed(found), _listed(expected), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


LEFT_ALONE: dict[str, Callable[[torch.Tensor], Any]] = {
    "constant padding": lambda x: F.pad(x, (1, 1)),
    "square": lambda x: x**2,
    "root": lambda x: x.abs() ** 0.5,
    "last axis norm": lambda x: F.layer_norm(x, (6,)),
    "nearest by a whole scale": lambda x: F.interpolate(x, scale_factor=3.0),
    "nearest by size": lambda x: F.interpolate(x, (5, 11)),
    "scale computed again": lambda x: F.interpolate(x, scale_factor=1.7, recompute_scale_factor=True),
    "plain slice": lambda x: x[:, 1:3],
    "infinite choice": lambda x: torch.where(x > 0, x, float("-inf")),
    "truth values": lambda x: x > 0,
    "channel shuffle": lambda x: x.view(1, 2, 2, 8, 6).transpose(1, 2).reshape(1, 4, 8, 6),
    "windows more than there were": lambda x: (
        x.view(4, 2, 4, 6).view(1, 4, 2, 4, 6) + torch.ones(2, 1, 1, 1, 1)
    ),
    "constant variance": lambda x: x + torch.ones(3).var(),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_converts_as_it_is_is_left_alone(name: str) -> None:
    x = torch.randn(1, 4, 8, 6)
    substitutes = Substitutes()
    substitutes.begin([x])
    with substitutes:
        found = LEFT_ALONE[name](x)
    assert substitutes.texts() == []
    assert torch.equal(found, LEFT_ALONE[name](x))


def _listed(value: Any) -> list[torch.Tensor]:
    return list(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize(
    "function", [F.gelu, lambda x: x * torch.arange(6).type_as(x), lambda x: x.type_as(x)]
)
def test_what_is_not_worth_telling_gives_the_same_numbers(function: Callable[[torch.Tensor], Any]) -> None:
    x = torch.randn(1, 4, 8, 6, generator=torch.Generator().manual_seed(1))
    substitutes = Substitutes(onnx=True)
    substitutes.begin([x])
    with substitutes:
        found = function(x)
    torch.testing.assert_close(found, function(x), rtol=1e-5, atol=1e-6)

"""Named inputs to any forward, any result to flat tensors."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from edgekit.errors import UserError
from edgekit.sources.adapter import Adapter, OutputTree, flatten, forward_inputs

Pair = namedtuple("Pair", "left right")


@dataclass
class Result:
    logits: torch.Tensor
    hidden: torch.Tensor | None = None


def test_every_structure_is_flattened_with_names() -> None:
    a, b, c = (torch.full((1,), float(number)) for number in range(3))
    cases: list[tuple[Any, tuple[str, ...]]] = [
        (a, ("out0",)),
        ((a, b), ("out0", "out1")),
        ([a, (b, c)], ("out0", "1.0", "1.1")),
        ({"x": a, "y": {"z": b}}, ("x", "y.z")),
        (OrderedDict(last=a), ("last",)),
        (Pair(a, b), ("left", "right")),
        (Result(a), ("logits",)),
        ((a, None, b), ("out0", "out2")),
    ]
    for value, names in cases:
        assert flatten(value)[0].names == names


def test_the_same_tensor_twice_is_an_alias() -> None:
    a = torch.zeros(1)
    tree, flat = flatten({"first": a, "again": a})
    assert (tree.names, tree.aliases, len(flat)) == (("first",), (("again", "first"),), 1)


def test_what_is_no_tensor_is_named() -> None:
    assert flatten((torch.zeros(1), 3, "x"))[0].dropped == ("1 (int)", "2 (str)")


def test_given_names_are_used_where_they_fit() -> None:
    a, b = torch.zeros(1), torch.ones(1)
    assert flatten((a, b), ["p", "q"])[0].names == ("p", "q")
    assert flatten((a, b), ["p"])[0].names == ("out0", "out1")


class Takes(nn.Module):
    def forward(
        self,
        x: torch.Tensor,
        state: tuple[torch.Tensor, torch.Tensor],
        mask: torch.Tensor | None = None,
        *,
        scale: torch.Tensor,
    ) -> dict[str, Any]:
        y = (x + state[0] - state[1]) * scale
        return {"y": y if mask is None else y * mask, "state": state}


def test_inputs_are_bound_by_name_and_nested_by_dots() -> None:
    assert forward_inputs(Takes()) == (("x", "state", "scale"), ("mask",))
    adapter = Adapter(Takes(), ["scale", "x", "mask", "state.0", "state.1"])
    y, first, second = adapter.module(*(torch.full((1,), value) for value in (2.0, 3.0, 10.0, 5.0, 1.0)))
    assert (y.item(), first.item(), second.item()) == (140.0, 5.0, 1.0)
    assert adapter.tree == OutputTree(("y", "state.0", "state.1"))


def test_the_adapted_module_keeps_paths_and_parameters() -> None:
    module = nn.Sequential(nn.Linear(2, 2))
    adapted = Adapter(module, ["input"]).module
    assert list(dict(adapted.named_parameters())) == ["0.weight", "0.bias"]
    assert adapted[0] is module[0]
    assert type(module) is nn.Sequential


@pytest.mark.parametrize(
    ("names", "message", "remedy"),
    [
        (["x", "state.0", "scle"], "has no input 'scle'", "did you mean 'scale'?"),
        (["x", "state.0"], "input 'scale' of the model is not described", "--input scale=SHAPE"),
    ],
)
def test_names_that_do_not_fit(names: list[str], message: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        Adapter(Takes(), names)
    assert message in caught.value.message
    assert caught.value.remedy is not None and remedy in caught.value.remedy


class Anything(nn.Module):
    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return tensors[0] - tensors[1]


def test_variadic_inputs_keep_their_order() -> None:
    adapter = Adapter(Anything(), ["b", "a"])
    assert adapter.module(torch.tensor(3.0), torch.tensor(1.0)).item() == 2.0

"""What is computed twice in a model is one thing twice, and no noise of rounding lies between."""

import torch
from torch import nn

from edgekit.alignment.flow import Flow
from edgekit.alignment.noise import layer_noise
from edgekit.graph import Layer
from edgekit.runtimes.torch_tape import record


class ComputedTwice(nn.Module):
    """A complex product as people write it, each factor scaled where it is used."""

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return (x * scale).sin(), (x * scale).cos()


def test_what_is_only_another_copy_of_an_input_has_no_noise() -> None:
    x, scale = torch.rand(1, 3, 4), torch.rand(1, 3, 4)
    trace = record(ComputedTwice(), {"x": x, "scale": scale})
    first, second = (node.outputs[0] for node in trace.nodes if node.op == "aten.mul")
    layer = Layer("BinaryOp", "mul_0", ("a", "b"), ("c",))
    noise = layer_noise(Flow(trace), layer, [first], [second], exact=False)[second]
    assert (noise.rounding, noise.conditioning) == (0.0, 0.0)


class SquaredTwice(nn.Module):
    """A magnitude and its reciprocal, the squares written in two ways."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x**2 + y**2).sqrt() * torch.rsqrt(x * x + y * y + 1e-8)


def test_squares_written_in_two_ways_stand_in_for_each_other() -> None:
    trace = record(SquaredTwice(), {"x": torch.rand(1, 3, 4), "y": torch.rand(1, 3, 4)})
    flow = Flow(trace)
    sums = [node.outputs[0] for node in trace.nodes if node.op == "aten.add"][:2]
    assert flow.first(sums[1]) == sums[0]
    (root,) = (node.outputs[0] for node in trace.nodes if node.op == "aten.reciprocal")
    assert flow.cut(root, [sums[0]]) is not None


class AddedUp(nn.Module):
    """A sum that begins with the number 0, as loops do."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor | int = 0
        for each in (x * y, x / y):
            total = total + each
        return total * 1.0  # type: ignore[return-value]


def test_what_0_was_added_to_is_what_it_was() -> None:
    trace = record(AddedUp(), {"x": torch.rand(1, 3, 4), "y": torch.rand(1, 3, 4) + 1})
    product, _, same, total, scaled = (node.outputs[0] for node in trace.nodes)
    flow = Flow(trace)
    assert (flow.first(same), flow.first(scaled)) == (product, total)
    assert flow.first(total) == total

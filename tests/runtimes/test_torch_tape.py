"""The tape shows what depends on what, in-place operations included."""

import pytest
import torch
from torch import nn

from edgekit.runtimes.torch_tape import record


class PartsWritten(nn.Module):
    """Adds to a part of a concatenation in place, as GhostNet does with an odd number of channels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.cat([x, 2 * x], 1)
        part = y[:, :5]
        part += x[:, :1]
        part[0] *= 3
        return part.relu()


class InverseRoot(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rsqrt(x.abs())


class Logarithm(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log1p(x.abs())


class Ring(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.roll(x, (-2, 1), (1, 2))


class Shapes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros_like(x[:, :1]), torch.minimum(x, torch.ones_like(x) * 1.5)], 1)


def test_what_only_a_shape_was_read_of_is_a_constant() -> None:
    x = torch.randn(1, 3, 4)
    trace = record(Shapes(), {"x": x})
    fixed = [node.op for node in trace.nodes if not trace.live.intersection(node.outputs)]
    assert set(fixed) >= {"aten.zeros_like", "aten.ones_like", "aten.mul"}
    assert trace.outputs["out0"] in trace.live


def test_a_part_that_was_written_in_place_depends_on_what_was_written_alone() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 3, 4)
    module = PartsWritten().eval()
    trace = record(module, {"x": x})
    relu = trace.nodes[-1]
    (read,) = relu.inputs
    maker = trace.nodes[trace.producers[read]]
    assert relu.op == "aten.relu"
    assert maker.op == "aten.select_scatter"  # of the part, not of the whole concatenation
    torch.testing.assert_close(torch.from_numpy(trace.values[trace.outputs["out0"]]), module(x))


GELU = ["pow", "mul", "mul", "add", "mul", "tanh", "add", "mul", "mul"]
TAKEN_APART = [
    (nn.LogSoftmax(1), ["_softmax", "log"]),
    (nn.GELU("tanh"), GELU),
    (nn.GELU(), ["gelu"]),
    (nn.GLU(1), ["chunk", "sigmoid", "mul"]),
    (Ring(), ["slice", "slice", "cat"] * 2),
    (InverseRoot(), ["abs", "sqrt", "reciprocal"]),
    (Logarithm(), ["abs", "add", "log"]),
]


@pytest.mark.parametrize(("module", "ops"), TAKEN_APART, ids=lambda each: type(each).__name__)
def test_what_ncnn_computes_in_several_layers_is_written_as_its_parts(
    module: nn.Module, ops: list[str]
) -> None:
    torch.manual_seed(0)
    x = 4 * torch.randn(1, 6, 4)
    trace = record(module, {"x": x})
    assert [node.op.removeprefix("aten.") for node in trace.nodes] == ops
    result = trace.outputs["out0"]
    torch.testing.assert_close(torch.from_numpy(trace.values[result]), module(x), rtol=0, atol=0)
    assert trace.replay is not None
    nodes = [node.index for node in trace.nodes]
    again = trace.replay.run(nodes, {trace.inputs["x"]: x.numpy()}, [result], None)[result]
    torch.testing.assert_close(torch.from_numpy(again), module(x.double()), rtol=1e-6, atol=1e-6)

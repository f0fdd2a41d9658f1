"""The tape shows what depends on what, in-place operations included."""

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


def test_a_log_softmax_is_a_softmax_and_its_logarithm() -> None:
    torch.manual_seed(0)
    x = 40 * torch.randn(1, 3, 4)
    trace = record(nn.LogSoftmax(1), {"x": x})
    softmax, logarithm = trace.nodes
    assert (softmax.op, logarithm.op) == ("aten._softmax", "aten.log")
    assert logarithm.inputs == softmax.outputs
    result = torch.from_numpy(trace.values[trace.outputs["out0"]])
    torch.testing.assert_close(result, torch.log_softmax(x, 1), rtol=0, atol=0)

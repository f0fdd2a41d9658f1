"""Traces: where operations come from, and which obstacles are out of the way."""

from pathlib import Path

import torch
from torch import nn

from edgekit.toolchain.trace import trace


class Norm(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfft(x).abs()


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Norm()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + 1


def test_an_operation_is_found_in_the_users_code(tmp_path: Path) -> None:
    traced = trace(Holder(), [torch.zeros(1, 8)], tmp_path / "model.pt")
    (source,) = traced.sources(["aten::fft_rfft"])
    lines = Path(__file__).read_text().splitlines()
    assert source.module == "inner"
    assert source.file is not None and source.file.endswith("test_trace.py")
    assert source.line is not None and "torch.fft.rfft" in lines[source.line - 1]


class Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.mark_non_differentiable(x)
        return x.clamp(0, 1)


class Fresh(torch.autograd.Function):
    @staticmethod
    def forward(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        pass


class Custom(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Fresh.apply(Clamp.apply(x))


def test_custom_functions_are_inlined_and_left_as_they_were(tmp_path: Path) -> None:
    traced = trace(Custom(), [torch.randn(1, 8)], tmp_path / "model.pt")
    assert traced.rewrites == (
        "inlined the forward of autograd.Function Fresh",
        "inlined the forward of autograd.Function Clamp",
    ) or traced.rewrites == (
        "inlined the forward of autograd.Function Clamp",
        "inlined the forward of autograd.Function Fresh",
    )
    x = torch.tensor([[-1.0, 0.5, 3.0]])
    loaded = torch.jit.load(str(traced.path))
    assert torch.equal(loaded(x), torch.tensor([[0.0, 1.0, 2.0]]))
    y = x.clone().requires_grad_()
    assert Clamp.apply(y).grad_fn is not None, "apply is autograd's own again"


def test_the_attention_fast_path_is_back_after_the_trace(tmp_path: Path) -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()
    traced = trace(layer, [torch.randn(1, 6, 16)], tmp_path / "model.pt")
    kinds = {node.kind() for node in traced.module.inlined_graph.nodes()}
    assert "aten::_transformer_encoder_layer_fwd" not in kinds
    assert torch.backends.mha.get_fastpath_enabled()


class Checks(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x * 2
        return x


def test_warnings_come_back_as_values_with_their_line(tmp_path: Path) -> None:
    traced = trace(Checks(), [torch.ones(1, 8)], tmp_path / "model.pt")
    (warning,) = traced.warnings
    assert "Python boolean" in warning.text
    assert warning.file.endswith("test_trace.py")
    lines = Path(__file__).read_text().splitlines()
    assert "x.sum() > 0" in lines[warning.line - 1]

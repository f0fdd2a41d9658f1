"""What converters get wrong without saying so: edgekit converts it rightly and says how, or refuses."""

from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit
from edgekit.exporter import ExportError, ExportMismatch, FindingKind
from tests.exporter import nets

ROUTES = ("pnnx", "onnx")
SHAPE = (1, 4, 8, 8)

REWRITTEN: dict[type[nn.Module], str] = {
    nets.LayerNormOverAll: "flattened the axes of a layer normalisation",
    nets.CircularPadding: "wrote circular padding as a concatenation",
    nets.ChannelGather: "wrote indexing by constants as slices",
    nets.TwoPaths: "gave each of the paths stem a module of its own",
    nets.ChannelNormalize: "wrote normalize as a division by the length",
    nets.Cube: "wrote a power as multiplications",
    nets.Spread: "wrote the variance as the mean of squared differences",
    nets.SelfOperands: "wrote x * x as x ** 2",
    nets.FusedAttention: "cut tensors of rank 5 and more",
    nets.CustomFunction: "inlined the forward of autograd.Function Clamp",
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("net", REWRITTEN, ids=lambda net: net.__name__)
def test_a_lie_is_rewritten_and_told(net: type[nn.Module], route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    result = edgekit.export(net(), tmp_path / "net", inputs={"x": SHAPE}, route=route)
    assert any(REWRITTEN[net] in each for each in result.rewrites), result.rewrites
    assert all(check.passed for check in result.checks)


@pytest.mark.parametrize("route", ROUTES)
def test_tied_weights_are_copied(route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    result = edgekit.export(nets.TiedLinear(), tmp_path / "net", inputs={"x": (1, 4, 8)}, route=route)
    assert result.rewrites == ("gave each of the tied weights second.weight a copy of its own",)


MISREAD = (nets.OneAxisSum, nets.SeveralAxesMax, nets.MaximaOfOneTensor)


@pytest.mark.parametrize("net", MISREAD, ids=lambda net: net.__name__)
def test_reductions_that_pnnx_misreads_in_onnx(net: type[nn.Module], tmp_path: Path) -> None:
    result = edgekit.export(net(), tmp_path / "net", inputs={"x": SHAPE}, route="onnx")
    assert len(result.rewrites) == 1
    assert all(check.passed for check in result.checks)


@pytest.mark.parametrize("route", ROUTES)
def test_the_attention_fast_path_is_off(route: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    result = edgekit.export(nets.EncoderLayer(), tmp_path / "net", inputs={"x": (1, 4, 8, 8)}, route=route)
    assert all(check.passed for check in result.checks)


RANDOM: dict[type[nn.Module], str] = {
    nets.AlwaysOnDropout: "        return F.dropout(x, 0.5)",
    nets.Noisy: "        return x + torch.randn_like(x)",
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("net", RANDOM, ids=lambda net: net.__name__)
def test_random_numbers_are_refused(net: type[nn.Module], route: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        edgekit.export(net(), tmp_path / "net", inputs={"x": SHAPE}, route=route)
    (finding,) = caught.value.findings
    assert finding.kind is FindingKind.RANDOM
    assert finding.remedy is not None and "self.training" in finding.remedy
    assert line_of(finding) == RANDOM[net]
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("net", [nets.Branch, nets.Item], ids=lambda net: net.__name__)
def test_a_value_of_the_input_is_not_frozen(net: type[nn.Module], route: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        edgekit.export(net(), tmp_path / "net", inputs={"x": SHAPE}, route=route)
    (finding,) = caught.value.findings
    assert finding.kind is FindingKind.DATA_DEPENDENT
    assert "x." in line_of(finding)
    assert "Converting a tensor to a Python" in caught.value.warnings[0].text


def test_a_check_of_a_size_is_no_branch_on_a_value(tmp_path: Path) -> None:
    result = edgekit.export(nets.SizeCheck(), tmp_path / "net", inputs={"x": SHAPE})
    assert result.warnings == ()


def test_a_shape_that_depends_on_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        edgekit.export(nets.Masked(), tmp_path / "net", inputs={"x": SHAPE})
    assert FindingKind.DATA_DEPENDENT in {finding.kind for finding in caught.value.findings}


def test_state_inside_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        edgekit.export(nets.Counter(), tmp_path / "net", inputs={"x": SHAPE})
    (finding,) = caught.value.findings
    assert finding.kind is FindingKind.STATE
    assert "'count'" in finding.message


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("net", [nets.UnusedInput, nets.DeadInput], ids=lambda net: net.__name__)
def test_a_lost_input_is_refused(net: type[nn.Module], route: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        edgekit.export(net(), tmp_path / "net", inputs={"x": SHAPE, "y": SHAPE}, route=route)
    assert {finding.kind for finding in caught.value.findings} <= {
        FindingKind.UNUSED_INPUT,
        FindingKind.INPUTS,
    }


def test_a_reference_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="the model itself gives NaN"):
        edgekit.export(nets.NotANumber(), tmp_path / "net", inputs={"x": SHAPE})
    inputs = [edgekit.exporter.InputSpec("x", SHAPE, value_range=(0.5, 1.0))]
    assert edgekit.export(nets.NotANumber(), tmp_path / "net", inputs=inputs).layers == 2


UNKNOWN: dict[type[nn.Module], tuple[str, str]] = {
    nets.Fourier: ("torch.fft.rfft", "fixed convolution"),
    nets.Comparison: ("torch.gt", "(a > b).float()"),
    nets.Best: ("torch.argmax", "argmax on the device"),
    nets.Largest: ("torch.topk", "sort them on the device"),
    nets.Gathered: ("torch.gather", "fixed slices"),
}


@pytest.mark.parametrize("net", UNKNOWN, ids=lambda net: net.__name__)
def test_an_operation_that_ncnn_lacks_is_found_in_the_code(net: type[nn.Module], tmp_path: Path) -> None:
    op, remedy = UNKNOWN[net]
    with pytest.raises(ExportError) as caught:
        edgekit.export(net(), tmp_path / "net", inputs={"x": SHAPE})
    assert caught.value.exit_code == 2
    finding = caught.value.findings[0]
    assert op in finding.message
    assert finding.remedy is not None and remedy in finding.remedy
    assert "return" in line_of(finding)
    assert op in caught.value.log


@pytest.mark.parametrize("net", UNKNOWN, ids=lambda net: net.__name__)
def test_the_onnx_route_refuses_it_too(net: type[nn.Module], tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        edgekit.export(net(), tmp_path / "net", inputs={"x": SHAPE}, route="onnx")
    assert all(finding.remedy for finding in caught.value.findings)
    assert "return" in line_of(caught.value.findings[0])


@pytest.mark.parametrize("route", ROUTES)
def test_a_layer_that_ncnn_cannot_have_is_found_in_the_code(route: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Reduction has one input and one output") as caught:
        edgekit.export(nets.BestWithPlace(), tmp_path / "net", inputs={"x": SHAPE}, route=route)
    (finding,) = caught.value.findings
    assert finding.remedy is not None and "x.amax" in finding.remedy
    assert line_of(finding) == "        return x.max(1)"


def test_an_output_that_is_an_input_goes_by_one_route_and_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        edgekit.export(nets.ReturnsItsInput(), tmp_path / "net", inputs={"x": SHAPE}, route="onnx")
    assert caught.value.remedy == "use --route pnnx, which was tried and passes every check"


def line_of(finding: edgekit.exporter.Finding) -> str:
    """The line of nets.py that a finding names."""
    source = finding.sources[0]
    assert source.file is not None and source.file.endswith("nets.py")
    assert source.line is not None
    return Path(nets.__file__).read_text().splitlines()[source.line - 1]


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_that_does_no_better_is_not_recommended(route: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="lgamma") as caught:
        edgekit.export(nets.LogGamma(), tmp_path / "net", inputs={"x": SHAPE}, route=route)
    (finding,) = caught.value.findings
    assert finding.remedy == "write it with operations that ncnn has"
    assert line_of(finding) == "        return torch.lgamma(x)"


def test_a_route_that_gives_another_shape_is_refused_and_the_other_one_named(tmp_path: Path) -> None:
    torch.manual_seed(0)
    with pytest.raises(ExportMismatch) as caught:
        edgekit.export(nets.TwoStates(), tmp_path / "net", inputs={"x": (2, 6, 16)}, route="onnx")
    assert caught.value.exit_code == 1
    assert "ncnn gave the shape" in "".join(finding.message for finding in caught.value.findings)
    assert caught.value.remedy == "use --route pnnx, which was tried and passes every check"
    assert not (tmp_path / "net").exists()
    edgekit.export(nets.TwoStates(), tmp_path / "net", inputs={"x": (2, 6, 16)}, route="pnnx")

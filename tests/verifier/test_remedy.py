"""Mistakes of a port are told by their remedy: the one change of the layer that makes it right."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Layer
from edgekit.verifier import LayerResult
from edgekit.verifier.variants import variants


class Odds(nn.Module):
    """The layers that ports get wrong: padding mode, corners, order of a concat, axis, eps, approximation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.pad = nn.ReflectionPad2d(1)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8)
        self.norm = nn.LayerNorm(16, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = F.relu6(self.stem(x) * 3)
        b = self.depthwise(self.pad(a))
        b = F.interpolate(F.avg_pool2d(b, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
        y = torch.cat([a, b], 1).flatten(2).transpose(1, 2)
        y = F.gelu(self.norm(y * 0.5))
        return torch.softmax(y, -1).mean(1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("remedies") / "odds"
    edgekit.export(Odds(), path, inputs={"x": (1, 3, 16, 16)})
    return path


def culprit(bundle: Path) -> LayerResult:
    report = edgekit.verify(bundle)
    (found,) = [layer for layer in report.layers if layer.status == "fail"]
    return found


@pytest.mark.parametrize(
    ("kind", "changes", "remedy"),
    [
        ("Padding", {"4": 0}, "type reflect instead of constant (4=2 in the .param)"),
        ("Interp", {"6": 1}, "align_corner 0 instead of 1 (6=0 in the .param)"),
        ("Softmax", {"0": 0}, "axis 1 instead of 0 (0=1 in the .param)"),
        ("LayerNorm", {"1": 1e-5}, "eps 0.001 instead of 1e-05 (1=0.001 in the .param)"),
        ("GELU", {"0": 1}, "fast_gelu 0 instead of 1 (0=0 in the .param)"),
        ("Reduction", {"0": 4}, "operation mean instead of max (0=3 in the .param)"),
        ("Convolution", {"3": 1, "13": 1}, "stride 2 instead of 1 (3=2 13=2 in the .param)"),
        (
            "Convolution",
            {"4": 0, "14": 0, "15": 2, "16": 2},
            "padding 1 instead of 0/2/0/2 (4=1 15=1 14=1 16=1 in the .param)",
        ),
        ("Pooling", {"0": 0}, "pooling_type average instead of max (0=1 in the .param)"),
    ],
)
def test_a_wrong_parameter_is_told_by_the_right_one(
    bundle: Path, spoil, kind: str, changes: dict[str, float], remedy: str
) -> None:
    found = culprit(
        spoil(kind, lambda layer: dataclasses.replace(layer, params={**layer.params, **changes}, text=None))
    )
    assert found.type == kind
    assert found.remedy == remedy
    assert found.why is not None
    assert found.why.endswith(f"t is right with {remedy}")


def test_swapped_inputs_of_a_concat(bundle: Path, spoil) -> None:
    found = culprit(spoil("Concat", lambda layer: dataclasses.replace(layer, inputs=layer.inputs[::-1])))
    right = next(layer for layer in ncnn.read(bundle / "model.ncnn.param") if layer.type == "Concat").inputs
    assert found.remedy == f"its inputs in the order {', '.join(right)} instead of {', '.join(right[::-1])}"


def test_a_wrong_scalar(bundle: Path, spoil) -> None:
    found = culprit(
        spoil("BinaryOp", lambda layer: dataclasses.replace(layer, params={**layer.params, "2": 2.5}))
    )
    assert found.remedy is not None
    assert found.remedy.startswith(("scalar 3 instead of 2.5", "scalar 0.5 instead of 2.5"))


def test_a_first_convolution_for_bgr(bundle: Path, spoil) -> None:
    def bgr(layer: Layer) -> Layer:
        weight, *others = layer.weights
        data = np.ascontiguousarray(weight.data[:, ::-1])
        return dataclasses.replace(layer, weights=(dataclasses.replace(weight, data=data), *others))

    remedy = "the input channels of its weights in reverse order: RGB and BGR are exchanged"
    assert culprit(spoil("Convolution", bgr)).remedy == remedy


def test_wrong_weights_have_no_remedy_and_get_no_false_one(bundle: Path, spoil, swap_channels) -> None:
    found = culprit(spoil("ConvolutionDepthWise", swap_channels))
    assert found.remedy is None
    assert found.why == (
        "only channels 1, 2 of 8 differ. "
        "It is wrong whichever kernel of ncnn computes it: its weights or parameters are at fault"
    )


def test_every_variant_differs_and_says_so() -> None:
    layer = Layer(
        "Convolution",
        "conv",
        ("a",),
        ("b",),
        {"0": 4, "1": 3, "3": 2, "4": 1, "5": 1, "6": 108, "9": 3, "10": (0.0, 5.0)},
    )
    y = np.linspace(0, 6, 64, dtype=np.float32).reshape(4, 4, 4)
    found = list(variants(layer, np.zeros((3, 8, 8), np.float32), y))
    assert len({variant.words for variant in found}) == len(found) > 20
    assert all(variant.layer.params != layer.params for variant in found)
    words = "activation clip(0, 6) instead of clip(0, 5) (9=3 -23310=2,0.0,6.0 in the .param)"
    (right,) = [variant for variant in found if variant.words == words][:1]
    assert right.layer.params["10"] == (0.0, 6.0)
    asymmetric = [variant.words for variant in found if "one more pixel" in variant.words]
    assert asymmetric == [
        "one more pixel of its padding right and bottom (4=0 14=0 15=2 16=2 in the .param)",
        "one more pixel of its padding left and top (4=2 14=2 15=0 16=0 in the .param)",
    ]

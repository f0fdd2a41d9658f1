"""Mistakes put into networks of many architectures: each is found, and nothing is found besides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import edgekit
from edgekit.differ import DiffReport

from . import seeded

IMAGE = (1, 3, 32, 32)
Row = tuple[str, str, str | None, str | None]
NETS: dict[type[nn.Module], tuple[int, ...]] = {
    seeded.UNet: IMAGE,
    seeded.Squeezed: IMAGE,
    seeded.Speech: (1, 1, 20, 64),
    seeded.Mobile: IMAGE,
    seeded.Dense: IMAGE,
    seeded.Temporal: (1, 20, 40),
    seeded.Detector: IMAGE,
    seeded.Upscaler: IMAGE,
    seeded.Generator: IMAGE,
    seeded.Attention: (1, 12, 16),
}
MISTAKES: list[tuple[type[nn.Module], dict[str, Any], list[Row]]] = [
    (seeded.UNet, {"mode": "nearest"}, [("P2", "resampling", "bilinear resize by 2", "nearest resize by 2")]),
    (
        seeded.UNet,
        {"skip": "second"},
        [
            ("P1", "wiring", "Concat of ReLU 'convrelu_0'", "Concat of ReLU 'convrelu_1'"),
            ("P2", "resampling", "none", "nearest resize by 2"),
        ],
    ),
    (seeded.UNet, {"bounded": False}, [("P0", "activation", "Sigmoid", "none")]),
    (seeded.Squeezed, {"ratio": 8}, [("P0", "channels", "32 -> 8", "32 -> 4")]),
    (seeded.Squeezed, {"gate": nn.Hardsigmoid}, [("P1", "activation", "Sigmoid", "HardSigmoid")]),
    (seeded.Squeezed, {"plain": 1}, [("P1", "missing", "add", None)]),
    (seeded.Speech, {"hidden": 32}, [("P0", "channels", "24", "32")]),
    (seeded.Speech, {"both": True}, [("P0", "parameters", "forward", "bidirectional")]),
    (seeded.Speech, {"kernel": 3}, [("P1", "kernel", "1x5 (padding 0x2)", "1x3 (padding 0x1)")]),
    (seeded.Speech, {"act": nn.ReLU}, [("P1", "activation", "PReLU with one slope", "ReLU")]),
    (seeded.Mobile, {"kernel": 3}, [("P1", "kernel", "5x5 (padding 2)", "3x3 (padding 1)")]),
    (seeded.Mobile, {"hidden": 64}, [("P0", "channels", "24 -> 72", "24 -> 64")]),
    (seeded.Mobile, {"act": nn.ReLU}, [("P1", "activation", "HardSwish", "ReLU")]),
    (
        seeded.Dense,
        {"pool": F.avg_pool2d},
        [("P2", "pooling", "max pooling 2x2, stride 2", "average pooling 2x2, stride 2")],
    ),
    (
        seeded.Temporal,
        {"last": 4},
        [("P1", "dilation", "8 (padding left 16, right 0)", "4 (padding left 8, right 0)")],
    ),
    (seeded.Temporal, {"groups": 4}, [("P1", "groups", "1", "4")]),
    (
        seeded.Temporal,
        {"causal": False},
        [
            ("P2", "padding", "left 4, right 0", "2"),
            ("P2", "padding", "left 8, right 0", "4"),
            ("P2", "padding", "left 16, right 0", "8"),
        ],
    ),
    (seeded.Detector, {"window": 9}, [("P2", "pooling", "max pooling 13x13, stride 1, padding 6", "none")]),
    (seeded.Detector, {"slope": 0.01}, [("P1", "activation", "LeakyReLU(0.1)", "LeakyReLU(0.01)")]),
    (seeded.Detector, {"anchors": 2}, [("P0", "channels", "32 -> 21", "32 -> 14")]),
    (seeded.Upscaler, {"factor": 0.2}, [("P1", "parameters", "mul 0.1", "mul 0.2")]),
    (seeded.Upscaler, {"mode": "zeros"}, [("P2", "padding", "1, reflect", "1")]),
    (
        seeded.Upscaler,
        {"blocks": 1},
        [
            ("P1", "missing", "Conv 16 -> 16, 3x3, padding 1 + ReLU", None),
            ("P1", "missing", "Conv 16 -> 16, 3x3, padding 1 + mul 0.1 + add", None),
        ],
    ),
    (
        seeded.Generator,
        {"affine": False},
        [("P2", "normalization", "InstanceNorm", "InstanceNorm without scale and shift")],
    ),
    (seeded.Generator, {"act": torch.sigmoid}, [("P0", "activation", "TanH", "Sigmoid")]),
    (seeded.Attention, {"heads": 2}, [("P1", "groups", "4 heads", "2 heads")]),
    (seeded.Attention, {"act": F.relu}, [("P1", "activation", "GELU", "ReLU")]),
    (seeded.Attention, {"eps": 1e-3}, [("P3", "normalization", "eps 1e-05", "eps 0.001")]),
]


@pytest.fixture(scope="module")
def bundle_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that exports a network as it should be, once for each route."""
    folder = tmp_path_factory.mktemp("seeded")

    def bundle(net: type[nn.Module], route: str = "pnnx") -> Path:
        path = folder / f"{net.__name__}-{route}"
        if not path.exists():
            torch.manual_seed(0)
            edgekit.export(net().eval(), path, inputs={"x": NETS[net]}, route=route)
        return path

    return bundle


def rows(report: DiffReport) -> list[Row]:
    return [(str(each.severity), each.kind, each.left.value, each.right.value) for each in report.differences]


@pytest.mark.slow
@pytest.mark.parametrize(("net", "changed", "expected"), MISTAKES)
def test_a_mistake_is_found_and_nothing_besides(
    net: type[nn.Module], changed: dict[str, Any], expected: list[Row], bundle_of: Callable[..., Path]
) -> None:
    report = edgekit.diff(bundle_of(net), net(**changed).eval(), inputs={"x": NETS[net]})
    assert rows(report) == expected
    assert all(each.change is not None for each in report.differences)


@pytest.mark.slow
@pytest.mark.parametrize("net", [net for net in NETS if net is not seeded.Attention])
def test_both_routes_give_the_same_network(net: type[nn.Module], bundle_of: Callable[..., Path]) -> None:
    left, right = bundle_of(net), bundle_of(net, "onnx")
    for report in (edgekit.diff(left, right), edgekit.diff(right, left)):
        assert report.same, rows(report)


def test_a_module_that_makes_several_layers_is_changed_once(tmp_path: Path) -> None:
    """They are exported one by one, but are one line of the model."""
    inputs, file = {"x": (1, 5, 8)}, Path(__file__).with_name("seeded.py")
    edgekit.export(seeded.Stacked(), tmp_path / "bundle", inputs=inputs)
    (difference,) = edgekit.diff(tmp_path / "bundle", f"{file}:stacked_lstm", inputs=inputs).differences
    assert difference.count == 2
    made = "self.steps = cell(8, 6, num_layers=2, batch_first=True)"
    line = next(number for number, text in enumerate(file.read_text("utf-8").splitlines(), 1) if made in text)
    assert difference.right.place is not None
    assert (difference.right.place.line or "").endswith(f"seeded.py:{line}")
    assert (difference.change or "").startswith("make it nn.GRU(8, 6, num_layers=2) in steps (")
    assert "more" not in (difference.change or "")

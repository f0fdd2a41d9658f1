"""A .param/.bin that edgekit did not make: aligned when it is verified, faults and all."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from torch import nn

import edgekit
from edgekit.errors import UserError
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.sources.inputs import InputSpec

X = (InputSpec("x", (1, 3, 24, 24)),)
PADS = ("4", "14", "15", "16")  # left, top, right, bottom of ncnn's convolutions


@pytest.fixture
def files(tmp_path: Path):
    """Copy a bundle's model files under other names, away from the bundle."""

    def copy(bundle: Path) -> Path:
        for suffix in ("param", "bin"):
            shutil.copy(bundle / f"model.ncnn.{suffix}", tmp_path / f"shipped.{suffix}")
        return tmp_path / "shipped.param"

    return copy


def test_a_sound_file_passes(files, bundle: Path, module: nn.Module) -> None:
    report = edgekit.verify(files(bundle), model=module, input_specs=X)
    assert report.passed
    assert report.compared == len(report.layers)


@pytest.mark.parametrize("kind", ["Convolution", "ConvolutionDepthWise"])
def test_a_fault_that_was_there_before_is_named(
    files, spoil, swap_channels, name_of, module: nn.Module, kind: str
) -> None:
    report = edgekit.verify(files(spoil(kind, swap_channels)), model=module, input_specs=X)
    assert not report.passed
    assert report.culprits == (name_of(kind),)


def test_another_model_than_the_files_is_seen(files, bundle: Path, other_module: nn.Module) -> None:
    report = edgekit.verify(files(bundle), model=other_module, input_specs=X)
    assert not report.passed
    assert len(report.culprits) > 1


def test_what_is_missing_is_said(files, bundle: Path, module: nn.Module, tmp_path: Path) -> None:
    param = files(bundle)
    with pytest.raises(UserError, match="says nothing of its PyTorch model"):
        edgekit.verify(param)
    with pytest.raises(UserError, match="add --input"):
        edgekit.verify(param, model=module)
    param.with_suffix(".bin").unlink()
    with pytest.raises(UserError, match="no file"):
        edgekit.verify(param, model=module, input_specs=X)


def test_padding_of_its_own_that_something_idle_hands_on_is_no_fault(
    files, bundle: Path, module: nn.Module
) -> None:
    """The converter writes the padding of a convolution before it, and a dropout in between."""
    param = files(bundle)
    graph = ncnn.read(param, param.with_suffix(".bin"))
    layers: list[Layer] = []
    for layer in graph.layers:
        pad = layer.params.get("4", 0)
        if layer.type not in ("Convolution", "ConvolutionDepthWise") or not pad:
            layers.append(layer)
            continue
        names = (f"{layer.name}_padded", f"{layer.name}_kept")
        around = dict.fromkeys("0123", pad)
        layers += [
            Layer("Padding", names[0], layer.inputs, (names[0],), around),
            Layer("Noop", names[1], (names[0],), (names[1],), {}),
            dataclasses.replace(
                layer,
                inputs=(names[1],),
                params={
                    key: each for key, each in layer.params.items() if key not in ("4", "14", "15", "16")
                },
                text=None,
            ),
        ]
    ncnn.write(Graph(tuple(layers)), param, param.with_suffix(".bin"))
    report = edgekit.verify(param, model=module, input_specs=X)
    assert report.passed
    assert not report.culprits

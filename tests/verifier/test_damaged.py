"""References and alignments that are damaged: refused, or judged as what they are."""

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.errors import FormatError, UserError
from edgekit.formats import ncnn

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def change_alignment(bundle: Path, change: Change) -> None:
    path = bundle / "alignment.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def bounded(document: dict[str, Any]) -> dict[str, Any]:
    """The first case of a layer that is run on scaled inputs."""
    return next(case for sample in document["samples"] for case in sample["scaled"])


@pytest.mark.parametrize(
    "change",
    [
        lambda document: bounded(document).update(inputs=[]),
        lambda document: bounded(document).update(layer=10_000),
        lambda document: bounded(document).update(layer=0),
    ],
)
def test_a_scaled_case_is_one_of_its_layer(copy: Path, change: Change) -> None:
    change_alignment(copy, change)
    with pytest.raises(FormatError, match="a scaled case is not one of layer"):
        edgekit.verify(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["layers"][-1].update(outputs=[]),
        lambda document: document["layers"][-1].update(outputs=document["layers"][1]["outputs"]),
        lambda document: document["layers"].reverse(),
    ],
)
def test_an_alignment_is_one_of_its_param(copy: Path, change: Change) -> None:
    change_alignment(copy, change)
    with pytest.raises(UserError, match=r"are not those that alignment\.json describes"):
        edgekit.verify(copy)


def test_the_first_layer_that_differs_is_named(copy: Path) -> None:
    param = copy / "model.ncnn.param"
    first = next(layer for layer in ncnn.read(param).layers if layer.type == "ConvolutionDepthWise")
    param.write_text(re.sub(rf" {first.name} ", " other ", param.read_text()))
    with pytest.raises(UserError, match=f"is 'other' .*, was '{first.name}'"):
        edgekit.verify(copy)


def test_a_layer_of_another_type_is_judged(bundle: Path, tmp_path: Path) -> None:
    """A sum that somebody has written as another layer: it is guilty, and the report says what it was."""
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    param = copy / "model.ncnn.param"
    added = next(layer for layer in ncnn.read(param).layers if layer.type == "BinaryOp")
    param.write_text(re.sub(r"BinaryOp( .* 2 1 .*) 0=0.*", r"Eltwise \1 0=0", param.read_text()))
    report = edgekit.verify(copy)
    assert [(each.name, each.type) for each in report.layers if each.status == "fail"] == [
        (added.name, "Eltwise")
    ]
    assert f"layer '{added.name}' is Eltwise, was BinaryOp" in report.warnings
    assert "sum" in (next(each.remedy for each in report.layers if each.remedy) or "")


def test_the_layer_whose_weights_no_longer_fit_is_named(copy: Path) -> None:
    param = copy / "model.ncnn.param"
    param.write_text(param.read_text().replace("0=16 1=1 ", "0=8 1=1 ").replace(" 6=256", " 6=128"))
    said = r"layer 'conv_\d' declares 128 weights, and at the export it had 256"
    with pytest.raises(FormatError, match=said):
        edgekit.verify(copy)


def test_an_input_that_is_not_finite_fails_with_all_that_follows(copy: Path) -> None:
    """The reference was changed after the export, which is said beside the verdict."""
    path = copy / "reference.npz"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (blob,) = ncnn.read(copy / "model.ncnn.param").input_blobs
    key = f"0/{json.loads((copy / 'alignment.json').read_text())['blobs'][blob]['tensor']}.npy"
    array = np.load(io.BytesIO(members[key]))
    buffer = io.BytesIO()
    np.save(buffer, np.full_like(array, np.inf))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, buffer.getvalue() if name == key else content)
    report = edgekit.verify(copy)
    assert not report.passed
    assert blob in report.culprits
    assert any("reference.npz was changed after the export" in warning for warning in report.warnings)

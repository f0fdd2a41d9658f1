"""What all culprits have in common: one sentence on them, and none where they share nothing."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Layer
from edgekit.report.verify.text import verify_text
from edgekit.verifier import VerifyReport

_NORM = "these, and only these, hold a folded BatchNorm: it was folded with another eps or other statistics"


def trained_again(layer: Layer) -> Layer:
    random = np.random.default_rng(3)
    return dataclasses.replace(
        layer,
        weights=tuple(
            dataclasses.replace(
                weight, data=random.permutation(weight.data.reshape(-1)).reshape(weight.data.shape)
            )
            for weight in layer.weights
        ),
    )


def folded_otherwise(layer: Layer) -> Layer:
    """Scale every output channel by a factor of its own, as another eps of a BatchNorm does."""
    factor = np.linspace(0.9, 1.1, len(layer.weights[0].data), dtype=np.float32)
    return dataclasses.replace(
        layer,
        weights=tuple(
            dataclasses.replace(weight, data=weight.data * factor.reshape(-1, *(1,) * (weight.data.ndim - 1)))
            for weight in layer.weights
        ),
    )


@pytest.fixture
def reweighted(bundle: Path, tmp_path: Path) -> Callable[..., VerifyReport]:
    """Verify the bundle with other numbers in its n-th layers that have weights, as of another training."""

    def verify(which: tuple[int, ...], change: Callable[[Layer], Layer] = trained_again) -> VerifyReport:
        target = tmp_path / "other"
        shutil.copytree(bundle, target, dirs_exist_ok=True)
        param, weights = target / "model.ncnn.param", target / "model.ncnn.bin"
        graph = ncnn.read(param, weights)
        weighted = [index for index, layer in enumerate(graph.layers) if layer.weights]
        layers = list(graph.layers)
        for each in which:
            layers[weighted[each]] = change(layers[weighted[each]])
        ncnn.write(dataclasses.replace(graph, layers=tuple(layers)), param, weights)
        return edgekit.verify(target)

    return verify


def test_every_layer_with_weights_and_no_other_is_another_checkpoint(reweighted) -> None:
    report = reweighted((0, 1, 2, 3))
    shared = "every compared layer that has weights is wrong and no other"
    said = f"{shared}: the .bin belongs to another checkpoint"
    assert report.conclusion == report.to_json()["conclusion"] == said
    text = " ".join(verify_text(report).split())
    assert said[1:] + "." in text
    assert text.count("Alone, on the inputs") == 1
    assert "so in 4 places: " + ", ".join(report.culprits[:1]) in text


def test_the_layers_with_a_folded_batchnorm_and_no_other(reweighted) -> None:
    for change in (trained_again, folded_otherwise):
        assert reweighted((0, 1), change).conclusion == _NORM


def test_culprits_that_share_nothing_get_no_conclusion(reweighted) -> None:
    report = reweighted((1, 2))
    assert len(report.culprits) == 2
    assert report.conclusion is None

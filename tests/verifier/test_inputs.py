"""Inputs of the user's own: what fits is verified on, what does not is said in one line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

import edgekit
from edgekit.bundle import open_bundle
from edgekit.errors import FormatError, UserError
from edgekit.verifier.inputs import read_inputs, spread_out


def photograph(path: Path, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_an_npz_of_several_samples(bundle: Path, module: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "two.npz"
    np.savez(path, x=np.random.default_rng(0).standard_normal((2, 1, 3, 24, 24)).astype(np.float32))
    report = edgekit.verify(bundle, inputs=path, model=module)
    assert report.passed
    assert report.samples == ("two.npz [0]", "two.npz [1]")
    assert report.compared == len(report.layers)
    assert all(layer.typical is not None for layer in report.layers)


@pytest.mark.parametrize(
    ("shape", "count"),
    [((3, 24, 24), None), ((1, 3, 24, 24), None), ((2, 3, 24, 24), 2), ((2, 1, 3, 24, 24), 2)],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", ">f4"])
def test_an_array_is_one_sample_or_several(
    bundle: Path, tmp_path: Path, shape: tuple[int, ...], count: int | None, dtype: str
) -> None:
    numbers = np.random.default_rng(0).random(shape).astype(dtype)
    np.save(tmp_path / "a.npy", numbers)
    np.savez(tmp_path / "a.npz", x=numbers)
    manifest = open_bundle(bundle).manifest
    for path in (tmp_path / "a.npy", tmp_path / "a.npz"):
        found = read_inputs(path, manifest)
        names = (path.name,) if count is None else tuple(f"{path.name} [{number}]" for number in range(count))
        assert tuple(each.name for each in found) == names
        assert all(each.arrays["x"].dtype == np.float32 for each in found)
        expected = numbers.reshape(-1, 1, 3, 24, 24).astype(np.float32)
        assert np.array_equal(np.stack([each.arrays["x"] for each in found]), expected)


def test_a_batch_of_pictures_is_verified_one_by_one(bundle: Path, module: nn.Module, tmp_path: Path) -> None:
    np.save(tmp_path / "batch.npy", np.random.default_rng(0).random((2, 3, 24, 24)))
    report = edgekit.verify(bundle, inputs=tmp_path / "batch.npy", model=module)
    assert report.passed
    assert report.samples == ("batch.npy [0]", "batch.npy [1]")


def test_a_folder_of_pictures(bundle: Path, module: nn.Module, tmp_path: Path) -> None:
    for seed in range(3):
        photograph(tmp_path / f"{seed}.png", seed)
    report = edgekit.verify(bundle, inputs=tmp_path, model=module)
    assert report.passed
    assert report.samples == ("0.png", "1.png", "2.png")


def test_a_model_from_memory_has_to_be_named_again(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="module in memory"):
        edgekit.verify(bundle, inputs=photograph(tmp_path / "a.png", 0))


def test_a_model_with_other_weights_is_refused(bundle: Path, other_module: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="other weights"):
        edgekit.verify(bundle, inputs=photograph(tmp_path / "a.png", 0), model=other_module)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.zeros((1, 3, 24, 24))}, "no input of the model"),
        ({}, "lacks the input 'x'"),
        ({"x": np.zeros((3, 24, 24, 1, 1, 1))}, "has shape"),
        ({"x": np.zeros((1, 3, 24, 32))}, "has shape"),
        ({"x": np.zeros((0, 3, 24, 24))}, "has shape"),
        ({"x": np.zeros((1, 3, 24, 24), np.uint8)}, "holds uint8, the model takes float32"),
    ],
)
def test_an_npz_that_does_not_fit(
    bundle: Path, tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message):
        read_inputs(tmp_path / "a.npz", open_bundle(bundle).manifest)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_no_layer_is_accused_of_numbers_that_were_none(bundle: Path, tmp_path: Path, odd: float) -> None:
    pixels = np.zeros((1, 3, 24, 24), np.float32)
    pixels[0, 1, 2, 3] = odd
    np.savez(tmp_path / "odd.npz", x=pixels)
    given = read_inputs(tmp_path / "odd.npz", open_bundle(bundle).manifest)
    for inputs in (tmp_path / "odd.npz", given):
        with pytest.raises(UserError, match=r"'x' of odd\.npz holds NaN or infinity in 1 of 1728 numbers"):
            edgekit.verify(bundle, inputs=inputs, model="never.py:Looked")


def test_files_that_are_no_inputs(bundle: Path, tmp_path: Path) -> None:
    manifest = open_bundle(bundle).manifest
    with pytest.raises(UserError, match="no inputs at"):
        read_inputs(tmp_path / "nothing.npz", manifest)
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(FormatError, match="is damaged: File is not a zip file"):
        read_inputs(tmp_path / "a.npz", manifest)
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00 damaged")
    with pytest.raises(FormatError, match="is damaged"):
        read_inputs(tmp_path / "a.npy", manifest)
    np.save(tmp_path / "a.npy", np.array([None, {}], object))
    with pytest.raises(FormatError, match="instead of plain numbers"):
        read_inputs(tmp_path / "a.npy", manifest)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UserError, match="of no kind"):
        read_inputs(tmp_path / "a.txt", manifest)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no pictures"):
        read_inputs(tmp_path / "empty", manifest)


def test_frames_are_spread_from_the_first_to_the_last() -> None:
    assert spread_out(4, 6) == [0, 1, 2, 3]
    assert spread_out(11, 3) == [0, 5, 10]

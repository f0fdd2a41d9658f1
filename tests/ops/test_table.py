"""The table holds every layer type of the installed ncnn, under the same type index."""

from __future__ import annotations

import pytest

from edgekit.graph import Layer
from edgekit.ops import OFF_BY_DEFAULT, REGISTERED, SPECS, UnknownLayerType, decode, problems, spec_of


def test_every_registered_type_is_described() -> None:
    assert set(SPECS) == set(REGISTERED)
    assert len(REGISTERED) == len(set(REGISTERED)) == 110


def test_types_and_indices_are_those_of_the_installed_ncnn(probe) -> None:
    (answer,) = probe([{"types": [*REGISTERED, "Nonsense"]}])
    assert answer["index"] == {each: index for index, each in enumerate(REGISTERED)} | {"Nonsense": -1}
    assert answer["count"] == len(REGISTERED)


def test_off_by_default_are_those_that_cannot_be_made(probe) -> None:
    (answer,) = probe([{"types": list(REGISTERED)}])
    assert {each for each, made in answer["made"].items() if not made} == OFF_BY_DEFAULT


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_parameter_ids_and_names_are_unique(spec) -> None:
    assert len({param.id for param in spec.params}) == len(spec.params)
    assert len({param.name for param in spec.params}) == len(spec.params)
    assert all(0 <= param.id < 30 for param in spec.params)
    assert spec.description


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_defaults_have_the_kind_of_their_parameter(spec) -> None:
    kinds = {"int": int, "float": float, "ints": tuple, "floats": tuple, "bits": tuple, "string": str}
    decoded = decode(spec, Layer(spec.type, "x", (), ()))
    for param in spec.params:
        assert isinstance(decoded.values[param.name], kinds[param.kind]), param


def test_an_unknown_type_names_the_layer_and_the_nearest_type() -> None:
    with pytest.raises(UnknownLayerType) as caught:
        spec_of("Convolutoin", "conv_0")
    assert "conv_0" in str(caught.value) and "'Convolution'" in str(caught.value)


def test_derived_defaults() -> None:
    layer = Layer("Convolution", "c", (), (), {"0": 8, "1": 3, "4": 1, "16": 2})
    params = decode(spec_of("Convolution"), layer)
    assert [params.integer(name) for name in ("kernel_h", "pad_right", "pad_top", "pad_bottom")] == [
        3,
        1,
        1,
        2,
    ]


def test_a_number_of_the_wrong_kind_is_read_as_ncnn_does() -> None:
    clip = Layer("Clip", "c", (), (), {"0": "low", "1": 6})
    params = decode(spec_of("Clip"), clip)
    assert params.number("min") == pytest.approx(-3.4028235e38)
    assert params.number("max") == 6.0
    assert problems(spec_of("Clip"), clip) == (
        "parameter 0 (min) is 'low', but ncnn expects a number with a decimal point and takes the default",
        (
            "parameter 1 (max) is 6, but ncnn expects a number with a decimal point "
            "and older releases misread it"
        ),
    )


def test_what_ncnn_makes_of_a_wrong_kind(probe, tmp_path) -> None:
    """The rule of the test above, asked of ncnn itself."""
    (tmp_path / "empty.bin").write_bytes(b"")
    found = {}
    for text in ("1=6.0", "1=6", "1=inf", "1=-inf", "1=1e39", "1=0.12345678901234567"):
        param = tmp_path / f"{text}.param"
        param.write_text(f"7767517\n2 2\nInput in0 0 1 in0\nClip clip 1 1 in0 out0 0=0.0 {text}\n")
        request = {"param": str(param), "bin": str(tmp_path / "empty.bin"), "inputs": {"in0": [5.0, 7.0]}}
        (answer,) = probe([request | {"outputs": ["out0"]}])
        found[text] = answer["outputs"]["out0"]["values"] if answer["param"] == 0 else None
    digits = pytest.approx([0.12345678901234567] * 2, rel=1e-6)
    assert found == {
        "1=6.0": [5.0, 6.0],
        "1=6": [5.0, 6.0],
        "1=inf": [5.0, 7.0],
        "1=-inf": None,
        "1=1e39": None,
        "1=0.12345678901234567": digits,
    }


def test_unknown_parameters_are_reported() -> None:
    layer = Layer("ReLU", "r", (), (), {"0": 0.1, "7": 1, "31": 2})
    assert problems(spec_of("ReLU"), layer) == ("parameter 7 is not known to ReLU: ncnn ignores it",)


def test_a_blob_with_two_readers_crashes_ncnn(probe, tmp_path) -> None:
    """Why such files are refused before they are loaded."""
    body = "Input in0 0 1 in0\nReLU r 1 1 in0 a\nAbsVal s 1 1 in0 b\nBinaryOp x 2 1 a b out0\n"
    (tmp_path / "m.param").write_text(f"7767517\n4 4\n{body}")
    (tmp_path / "m.bin").write_bytes(b"")
    request = {"param": str(tmp_path / "m.param"), "bin": str(tmp_path / "m.bin"), "outputs": ["out0"]}
    (answer,) = probe([request | {"inputs": {"in0": [5.0, 7.0]}}])
    assert answer.get("crash", 0) < 0

"""The pnnx graph: values, shapes, roles, archive; respelling; damage."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.errors import EdgekitError, FormatError, UserError
from edgekit.formats import pnnx
from edgekit.formats.pnnx.storezip import archive_bytes, read_entries
from edgekit.formats.pnnx.values import parse_value, spell_value
from edgekit.graph import Graph, Layer, Param, Weight

NET = """\
7767517
4 3
pnnx.Input               pnnx_input_0             0 1 0 #0=(1,3,?,8)f32
nn.Linear                fc                       1 1 0 1 bias=True in_features=8 out_features=2 eps=1e-5 @bias=(2)f32 @weight=(2,8)bf16 $input=0 #0=(1,3,?,8)f32 #1=(1,3,?,2)f32
pnnx.Expression          expr_0                   1 1 1 2 expr=[int(size(@0,0)),-1] #1=(1,3,?,2)f32
pnnx.Output              pnnx_output_0            1 0 2
"""  # noqa: E501
BIAS = np.float32([1, 2])
WEIGHT = np.arange(16, dtype=np.uint16).reshape(2, 8)
BIN = b"".join(archive_bytes([("fc.bias", BIAS.tobytes()), ("fc.weight", WEIGHT.tobytes())]))


def test_reading() -> None:
    graph = pnnx.loads(NET, BIN)
    linear = graph.layers[1]
    assert linear.params == {"bias": True, "in_features": 8, "out_features": 2, "eps": 1e-5, "$input": "0"}
    assert graph.shapes == {"0": (1, 3, -1, 8), "1": (1, 3, -1, 2)}
    assert graph.dtypes == {"0": "f32", "1": "f32"}
    bias, weight = linear.weights
    np.testing.assert_array_equal(bias.data, BIAS)
    assert weight.kind == "bf16" and weight.data.dtype == np.uint16
    assert weight.values()[1, 7] == np.uint32(15 << 16).view(np.float32)
    assert graph.layers[2].params["expr"] == "[int(size(@0,0)),-1]"
    assert graph.input_blobs == ("0",) and graph.output_blobs == ()


def test_survives() -> None:
    assert pnnx.dumps(pnnx.loads(NET, BIN)) == (NET.encode(), BIN)
    assert pnnx.dump_param(pnnx.loads(NET)) == NET


def test_a_changed_layer_is_respelled_and_the_rest_kept() -> None:
    graph = pnnx.loads(NET, BIN)
    linear = graph.layers[1]
    changed = replace(linear, params={**linear.params, "bias": False})
    text, data = pnnx.dumps(replace(graph, layers=(graph.layers[0], changed, *graph.layers[2:])))
    assert text.decode() == NET.replace("bias=True", "bias=False")
    assert data == BIN


def test_a_new_shape_is_written() -> None:
    graph = pnnx.loads(NET, BIN)
    text = pnnx.dump_param(
        replace(graph, shapes={**graph.shapes, "2": (4,)}, dtypes={**graph.dtypes, "2": "i32"})
    )
    assert pnnx.loads(text).shapes == {"0": (1, 3, -1, 8), "1": (1, 3, -1, 2), "2": (4,)}
    assert text.splitlines()[:4] == NET.splitlines()[:4]


def test_weights_that_were_not_read_are_not_dropped() -> None:
    with pytest.raises(UserError, match="weights of layer 'fc'"):
        pnnx.dumps(pnnx.loads(NET))


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "i8", "i2", "i1", "u1", "?", "c8", "c16"])
def test_element_types(dtype: str) -> None:
    data = np.arange(6).reshape(2, 3).astype(dtype)
    layers = (Layer("pnnx.Attribute", "a", (), ("0",), {}, (Weight("data", data),)),)
    again = pnnx.loads(*pnnx.dumps(Graph(layers))).layers[0].weights[0].data
    assert again.dtype == data.dtype
    np.testing.assert_array_equal(again, data)


def test_layers_of_the_same_name_keep_their_own_weights() -> None:
    layers = tuple(
        Layer("pnnx.Attribute", "same", (), (str(i),), {}, (Weight("data", np.float32([i])),))
        for i in range(3)
    )
    graph = pnnx.loads(*pnnx.dumps(Graph(layers)))
    assert [layer.weights[0].data[0] for layer in graph] == [0, 1, 2]


def test_general_zip_tools_read_the_archive() -> None:
    with zipfile.ZipFile(io.BytesIO(BIN)) as archive:
        assert archive.testzip() is None
        assert archive.read("fc.weight") == WEIGHT.tobytes()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("None", None),
        ("()", None),
        ("True", True),
        ("-3", -3),
        ("1e-5", 1e-5),
        ("0.5", 0.5),
        ("(1,2)", (1, 2)),
        ("(1.0,2.5)", (1.0, 2.5)),
        ("(a,b)", ("a", "b")),
        ("(1,b)", ("1", "b")),
        ("[1,2]", (1, 2)),
        ("zeros", "zeros"),
        ("nan", "nan"),
        ("%x", "%x"),
        ("1.0e+00+2.0e+00j", "1.0e+00+2.0e+00j"),
    ],
)
def test_values(text: str, value: Param) -> None:
    assert repr(parse_value("key", text)) == repr(value)


floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    st.one_of(st.booleans(), st.integers(-(2**31), 2**31 - 1), floats32, st.lists(st.integers(), min_size=1))
)
def test_values_spelled_read_back(value: object) -> None:
    value = tuple(value) if isinstance(value, list) else value
    if isinstance(value, tuple) and max(abs(each) for each in value) >= 10**19:
        return
    read = parse_value("key", spell_value("key", value))
    assert read == (pytest.approx(value, rel=1e-7) if isinstance(value, float) else value)
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NET.replace("4 3", "5 3"), "line 2: 5 layers"),
        (NET.replace("(2,8)bf16", "(2,8)f99"), "line 4: .* no shape with an element type"),
        (NET.replace("(2,8)bf16", "2,8"), "line 4: .* no shape"),
        (NET.replace("(2,8)bf16", "(2,-8)bf16"), "line 4: .* no shape"),
        (NET.replace("(2,8)bf16", "(2,9)bf16"), "line 4: 'fc.weight' is announced as .2, 9."),
        (NET.replace("(2,8)bf16", "(2,?)bf16"), "line 4: 'fc.weight' is announced"),
        (NET.replace("(2,8)bf16", "(2147483647,2147483647)f64"), "has 32 bytes"),
        (NET.replace("@weight", "@w"), "line 4: 'fc.w' is missing"),
        (NET.replace("@bias=(2)f32 ", ""), "1 weights belong to no layer, 'fc.bias'"),
        (NET.replace("#1=(1,3,?,2)f32\npnnx.E", "#7=(1,3,?,2)f32\npnnx.E"), "line 4: .* none of its blobs"),
        (NET.replace("-1] #1=(1,3,?,2)", "-1] #1=(1,3,7,2)"), "line 5: blob '1' is .1,3,7,2.f32 here"),
        (NET.replace("0 1 bias=True", "0 1 bias"), "line 4: .*'bias' is no parameter"),
    ],
)  # fmt: skip
def test_damaged_text(text: str, message: str) -> None:
    assert text != NET
    with pytest.raises(FormatError, match=message) as caught:
        pnnx.loads(text, BIN, param_name="m.param", bin_name="m.bin")
    assert caught.value.remedy and "\n" not in str(caught.value)


def test_an_ncnn_file_is_told_apart() -> None:
    with pytest.raises(FormatError, match="of ncnn, not of pnnx"):
        pnnx.loads("7767517\n1 1\nInput in0 0 1 in0\n")


@pytest.mark.parametrize("size", range(0, len(BIN), 3))
def test_a_cut_off_archive_never_passes_silently(size: int) -> None:
    """The entries themselves must be whole; pnnx reads no further than the directory behind them."""
    try:
        graph = pnnx.loads(NET, BIN[:size])
    except FormatError:
        return
    assert pnnx.dumps(graph) == (NET.encode(), BIN)


def test_a_flipped_bit_is_noticed() -> None:
    position = BIN.index(WEIGHT.tobytes()) + 5
    damaged = BIN[:position] + bytes([BIN[position] ^ 1]) + BIN[position + 1 :]
    with pytest.raises(FormatError, match=r"checksum of 'fc.weight' is wrong"):
        pnnx.loads(NET, damaged)


def test_a_compressed_archive_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fc.bias", bytes(1000))
    with pytest.raises(FormatError, match="compressed"):
        read_entries(file.getvalue(), "m.bin")


def test_a_stored_archive_of_another_tool_is_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("fc.bias", BIAS.tobytes())
        archive.writestr("fc.weight", WEIGHT.tobytes())
    np.testing.assert_array_equal(pnnx.loads(NET, file.getvalue()).layers[1].weights[0].data, BIAS)


def test_a_size_beyond_the_file_allocates_nothing() -> None:
    position = BIN.index(struct.pack("<QQ", 8, 8))
    damaged = BIN[:position] + struct.pack("<QQ", 2**62, 2**62) + BIN[position + 16 :]
    with pytest.raises(FormatError, match="are left"):
        pnnx.loads(NET, damaged)


@settings(max_examples=300)
@given(
    st.integers(0, len(NET)),
    st.integers(0, 12),
    st.text("0123456789-=.,? \n()@#$abf[", max_size=6),
    st.integers(0, len(BIN) - 1),
    st.integers(0, 255),
)
def test_mutations_are_read_or_refused(at: int, length: int, new: str, place: int, byte: int) -> None:
    text = NET[:at] + new + NET[at + length :]
    data = BIN[:place] + bytes([byte]) + BIN[place + 1 :]
    for binary in (BIN, data):
        try:
            graph = pnnx.loads(text, binary)
        except EdgekitError as error:
            assert isinstance(error, UserError) and "\n" not in str(error)
            continue
        assert pnnx.dump_param(graph) == text

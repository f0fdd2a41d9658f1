"""Damaged and hostile ncnn files end in one line that says where, what and what to do."""

from __future__ import annotations

import struct
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.errors import EdgekitError, FormatError, UserError
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.ops import UnknownLayerType

NET = """\
7767517
5 6
Input                    in0                      0 1 in0
Convolution              conv_0                   1 1 in0 1 0=2 1=1 -23310=2,0.0,6.0 5=1 6=6 9=3
Split                    splitncnn_0              1 2 1 2 3
Reshape                  reshape_1                1 1 2 4 6="1,1,//(32,0n),0n"
InnerProduct             fc_2                     1 1 4 out0 0=3 1=1 2=6
"""
BIN = b"".join(
    [
        struct.pack("<I", 0),
        np.arange(8, dtype=np.float32).tobytes(),
        struct.pack("<I", 0x01306B47),
        np.arange(6, dtype=np.float16).tobytes(),
        np.float32([1, 2, 3]).tobytes(),
    ]
)


def change(old: str, new: str) -> str:
    assert NET.count(old) >= 1
    return NET.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "empty"),
        ("\n\n", None, "empty"),
        ("7767517\n", None, "ends after its first line"),
        (change("7767517\n", ""), 1, "magic number 7767517 is missing"),
        (change("7767517", "7767516"), 1, "7767516"),
        (change("7767517", "hello"), 1, "'hello'"),
        (change("5 6", "5"), 2, "counts"),
        (change("5 6", "5 -6"), 2, "counts"),
        (change("5 6", "0 0"), 2, "at least one"),
        (change("5 6", "6 6"), 2, "6 layers are announced, but 5 follow"),
        (change("5 6", "4 6"), 2, "4 layers are announced, but 5 follow"),
        (change("5 6", "999999999 6"), 2, "999999999 layers"),
        (change("5 6", "99999999999999999999 6"), 2, "counts"),
        (change("5 6", "5 5"), 2, "5 blobs are announced, but the layers write 6"),
        (change("5 6", "5 900000000"), 2, "900000000 blobs"),
        (NET[: NET.index("InnerP")], 2, "5 layers are announced, but 4 follow"),
        (NET[: NET.index(" 1 4 out0")], 7, "no layer|announces"),
        (change("1 1 in0 1 0=2", "1 999999999 in0 1 0=2"), 4, "999999999 outputs"),
        (change("1 1 in0 1 0=2", "-1 1 in0 1 0=2"), 4, "no counts"),
        (change("1 1 in0 1 0=2", "1 1 nowhere 1 0=2"), 4, "blob 'nowhere', which no earlier layer writes"),
        (change("1 2 1 2 3", "1 2 1 2 2"), 5, "blob '2', which line 5 writes already"),
        (change("1 2 1 2 3", "1 2 1 2 in0"), 5, "blob 'in0', which line 3 writes already"),
        (change("1 1 2 4 6=", "1 1 1 4 6="), 6, "blob '1' is read by layer 'reshape_1' and by 'splitncnn_0'"),
        (change("conv_0", "c" * 300), 4, "too long"),
        (change("0=2", "0=2x"), 4, "'2x' is no number"),
        (change("0=2", "0="), 4, "no number"),
        (change("0=2", "0=99999999999"), 4, "32 bits"),
        (change("0=2", "0=" + "1" * 5000), 4, "127 characters"),
        (change("0=2", "0=1e999999999999"), 4, "float32"),
        (change("0=2", "0=-inf"), 4, "'-inf' is no number"),
        (change("0=2", "0 =2"), 4, "'0 =2"),
        (change("0=2", "kernel=2"), 4, "is no parameter"),
        (change("0=2", "32=2"), 4, "parameter id 32"),
        (change("0=2", "-5=2"), 4, "parameter id -5"),
        (change("0=2", "-23399=1,2"), 4, "parameter id -23399"),
        (change("-23310=2,", "-23310=3,"), 4, "array of 3 elements has 2"),
        (change("-23310=2,", "-23310=1,"), 4, "array of 1 elements has 2"),
        (change("-23310=2,", "-23310=-2,"), 4, "array length '-2'"),
        (change("-23310=2,", "-23310=999999999,"), 4, "array of 999999999 elements"),
        (change("0n),0n\"", "0n),0n"), 6, "closing quote"),
        (change("//(32", "x" * 300), 6, "longer than 255"),
        (change("0n\"", "0n\"5=3"), 6, "closing quote"),
        (change("9=3", "9=3 -23330=4,2,1,1,1 -23330=3,1,2,3"), 4, "shape hints"),
        (change("9=3", "9=3 -23330=4,4,1,1,1"), 4, "shape hints"),
        (change("9=3", "9=3 30=1.5,2.5,3.5,4.5"), 4, "shape hints"),
        (change("reshape_1", "resh\0ape"), 6, "zero byte"),
        ("\ufeff" + NET, 1, "byte order mark"),
        (change("Input  ", "pnnx.Input"), 3, "of pnnx"),
        (change("0=2", "bias=True").replace("Convolution", "nn.Conv2d"), 4, "of pnnx"),
    ],
)  # fmt: skip
def test_damaged_text(text: str, line: int | None, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        ncnn.loads(text, param_name="m.param")
    place = "m.param: " if line is None else f"m.param line {line}: "
    assert caught.value.message.startswith(place)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_two_readers_of_a_blob_are_not_written_either() -> None:
    layers = ncnn.loads(NET).layers
    graph = Graph((*layers[:2], replace(layers[3], inputs=("1",)), replace(layers[4], inputs=("1",))))
    with pytest.raises(FormatError, match="put a Split layer"):
        ncnn.dump_param(graph)


def test_names_cannot_steer_the_terminal() -> None:
    text = change("conv_0", "\x1b[2Jx").replace("-23310=2,", "-23310=3,")
    with pytest.raises(FormatError) as caught:
        ncnn.loads(text)
    assert "layer '?[2Jx'" in str(caught.value) and str(caught.value).isprintable()
    with pytest.raises(UnknownLayerType) as unknown:
        ncnn.loads(change("Convolution", "\x1b[2J"))
    assert str(unknown.value).isprintable()


def test_not_utf8() -> None:
    with pytest.raises(FormatError, match="line 6: the text is not UTF-8"):
        ncnn.loads(NET.encode().replace(b"reshape", b"resh\xe4pe"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack("<iii", 7767517, 5, 6), "binary .param.bin"),
        (b"PK\x03\x04" + bytes(100), "archive"),
        (b"\x80\x02}q", "archive"),
    ],
)
def test_other_formats(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        ncnn.loads(data)


def test_unknown_layer_type_names_layer_and_nearest_type() -> None:
    with pytest.raises(UnknownLayerType) as caught:
        ncnn.loads(change("Convolution", "Convolutoin"), param_name="m.param")
    assert str(caught.value).startswith("m.param line 4: layer 'conv_0': ncnn registers no layer type")
    assert "'Convolution'" in str(caught.value)


def test_unknown_layer_types_can_be_kept_without_weights() -> None:
    text = change("Convolution ", "MyConv ")
    graph = ncnn.loads(text, unknown="keep")
    assert graph.layers[1].type == "MyConv"
    assert ncnn.dump_param(graph) == text
    with pytest.raises(UnknownLayerType):
        ncnn.loads(text, BIN, unknown="keep")


@pytest.mark.parametrize("size", range(len(BIN)))
def test_a_cut_off_bin_is_noticed_at_every_length(size: int) -> None:
    with pytest.raises(FormatError, match="are left"):
        ncnn.loads(NET, BIN[:size])


def test_bytes_left_over() -> None:
    with pytest.raises(FormatError, match="4 bytes are left over"):
        ncnn.loads(NET, BIN + bytes(4), bin_name="m.bin")


def test_a_cut_off_bin_names_layer_and_weight() -> None:
    with pytest.raises(FormatError) as caught:
        ncnn.loads(NET, BIN[:30], bin_name="m.bin")
    assert "m.bin: bias_data 2 of layer 'conv_0' (Convolution) needs 8 bytes" in str(caught.value)


@pytest.mark.parametrize("size", ["2147483646", "-6", "0", "7"])
def test_impossible_weight_sizes_allocate_nothing(size: str) -> None:
    started = time.perf_counter()
    with pytest.raises(FormatError):
        ncnn.loads(change("6=6", f"6={size}"), BIN)
    assert time.perf_counter() - started < 0.5


def test_layout_errors_name_the_line() -> None:
    with pytest.raises(FormatError, match=r"m.param line 4: layer 'conv_0' \(Convolution\): parameter 6"):
        ncnn.loads(change("6=6", "6=6.0"), BIN, param_name="m.param")


@pytest.mark.parametrize("name", ["missing.param", ".", "/dev/zero", "no/such/folder/m.param"])
def test_unreadable_paths(tmp_path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="cannot read"):
        ncnn.read(name)
    with pytest.raises(UserError, match="cannot write"):
        ncnn.write(ncnn.loads(NET), "no/such/folder/m.param")


def test_large_files_are_mapped(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgekit.files._MAP_FROM_BYTES", 1)
    (tmp_path / "m.param").write_text(NET)
    (tmp_path / "m.bin").write_bytes(BIN)
    graph = ncnn.read(tmp_path / "m.param", tmp_path / "m.bin")
    ncnn.write(graph, tmp_path / "m.param", tmp_path / "m.bin")
    assert ncnn.dumps(graph) == (NET.encode(), BIN)
    (tmp_path / "m.bin").write_bytes(BIN[:-4])
    with pytest.raises(FormatError, match="are left"):
        ncnn.read(tmp_path / "m.param", tmp_path / "m.bin")


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(NET)), st.integers(0, 12), st.text('0123456789-=., \n"\r\tABCxn(', max_size=6)
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, len(BIN) + 8),
)
def test_mutations_are_read_or_refused(edits: list[tuple[int, int, str]], size: int) -> None:
    """Whatever is changed: the file is refused in one line, or read and written back unchanged."""
    text = NET
    for position, length, new in edits:
        text = text[:position] + new + text[position + length :]
    data = (BIN + bytes(8))[:size]
    try:
        graph = ncnn.loads(text, data)
    except EdgekitError as error:
        assert isinstance(error, UserError) and str(error).isprintable()
        return
    assert ncnn.dumps(graph) == (text.encode(), data)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(UserError):
        ncnn.loads(data)
    with pytest.raises(UserError):
        ncnn.loads(NET, data)

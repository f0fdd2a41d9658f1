"""What is read from an ncnn file and written back is the same byte for byte."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from edgekit.errors import UserError
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer, Weight

NET = """\
7767517
4 4
Input                    in0                      0 1 in0
Convolution              conv_0                   1 1 in0 1 0=2 1=1 -23310=2,0.0,6.0 5=1 6=6 9=3
Reshape                  reshape_1                1 1 1 2 6="1,1,//(32,0n),0n"
InnerProduct             fc_2                     1 1 2 out0 0=3 1=1 2=6
"""
CONV = np.arange(6, dtype=np.float32)
BIN = (
    struct.pack("<I", 0) + CONV.tobytes() + np.float32([1, 2]).tobytes() + struct.pack("<I", 0x01306B47)
    + np.arange(6, dtype=np.float16).tobytes() + np.float32([1, 2, 3]).tobytes()
)  # fmt: skip


def test_reads_layers_parameters_and_weights() -> None:
    graph = ncnn.loads(NET, BIN)
    _, conv, reshape, fc = graph.layers
    assert conv.params == {"0": 2, "1": 1, "10": (0.0, 6.0), "5": 1, "6": 6, "9": 3}
    assert reshape.params == {"6": "1,1,//(32,0n),0n"}
    assert [(weight.name, weight.data.shape) for weight in conv.weights] == [
        ("weight_data", (2, 3, 1, 1)),
        ("bias_data", (2,)),
    ]
    weight = fc.weight("weight_data")
    assert weight is not None and weight.dtype == np.float16 and weight.shape == (3, 2)
    assert graph.input_blobs == ("in0",) and graph.output_blobs == ("out0",)


def test_weights_are_read_only_views() -> None:
    weight = ncnn.loads(NET, BIN).layers[1].weight("weight_data")
    assert weight is not None and not weight.flags.writeable and weight.base is not None


def test_without_bin_there_are_no_weights() -> None:
    assert all(layer.weights == () for layer in ncnn.loads(NET))


@pytest.mark.parametrize(
    "text",
    [
        NET,
        NET.rstrip("\n"),
        NET.replace("\n", "\r\n"),
        NET + "\n\n",
        NET.replace("4 4\n", " 4\t4 \n\n"),
        NET.replace("  ", " "),
        NET.replace("4 4", "4 7"),
        NET.replace("0.0,6.0", "0.,6e0").replace("0=2 ", "0=+2 ").replace("-23310=2,0.", "10=0."),
        NET.replace("9=3", "9=3 -23330=4,3,112,112,32 31=1"),
        NET.replace("reshape_1", "变形_1"),
    ],
    ids=[
        "pnnx", "no-last-newline", "crlf", "blank-end", "odd-header", "narrow", "spare-blobs", "odd-numbers",
        "hints", "unicode",
    ],
)  # fmt: skip
def test_text_survives_byte_for_byte(text: str) -> None:
    assert ncnn.dumps(ncnn.loads(text, BIN)) == (text.encode(), BIN)


def test_shape_hints_are_read_outermost_axis_first() -> None:
    text = NET.replace("9=3", "9=3 -23330=4,3,112,56,32")
    assert ncnn.loads(text).blobs["1"].shape == (32, 56, 112)


def test_a_changed_layer_is_respelled_and_the_rest_kept() -> None:
    graph = ncnn.loads(NET.replace("0.0,6.0", "0.,6e0"), BIN)
    conv = graph.layers[1]
    changed = replace(conv, params={**conv.params, "9": 1, "18": 1 / 3})
    text, data = ncnn.dumps(replace(graph, layers=(graph.layers[0], changed, *graph.layers[2:])))
    lines = text.decode().splitlines()
    assert lines[3].endswith("in0 1 0=2 1=1 -23310=2,0.,6e0 5=1 6=6 9=1 18=0.333333343")
    assert lines[:3] + lines[4:] == NET.splitlines()[:3] + NET.splitlines()[4:]
    assert data == BIN


def test_an_integer_is_not_taken_for_an_equal_float() -> None:
    graph = ncnn.loads(NET)
    conv = graph.layers[1]
    changed = replace(conv, params={**conv.params, "5": 1.0})
    assert (
        b" 5=1.0 "
        in ncnn.dump_param(replace(graph, layers=(graph.layers[0], changed, *graph.layers[2:]))).encode()
    )


def test_counts_follow_a_removed_layer() -> None:
    graph = ncnn.loads(NET)
    assert ncnn.dump_param(Graph(graph.layers[:3], frame=graph.frame)).startswith("7767517\n3 3\n")


def test_a_graph_made_by_hand_is_spelled_as_pnnx_does() -> None:
    layers = (
        Layer("Input", "in0", (), ("in0",)),
        Layer("PReLU", "p", ("in0",), ("out0",), {"0": 2}, (Weight("slope_data", np.float32([1, 2])),)),
    )
    text, data = ncnn.dumps(Graph(layers))
    assert text.decode().splitlines() == [
        "7767517",
        "2 2",
        "Input                    in0                      0 1 in0",
        "PReLU                    p                        1 1 in0 out0 0=2",
    ]
    assert data == np.float32([1, 2]).tobytes()


def test_writing_replaces_the_file_it_was_read_from(tmp_path) -> None:
    param, binary = tmp_path / "m.param", tmp_path / "m.bin"
    param.write_text(NET)
    binary.write_bytes(BIN)
    graph = ncnn.read(param, binary)
    ncnn.write(graph, param, binary)
    assert (param.read_text(), binary.read_bytes()) == (NET, BIN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.bin", "m.param"]


def test_a_failed_write_leaves_both_files_alone(tmp_path) -> None:
    param, binary = tmp_path / "m.param", tmp_path / "m.bin"
    param.write_text("old")
    binary.write_text("old")
    graph = ncnn.loads(NET)
    with pytest.raises(UserError, match="has the weights"):
        ncnn.write(graph, param, binary)
    assert param.read_text() == binary.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2

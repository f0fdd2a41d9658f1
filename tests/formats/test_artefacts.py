"""Files that pnnx wrote: they survive byte for byte, and their weights are those of the module."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from edgekit.formats import ncnn, pnnx
from edgekit.graph import Graph, Layer

Artefacts = Callable[[str, bool], object]


@pytest.mark.parametrize("fp16", [False, True], ids=["fp32", "fp16"])
@pytest.mark.parametrize("name", ["convolutions", "volumes", "sequences", "shapes"])
def test_ncnn_files_survive(artefacts: Artefacts, name: str, fp16: bool) -> None:
    param, binary = artefacts(name, fp16).ncnn
    assert ncnn.dumps(ncnn.read(param, binary)) == (param.read_bytes(), binary.read_bytes())


def test_ncnn_lines_respelled_from_values_are_those_of_pnnx(artefact) -> None:
    param, _ = artefact.ncnn
    graph = ncnn.read(param)
    fresh = Graph(tuple(Layer(e.type, e.name, e.inputs, e.outputs, e.params) for e in graph))
    assert ncnn.dump_param(fresh) == param.read_text()


def test_pnnx_files_survive(artefact) -> None:
    param, binary = artefact.pnnx
    graph = pnnx.read(param, binary)
    assert pnnx.dumps(graph) == (param.read_bytes(), binary.read_bytes())
    assert pnnx.dump_param(pnnx.read(param)) == param.read_text()


def test_pnnx_lines_respelled_from_values_are_those_of_pnnx(artefact) -> None:
    param, binary = artefact.pnnx
    graph = pnnx.read(param, binary)
    layers = tuple(Layer(e.type, e.name, e.inputs, e.outputs, e.params, e.weights) for e in graph)
    fresh = Graph(layers, graph.shapes, graph.dtypes)
    assert pnnx.dumps(fresh) == (param.read_bytes(), binary.read_bytes())


def test_pnnx_weights_are_those_of_the_module(artefacts: Artefacts) -> None:
    artefact = artefacts("convolutions", False)
    graph = pnnx.read(*artefact.pnnx)
    stored = [weight.data for layer in graph for weight in layer.weights]
    for name, tensor in artefact.module.state_dict().items():
        assert any(np.array_equal(tensor, data) for data in stored), name


def weights(graph: Graph, type: str) -> list[dict[str, np.ndarray]]:
    return [{w.name: w.values() for w in layer.weights} for layer in graph if layer.type == type]


def test_convolution_axes(artefacts: Artefacts) -> None:
    artefact = artefacts("convolutions", False)
    graph, state = ncnn.read(*artefact.ncnn), artefact.module.state_dict()
    (conv,) = weights(graph, "Convolution")
    np.testing.assert_array_equal(conv["weight_data"], state["conv.weight"])
    np.testing.assert_array_equal(conv["bias_data"], state["conv.bias"])
    group, depthwise = weights(graph, "ConvolutionDepthWise")
    np.testing.assert_array_equal(group["weight_data"], state["group.weight"])
    np.testing.assert_array_equal(depthwise["weight_data"], state["depthwise.weight"])
    (up,) = weights(graph, "Deconvolution")
    np.testing.assert_array_equal(up["weight_data"], state["up.weight"].transpose(0, 1))
    (group_up,) = weights(graph, "DeconvolutionDepthWise")
    grouped = state["group_up.weight"].reshape(3, 1, 2, 3, 3).transpose(1, 2).reshape(6, 1, 3, 3)
    np.testing.assert_array_equal(group_up["weight_data"], grouped)
    (linear,) = weights(graph, "Gemm") or weights(graph, "InnerProduct")
    assert any(np.array_equal(data, state["linear.weight"]) for data in linear.values())


def test_convolution_3d_axes(artefacts: Artefacts) -> None:
    artefact = artefacts("volumes", False)
    graph, state = ncnn.read(*artefact.ncnn), artefact.module.state_dict()
    np.testing.assert_array_equal(weights(graph, "Convolution3D")[0]["weight_data"], state["conv.weight"])
    np.testing.assert_array_equal(
        weights(graph, "ConvolutionDepthWise3D")[0]["weight_data"], state["depthwise.weight"]
    )
    np.testing.assert_array_equal(
        weights(graph, "Deconvolution3D")[0]["weight_data"], state["up.weight"].transpose(0, 1)
    )


def test_recurrent_gates(artefacts: Artefacts) -> None:
    artefact = artefacts("sequences", False)
    graph, state = ncnn.read(*artefact.ncnn), artefact.module.state_dict()
    (gru,) = weights(graph, "GRU")
    for direction, suffix in enumerate(("", "_reverse")):
        np.testing.assert_array_equal(gru["weight_xc_data"][direction], state[f"gru.weight_ih_l0{suffix}"])
        np.testing.assert_array_equal(gru["weight_hc_data"][direction], state[f"gru.weight_hh_l0{suffix}"])
    lstm, projected = weights(graph, "LSTM")
    i, f, g, o = state["lstm.weight_ih_l0"].chunk(4)
    np.testing.assert_array_equal(lstm["weight_xc_data"][0], torch.cat((i, f, o, g)))
    np.testing.assert_array_equal(projected["weight_hr_data"][0], state["projected.weight_hr_l0"])
    (rnn,) = weights(graph, "RNN")
    np.testing.assert_array_equal(rnn["weight_hc_data"][0], state["rnn.weight_hh_l0"])


def test_attention_and_embedding(artefacts: Artefacts) -> None:
    artefact = artefacts("sequences", False)
    graph, state = ncnn.read(*artefact.ncnn), artefact.module.state_dict()
    (attention,) = weights(graph, "MultiHeadAttention")
    q, k, v = state["attention.in_proj_weight"].chunk(3)
    for role, expected in (("q", q), ("k", k), ("v", v), ("out", state["attention.out_proj.weight"])):
        np.testing.assert_array_equal(attention[f"{role}_weight_data"], expected)
    (embed,) = weights(graph, "Embed")
    np.testing.assert_array_equal(embed["weight_data"], state["embed.weight"])


def test_fp16_weights_are_the_rounded_ones(artefacts: Artefacts) -> None:
    full = ncnn.read(*artefacts("convolutions", False).ncnn)
    half = ncnn.read(*artefacts("convolutions", True).ncnn)
    seen = 0
    for a, b in zip(full, half, strict=True):
        for x, y in zip(a.weights, b.weights, strict=True):
            np.testing.assert_array_equal(x.data.astype(y.data.dtype), y.data)
            seen += y.data.dtype == np.float16
    assert seen >= 6


def test_expressions_are_strings(artefacts: Artefacts) -> None:
    graph = ncnn.read(artefacts("shapes", False).ncnn[0])
    strings = [v for layer in graph for v in layer.params.values() if isinstance(v, str)]
    assert any("0w" in text or "0h" in text for text in strings), strings


def test_pnnx_shapes_and_roles(artefacts: Artefacts) -> None:
    graph = pnnx.read(artefacts("shapes", False).pnnx[0])
    assert graph.shapes[graph.input_blobs[0]][1] == 4
    assert -1 in graph.shapes[graph.input_blobs[0]]
    assert set(graph.dtypes.values()) == {"f32"}

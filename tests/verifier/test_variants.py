"""What could have been meant, and in which order it is tried."""

import numpy as np

from edgekit.graph import Layer, Weight
from edgekit.verifier.attribution import Attribution
from edgekit.verifier.explain import _why
from edgekit.verifier.gates import gate_orders
from edgekit.verifier.variants import variants


def test_another_scalar_is_tried_before_a_bound_that_looks_like_it() -> None:
    layer = Layer("BinaryOp", "add_0", ("a",), ("b",), {"0": 0, "1": 1, "2": 1e-3})
    x = np.random.default_rng(0).random((1, 4, 4), dtype=np.float32) + 0.1
    words = [each.words for each in variants(layer, x, x + np.float32(1e-6))]
    scalar = next(index for index, each in enumerate(words) if each.startswith("scalar"))
    assert scalar < next(index for index, each in enumerate(words) if "op_type max" in each)
    assert scalar > next(index for index, each in enumerate(words) if "op_type mul" in each)


def recurrent(kind: str, gates: int, order: tuple[int, ...]) -> Layer:
    """A layer whose gates stand in an order: place k of the file holds gate order[k] of ncnn's."""
    rng = np.random.default_rng(0)
    inputs, hidden = rng.random((1, gates, 5 * 3)), rng.random((1, gates, 5 * 5))
    biases = rng.random((1, 4, 5))
    rows = [*order, *range(gates, 4)]
    weights = (
        Weight("weight_xc_data", inputs[:, list(order)].reshape(1, gates * 5, 3)),
        Weight("bias_c_data", biases[:, rows]),
        Weight("weight_hc_data", hidden[:, list(order)].reshape(1, gates * 5, 5)),
    )
    return Layer(kind, "rnn_0", ("a",), ("b",), {}, weights)


def test_gates_that_stand_in_another_order_are_put_right() -> None:
    for kind, order, found in (
        ("LSTM", (0, 1, 3, 2), "input, forget, cell, output"),
        ("LSTM", (1, 2, 0, 3), "forget, output, input, cell"),
        ("GRU", (1, 0, 2), "update, reset, new"),
    ):
        wrong = recurrent(kind, len(order), order)
        right = recurrent(kind, len(order), tuple(range(len(order))))
        fitting = [
            each.words
            for each in gate_orders(wrong)
            if all(
                np.array_equal(mine.data, theirs.data)
                for mine, theirs in zip(each.layer.weights, right.weights, strict=True)
            )
        ]
        assert len(fitting) == 1
        assert fitting[0].endswith(f"instead of {found}")


def test_of_an_activation_no_second_one_is_suspected() -> None:
    seen = "an activation too many: it gives sigmoid of what PyTorch has"  # of tanh, say, near zero
    found = Attribution("layer_0", 0, seen, (), "it is wrong whichever kernel of ncnn computes it", {})
    sigmoid, convolution = (Layer(kind, "layer_0", ("a",), ("b",)) for kind in ("Sigmoid", "Convolution"))
    why = _why(sigmoid, found, None, None)
    assert why is not None
    assert "too many" not in why
    assert "too many" in (_why(convolution, found, None, None) or "")


def test_another_function_is_tried_where_one_does_nothing() -> None:
    x = np.linspace(-2, 2, 8, dtype=np.float32)
    types = {each.layer.type for each in variants(Layer("Noop", "drop_0", ("a",), ("b",)), x, np.tanh(x))}
    assert {"TanH", "Swish", "GELU"} <= types
    assert all(each.layer.type == "Softmax" for each in variants(Layer("Softmax", "s", ("a",), ("b",)), x, x))


def test_the_groups_of_a_depthwise_layer_are_not_doubted() -> None:
    weight = Weight("weight_data", np.ones((4, 1, 3), np.float32))
    for kind in ("ConvolutionDepthWise1D", "DeconvolutionDepthWise1D"):
        params = {"0": 4, "1": 3, "6": 12, "7": 4}
        layer = Layer(kind, "conv", ("a",), ("b",), params, (weight,))
        words = [each.words for each in variants(layer, np.ones((4, 9)), np.ones((4, 7)))]
        assert words
        assert not any(each.startswith("group") for each in words)

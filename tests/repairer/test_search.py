"""The search without a device: what is minimal, and where a mask needs a layer that widens."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from edgekit.cli.main import main
from edgekit.graph import Graph, Layer
from edgekit.repairer import Keep
from edgekit.repairer.masking import with_masks
from edgekit.repairer.search import minimal


@pytest.mark.parametrize("seed", range(20))
def test_nothing_can_be_left_out_of_a_minimal_set(seed: int) -> None:
    rng = random.Random(seed)
    needed = frozenset(rng.sample(range(40), rng.randint(0, 5)))
    asked: list[int] = []

    def holds(chosen: Sequence[int]) -> bool:
        asked.append(len(chosen))
        return needed <= set(chosen)

    assert frozenset(minimal(range(40), holds)) == needed
    assert len(asked) < 40 + 20 * len(needed)


def graph(*types: str) -> Graph:
    layers = [Layer("Input", "in", (), ("0",))]
    layers += [
        Layer(kind, f"l{number}", (str(number),), (str(number + 1),)) for number, kind in enumerate(types)
    ]
    return Graph(tuple(layers))


def test_a_storage_mask_is_widened_for_where_fp16_comes_in() -> None:
    masked = with_masks(graph("ReLU", "TanH", "Sigmoid", "ReLU"), {2: Keep.ALL, 3: Keep.ALL})
    assert [layer.type for layer in masked.graph.layers] == [
        "Input",
        "ReLU",
        "Permute",
        "TanH",
        "Sigmoid",
        "ReLU",
    ]
    assert masked.graph.layers[3].inputs == ("1_wide",)
    assert masked.widened == {"1_wide": "1"} and masked.place[2] == 3


@pytest.mark.parametrize("before", ["Input alone", "Reduction"])
def test_float32_needs_no_widening(before: str) -> None:
    kinds = ("TanH",) if before == "Input alone" else ("Reduction", "TanH")
    masked = with_masks(graph(*kinds), {len(kinds): Keep.ALL})
    assert not masked.widened and masked.graph.layers[-1].params == {"31": 3}


def test_a_mask_on_the_sums_alone_takes_fp16_as_it_comes() -> None:
    masked = with_masks(graph("ReLU", "TanH"), {2: Keep.SUMS})
    assert not masked.widened and masked.graph.layers[-1].params == {"31": 1}


def test_a_layer_without_winograd_stays_in_half_precision() -> None:
    masked = with_masks(graph("ReLU", "TanH"), {2: Keep.DIRECT})
    assert not masked.widened and masked.graph.layers[-1].params == {"31": 64}
    assert list(Keep) == [Keep.DIRECT, Keep.SUMS, Keep.ALL], "the weakest is tried first"
    assert [keep.in_half for keep in Keep] == [True, False, False]


def test_what_is_masked_already_stays_so() -> None:
    plain = graph("ReLU", "TanH")
    layers = (*plain.layers[:2], Layer("TanH", "t", ("1",), ("2",), {"31": 64}))
    masked = with_masks(Graph(layers), {2: Keep.SUMS})
    assert masked.graph.layers[-1].params == {"31": 65}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--repair", "fp16"], "add -o NEW_BUNDLE"),
        (["-o", "x"], "add --repair fp16"),
        (["--repair", "fp16", "-o", "b"], "would take the place of its source"),
        (["--repair", "fp16", "-o", "x", "--ladder"], "--ladder and --repair do not go together"),
        (["--repair", "fp61", "-o", "x"], "did you mean 'fp16'"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "b", *arguments]) == 2
    assert words in capsys.readouterr().err

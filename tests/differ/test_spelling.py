"""Differences in a person's words, with the PyTorch call to write instead; steps that come to the same."""

import pytest

from .conftest import Compare

HEAD = "Input x 0 1 x 0=6 1=5 2=4\nConvolution c 1 1 x a 0=4 1=1 6=16\n"
TWO = "Input x 0 1 x 0=6 1=5 2=4\nInput y 0 1 y 0=6 1=5 2=4\n"

# the left's last line, the right's, left value, right value, what to write
WORDS = [
    ("Permute p 1 1 a out 0=1", "Noop p 1 1 a out", "Permute (0, 2, 1)", None, "add x.permute(0, 1, 3, 2)"),
    ("Reduction r 1 1 a out 0=3 1=0 -23303=1,2 5=1", "Reduction r 1 1 a out 0=0 1=0 -23303=1,2 5=1",
     "mean over axis 2", "sum over axis 2", "use x.mean(dim=3) instead of x.sum(dim=3)"),
    ("Reduction r 1 1 a out 0=3 1=0 -23303=1,2 5=1", "Reduction r 1 1 a out 0=3 1=0 -23303=1,0 5=1",
     "mean over axis 2", "mean over axis 0", "use x.mean(dim=3) instead of x.mean(dim=1)"),
    ("GLU g 1 1 a out 0=0", "GLU g 1 1 a out 0=1", "GLU over axis 0", "GLU over axis 1",
     "use nn.GLU(dim=1) instead of nn.GLU(dim=2)"),
    ("ShuffleChannel s 1 1 a out 0=2", "Noop s 1 1 a out", "channel shuffle of 2 groups", None,
     "add nn.ChannelShuffle(2)"),
    ("Crop k 1 1 a out -23309=1,0 -23310=1,2 -23311=1,0", "Noop k 1 1 a out", "Crop", None, "add x[:, 0:2]"),
    ("BinaryOp b 1 1 a out 0=7 1=1 2=1.0", "BinaryOp b 1 1 a out 0=0 1=1 2=1.0", "1 - x", "add 1",
     "use 1 - x instead of x + 1"),
    ("BinaryOp b 1 1 a out 0=6 1=1 2=3.0", "Noop b 1 1 a out", "x ** 3", None, "add x ** 3"),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right", "mine", "theirs", "advice"), WORDS)
def test_words_and_advice(
    left: str, right: str, mine: str, theirs: str | None, advice: str, compare: Compare
) -> None:
    (difference,) = compare(HEAD + right, HEAD + left).differences  # the right side is to be mended
    assert (difference.right.value, difference.left.value) == (mine, theirs)
    (difference,) = compare(HEAD + left, HEAD + right).differences
    assert (difference.left.value, difference.right.value) == (mine, theirs)
    assert (difference.change or "").startswith(advice)


def test_a_weighted_sum_is_no_sum(compare: Compare) -> None:
    weighted, plain = (f"{TWO}Eltwise e 2 1 x y out 0=1{more}" for more in (" -23301=2,1.0,0.5", ""))
    (difference,) = compare(weighted, plain).differences
    assert (difference.left.value, difference.right.value) == ("add, weighted 1 and 0.5", "add")


def steps(*numbers: tuple[int, float]) -> str:
    """Return an input that is added to (0), multiplied (2) or divided (3), one step after the other."""
    lines = [
        f"BinaryOp b{place} 1 1 {f'x{place}'} x{place + 1} 0={kind} 1=1 2={number}"
        for place, (kind, number) in enumerate(numbers)
    ]
    end = f"Convolution c 1 1 x{len(numbers)} out 0=4 1=1 6=12"
    return "\n".join(["Input x 0 1 x0 0=6 1=5 2=3", *lines, end])


def test_steps_of_an_input_normalisation_that_come_to_the_same(compare: Compare) -> None:
    three, two = steps((3, 255.0), (1, 0.5), (3, 0.25)), steps((1, 127.5), (3, 63.75))
    assert compare(three, two).same
    assert compare(two, three).same


def test_steps_in_another_order_are_one_difference(compare: Compare) -> None:
    (difference,) = compare(steps((1, 0.5), (3, 0.25)), steps((3, 0.25), (1, 0.5))).differences
    assert (difference.left.value, difference.right.value) == ("x * 4 - 2", "x * 4 - 0.5")
    assert (difference.change or "").startswith("use x * 4 - 2 instead of x * 4 - 0.5")


def blocks(*, pre: bool) -> str:
    """Return three residual blocks with a norm before the branch, or behind the sum."""
    lines, blob = ["Input x 0 1 x 0=16 1=6"], "x"
    for n in range(3):
        lines.append(f"Split s{n} 1 2 {blob} a{n} b{n}" if pre else f"Split s{n} 1 2 {blob} c{n} b{n}")
        if pre:
            lines.append(f"LayerNorm n{n} 1 1 a{n} c{n} 0=16")
        lines.append(f"Gemm up{n} 1 1 c{n} u{n} 4=0 5=1 6=1 8=16 9=16 10=4")
        lines.append(f"BinaryOp add{n} 2 1 b{n} u{n} t{n} 0=0")
        if not pre:
            lines.append(f"LayerNorm n{n} 1 1 t{n} v{n} 0=16")
        blob = f"t{n}" if pre else f"v{n}"
    return "\n".join([*lines, f"Gemm head 1 1 {blob} out 4=0 5=1 6=1 8=5 9=16 10=4"])


def test_norms_before_the_branch_against_norms_behind_the_sum(compare: Compare) -> None:
    report = compare(blocks(pre=True), blocks(pre=False))
    assert [(each.kind, each.left.value, each.right.value, each.count) for each in report.differences] == [
        ("wiring", "add of add", "add of LayerNorm", 2),
        ("normalization", "LayerNorm", "none", 1),
        ("normalization", "none", "LayerNorm", 1),
    ]


def test_operands_in_another_order_are_told_in_the_wanted_one(compare: Compare) -> None:
    text = (
        "Input x 0 1 x 0=6 1=5 2=4\nSplit s 1 2 x y z\nConvolution a 1 1 y p 0=8 1=3 4=1 6=288\n"
        "Convolution b 1 1 z q 0=4 1=1 6=16\nConcat j 2 1 p q r\nConvolution c 1 1 r out 0=2 1=1 6=24\n"
    )
    (difference,) = compare(text, text.replace("p q r", "q p r")).differences
    assert difference.left.value == "Concat of Conv 4 -> 8 'a' and Conv 4 -> 4 'b'"
    assert difference.impact == "the weights fit, but meet the features in another order"
    assert difference.change == "feed it a, then b in j"


SLICED = HEAD + (
    "Slice s 1 2 a b c -23300=2,1,3\nSplit t 1 2 c c1 c2\nSigmoid g 1 1 c1 e\n"
    "Concat j 3 1 b c2 e d\nConvolution f 1 1 d out 0=2 1=1 6=14\n"
)


def test_the_parts_of_a_slice_are_told_apart(compare: Compare) -> None:
    fewer = SLICED.replace("Concat j 3 1 b c2 e d", "Concat j 2 1 b e d").replace("6=14", "6=8")
    changes = [each.change or "" for each in compare(fewer, SLICED).differences]
    assert "take part 2 of the Slice of s out of what it is fed in j" in changes


def test_a_part_of_one_channel_is_cut_from_the_channels(compare: Compare) -> None:
    changes = [
        each.change or ""
        for each in compare(SLICED, SLICED.replace("-23300=2,1,3", "-23300=2,2,2")).differences
    ]
    assert "use x[:, 0:1] instead of x[:, 0:2] in s" in changes


def test_a_tensor_of_the_models_own_is_added_behind_what_it_meets(compare: Compare) -> None:
    """A position embedding that the other side forgot."""
    head = "Input x 0 1 x 0=6 1=5\nReLU r 1 1 x a\n"
    last = "Gemm f 1 1 {} out 4=0 5=1 6=1 8=3 9=6 10=4\n"
    embedded = head + "MemoryData m 0 1 m 0=6 1=5\nBinaryOp b 2 1 a m c\n" + last.format("c")
    (difference,) = compare(embedded, head + last.format("a")).differences
    assert difference.left.value == "constant 5x6 + add"
    assert difference.change == "add nn.Parameter(torch.empty(1, 5, 6)), then x + y after r"

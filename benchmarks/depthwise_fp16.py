"""Which depthwise convolutions ncnn's fp16 kernels get wrong: every kernel, stride, packing and width, alone.

    python benchmarks/depthwise_fp16.py [--device qemu:cortex-a76] [--precision fp16]

Inputs, weights and biases are fp16 numbers, so that the float64 result is what an exact kernel would give.
A layer is wrong where it is off by more than fp16 sums of its products explain. In ncnn 1.0.20261020 these
are the 3x3 ones of stride 2 with 8 channels to a pack (channels divisible by 8) whose result's width,
modulo 4, is 2 or 3: `convdw3x3s2_pack8_fp16sa_neon` makes four columns at a time, then two, then one, and
where it makes two it loads the last pixel of the second and of the third row by the first row's pointer.
The second of the two columns is wrong, in every row and channel.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.devices import open_device
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer, Weight
from edgekit.numerics.floors import UNITS
from edgekit.runtimes.ncnn import FP32, PRECISIONS, Case, Feed, run_cases
from edgekit.runtimes.trace import Array

WIDTHS = range(4, 33)


@dataclass(frozen=True)
class Convolution:
    """One depthwise layer: a square image of `width`, padded as usual."""

    kernel: int
    stride: int
    channels: int
    width: int

    @property
    def name(self) -> str:
        """Name of the layer, and of its blobs behind `x_` and `y_`."""
        return f"k{self.kernel}s{self.stride}c{self.channels}w{self.width}"

    @property
    def out(self) -> int:
        """Width of the result."""
        return (self.width + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="qemu:cortex-a76")
    parser.add_argument("--precision", default="fp16", choices=[*PRECISIONS])
    args = parser.parse_args()
    tried = [Convolution(*each) for each in itertools.product((3, 5), (1, 2), (3, 4, 8, 16), WIDTHS)]
    wrong = [(each, columns) for each, columns in run(tried, args.device, args.precision) if columns]
    for each, columns in wrong:
        print(
            f"{each.kernel}x{each.kernel} stride {each.stride}, {each.channels} channels, "
            f"{each.width} -> {each.out} wide: columns {', '.join(map(str, columns))}"
        )
    print(f"{len(wrong)} of {len(tried)} are wrong")


def run(tried: list[Convolution], device: str, precision: str) -> list[tuple[Convolution, list[int]]]:
    """Run all alone in one process; return the columns of each that are wrong."""
    random = np.random.default_rng(0)
    layers: list[Layer] = []
    cases: list[Case] = []
    expected: list[tuple[Array, Array]] = []
    for each in tried:
        x, weight, bias = (
            random.normal(size=shape).astype(np.float16).astype(np.float32)
            for shape in (
                (each.channels, each.width, each.width),
                (each.channels, each.kernel, each.kernel),
                (each.channels,),
            )
        )
        layers += layers_of(each, weight, bias)
        cases.append(Case(each.name, {f"x_{each.name}": Feed(x, None)}, (f"y_{each.name}",)))
        expected.append(exact(each, x, weight, bias))
    with tempfile.TemporaryDirectory() as folder:
        param, weights = Path(folder) / "net.param", Path(folder) / "net.bin"
        ncnn.write(Graph(tuple(layers)), param, weights)
        reply = run_cases(open_device(device), param, weights, cases, {**FP32, **PRECISIONS[precision]})
    found = []
    for each, (result, size) in zip(tried, expected, strict=True):
        error = np.abs(reply.tensors[f"{each.name}:y_{each.name}"] - result)
        off = error > (each.kernel**2 + 1) * UNITS[precision] * size  # every step of the sum rounded
        found.append((each, np.flatnonzero(off.any((0, 1))).tolist()))
    reply.close()
    return found


def layers_of(each: Convolution, weight: Array, bias: Array) -> tuple[Layer, Layer]:
    """The layer and the `Input` before it."""
    x, y = f"x_{each.name}", f"y_{each.name}"
    params = {
        "0": each.channels, "1": each.kernel, "3": each.stride, "4": each.kernel // 2, "5": 1,
        "6": weight.size, "7": each.channels,
    }  # fmt: skip
    weights = (
        Weight("weight_data", weight.reshape(each.channels, 1, each.kernel, each.kernel), 0),
        Weight("bias_data", bias),
    )
    return (
        Layer("Input", f"in_{each.name}", (), (x,)),
        Layer("ConvolutionDepthWise", each.name, (x,), (y,), params, weights),
    )


def exact(each: Convolution, x: Array, weight: Array, bias: Array) -> tuple[Array, Array]:
    """The result in float64, and the sums of absolute products that bound its rounding errors."""
    margin = each.kernel // 2
    padded = np.pad(x.astype(np.float64), ((0, 0), (margin, margin), (margin, margin)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (each.kernel, each.kernel), axis=(1, 2))
    products = windows[:, :: each.stride, :: each.stride] * weight[:, None, None]
    start = bias[:, None, None].astype(np.float64)
    return start + products.sum((-1, -2)), np.abs(start) + np.abs(products).sum((-1, -2))


if __name__ == "__main__":
    main()

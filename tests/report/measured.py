"""Small things to measure, and a protocol that takes no time."""

from edgekit.bencher import Protocol

BRIEF = Protocol("quick", rounds=2, min_runs=8, min_s=0.02, max_s=10.0, warmup_s=0.01, max_warmup_s=0.05)

NET = """\
7767517
3 3
Input                    in0      0 1 in0 0=12 1=10 2=3
Convolution              conv_0   1 1 in0 1 0=22 1=3 4=1 5=1 6=594 9=1
ConvolutionDepthWise     dw_0     1 1 1 out0 0=22 1=7 4=3 5=1 6=1078 7=22
"""

SUITE = """\
schema = "edgekit.suite/1"
title = "A small suite"

[networks.tiny]
layers = [
    { block = "standard", out = 8, stride = 2 },
    { block = "separable", out = 16, repeat = 2 },
    { block = "classifier", out = 10, scale = "none" },
]

[[rows]]
block = "separable"
baseline = { block = "standard" }
planes = [[8, 10]]

[[rows]]
network = "tiny"
width = [0.5, 1.0]
resolution = [16, 32]
"""

"""A small net as a bare `.param`, and a protocol that is over in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.bencher import Protocol

SMALL_NET = """\
7767517
6 7
Input                    in0      0 1 in0 0=24 1=20 2=3
Convolution              conv_0   1 1 in0 1 0=16 1=3 4=1 5=1 6=432 9=1
Split                    split_0  1 2 1 2 3
ConvolutionDepthWise     dw_0     1 1 2 4 0=16 1=3 4=1 5=1 6=144 7=16
BinaryOp                 add_0    2 1 3 4 5 0=0
Pooling                  pool_0   1 1 5 out0 0=1 4=1
"""


@pytest.fixture(scope="session")
def small_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nets") / "small.param"
    path.write_text(SMALL_NET, encoding="ascii")
    return path


@pytest.fixture(scope="session")
def brief() -> Protocol:
    return Protocol("quick", rounds=2, min_runs=8, min_s=0.02, max_s=10.0, warmup_s=0.01, max_warmup_s=0.05)

"""What the worker makes of results that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.devices import LocalDevice
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases

_NET = """7767517
3 3
Input        in    0 1 x
Convolution  wide  1 1 x y 0=1 1=7 6=49
ReLU         on    1 1 y z
"""


def test_a_window_that_does_not_fit_gives_a_code_and_no_result(tmp_path: Path) -> None:
    """ncnn calls it a success, with negative sizes; what fits is answered all the same."""
    param, weights = tmp_path / "net.param", tmp_path / "net.bin"
    param.write_text(_NET, "utf-8")
    weights.write_bytes(bytes(4) + np.ones(49, np.float32).tobytes())
    cases = [
        Case(name, {"x": Feed(np.ones((1, size, size), np.float32), None)}, ("y",))
        for name, size in (("small", 4), ("large", 9))
    ]
    reply = run_cases(LocalDevice(), param, weights, cases, FP32)
    reply.close()
    assert reply.message["status"]["small"]["y"] != 0
    assert reply.message["status"]["large"]["y"] == 0
    assert reply.tensors["large:y"].shape == (1, 3, 3)

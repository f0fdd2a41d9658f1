"""What the worker says of a net: layers, allocations, random weights, conditions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.devices import Reply, open_device
from edgekit.worker.conditions import Watch, temperature
from edgekit.worker.memory import read_status

NET = """\
7767517
7 7
Input                    in0      0 1 in0 0=24 1=20 2=3
Convolution              conv_0   1 1 in0 1 0=16 1=3 4=1 5=1 6=432 9=1
BatchNorm                bn_0     1 1 1 2 0=16
ConvolutionDepthWise     dw_0     1 1 2 3 0=16 1=3 4=1 5=1 6=144 7=16
Sigmoid                  act_0    1 1 3 4
Pooling                  pool_0   1 1 4 5 0=1 4=1
InnerProduct             fc_0     1 1 5 out0 0=10 1=1 2=160
"""
PLANE = 16 * 20 * 24 * 4
WEIGHTS = 432 + 16 + 4 * 16 + 144 + 16 + 160 + 10


def _call(path: Path, command: str, **more: Any) -> Reply:
    message = {
        "command": command,
        "files": {"param": str(path)},
        "options": {"num_threads": 1},
        "inputs": {"in0": "in0"},
        "outputs": ["out0"],
        "seed": 3,
        "pin": {},
        **more,
    }
    return open_device("local").call(message, [("in0", np.ones((3, 20, 24), np.float32), None)])


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.param"
    path.write_text(NET, encoding="ascii")
    return path


def test_blob_peaks_are_exact_and_layer_by_layer(net: Path) -> None:
    reply = _call(net, "memory")
    reply.close()
    message = reply.message
    assert message["weights_bytes"] == 4 * WEIGHTS
    peaks = {layer["name"]: layer["blob_peak_bytes"] for layer in message["layers"]}
    assert list(peaks) == ["conv_0", "bn_0", "dw_0", "act_0", "pool_0", "fc_0"]
    slack = 256  # ncnn appends a reference count to each block
    assert PLANE <= peaks["conv_0"] <= PLANE + slack
    assert PLANE <= peaks["bn_0"] <= PLANE + slack  # in place
    assert 2 * PLANE <= peaks["dw_0"] <= 2 * PLANE + slack
    assert PLANE <= peaks["act_0"] <= PLANE + slack  # in place
    assert peaks["fc_0"] <= 4 * (16 + 10) + slack
    assert message["blob_peak_bytes"] == max(peaks.values())
    assert message["peak_rss_bytes"] > 0


def test_layers_are_observed_as_they_ran(net: Path) -> None:
    reply = _call(
        net,
        "bench",
        warmup={"min_s": 0.0, "max_s": 0.0, "tolerance": 1.0},
        sampling={"min_runs": 5, "min_s": 0.0, "max_s": 1.0},
        layers=True,
    )
    reply.close()
    layers = reply.message["layers"]
    assert [layer["index"] for layer in layers] == [1, 2, 3, 4, 5, 6]
    assert [blob["shape"] for layer in layers for blob in layer["outputs"]] == [
        [16, 20, 24], [16, 20, 24], [16, 20, 24], [16, 20, 24], [16], [10],
    ]  # fmt: skip
    assert layers[0]["inputs"][0] == {"blob": "in0", "shape": [3, 20, 24], "bits": 32, "pack": 1}
    assert layers[0]["outputs"][0]["pack"] >= 4
    parts, whole = reply.tensors["layers_s"], reply.tensors["whole_s"]
    assert parts.shape == (whole.size, 6)
    assert (parts > 0).all() and (whole > 0).all()
    assert reply.tensors["latency_s"].size >= 5
    assert reply.message["random_weights"] is True
    assert reply.message["conditions"]["during"]["seconds"] > 0


# The run command needs a .bin, so activations are looked at through the random loader itself.
SCRIPT = """
import os, sys
import numpy as np, ncnn
from edgekit.worker.net import to_mat
from edgekit.worker.weights import load_random_net
net, size = load_random_net(sys.argv[1], {}, int(sys.argv[2]))
extractor = net.create_extractor()
extractor.input("in0", to_mat(np.ones((3, 20, 24), np.float32), None))
out = ncnn.Mat()
extractor.extract("5", out)
print(*np.array(out), flush=True)
os._exit(0)
"""


def test_random_weights_are_seeded_and_lively(net: Path) -> None:
    def outputs(seed: int) -> np.ndarray[Any, Any]:
        command = [sys.executable, "-c", SCRIPT, str(net), str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return np.array([float(word) for word in done.stdout.split()])

    first, again, other = outputs(1), outputs(1), outputs(2)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert np.isfinite(first).all()
    assert first.std() > 1e-3


def test_conditions_of_this_machine() -> None:
    watch = Watch([0])
    during = watch.stop()
    assert during["seconds"] >= 0
    assert during["cpu_s"] >= 0
    assert during["other_share"] is None or during["other_share"] >= 0


def test_temperature_skips_what_is_no_temperature(tmp_path: Path) -> None:
    for number, value in enumerate(("0", "41500", "-40000", "999999", "38000")):
        (tmp_path / f"temp{number}").write_text(value)
    assert temperature(str(tmp_path / "temp*")) == 41.5
    assert temperature(str(tmp_path / "nothing*")) is None


def test_status_fields_are_bytes(tmp_path: Path) -> None:
    path = tmp_path / "status"
    path.write_text("Name:\tx\nVmHWM:\t    120 kB\n")
    assert read_status("VmHWM", str(path)) == 120 * 1024
    with pytest.raises(KeyError):
        read_status("VmPeak", str(path))


def test_allocations_are_counted_in_as_many_threads_as_asked(net: Path) -> None:
    for options, more, threads in (
        ({"num_threads": 2}, {}, 2),
        ({"num_threads": 2}, {"counting_threads": 1}, 1),
    ):
        reply = _call(net, "memory", options=options, **more)
        reply.close()
        assert reply.message["counting_threads"] == threads
        assert reply.message["blob_peak_bytes"] > 0

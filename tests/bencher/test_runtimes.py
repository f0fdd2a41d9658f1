"""The same model in other runtimes, by the same protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.bencher import runtimes
from edgekit.bundle import ModelSource
from edgekit.devices import open_device
from edgekit.errors import UserError

SOURCE = ModelSource("mobilenet_v1:width=0.25,resolution=96", "zoo", seed=0)


@pytest.mark.parametrize("runtime", runtimes.OTHERS)
def test_runtime_is_timed_by_the_worker_protocol(runtime: str, tmp_path: Path) -> None:
    model = runtimes.write_model(SOURCE, runtime, tmp_path)
    reply = runtimes.open_runtime(open_device("local")).call(
        {
            "command": "bench",
            "runtime": runtime,
            "files": {"model": str(model)},
            "options": {"num_threads": 1},
            "inputs": {"in0": "x"},
            "warmup": {"min_s": 0.0, "max_s": 0.1, "tolerance": 0.5},
            "sampling": {"min_runs": 5, "min_s": 0.0, "max_s": 5.0},
        },
        [("x", np.random.default_rng(0).random((1, 3, 96, 96), np.float32), 0)],
        environment=runtimes.module_path(),
    )
    reply.close()
    assert reply.tensors["latency_s"].size >= 5
    assert reply.message["runtime"]["name"] == runtime
    assert len(reply.message["cpus"]) == 1
    assert {"load_s", "first_s", "warmup", "conditions", "openmp"} <= set(reply.message)


def test_a_model_that_does_not_load_is_an_error_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(UserError, match="loading the model"):
        runtimes.open_runtime(open_device("local")).call(
            {
                "runtime": "onnxruntime",
                "files": {"model": str(path)},
                "options": {"num_threads": 1},
                "inputs": {},
            },
            environment=runtimes.module_path(),
        )


def test_only_what_can_be_built_again_is_compared(small_net: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no runtime 'onnxruntim'"):
        edgekit.bench(small_net, runtimes=("onnxruntim",))
    with pytest.raises(UserError, match="is no bundle"):
        edgekit.bench(small_net, runtimes=("torch",))
    with pytest.raises(UserError, match="cannot be built again"):
        runtimes.write_model(ModelSource("model.py:Net", "file", seed=0), "torch", tmp_path)

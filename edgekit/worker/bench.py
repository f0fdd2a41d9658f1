"""Time one configuration of one net in this process.

    {"command": "bench", "files": {"param": ..., "bin": ...}, "options": {"num_threads": 1, ...},
     "inputs": {"in0": KEY}, "outputs": ["out0"], "seed": 0, "pin": {"cpus": [1]},
     "warmup": {"min_s": 0.5, "max_s": 5.0, "tolerance": 0.03},
     "sampling": {"min_runs": 50, "min_s": 1.0, "max_s": 30.0}, "layers": false}

Without `files.bin` the weights are random. The result holds the tensor `latency_s` (float64, one entry per
inference, in order); with `layers` also `layers_s` (runs x layers) and `whole_s`, the whole-net
latencies that alternated with the layered runs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from .affinity import clusters, pin_process
from .conditions import Watch, cpu_state, openmp_settings
from .environment import environment
from .protocol import Array, Progress, TensorWriter

_WINDOW = 8


def serve(
    message: Mapping[str, Any],
    tensors: Mapping[str, Array],
    batch_axes: Mapping[str, int | None],
    writer: TensorWriter,
    progress: Progress,
) -> dict[str, Any]:
    """Pin, load, run once, warm up, sample."""
    threads = int(message.get("options", {}).get("num_threads", 1))
    known_clusters = clusters()
    cpus = pin_process(threads, message.get("pin", {}))
    from .session import Session, pool_allocators  # loads ncnn, which must see the pinned mask

    before = cpu_state(cpus)
    progress.begin("loading the net")
    session = Session(message, tensors, batch_axes, pool_allocators())
    progress.begin("the first inference")
    first_s = session.infer()
    progress.begin("warming up")
    warmup = _warm_up(session, **message["warmup"])
    progress.begin("sampling")
    watch = Watch(cpus)
    samples = _sample(session, **message["sampling"])
    watched = watch.stop()
    after = cpu_state(cpus)
    writer.add("latency_s", samples)
    answer: dict[str, Any] = {
        "load_s": session.load_s,
        "first_s": first_s,
        "weights_bytes": session.weights_bytes,
        "random_weights": "bin" not in message["files"],
        "warmup": warmup,
        "conditions": {"before": before, "after": after, "during": watched},
        "cpus": cpus,
        "clusters": known_clusters,
        "openmp": openmp_settings(),
        "environment": environment(),
    }
    if message.get("layers"):
        from .layers import time_layers

        answer["layers"] = time_layers(session, message["sampling"], writer, progress)
    session.close()
    return answer


def _warm_up(session: Any, min_s: float, max_s: float, tolerance: float) -> dict[str, Any]:
    """Run for at least `min_s` and until the medians of the last two windows agree within `tolerance`."""
    begin = time.perf_counter()
    latencies: list[float] = []
    steady = False
    while True:
        latencies.append(session.infer())
        elapsed = time.perf_counter() - begin
        if elapsed >= min_s and len(latencies) >= 2 * _WINDOW:
            last = float(np.median(latencies[-_WINDOW:]))
            previous = float(np.median(latencies[-2 * _WINDOW : -_WINDOW]))
            steady = abs(last - previous) <= tolerance * last
        if steady or elapsed >= max_s:
            return {"runs": len(latencies), "seconds": elapsed, "steady": steady}


def _sample(session: Any, min_runs: int, min_s: float, max_s: float) -> Array:
    """Run until both minima are reached, or `max_s` is over; at least three runs."""
    begin = time.perf_counter()
    latencies: list[float] = []
    while True:
        latencies.append(session.infer())
        elapsed = time.perf_counter() - begin
        enough = len(latencies) >= min_runs and elapsed >= min_s
        if enough or (elapsed >= max_s and len(latencies) >= 3):
            return np.array(latencies, dtype=np.float64)

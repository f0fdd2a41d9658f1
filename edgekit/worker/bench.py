"""Time one configuration of one net in this process.

    {"command": "bench", "files": {"param": ..., "bin": ...}, "options": {"num_threads": 1, ...},
     "inputs": {"in0": KEY}, "outputs": ["out0"], "seed": 0, "pin": {"cpus": [1]},
     "warmup": {"min_s": 0.5, "max_s": 5.0, "tolerance": 0.03},
     "sampling": {"min_runs": 50, "min_s": 1.0, "max_s": 30.0}, "layers": false,
     "cool_down": {"celsius": 41.0, "max_s": 120.0}}

`cool_down` may be missing; with `"count": true` the answer says between which marks of the emulator's plugin
the net ran (see `counting`); without `files.bin` the weights are random. The result holds the tensor
`latency_s` (float64, one entry per inference, in order); with `layers` also `layers_s` (runs x layers) and
`whole_s`, the whole-net latencies that alternated with the layered runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .affinity import clusters, pin_process
from .conditions import Watch, cpu_state, openmp_settings, sampler, temperature
from .environment import environment
from .protocol import Array, Progress, TensorWriter
from .timing import cool_down, sample, warm_up


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
    allowed = os.sched_getaffinity(0)
    cpus = pin_process(threads, message.get("pin", {}))
    from .session import Session, pool_allocators  # loads ncnn, which must see the pinned mask

    rested_s = 0.0
    if "cool_down" in message:
        progress.begin("cooling down")
        rested_s = cool_down(**message["cool_down"], read=temperature)
    before = cpu_state(cpus)
    progress.begin("loading the net")
    session = Session(message, tensors, batch_axes, pool_allocators())
    progress.begin("the first inference")
    first_s = session.infer()
    progress.begin("warming up")
    warmup = warm_up(session.infer, **message["warmup"])
    progress.begin("sampling")
    beside = sampler(cpus, sorted(allowed - set(cpus)))
    watch = Watch(cpus)
    samples = sample(session.infer, **message["sampling"])
    watched = watch.stop()
    sampled = beside.stop()
    after = cpu_state(cpus)
    writer.add("latency_s", samples)
    answer: dict[str, Any] = {
        "load_s": session.load_s,
        "first_s": first_s,
        "weights_bytes": session.weights_bytes,
        "random_weights": "bin" not in message["files"],
        "warmup": {**warmup, "cool_down_s": rested_s},
        "conditions": {"before": before, "after": after, "during": watched, "samples": sampled},
        "cpus": cpus,
        "clusters": known_clusters,
        "openmp": openmp_settings(),
        "environment": environment(),
    }
    if message.get("layers"):
        from .layers import time_layers

        answer["layers"] = time_layers(session, message["sampling"], writer, progress)
    if message.get("count"):
        from .counting import count

        answer["counted"] = count(session, bool(message.get("layers")), progress)
    session.close()
    return answer

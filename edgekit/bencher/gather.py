"""From what the workers measured to one result per configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.bencher.layers import Context, layer_sum_ratio, layer_timings
from edgekit.bencher.measure import Bench, Configuration, Round
from edgekit.bencher.result import Conditions, Latency, LayerTiming, Memory, Result
from edgekit.bencher.roofline import Peaks, Traffic, ridge_sweep
from edgekit.bencher.runtimes import NCNN
from edgekit.bencher.validity import (
    caveats_of,
    drift_caveats,
    emulation_caveats,
    judge,
    layer_caveats,
    limit_caveats,
    resumed_caveats,
)
from edgekit.numerics import statistics as st


def gather(
    run: Bench,
    configuration: Configuration,
    rounds: Sequence[Round],
    memory: Memory | None = None,
    peaks: Peaks | None = None,
) -> Result:
    """Return the result of one configuration from all its processes."""
    target = configuration.target
    messages = [each.message for each in rounds]
    samples = [each.samples for each in rounds]
    latency = Latency.of(samples, run.seed)
    emulated = run.device.emulated
    if emulated:
        caveats = emulation_caveats(messages[0].get("not_counted"), memory is not None)
    else:
        caveats = caveats_of(latency, run.protocol, messages, configuration.threads)
        caveats += drift_caveats(float(np.median([st.drift(each) for each in samples])))
    caveats += resumed_caveats(sum(each.kept for each in rounds), len(rounds))
    layers: tuple[LayerTiming, ...] = ()
    ratio = None
    if run.layers and target.runtime == NCNN:
        seen = {} if memory is None else {int(entry["index"]): entry for entry in memory.layers}
        arch = str(messages[0]["environment"]["arch"])
        context = Context(target.graph, configuration.precision, arch, peaks, target.modules, seen, emulated)
        layers = layer_timings(rounds, context)
        if not emulated:
            ratio = layer_sum_ratio(rounds)
            caveats += [*layer_caveats(ratio), *limit_caveats(layers)]
    return Result(
        target=target.name,
        runtime=target.runtime,
        threads=configuration.threads,
        precision=configuration.precision,
        weights=target.weights(run.seed),
        inputs={each.blob: each.shape for each in target.inputs},
        input_values="reference" if target.reference else f"random, seed {run.seed}",
        model_sha256=target.sha256(),
        latency=None if emulated else latency,
        cpu_s=None if emulated else _cpu_of(messages, latency),
        instructions=messages[0].get("instructions"),
        load_s=None if emulated else _median_of(messages, "load_s"),
        first_s=None if emulated else _median_of(messages, "first_s"),
        memory=memory,
        layers=layers,
        layer_sum_ratio=ratio,
        ridge=ridge_sweep([Traffic(each.macs or 0, 0, each.bytes or 0) for each in layers]) if layers else (),
        validity=judge(caveats, timed=not emulated),
        conditions=_conditions(configuration, messages),
        facts=target.facts,
        simd=dict(messages[0].get("simd", {})),
    )


def memory_of(message: Mapping[str, Any]) -> Memory:
    """Return the memory worker's message as a value."""
    return Memory(
        peak_rss_bytes=int(message["peak_rss_bytes"]),
        loaded_rss_bytes=int(message["loaded_rss_bytes"]),
        blob_peak_bytes=int(message["blob_peak_bytes"]),
        workspace_peak_bytes=int(message["workspace_peak_bytes"]),
        weights_bytes=int(message["weights_bytes"]),
        counting_threads=int(message["counting_threads"]),
        layers=tuple(message["layers"]),
    )


def _conditions(configuration: Configuration, messages: Sequence[Mapping[str, Any]]) -> Conditions:
    first = messages[0]
    rounds = tuple(
        {"cpus": each["cpus"], "warmup": each["warmup"], **each["conditions"]} for each in messages
    )
    return Conditions(
        cpus=tuple(first["cpus"]),
        clusters=tuple(first["clusters"]),
        openmp=dict(first["openmp"]),
        governors=tuple(first["conditions"]["before"]["governors"]),
        options=configuration.options(),
        rounds=rounds,
    )


def _cpu_of(messages: Sequence[Mapping[str, Any]], latency: Latency) -> float:
    return sum(float(each["conditions"]["during"]["cpu_s"]) for each in messages) / len(latency.samples_s)


def _median_of(messages: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(np.median([float(each[key]) for each in messages]))

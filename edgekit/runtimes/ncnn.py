"""Ask a device to run cases on an ncnn net: inject some blobs, extract others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.devices import Device, Reply, Tensor
from edgekit.runtimes.trace import Array

FP32 = {
    "use_fp16_packed": False,
    "use_fp16_storage": False,
    "use_fp16_arithmetic": False,
    "use_bf16_storage": False,
    "use_bf16_packed": False,
}
"""Every half-precision switch off: what ncnn stores and computes is float32."""

CALM = {**FP32, "use_winograd_convolution": False}
"""Float32 without the winograd kernels, whose rounding is ten times that of the direct ones."""

PRECISIONS: Mapping[str, Mapping[str, bool]] = {
    "fp32": FP32,
    "fp16": {
        **FP32,
        "use_fp16_packed": True,
        "use_fp16_storage": True,
        "use_fp16_arithmetic": True,
    },
    "fp16-storage": {**FP32, "use_fp16_packed": True, "use_fp16_storage": True},
    "bf16": {**FP32, "use_bf16_storage": True, "use_bf16_packed": True},
}
"""Precision name -> ncnn options. fp16 takes effect on ARMv8.2; x86 keeps float32."""


@dataclass(frozen=True, slots=True)
class Feed:
    """An array to inject into a blob, in ncnn's order of axes, and which axis is the batch."""

    array: Array
    batch_axis: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One extractor's work: inject, then extract in that order.

    `keep` blobs stay in the worker for the next case, which names them in `carried` (blob to inject ->
    blob that case `carried_from` kept).
    """

    id: str
    inputs: Mapping[str, Feed]
    outputs: tuple[str, ...]
    light_mode: bool = False
    integers: frozenset[str] = field(default_factory=frozenset)
    keep: tuple[str, ...] | None = None
    carried: Mapping[str, str] = field(default_factory=dict)
    carried_from: str = ""


def run_cases(
    device: Device,
    param: Path,
    weights: Path,
    cases: Iterable[Case],
    options: Mapping[str, Any],
    *,
    threads: int = 1,
    timeout_s: float | None = None,
) -> Reply:
    """Run all cases in one worker process; tensors of the reply are keyed `CASE:BLOB`.

    An array that several cases inject is sent once.
    """
    message, tensors = request(param, weights, cases, {**options, "num_threads": threads})
    return device.call(message, tensors, timeout_s=timeout_s)


def request(
    param: Path | str,
    weights: Path | str,
    cases: Iterable[Case],
    options: Mapping[str, Any],
    known: Mapping[str, Feed] | None = None,
) -> tuple[dict[str, Any], list[Tensor]]:
    """Return the worker's request for these cases: the message, and its tensors with every array once.

    `known` are arrays to be sent in any case, under keys of the caller's.
    """
    sent: dict[tuple[int, int | None], str] = {}
    tensors: list[Tensor] = []
    owners: list[Array] = []  # keeps id() of each array its own until the request is written
    for key, feed in (known or {}).items():
        owners.append(feed.array)
        sent.setdefault((id(feed.array), feed.batch_axis), key)
        tensors.append((key, _ncnn_dtype(feed.array), feed.batch_axis))
    described = []
    for case in cases:
        keys = {}
        for blob, feed in case.inputs.items():
            mark = (id(feed.array), feed.batch_axis)
            if mark not in sent:
                sent[mark] = f"t{len(sent)}"
                owners.append(feed.array)
                tensors.append((sent[mark], _ncnn_dtype(feed.array), feed.batch_axis))
            keys[blob] = sent[mark]
        keys.update({blob: f"@{case.carried_from}:{kept}" for blob, kept in case.carried.items()})
        described.append(
            {
                **({} if case.keep is None else {"keep": list(case.keep)}),
                "id": case.id,
                "inputs": keys,
                "outputs": list(case.outputs),
                "light_mode": case.light_mode,
                "dtypes": dict.fromkeys(sorted(case.integers), "int32"),
            }
        )
    message = {
        "command": "run",
        "files": {"param": str(param), "bin": str(weights)},
        "options": dict(options),
        "cases": described,
    }
    return message, tensors


def _ncnn_dtype(array: Array) -> Array:
    dtype = np.int32 if array.dtype.kind in "iub" else np.float32
    return np.ascontiguousarray(array, dtype)

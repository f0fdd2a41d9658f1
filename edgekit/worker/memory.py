"""How much memory a net takes: measured in a process of its own and never together with time.

The resident set is what the kernel counts (VmHWM less what Python, numpy and ncnn had taken before the net
was loaded); blob and workspace peaks are exact, from allocators that count every request.

    {"command": "memory", "files": ..., "options": ..., "inputs": ..., "outputs": ..., "seed": 0,
     "pin": {}, "runs": 3, "counting_threads": 2}

The counting allocators are Python, which one thread at a time can enter. Should a layer ever allocate inside
a parallel region, the process would wait for itself: an alarm then ends it, and the caller asks again with
`counting_threads` 1.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
from collections.abc import Mapping
from typing import Any

from .affinity import pin_process
from .environment import environment
from .protocol import Array, Progress, TensorWriter

_PATIENCE_S = 20.0
_PATIENCE_FACTOR = 100.0  # counting is slow


def serve(
    message: Mapping[str, Any],
    tensors: Mapping[str, Array],
    batch_axes: Mapping[str, int | None],
    writer: TensorWriter,
    progress: Progress,
) -> dict[str, Any]:
    """First an undisturbed run for the resident set, then a counted one for the allocators."""
    pin_process(int(message.get("options", {}).get("num_threads", 1)), message.get("pin", {}))
    from .session import Session, pool_allocators
    from .tracking import counted_run

    if "bin" not in message["files"]:
        importlib.import_module("numpy.random")  # so that it counts as part of the baseline
    baseline = _reset_peak()
    progress.begin("loading the net")
    session = Session(message, tensors, batch_axes, pool_allocators())
    loaded = read_status("VmRSS")
    progress.begin("running the net")
    longest_s = max(session.infer() for _ in range(int(message.get("runs", 3))))
    peak = read_status("VmHWM")
    weights_bytes = session.weights_bytes
    session.close()
    progress.begin("counting allocations")
    options = dict(message.get("options", {}))
    options["num_threads"] = message.get("counting_threads", options.get("num_threads", 1))
    signal.alarm(int(_PATIENCE_S + _PATIENCE_FACTOR * (longest_s + session.load_s)))
    counted = counted_run({**message, "options": options}, tensors, batch_axes)
    signal.alarm(0)
    return {
        "baseline_rss_bytes": baseline,
        "loaded_rss_bytes": max(0, loaded - baseline),
        "peak_rss_bytes": max(0, peak - baseline),
        "weights_bytes": weights_bytes,
        "counting_threads": options["num_threads"],
        **counted,
        "environment": environment(),
    }


def _reset_peak() -> int:
    """Set VmHWM back to what is resident now where the kernel lets us; return the baseline in bytes."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    return read_status("VmHWM")


def read_status(field: str, path: str = "/proc/self/status") -> int:
    """Return a memory field of /proc/self/status in bytes.

    Raises:
        KeyError: the kernel does not tell.
    """
    with open(path, encoding="ascii", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
    raise KeyError(field)

"""What the worker can see of the machine it runs on."""

from __future__ import annotations

import os
import platform
from typing import Any

_CPUINFO_KEYS = ("model name", "Model", "Hardware", "CPU part")


def environment() -> dict[str, Any]:
    """Return architecture, CPU, cores, ncnn's version and the CPU features that ncnn saw."""
    import ncnn

    features = {
        name.removeprefix("cpu_support_"): bool(getattr(ncnn, name)())
        for name in dir(ncnn)
        if name.startswith("cpu_support_")
    }
    return {
        "arch": platform.machine(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "ncnn": getattr(ncnn, "__version__", "unknown"),
        "features": features,
    }


def cpu_model(path: str = "/proc/cpuinfo") -> str:
    """Return the CPU's name from /proc/cpuinfo, or the architecture where it has none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            pairs = [line.partition(":") for line in file if ":" in line]
    except OSError:
        return platform.machine()
    values = {key.strip(): value.strip() for key, _, value in reversed(pairs)}
    for key in _CPUINFO_KEYS:
        if values.get(key):
            return values[key]
    return platform.machine()

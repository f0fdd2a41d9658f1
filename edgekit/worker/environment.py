"""What the worker can see of the machine it runs on."""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Any

_AT_HWCAP, _AT_HWCAP2 = 16, 26
# name -> (auxiliary vector entry, bit), from Linux' arch/arm64/include/uapi/asm/hwcap.h
_ARM_BITS = {
    "arm_asimdhp": (_AT_HWCAP, 10),
    "arm_asimddp": (_AT_HWCAP, 20),
    "arm_asimdfhm": (_AT_HWCAP, 23),
    "arm_sve": (_AT_HWCAP, 22),
    "arm_sve2": (_AT_HWCAP2, 1),
    "arm_i8mm": (_AT_HWCAP2, 13),
    "arm_bf16": (_AT_HWCAP2, 14),
}
# name -> what /proc/cpuinfo calls the parts of it, all of which ncnn asks for
_X86_FLAGS = {
    "x86_avx512": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86_avx_vnni": {"avx_vnni"},
    "x86_f16c": {"f16c"},
    "x86_fma": {"fma"},
}
_CPUINFO = "/proc/cpuinfo"
_CPUINFO_KEYS = ("model name", "Model", "Hardware", "CPU part")


def environment() -> dict[str, Any]:
    """Return architecture, CPU, cores, ncnn's version and the CPU features that ncnn saw."""
    import ncnn

    features = {
        name.removeprefix("cpu_support_"): bool(getattr(ncnn, name)())
        for name in dir(ncnn)
        if name.startswith("cpu_support_")
    }
    features.update(arm_features())
    features.update(x86_features())
    return {
        "arch": platform.machine(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "ncnn": getattr(ncnn, "__version__", "unknown"),
        "features": features,
    }


def arm_features() -> dict[str, bool]:
    """Return what the kernel says of an aarch64 CPU beyond what the binding tells; empty on any other.

    These bits of getauxval are where ncnn itself looks before it picks a kernel.
    """
    if platform.machine() not in ("aarch64", "arm64") or not hasattr(ctypes.CDLL(None), "getauxval"):
        return {}
    getauxval = ctypes.CDLL(None).getauxval
    getauxval.argtypes, getauxval.restype = [ctypes.c_ulong], ctypes.c_ulong
    capabilities = {number: getauxval(number) for number in (_AT_HWCAP, _AT_HWCAP2)}
    return {name: bool(capabilities[number] >> bit & 1) for name, (number, bit) in _ARM_BITS.items()}


def x86_features(path: str = _CPUINFO, arch: str = platform.machine()) -> dict[str, bool]:
    """Return what the kernel lets an x86-64 CPU do beyond what the binding tells; empty on any other.

    ncnn asks the CPU itself, and whether the kernel saves its registers; /proc/cpuinfo lists what both allow.
    `arch` decides, since an emulated program reads the file of the machine it is emulated on.
    """
    if arch != "x86_64":
        return {}
    flags = set(_cpuinfo(path).get("flags", "").split())
    return {name: parts <= flags for name, parts in _X86_FLAGS.items()} if flags else {}


def cpu_model(path: str = _CPUINFO) -> str:
    """Return the CPU's name from /proc/cpuinfo, or the architecture where it has none."""
    values = _cpuinfo(path)
    for key in _CPUINFO_KEYS:
        if values.get(key):
            return values[key]
    return platform.machine()


def _cpuinfo(path: str) -> dict[str, str]:
    """Return the lines of the first CPU; none where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            pairs = [line.partition(":") for line in file if ":" in line]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in reversed(pairs)}

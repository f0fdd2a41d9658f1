"""What this device can do at best: multiply-adds per second and bytes per second, measured here and now.

Compute is the fastest of ncnn's own pointwise convolutions (its best-tuned kernel) over several shapes and
of numpy's matrix product; memory is a copy in as many threads as the net uses, over working sets from the
caches to main memory. Both take the best of several repetitions: a peak is a limit, not a mean.

    {"command": "peaks", "options": {"num_threads": 1, ...}, "pin": {}, "seconds": 2.0}
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .affinity import pin_process
from .environment import environment
from .protocol import Array, Progress, TensorWriter

# (channels in and out, height and width): 51 to 231 million MACs
_POINTWISE = ((128, 56), (256, 28), (256, 56), (512, 28), (512, 14))
_MATRIX = 768
_COPIED_BYTES = 1 << 28  # in one timing at least, so that starting the threads does not count
_SETS_BYTES = (1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28)

_POINTWISE_PARAM = """\
7767517
2 2
Input in0 0 1 in0
Convolution conv 1 1 in0 out0 0={channels} 1=1 5=0 6={weights}
"""


def serve(
    message: Mapping[str, Any],
    tensors: Mapping[str, Array],
    batch_axes: Mapping[str, int | None],
    writer: TensorWriter,
    progress: Progress,
) -> dict[str, Any]:
    """Pin, then measure compute and memory with the same number of threads as the net."""
    options = dict(message.get("options", {}))
    threads = int(options.get("num_threads", 1))
    cpus = pin_process(threads, message.get("pin", {}))
    seconds = float(message.get("seconds", 2.0))
    share = seconds / (len(_POINTWISE) + 1 + len(_SETS_BYTES))
    compute = []
    for channels, size in _POINTWISE:
        progress.begin(f"a pointwise convolution of {channels} channels at {size}x{size}")
        compute.append(_pointwise(channels, size, options, share))
    progress.begin("a matrix product")
    compute.append(_matrix_product(share))
    memory = []
    for size in _SETS_BYTES:
        progress.begin(f"copying {size} bytes")
        memory.append({"working_set_bytes": size, "bytes_per_s": _copy(size, threads, share)})
    return {
        "threads": threads,
        "cpus": cpus,
        "compute": compute,
        "memory": memory,
        "environment": environment(),
    }


def _pointwise(channels: int, size: int, options: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    import ncnn

    from .net import to_mat
    from .session import pool_allocators
    from .weights import RandomWeights

    net = ncnn.Net()
    allocators = pool_allocators()
    for name, value in options.items():
        setattr(net.opt, name, value)
    net.opt.blob_allocator, net.opt.workspace_allocator = allocators
    net.load_param_mem(_POINTWISE_PARAM.format(channels=channels, weights=channels * channels))
    net.load_model(RandomWeights(iter([(channels * channels, channels)]), 0))
    mat = to_mat(np.random.default_rng(0).random((channels, size, size), np.float32), None)

    def run() -> None:
        extractor = net.create_extractor()
        extractor.input(0, mat)
        out = ncnn.Mat()
        extractor.extract(1, out, 1)
        extractor.clear()

    best_s = _best(run, seconds)
    net.clear()
    macs = channels * channels * size * size
    return {"method": f"ncnn 1x1 convolution {channels}x{size}x{size}", "macs_per_s": macs / best_s}


def _matrix_product(seconds: float) -> dict[str, Any]:
    """Time sgemm of numpy; it runs in as many threads as OPENBLAS_NUM_THREADS says."""
    random = np.random.default_rng(0)
    left, right = (random.random((_MATRIX, _MATRIX), np.float32) for _ in range(2))
    out = np.empty_like(left)
    best_s = _best(lambda: np.matmul(left, right, out=out), seconds)
    return {"method": f"numpy matrix product {_MATRIX}", "macs_per_s": _MATRIX**3 / best_s}


def _copy(working_set: int, threads: int, seconds: float) -> float:
    """Return bytes read plus bytes written per second; source and target are the working set."""
    half = working_set // 2 // threads // 8
    sources = [np.ones(half, np.float64) for _ in range(threads)]
    targets = [np.empty(half, np.float64) for _ in range(threads)]
    for target, source in zip(targets, sources, strict=True):
        np.copyto(target, source)
    repeats = max(1, _COPIED_BYTES // working_set)

    def copy(index: int) -> None:
        for _ in range(repeats):
            np.copyto(targets[index], sources[index])  # releases the GIL

    def together() -> None:
        others = [threading.Thread(target=copy, args=(index,)) for index in range(1, threads)]
        for other in others:
            other.start()
        copy(0)
        for other in others:
            other.join()

    return 2 * 8 * half * threads * repeats / _best(together, seconds)


def _best(run: Callable[[], Any], seconds: float) -> float:
    """Return the shortest time of one call in `seconds` of repetitions, at least three."""
    run()
    best_s, count, begin = float("inf"), 0, time.perf_counter()
    while count < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter_ns()
        run()
        best_s = min(best_s, (time.perf_counter_ns() - start) * 1e-9)
        count += 1
    return best_s

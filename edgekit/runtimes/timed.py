"""Time onnxruntime or torch by the protocol of the worker: `python -m edgekit.runtimes.timed REQUEST RESULT`.

A program of its own, because a runtime has to be pinned and its threads set before it is loaded. The
request is the worker's `bench` with `"runtime"`, `"files": {"model": PATH}` (`.onnx`, or TorchScript for
torch) and the inputs in the model's order.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.worker.affinity import clusters, pin_process
from edgekit.worker.conditions import Watch, cpu_state, openmp_settings, temperature
from edgekit.worker.protocol import Array, Progress, TensorWriter, read_message
from edgekit.worker.timing import cool_down, sample, warm_up

Run = Callable[[], object]


def serve(
    message: Mapping[str, Any], tensors: Mapping[str, Array], writer: TensorWriter, progress: Progress
) -> dict[str, Any]:
    """Pin, load, run once, warm up, sample, as the worker does with ncnn."""
    threads = int(message["options"]["num_threads"])
    known_clusters = clusters()
    cpus = pin_process(threads, message.get("pin", {}))
    rested_s = 0.0
    if "cool_down" in message:
        rested_s = cool_down(**message["cool_down"], read=temperature)
    before = cpu_state(cpus)
    progress.begin("loading the model")
    arrays = [np.array(tensors[key]) for key in message["inputs"].values()]
    begin = time.perf_counter()
    run, version = _LOADERS[message["runtime"]](str(message["files"]["model"]), arrays, threads)
    load_s = time.perf_counter() - begin

    def infer() -> float:
        start = time.perf_counter_ns()
        run()
        return (time.perf_counter_ns() - start) * 1e-9

    progress.begin("the first inference")
    first_s = infer()
    progress.begin("warming up")
    warmup = warm_up(infer, **message["warmup"])
    progress.begin("sampling")
    watch = Watch(cpus)
    samples = sample(infer, **message["sampling"])
    during = watch.stop()
    writer.add("latency_s", samples)
    return {
        "load_s": load_s,
        "first_s": first_s,
        "warmup": {**warmup, "cool_down_s": rested_s},
        "conditions": {"before": before, "after": cpu_state(cpus), "during": during},
        "cpus": cpus,
        "clusters": known_clusters,
        "openmp": openmp_settings(),
        "runtime": {"name": message["runtime"], "version": version},
    }


def _onnxruntime(path: str, arrays: Sequence[Array], threads: int) -> tuple[Run, str]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {entry.name: array for entry, array in zip(session.get_inputs(), arrays, strict=True)}
    return lambda: session.run(None, feed), str(onnxruntime.__version__)


def _torch(path: str, arrays: Sequence[Array], threads: int) -> tuple[Run, str]:
    import torch

    torch.set_num_threads(threads)
    module = torch.jit.optimize_for_inference(torch.jit.load(path).eval())
    tensors = [torch.from_numpy(array) for array in arrays]

    def run() -> object:
        with torch.inference_mode():
            return module(*tensors)

    return run, str(torch.__version__)


_LOADERS: Mapping[str, Callable[[str, Sequence[Array], int], tuple[Run, str]]] = {
    "onnxruntime": _onnxruntime,
    "torch": _torch,
}


def main(arguments: Sequence[str]) -> None:
    """Serve one request; an error is part of the answer."""
    request, result = arguments
    writer, progress = TensorWriter(result), Progress(result)
    try:
        message, tensors, _ = read_message(request)
        answer = serve(message, tensors, writer, progress)
    except Exception as error:
        answer = {
            "error": {
                "type": type(error).__name__,
                "message": str(error).splitlines()[0] if str(error) else type(error).__name__,
                "step": progress.step,
                "traceback": traceback.format_exc(),
            }
        }
    writer.close(answer)
    os._exit(0)  # some runtimes take long to say good-bye


if __name__ == "__main__":
    main(sys.argv[1:])

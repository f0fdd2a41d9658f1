"""The plainest loop over the ncnn API that times a net: what `edgekit bench` has to agree with.

    python plain_loop.py MODEL.param MODEL.bin INPUTS.npz OUTPUT_BLOB THREADS WARM_UP_S SECONDS

INPUTS.npz holds an array (c, h, w) per input blob. Prints a JSON list of seconds.
"""

import json
import sys
import time

import ncnn
import numpy as np


def main(
    param: str, weights: str, inputs: str, output: str, threads: str, warm_up: str, seconds: str
) -> None:
    net = ncnn.Net()
    net.opt.num_threads = int(threads)
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_packed = net.opt.use_bf16_storage = False
    blobs, workspace = ncnn.UnlockedPoolAllocator(), ncnn.PoolAllocator()
    net.opt.blob_allocator, net.opt.workspace_allocator = blobs, workspace
    assert net.load_param(param) == 0
    assert net.load_model(weights) == 0
    arrays = {name: np.ascontiguousarray(array) for name, array in np.load(inputs).items()}
    mats = {name: ncnn.Mat(array).clone() for name, array in arrays.items()}

    def infer() -> float:
        out = ncnn.Mat()
        begin = time.perf_counter()
        extractor = net.create_extractor()
        for name, mat in mats.items():
            extractor.input(name, mat)
        extractor.extract(output, out)
        extractor.clear()
        return time.perf_counter() - begin

    begin = time.perf_counter()
    while time.perf_counter() - begin < float(warm_up):
        infer()
    samples = []
    begin = time.perf_counter()
    while time.perf_counter() - begin < float(seconds):
        samples.append(infer())
    print(json.dumps(samples))
    mats.clear()
    net.clear()


if __name__ == "__main__":
    main(*sys.argv[1:])

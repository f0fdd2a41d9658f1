"""Answers requests on stdin by asking the installed ncnn, one JSON line for each.

{"types": [...]}                       -> {"index": {type: index}, "made": {type: bool}, "count": n}
{"param": path, "bin": path,           -> {"param": status, "bin": status, "outputs": {blob: values}}
 "inputs": {blob: values},
 "shapes": {blob: shape}, "outputs": [...]}
"""

import json
import sys

import ncnn
import numpy as np


def types(request):
    count = next(i for i in range(1000) if all(ncnn.create_layer(i + j) is None for j in range(50)))
    return {
        "index": {each: ncnn.layer_to_index(each) for each in request["types"]},
        "made": {each: ncnn.create_layer(each) is not None for each in request["types"]},
        "count": count,
    }


def load(request):
    net = ncnn.Net()
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    net.opt.num_threads = 1
    answer = {"param": net.load_param(request["param"]), "outputs": {}}
    if answer["param"] != 0:
        return answer
    answer["bin"] = net.load_model(request["bin"])
    if answer["bin"] != 0:
        return answer
    extractor = net.create_extractor()
    for name, values in request.get("inputs", {}).items():
        extractor.input(name, ncnn.Mat(np.array(values, np.float32)).clone())
    for name, shape in request.get("shapes", {}).items():
        extractor.input(name, ncnn.Mat(np.ones(shape, np.float32)).clone())
    for name in request["outputs"]:
        status, mat = extractor.extract(name)
        array = np.array(mat) if status == 0 else np.zeros(0)
        answer["outputs"][name] = {
            "status": status,
            "shape": array.shape,
            "values": array.ravel()[:64].tolist(),
        }
    del extractor
    return answer


for request in json.load(sys.stdin):
    print(json.dumps(types(request) if "types" in request else load(request)), flush=True)

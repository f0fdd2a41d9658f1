"""Which layer ncnn dies in. A bench runs the net as a whole and cannot tell: this runs it blob by blob."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.bencher.targets import Target
from edgekit.devices import Device, DeviceTimeout, WorkerCrashed, WorkerError
from edgekit.errors import UserError

_TIMEOUT_S = 60.0


def blamed(
    error: WorkerCrashed | WorkerError, device: Device, target: Target, options: Mapping[str, Any], seed: int
) -> UserError:
    """Return an error that names the guilty layer, or `error` itself where the run blob by blob goes well."""
    cases = [
        {
            "id": "bench",
            "inputs": {each.blob: each.blob for each in target.inputs},
            "outputs": [blob for layer in target.graph if layer.type != "Input" for blob in layer.outputs],
        }
    ]
    message = {"command": "run", "files": target.files(), "options": options, "seed": seed, "cases": cases}
    try:
        reply = device.call(message, target.tensors(seed), timeout_s=_TIMEOUT_S)
    except WorkerCrashed as crash:
        return crash if crash.step.startswith("layer ") else error
    except (WorkerError, DeviceTimeout):
        return error
    reply.close()
    status: Mapping[str, int] = reply.message["status"]["bench"]
    for layer in target.graph:
        for blob in layer.outputs:
            if status.get(blob):
                return WorkerError(
                    f"ncnn cannot compute layer '{layer.name}' ({layer.type}) from these inputs "
                    f"(extract returned {status[blob]})",
                    "give the shapes that the model was made for, with --input",
                )
    return error

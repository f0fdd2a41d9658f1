"""`python .../worker REQUEST RESULT`: read a request folder, do what it asks, write the result folder.

`python .../worker -` loads ncnn first and then reads the two folders from stdin, a line each: a worker that
is started ahead. Without a line it ends with status 0.

Exit status 0: the result folder holds a whole message, which may say `"error"`. Any other status
(a signal above all) means that the process died; `RESULT/progress` then says at which step.
"""

from __future__ import annotations

import os
import sys
import traceback

if __package__ in (None, ""):
    # Started by path on a device: make this folder importable under its own package name.
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path = [entry for entry in sys.path if os.path.abspath(entry or ".") != folder]
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "edgekit_worker", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["edgekit_worker"] = module
    spec.loader.exec_module(module)
    __package__ = "edgekit_worker"

from .protocol import Progress, TensorWriter, read_message

COMMANDS = ("info", "run", "bench", "memory", "peaks")


def main(arguments: list[str]) -> int:
    """Serve one request."""
    if arguments == ["-"]:
        __import__(f"{__package__}.run")
        arguments = [line.rstrip("\n") for line in sys.stdin]
        if not arguments:
            return 0
    if len(arguments) != 2:
        sys.stderr.write("usage: python worker REQUEST RESULT\n")
        return 2
    request, result = arguments
    writer = TensorWriter(result)
    progress = Progress(result)
    try:
        message, tensors, batch_axes = read_message(request)
        command = message["command"]
        if command not in COMMANDS:
            raise ValueError(f"unknown worker command {command!r}")
        module = __import__(f"{__package__}.{command}", fromlist=["serve"])
        answer = module.serve(message, tensors, batch_axes, writer, progress)
    except Exception as error:
        answer = {
            "error": {
                "type": type(error).__name__,
                "message": str(error),
                "step": progress.step,
                "traceback": traceback.format_exc(),
            }
        }
    writer.close(answer)
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # ncnn's destructors run in an order that Python does not promise; nothing is left to save.
    os._exit(status)

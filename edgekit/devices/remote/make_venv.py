"""Makes a virtual environment with ncnn and numpy on a board, whole or not at all.

Sent through stdin and executed there, after a line of JSON: `packages`, `again`. On stdout comes a line of
JSON after the word `edgekit:`; `python` is the interpreter, or `error` and `remedy` say why there is none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

_MIN_PYTHON = (3, 10)


def main() -> None:
    """Make it, or find it."""
    header = json.loads(sys.stdin.readline())
    folder = os.path.join(os.path.expanduser("~"), ".cache", "edgekit", "venv")
    python = os.path.join(folder, "bin", "python")
    if os.path.exists(python) and not header["again"]:
        return _answer(python=python)
    if sys.version_info < _MIN_PYTHON:
        version = "{}.{}".format(*sys.version_info)
        return _answer(
            error=f"its Python is {version}, ncnn's worker needs 3.10", remedy="install a newer one"
        )
    making = folder + ".making"
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    failed = _run([sys.executable, "-m", "venv", "--clear", making])
    if failed:
        remedy = "on Debian: apt-get install python3-venv"
    else:
        made = os.path.join(making, "bin", "python")
        failed = _run([made, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *header["packages"]])
        remedy = "its pip needs a package index with wheels for its CPU"
    if failed:
        shutil.rmtree(making, ignore_errors=True)
        return _answer(error=failed, remedy=remedy)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(making, folder)
    return _answer(python=python)


def _run(command: list[str]) -> str:
    """Return the last line of what went wrong, or nothing."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    lines = (done.stderr + done.stdout).strip().splitlines() or ["no message"]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines)[-1]


def _answer(**message: str) -> None:
    print("edgekit:" + json.dumps(message), flush=True)


if __name__ == "__main__":
    main()

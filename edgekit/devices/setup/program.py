"""Running a program that sets something up: its failure is one line with a remedy."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgekit import processes
from edgekit.errors import UserError


def run_program(
    command: Sequence[str | Path],
    *,
    timeout_s: float,
    remedy: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program to its end and return its output.

    Raises:
        UserError: it is missing, failed, or did not end in time; the line is the program's own last one.
    """
    name = Path(command[0]).name
    try:
        done = processes.run(command, timeout_s=timeout_s, cwd=folder, env=environment)
    except subprocess.TimeoutExpired:
        raise UserError(f"{name} did not end within {timeout_s:g} s", remedy) from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        errors = [line for line in lines if line.startswith(("E:", "ERROR"))] or lines or ["no message"]
        raise UserError(f"{name} failed: {errors[-1].strip()}", remedy)
    return done.stdout.decode("utf-8", "replace")

"""Open a model in Netron, the viewer of networks, where it is installed."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from edgekit.errors import UserError

_START = "import netron; netron.main()"


def netron_command(model: Path) -> list[str]:
    """Return the command that shows a `.param` in the browser until it is interrupted.

    Raises:
        UserError: Netron is not installed, neither for this Python nor as a program.
    """
    if importlib.util.find_spec("netron") is not None:
        return [sys.executable, "-c", _START, "--browse", str(model)]
    program = shutil.which("netron")
    if program is None:
        raise UserError("Netron is not installed", "install it with: pip install netron")
    return [program, "--browse", str(model)]


def open_netron(model: Path) -> None:
    """Show a `.param` in Netron and wait until it is closed.

    Raises:
        UserError: Netron is not installed, or does not start.
    """
    command = netron_command(model)
    try:
        status = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise UserError(f"Netron does not start: {error.strerror}", "pip install --upgrade netron") from None
    if status > 0:
        raise UserError(f"Netron ended with exit status {status}", "pip install --upgrade netron")

"""Settings of the whole suite."""

import os
import shutil

import hypothesis
import pytest

from edgekit.devices.qemu import PROGRAM_REMEDY, find_program, setup_qemu
from edgekit.devices.setup.qemu import Root

# The suite runs on shared machines, where one slow example says nothing.
hypothesis.settings.register_profile("edgekit", deadline=None, print_blob=True)
hypothesis.settings.load_profile("edgekit")


@pytest.fixture(scope="session")
def qemu() -> Root:
    """The arm64 Python in the user's cache: the tests and the user share it."""
    installable = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if not installable and find_program() is None:
        pytest.skip(f"qemu-aarch64-static is not installed; {PROGRAM_REMEDY}")
    return setup_qemu()

"""Settings of the whole suite."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

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


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Bundles of the nets that half precision breaks, or does not, each exported once."""
    import edgekit
    from tests.repairer import nets

    folder = tmp_path_factory.mktemp("halves")

    def export(name: str) -> Path:
        path = folder / name
        if not path.exists():
            kind, shape = nets.BROKEN.get(name) or nets.SOUND[name]
            edgekit.export(nets.build(kind), path, inputs={"x": shape})
        return path

    return export

"""The arm64 Python: found when it is there, whole or not there at all, and of the pinned packages."""

import json
import re
import shutil
from pathlib import Path

import pytest

from edgekit.devices import QemuDevice
from edgekit.devices.setup import qemu as setup
from edgekit.devices.setup.qemu import Root
from edgekit.errors import UserError

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"


def test_the_wheels_are_those_of_the_constraints() -> None:
    pinned = set(CONSTRAINTS.read_text().splitlines())
    assert set(setup.WHEELS) <= pinned


def test_what_went_in_is_on_record(qemu: Root) -> None:
    record = json.loads((qemu.folder.parent / "root.json").read_text())
    assert record["wheels"] == dict(setup.WHEELS)
    names = {name.partition("_")[0] for name in record["packages"]}
    assert names == set(setup.PACKAGES)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in record["packages"].values())
    assert qemu.python.is_file()


def test_a_second_setup_does_nothing(qemu: Root) -> None:
    def never(root: Root) -> None:
        raise AssertionError("it was there")

    before = qemu.python.stat()
    assert setup.make_root(never) == qemu
    assert qemu.python.stat().st_mtime_ns == before.st_mtime_ns


def test_without_a_root_the_remedy_is_the_setup(
    qemu: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match="edgekit device setup qemu"):
        QemuDevice("max").info()


def test_without_qemu_the_remedy_is_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="qemu-aarch64-static is not installed; on Debian: apt-get install"):
        QemuDevice("max").info()


@pytest.mark.slow
def test_a_setup_that_fails_leaves_nothing(
    qemu: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it for real, until the check of the finished root fails."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def refuse(root: Root) -> None:
        assert root.python.is_file()
        assert (root.packages / "ncnn").is_dir()
        raise UserError("it does not run", "mend it")

    with pytest.raises(UserError, match="it does not run"):
        setup.make_root(refuse)
    assert [path.name for path in (tmp_path / "edgekit" / "qemu").iterdir()] == [".lock"]
    assert setup.find_root() is None


def test_a_wheel_of_another_hash_is_refused(
    qemu: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "WHEELS", dict.fromkeys(setup.WHEELS, "0" * 64))
    with pytest.raises(UserError, match=r"pip failed|python.* failed"):
        setup._install_wheels(tmp_path)
    assert not (tmp_path / "packages" / "ncnn").exists()


def test_a_host_without_apt_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("apt-get") is None
    with pytest.raises(UserError, match="apt-get does not start: No such file") as caught:
        setup._download_packages(tmp_path / "apt")
    assert "Debian 12" in str(caught.value.remedy)

"""Temporary folders and files: gone with their block, and gone after their owner was killed."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgekit
from edgekit import scratch


@pytest.fixture(autouse=True)
def _as_if_new() -> Iterator[None]:
    """A process sweeps a place once; every test is a process that has not."""
    scratch._swept.clear()
    yield


def killed_owner(code: str, folder: Path) -> None:
    """Run code that says `ready`, and kill it then."""
    head = "from edgekit import scratch\nfrom pathlib import Path\nimport time\n"
    text = f"{head}place = Path({str(folder)!r})\n{code}"
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.wait()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_lives_as_long_as_its_block(tmp_path: Path) -> None:
    with pytest.raises(KeyError), scratch.folder(parent=tmp_path) as folder:
        (folder / "file").write_text("x")
        assert folder.stat().st_mode & 0o777 == 0o700
        raise KeyError
    assert names(tmp_path) == []


def test_what_no_block_removes_is_gone_at_the_end(tmp_path: Path) -> None:
    """A signal can arrive before the block is entered that would have removed it."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom edgekit import scratch\nplace = Path(sys.argv[1])\n"
        "(scratch.make_folder(parent=place) / 'file').touch()\n"
        "scratch.part_of(place / 'r.json').gen.send(None)\nraise KeyboardInterrupt"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, check=False)
    assert b"KeyboardInterrupt" in done.stderr
    assert names(tmp_path) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    killed_owner(
        "folder = scratch.make_folder(parent=place); (folder / 'file').touch()\n"
        "print('ready', flush=True); time.sleep(60)",
        tmp_path,
    )
    (left,) = names(tmp_path)
    with scratch.folder(parent=tmp_path) as folder:
        assert names(tmp_path) == [folder.name] != [left]


def test_what_a_living_process_holds_stays(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()

    def hold() -> None:
        with scratch.folder(parent=tmp_path):
            ready.set()
            done.wait()

    process = context.Process(target=hold)
    process.start()
    ready.wait()
    with scratch.folder(parent=tmp_path):
        assert len(names(tmp_path)) == 2
    done.set()
    process.join()
    assert names(tmp_path) == []


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    others = (
        ".edgekit.abcdefgh",
        "edgekit.abcdefgh.part",
        ".edgekit.ABCDEFGH.part",
        ".other.abcdefgh.part",
        ".edgekit.x.part",
    )
    for name in others:
        (tmp_path / name).mkdir()
    (tmp_path / ".edgekit.abcdefg1.part").symlink_to(tmp_path / ".edgekit.abcdefgh")
    with scratch.folder(parent=tmp_path):
        pass
    assert names(tmp_path) == sorted([*others, ".edgekit.abcdefg1.part"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_what_is_somebody_elses_stays(tmp_path: Path) -> None:
    (tmp_path / ".edgekit.abcdefgh.part").mkdir()
    os.chown(tmp_path / ".edgekit.abcdefgh.part", 12345, 12345)
    with scratch.folder(parent=tmp_path):
        pass
    assert names(tmp_path) == [".edgekit.abcdefgh.part"]


def test_a_half_written_file_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    killed_owner(
        "with scratch.part_of(place / 'r.json') as (part, file):\n"
        "    file.write(b'half'); file.flush(); print('ready', flush=True); time.sleep(60)",
        tmp_path,
    )
    assert len(names(tmp_path)) == 1
    with scratch.part_of(tmp_path / "r.json") as (part, file):
        file.write(b"whole")
        file.flush()
        part.replace(tmp_path / "r.json")
    assert names(tmp_path) == ["r.json"]
    assert (tmp_path / "r.json").read_bytes() == b"whole"


def _make_many(place: Path, count: int) -> None:
    for _ in range(count):
        scratch._swept.clear()  # sweep every time: as many new processes would
        with scratch.folder(parent=place) as folder:
            (folder / "file").write_text("x")
            assert (folder / "file").exists()


def test_many_at_once_do_not_remove_each_others(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_make_many, args=(tmp_path, 200)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert names(tmp_path) == []


def test_nothing_temporary_is_made_elsewhere() -> None:
    """What `tempfile` makes outlives a kill. Tracebacks are to be kept; a board has its own supervisor."""
    package = Path(edgekit.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"mkdtemp|mkstemp|TemporaryDirectory|NamedTemporaryFile", path.read_text("utf-8"))
    }
    assert found == {"cli/failures.py", "devices/remote/supervisor.py"}

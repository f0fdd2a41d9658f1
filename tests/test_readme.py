"""Every command of the README, typed as it stands, on real input."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from matplotlib import cbook

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, 2, 1)
        self.fc = torch.nn.Linear(8, 4)

    def forward(self, image):
        x = self.conv(image).relu()
        return self.fc(x.mean((2, 3)))
"""
# What a check may honestly answer: a difference that was put there, a slower moment of the machine.
MAY_FAIL = ("build/broken", "--against", "doctor", "diff build/")


def commands() -> list[str]:
    """The lines after `$ ` in the README's console blocks, make left out."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line.split("  #")[0] for line in lines if not line.startswith("make")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the files that the README names."""
    path = tmp_path_factory.mktemp("readme")
    for name in ("export", "benchmarks"):
        (path / name).symlink_to(ROOT / name)
    (path / "net.py").write_text(NET)
    (path / "photos").mkdir()
    (path / "android_demo" / "app").mkdir(parents=True)
    shutil.copy(ROOT / "android_demo" / "settings.gradle.kts", path / "android_demo")
    shutil.copy(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False), path / "photos")
    return path


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    start = {"edgekit": [sys.executable, "-m", "edgekit"], "python": [sys.executable]}
    command = [*start[words[0]], *words[1:]]
    path = f"{ROOT}:{folder}"
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.slow
def test_every_command_of_the_readme_runs(folder: Path) -> None:
    from safetensors.torch import save_file

    sys.path.insert(0, str(folder))
    try:
        import net

        torch.manual_seed(0)
        save_file(net.Net().state_dict(), folder / "net.safetensors")
    finally:
        sys.path.remove(str(folder))
    found = commands()
    assert len(found) >= 15
    # The README speaks of the bundle that `make demo` leaves behind.
    for line in ("edgekit export mobilenet_v2 -o build/mobilenet_v2", *found):
        if "shipped.param" in line:
            for suffix in ("param", "bin"):
                shutil.copy(folder / f"build/net/model.ncnn.{suffix}", folder / f"shipped.{suffix}")
        done = run(line, folder)
        allowed = (0, 1) if any(word in line for word in MAY_FAIL) else (0,)
        assert done.returncode in allowed, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    pages = [folder / "build/verify.html", folder / "build/bench.html"]
    assert all(page.read_text().startswith("<!") for page in pages)
    assert (folder / "build/case/repro.py").is_file()


@pytest.mark.slow
def test_the_python_of_the_readme_runs(folder: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pass ()")

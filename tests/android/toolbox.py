"""The tools of the Android tests: javac, java and aapt2 on the app's own sources."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
APP = ROOT / "android_demo"
STUBS = Path(__file__).with_name("stubs")
FAKES = Path(__file__).with_name("fakes")
DRIVER = Path(__file__).with_name("driver")
JSON_JAR = Path("/usr/share/java/com.android.json.jar")
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")

need_java = pytest.mark.skipif(
    shutil.which("javac") is None or not JSON_JAR.exists(),
    reason="apt-get install default-jdk-headless libandroid-json-java",
)
need_aapt = pytest.mark.skipif(
    shutil.which("aapt2") is None or not FRAMEWORK.exists(),
    reason="apt-get install aapt android-framework-res",
)


def java_files(*folders: Path) -> list[str]:
    """All Java sources below the folders."""
    return sorted(str(path) for folder in folders for path in folder.rglob("*.java"))


def javac(sources: Sequence[str], output: Path, classpath: Sequence[Path], *, strict: bool = True) -> None:
    """Compile; as strict as Gradle does, a warning is an error."""
    output.mkdir(parents=True, exist_ok=True)
    lint = ["-Xlint:all", "-Werror"] if strict else []
    paths = ":".join(map(str, classpath))
    command = ["javac", "--release", "11", *lint, "-cp", paths, "-d", str(output), *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Jvm:
    """Runs the driver on a JVM, with the core in the same process or with a program for each request."""

    classpath: tuple[Path, ...]
    library: Path | None
    folder: Path

    def run(self, worker: Sequence[str] | str, *arguments: object) -> Any:
        """Return the JSON that the driver prints. `worker` is "jni" or the command of a worker."""
        name = worker if isinstance(worker, str) else "|".join(worker)
        command = [
            "java",
            "-Xcheck:jni",
            "-XX:TieredStopAtLevel=1",
            f"-Djava.io.tmpdir={self.folder}",
            *([] if self.library is None else [f"-Djava.library.path={self.library.parent}"]),
            "-cp",
            ":".join(map(str, self.classpath)),
            "Driver",
            name,
            *map(str, arguments),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        lines = done.stdout.splitlines()
        told = [line for line in lines if line.startswith(("WARNING in native", "FATAL ERROR"))]
        assert told == [], done.stdout[-2000:]
        return json.loads(lines[-1])

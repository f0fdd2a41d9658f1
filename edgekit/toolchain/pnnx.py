"""Run the pnnx program on a TorchScript or ONNX file and say what came of it, as values.

The program itself is run, not the Python wrapper around it: the wrapper ignores the exit status and
captures the wrong stream. pnnx crashes now and then where the same file converts on the next run,
so a death by signal is tried again.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edgekit import processes
from edgekit.errors import MissingPackage
from edgekit.toolchain.environment import pnnx_program
from edgekit.toolchain.pnnx_log import LineKind, LogLine, classify_all, normalised

_NO_BATCH_AXIS = 233
_ATTEMPTS = 4
_SIGNATURE_BYTES = 4
"""What pnnx reads of a file to see what it is, before it opens it to load it."""
_DTYPES = {
    "float32": "f32",
    "float64": "f64",
    "float16": "f16",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint8": "u8",
    "bool": "bool",
}


@dataclass(frozen=True, slots=True)
class InputShape:
    """Shape and dtype of one input, as pnnx is told of it."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"[{','.join(str(size) for size in self.shape)}]{_DTYPES[self.dtype]}"


@dataclass(frozen=True, slots=True)
class PnnxRun:
    """What one conversion left behind. Files may be missing after a failure: check `produced`.

    `input_batch_axes` and `output_batch_axes` hold, for in0, in1, ... and out0, out1, ..., the axis that
    ncnn keeps as the batch of its Mat, or None.
    """

    status: int
    attempts: int
    folder: Path
    stem: str
    log: str
    input_batch_axes: tuple[int | None, ...]
    output_batch_axes: tuple[int | None, ...]
    duration_s: float

    @property
    def param(self) -> Path:
        """The ncnn structure."""
        return self.folder / f"{self.stem}.ncnn.param"

    @property
    def bin(self) -> Path:
        """The ncnn weights."""
        return self.folder / f"{self.stem}.ncnn.bin"

    @property
    def pnnx_param(self) -> Path:
        """The structure of pnnx's own graph."""
        return self.folder / f"{self.stem}.pnnx.param"

    @property
    def produced(self) -> bool:
        """Whether the ncnn files are there and not empty."""
        return self.param.is_file() and self.param.stat().st_size > 0 and self.bin.is_file()

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """Every line of the log with its kind."""
        return classify_all(self.log)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The lines that are neither boilerplate nor failures, each once."""
        return tuple(dict.fromkeys(line.text for line in self.lines if line.kind is LineKind.WARNING))

    @property
    def failures(self) -> tuple[LogLine, ...]:
        """The lines that mean a failed conversion, each once."""
        return tuple(dict.fromkeys(line for line in self.lines if line.kind is LineKind.FAILURE))

    @property
    def status_text(self) -> str:
        """The exit status in words."""
        if self.status >= 0:
            return f"exit status {self.status}"
        return signal.Signals(-self.status).name


class PnnxProcess:
    """A conversion that runs while the caller does something else; `result()` waits for it.

    Where the model is not there yet the program starts all the same and loads itself, which takes a fifth of
    a second: the model's name is a pipe then, at which it waits until `hand_over` puts the file there.
    Used as a context manager, so that the process is gone whatever interrupts the caller.
    """

    def __init__(self, model: Path, inputs: Sequence[InputShape], inputs2: Sequence[InputShape] = ()) -> None:
        self._model = model
        self._command = [str(find_pnnx()), model.name, *_options(inputs, inputs2)]
        self._log_path = model.with_suffix(".pnnx.log")
        self._attempt = 0
        self._lock = threading.Lock()
        self._abandoned = False
        self._process: subprocess.Popen[bytes] | None = None
        self._pool = ThreadPoolExecutor(1)
        self._began_s = time.monotonic()
        self._pipe = None
        if model.exists():
            self._status = self._pool.submit(self._attempts)
        else:
            self._pipe = _pipe(model)
            if self._pipe is not None:
                self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._abandoned = True
            if self._process is not None:
                processes.end(self._process)
        self._release()
        self._pool.shutdown()

    @property
    def draft(self) -> Path:
        """Where to write the model that `hand_over` takes."""
        return self._model.with_name(f"draft{self._model.suffix}")

    def hand_over(self) -> None:
        """Let the program go to work on the model that was written to `draft`."""
        self._began_s = time.monotonic()
        with self.draft.open("rb") as file:
            signature = file.read(_SIGNATURE_BYTES)
        self.draft.replace(self._model)  # first: what waits at the pipe opens the name once more
        if self._pipe is not None:
            os.write(self._pipe, signature)
        self._release()
        self._status = self._pool.submit(self._attempts)

    def _release(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    @property
    def done(self) -> bool:
        """Whether `result` has nothing left to wait for."""
        return self._status.done()

    def result(self) -> PnnxRun:
        """Wait for the end; a death by signal is tried again."""
        status, ended_s = self._status.result()
        script = self._model.with_name(f"{_stem(self._model)}_ncnn.py")
        axes = script.read_text("utf-8", "replace") if script.is_file() else ""
        return PnnxRun(
            status=status,
            attempts=self._attempt,
            folder=self._model.parent,
            stem=_stem(self._model),
            log=normalised(self._log_path.read_text("utf-8", "replace")),
            input_batch_axes=parse_input_axes(axes),
            output_batch_axes=parse_output_axes(axes),
            duration_s=ended_s - self._began_s,
        )

    def _attempts(self) -> tuple[int, float]:
        """Wait for the program, and start it again after a death by signal; runs beside the caller.

        Returns the exit status, and when it was known (`time.monotonic`).
        """
        if self._process is None:
            self._start()
        while True:
            assert self._process is not None
            status = self._process.wait()
            with self._lock:
                if status >= 0 or self._attempt >= _ATTEMPTS or self._abandoned:
                    return status, time.monotonic()
                self._start()

    def _start(self) -> None:
        self._attempt += 1
        # One thread: pnnx runs the model once for its shapes, and threads only get in each other's way.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        with self._log_path.open("wb") as log:
            self._process = processes.start(
                self._command,
                cwd=self._model.parent,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def _pipe(path: Path) -> int | None:
    """Make a pipe with a name; None where this system or this file system has none.

    Opened for both directions, because a writer alone would wait here for the reader.
    """
    try:
        os.mkfifo(path)
    except (AttributeError, OSError):
        return None
    return os.open(path, os.O_RDWR)


def find_pnnx() -> Path:
    """Return the pnnx program.

    Raises:
        MissingPackage: pnnx is not installed.
    """
    program = pnnx_program()
    if program is None:
        raise MissingPackage("pnnx", "ncnn")
    return program


def _stem(model: Path) -> str:
    return model.stem.replace("-", "_")


def _options(inputs: Sequence[InputShape], inputs2: Sequence[InputShape]) -> list[str]:
    options = ["fp16=0", f"pnnxonnx={os.devnull}"]
    if inputs:
        options.append("inputshape=" + ",".join(str(each) for each in inputs))
    if inputs2:
        options.append("inputshape2=" + ",".join(str(each) for each in inputs2))
    return options


_INPUT_AXIS = re.compile(r'ex\.input\("in(\d+)", ncnn\.Mat\(.*batch_index=(-?\d+)\)')
_OUTPUT_AXIS = re.compile(r"torch\.from_numpy\(out(\d+)\.numpy\(batch_index=(-?\d+)\)\)")


def parse_input_axes(script: str) -> tuple[int | None, ...]:
    """Return the batch axis of in0, in1, ... from the script that pnnx writes beside the ncnn files."""
    return _axes(_INPUT_AXIS, script)


def parse_output_axes(script: str) -> tuple[int | None, ...]:
    """Return the batch axis of out0, out1, ... from the script that pnnx writes beside the ncnn files."""
    return _axes(_OUTPUT_AXIS, script)


def _axes(pattern: re.Pattern[str], script: str) -> tuple[int | None, ...]:
    found = {int(match[1]): int(match[2]) for match in pattern.finditer(script)}
    axes = (found[index] for index in range(len(found)) if index in found)
    return tuple(None if axis == _NO_BATCH_AXIS else axis for axis in axes)

"""What pnnx prints, line by line: boilerplate, warnings, and the lines that mean a failed conversion.

pnnx ends with status 0 after most failures, so its stderr has to be read. The rules: a line that is
known to be harmless is boilerplate, a line that is known to be fatal is a failure, and everything else
is a warning, which is kept and quoted as a likely reason when the numbers differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class LineKind(StrEnum):
    """How bad a line is."""

    BOILERPLATE = "boilerplate"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the converter. `op` is the operator type that a failure names (`torch.fft_rfft`)."""

    kind: LineKind
    text: str
    op: str | None = None
    detail: str | None = None


_OPTIONS = (
    "pnnxparam|pnnxbin|pnnxpy|pnnxonnx|ncnnparam|ncnnbin|ncnnpy|fp16|optlevel|device|"
    "inputshape|inputshape2|input|input2|customop|moduleop"
)
_BOILERPLATE = re.compile(
    rf"""
    \s*$ | -{{4,}} | [#]{{4,}}\ pass_ | (?:{_OPTIONS})\ =
    | get\ inputshape\ from\ traced\ inputs
    | inline\ (?:module|function)\b
    | model\ inputshape\ = | FLOPS\ = | memory\ OPS\ =
    | \w+\ \.\.\.$                           # the passes of the ONNX reader
    | [│┌├└]                                # its table of node counts
    | (?:unknown|replace)\ ncnn\ input\ torch\.long\ type
    | replace\ ncnn\ input\ torch\.\w+\ type\ with
    | convert\ (?:reshape|interp|slice)\ expression\b
    | assign\ dynamic\ shape\ info
    | insert_reshape_\w+\ \d+$ | make_(?:slice|index)_expression\ # names of passes at work
    | (?:model\ has\ dynamic\ dimension\ size,\ but\ no|pnnx\ will\ optimize\ model\ with\ static)
    """,
    re.VERBOSE,
)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_DURATION = re.compile(r"\s*\b\d+\.\d+ms\b")
_RUNTIME_NOISE = re.compile(r"[\d-]+ [\d:.]+ \[W:onnxruntime:[^\n]*LogEarlyWarning[^\n]*")
_IGNORE = re.compile(r"ignore (?P<op>\S+) (?P<name>\S+) param (?P<detail>.*)")
_TODO = re.compile(r"todo (?P<op>\S+)")
_FAILURE = re.compile(
    r"fopen .* failed|open failed|unrecognized arg|Load torchscript failed|input_shape.* expect"
    r"|No method in torchscript|read_proto_from_binary failed|FATAL ERROR|write onnx failed|ort \w+ failed"
)


def normalised(text: str) -> str:
    """Return a log without what differs from run to run: durations, time stamps, colours."""
    plain = _RUNTIME_NOISE.sub("", _DURATION.sub("", _ANSI.sub("", text)))
    return "\n".join(line.rstrip() for line in plain.splitlines() if line.strip()) + "\n"


def classify(line: str) -> LogLine:
    """Return one line of pnnx's output with its kind."""
    text = line.rstrip()
    ignored = _IGNORE.match(text)
    if ignored:
        return LogLine(LineKind.FAILURE, text, ignored["op"], ignored["detail"])
    todo = _TODO.match(text)
    if todo:
        return LogLine(LineKind.FAILURE, text, todo["op"])
    if _BOILERPLATE.match(text):
        return LogLine(LineKind.BOILERPLATE, text)
    kind = LineKind.FAILURE if _FAILURE.match(text) else LineKind.WARNING
    return LogLine(kind, text)


def classify_all(text: str) -> tuple[LogLine, ...]:
    """Return every line that is not empty, in order."""
    return tuple(classify(line) for line in text.splitlines() if line.strip())

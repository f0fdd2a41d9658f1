"""The frame that `.param` files of ncnn and pnnx share: magic, counts, one layer a line.

    7767517
    75 85
    Convolution  conv_0  1 1 in0 1  0=32 ...

What stands after the blobs of a layer differs between the two and is left as `rest`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.errors import FormatError
from edgekit.graph import Graph

MAGIC = "7767517"
_BINARY_MAGIC = (7767517).to_bytes(4, "little")
_LONGEST_NAME = 255
_MOST_SPARE_BLOBS = 1 << 16
# C's isspace: str.split() would also split at characters that ncnn takes as part of a name.
_TOKEN = re.compile(r"[^ \t\n\v\f\r]+")
_COUNT = re.compile(r"\d{1,9}")


def printable(text: str) -> str:
    """Return a text out of a file without what could steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file, for messages."""

    file: str
    line: int | None = None

    def error(self, what: str, remedy: str) -> FormatError:
        """Return the error that says what is wrong at this place."""
        place = self.file if self.line is None else f"{self.file} line {self.line}"
        return FormatError(printable(f"{place}: {what}"), remedy)

    def wrap(self, error: FormatError) -> FormatError:
        """Return an error of a deeper floor with this place put before it."""
        return self.error(error.message, error.remedy)


@dataclass(frozen=True, slots=True)
class Record:
    """One layer line: its place, its text with the line end, and the part that both formats share."""

    where: Where
    text: str
    type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file: the text before the first layer, the layers, the text after the last."""

    head: str
    records: tuple[Record, ...]
    tail: str


def parse_document(data: bytes, file: str, *, surplus: bool = False) -> Document:
    """Split a file into layer lines and check everything that needs no knowledge of layer types.

    With `surplus`, lines beyond the announced number of layers end up in the tail: ncnn does not
    read them.

    Raises:
        FormatError: naming file, line and remedy.
    """
    lines = _split(_decode(data, file))
    frame = [number for number, line in enumerate(lines) if _TOKEN.search(line)]
    if not frame:
        raise Where(file).error("the file is empty", "export the model again")
    _check_magic(lines[frame[0]], Where(file, frame[0] + 1))
    if len(frame) < 2:
        raise Where(file).error("the file ends after its first line", "it was cut off: export it again")
    count_line = frame[1]
    layers, blobs = _counts(lines[count_line], Where(file, count_line + 1))
    if layers > len(frame) - 2 or (layers < len(frame) - 2 and not surplus):
        raise Where(file, count_line + 1).error(
            f"{layers} layers are announced, but {len(frame) - 2} follow",
            f"the file was cut off or edited: correct the count to {len(frame) - 2} if it is complete",
        )
    records = []
    start = count_line + 1
    for number in frame[2 : layers + 2]:
        text = "".join(lines[start : number + 1])
        records.append(parse_record(text, lines[number], Where(file, number + 1)))
        start = number + 1
    _check_blobs(records, blobs, Where(file, count_line + 1))
    return Document("".join(lines[: count_line + 1]), tuple(records), "".join(lines[start:]))


def _split(text: str) -> list[str]:
    """Return the lines with their ends, split at line feeds alone."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _decode(data: bytes, file: str) -> str:
    if data.startswith(_BINARY_MAGIC):
        raise Where(file).error(
            "this is a binary .param.bin, which has no names", "give the text .param that it was made from"
        )
    if data.startswith((b"PK\x03\x04", b"\x80")):
        raise Where(file).error("this is not a .param file but an archive", "give the .param file")
    if data.startswith(b"\xef\xbb\xbf"):
        raise Where(file, 1).error("the file starts with a byte order mark", "save it as UTF-8 without BOM")
    zero = data.find(b"\0")
    if zero >= 0:
        raise Where(file, data.count(b"\n", 0, zero) + 1).error(
            "there is a zero byte in the text", "the file is damaged or binary: export the model again"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Where(file, line).error("the text is not UTF-8", "save the file as UTF-8") from None


def _check_magic(line: str, where: Where) -> None:
    tokens = _TOKEN.findall(line)
    if tokens == [MAGIC]:
        return
    if len(tokens) == 2 and all(_COUNT.fullmatch(token) for token in tokens):
        raise where.error(f"the magic number {MAGIC} is missing", "the file is too old: export it again")
    raise where.error(
        f"the first line is '{_shorten(line.strip())}' instead of {MAGIC}",
        "give a .param file of ncnn or pnnx",
    )


def _counts(line: str, where: Where) -> tuple[int, int]:
    tokens = _TOKEN.findall(line)
    if len(tokens) != 2 or not all(_COUNT.fullmatch(token) for token in tokens):
        raise where.error(
            f"the counts of layers and blobs are '{_shorten(line.strip())}'", "two whole numbers are needed"
        )
    layers, blobs = int(tokens[0]), int(tokens[1])
    if layers == 0 or blobs == 0:
        raise where.error(
            f"{layers} layers and {blobs} blobs are announced", "at least one of each is needed"
        )
    return layers, blobs


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def parse_record(text: str, line: str, where: Where) -> Record:
    """Parse the part of a layer line that both formats share. `text` is the line with what precedes it.

    Raises:
        FormatError: the line is too short, or a count or a name is impossible.
    """
    tokens = list(_TOKEN.finditer(line))
    words = [token.group() for token in tokens[:4]]
    if len(words) < 4:
        raise where.error(
            f"'{_shorten(line.strip())}' is no layer", "type, name, input count and output count are needed"
        )
    if not all(_COUNT.fullmatch(word) for word in words[2:]):
        raise where.error(
            f"'{_shorten(words[2])}' and '{_shorten(words[3])}' are no counts of inputs and outputs",
            "whole numbers are needed",
        )
    inputs, outputs = int(words[2]), int(words[3])
    last = 4 + inputs + outputs
    if len(tokens) < last:
        raise where.error(
            f"layer '{_shorten(words[1])}' announces {inputs} inputs and {outputs} outputs, "
            f"but {len(tokens) - 4} words follow",
            "the line was cut off or edited: export the model again",
        )
    names = [token.group() for token in tokens[4:last]]
    for word in (*words[:2], *names):
        if len(word.encode()) > _LONGEST_NAME:
            raise where.error(
                f"the name '{_shorten(word)}' is too long", f"ncnn reads {_LONGEST_NAME} characters of a name"
            )
    return Record(
        where,
        text,
        words[0],
        words[1],
        tuple(names[:inputs]),
        tuple(names[inputs:]),
        line[tokens[last - 1].end() :],
    )


def _check_blobs(records: Sequence[Record], announced: int, where: Where) -> None:
    written: dict[str, int] = {}
    for record in records:
        for name in record.inputs:
            if name not in written:
                raise record.where.error(
                    f"layer '{record.name}' reads blob '{name}', which no earlier layer writes",
                    "a line is missing, or in the wrong place: export the model again",
                )
        for name in record.outputs:
            if name in written:
                raise record.where.error(
                    f"layer '{record.name}' writes blob '{name}', which line {written[name]} writes already",
                    "every blob needs a name of its own",
                )
            written[name] = record.where.line or 0
    if not len(written) <= announced <= len(written) + _MOST_SPARE_BLOBS:
        raise where.error(
            f"{announced} blobs are announced, but the layers write {len(written)}",
            f"correct the count to {len(written)}",
        )


def layer_columns(type: str, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """Return the start of a layer line in the columns that pnnx writes."""
    columns = f"{type:<24} {name:<24} {len(inputs)} {len(outputs)}"
    return " ".join([columns, *inputs, *outputs])


def join_document(graph: Graph, lines: Sequence[str]) -> str:
    """Return the whole text: the head of the file it came from while its counts hold, else a new one."""
    head, tail = graph.frame or ("", "")
    words = _TOKEN.findall(head)
    blobs = len(graph.blobs)
    if len(words) != 3 or int(words[1]) != len(lines) or int(words[2]) < blobs:
        head = f"{MAGIC}\n{len(lines)} {blobs}\n"
    ended = [line if line.endswith("\n") else f"{line}\n" for line in lines[:-1]]
    return head + "".join(ended) + "".join(lines[-1:]) + tail

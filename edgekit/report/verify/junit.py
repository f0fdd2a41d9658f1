"""A verification as JUnit XML: one test case for every layer and output, and one for the verdict."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from edgekit.report.verify import words
from edgekit.units import format_error
from edgekit.verifier import LayerResult, OutputResult, Status, VerifyReport
from edgekit.verifier.stream import StreamResult

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def verify_junit(report: VerifyReport, folder: Path | None = None) -> str:
    """Return the document; `folder` shortens the paths of source files inside it.

    Layers are named by index and name, because ncnn's names need not be unique; a layer without a
    counterpart is skipped with its reason.
    """
    suite = ElementTree.Element("testsuite", name=_plain(f"edgekit verify {report.target}"))
    properties = ElementTree.SubElement(suite, "properties")
    device = report.device
    facts = {
        "precision": report.precision,
        "device": device.kind,
        "arch": device.arch,
        "ncnn": device.ncnn,
        "compared": f"{report.compared} of {len(report.layers)} layers",
    }
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=_plain(value))
    cases = [_layer(report, layer, folder) for layer in report.layers]
    cases += [_output(report, output) for output in report.outputs]
    cases += [_stream(report, each) for each in words.streams(report)]
    cases.append(_verdict(report))
    suite.extend(cases)
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": 0,
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    root = ElementTree.Element("testsuites", name="edgekit verify")
    for element in (suite, root):
        for key, count in counts.items():
            element.set(key, str(count))
    root.append(suite)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _layer(report: VerifyReport, layer: LayerResult, folder: Path | None) -> ElementTree.Element:
    case = _case(report, "layers", f"{layer.index} {layer.name} ({layer.type})")
    if layer.source is not None and layer.source.file is not None:
        case.set("file", _plain(words.file_name(layer.source, folder)))
        case.set("line", str(layer.source.line or 0))
    if layer.status is Status.FAIL:
        origin = f"{layer.name} from {words.origin(layer.source, folder)}"
        _fail(case, words.wrong(layer), f"{origin}\n{words.wrong(layer)}\n{words.effect(report, layer)}")
    elif layer.status is Status.UNMATCHED:
        ElementTree.SubElement(case, "skipped", message=_plain(layer.reason or "not compared"))
    return case


def _output(report: VerifyReport, output: OutputResult) -> ElementTree.Element:
    case = _case(report, "outputs", output.name)
    if output.status is not Status.PASS:
        if output.metrics is None:
            message = f"{output.name}: {output.finding.value if output.finding else 'not comparable'}"
        else:
            error, limit = format_error(output.metrics.max_abs), format_error(output.floor)
            message = f"{output.name} is off by {error} where rounding explains {limit}"
        _fail(case, message, message)
    return case


def _stream(report: VerifyReport, result: StreamResult) -> ElementTree.Element:
    case = _case(report, "stream", result.name)
    if not result.passed:
        _fail(case, words.stream(result), words.stream(result))
    return case


def _verdict(report: VerifyReport) -> ElementTree.Element:
    case = _case(report, "verdict", "the same model")
    if not report.passed:
        _fail(
            case,
            words.verdict(report),
            "\n".join(filter(None, (words.verdict(report), words.conclusion(report), *report.warnings))),
        )
    return case


def _case(report: VerifyReport, group: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=_plain(f"{report.target}.{group}"), name=_plain(name))


def _fail(case: ElementTree.Element, message: str, text: str) -> None:
    ElementTree.SubElement(case, "failure", message=_plain(message), type="divergence").text = _plain(text)


def _plain(text: str) -> str:
    """Return `text` without the characters that XML cannot hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)

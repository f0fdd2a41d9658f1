"""Advice that was followed before it is given: would the other route do what this one cannot?"""

from __future__ import annotations

from dataclasses import replace

from edgekit import scratch
from edgekit.devices import Device
from edgekit.errors import MissingPackage
from edgekit.exporter.ledger import Progress
from edgekit.exporter.remedies import other_route
from edgekit.exporter.result import ExportError, Finding
from edgekit.exporter.run import Run
from edgekit.sources.request import Request
from edgekit.sources.spec import ModelSpec, SpecKind

_NEITHER = "no route gives the same numbers: write that part of the model with other operations"


def tried(error: ExportError, request: Request, device: Device, progress: Progress) -> ExportError:
    """Return the error with its advice to take the other route kept only where that holds."""
    advice = other_route(request.route)
    if not any(advice in (finding.remedy or "") for finding in error.findings):
        return error
    try:
        holds = _holds(request, device, progress)
    except MissingPackage:
        return error  # it cannot be tried here: the advice stays what it is
    findings = tuple(_settled(finding, advice, holds=holds) for finding in error.findings)
    return type(error)(findings, log=error.log, warnings=error.warnings)


def _holds(request: Request, device: Device, progress: Progress) -> bool:
    """Whether an export by the other route passes every check; nothing of it is kept."""
    if isinstance(request.model, ModelSpec) and request.model.kind is SpecKind.ONNX:
        return False  # there is one way only from an ONNX file
    other = "onnx" if request.route == "pnnx" else "pnnx"
    with scratch.folder() as folder:
        try:
            Run(
                replace(request, route=other),
                folder,
                device,
                lambda text: progress(f"{text} (would --route {other} do?)"),
            ).execute()
        except MissingPackage:
            raise
        except Exception:  # whatever it is, the user is not sent there
            return False
    return True


def _settled(finding: Finding, advice: str, *, holds: bool) -> Finding:
    if finding.remedy is None or advice not in finding.remedy:
        return finding
    if holds:
        found = advice.replace("try", "use") + ", which was tried and passes every check"
        return replace(finding, remedy=finding.remedy.replace(advice, found))
    rest = finding.remedy.removesuffix(advice).removesuffix(", or ")
    return replace(finding, remedy=rest or _NEITHER)

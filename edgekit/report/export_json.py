"""An export as a JSON document, schema `edgekit.export/1`."""

from __future__ import annotations

from edgekit.exporter.result import EXPORT_SCHEMA, ExportError, ExportResult, OutputCheck
from edgekit.schema import Json, to_json


def result_document(result: ExportResult) -> Json:
    """Return the document of an export that holds."""
    document = to_json(result)
    document["checks"] = [_check(check) for check in result.checks]
    return {"schema": EXPORT_SCHEMA, "exported": True, **document}


def failure_document(error: ExportError, model: str) -> Json:
    """Return the document of an export that does not hold: its findings and the converter's log."""
    return {
        "schema": EXPORT_SCHEMA,
        "exported": False,
        "model": model,
        "findings": to_json(error.findings),
        "warnings": to_json(error.warnings),
        "log": error.log.splitlines(),
    }


def _check(check: OutputCheck) -> Json:
    document: Json = to_json(check)
    return {**document, "passed": check.passed, "relative": to_json(check.relative)}

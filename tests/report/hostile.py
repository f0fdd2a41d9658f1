"""A report in which every name tries to become markup."""

from dataclasses import replace

from edgekit.runtimes.trace import Source
from edgekit.verifier import VerifyReport
from edgekit.verifier.model import Unmatched

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'<!--\u2028"


def hostile(report: VerifyReport) -> VerifyReport:
    """The report with names that try to become markup, wherever a name can stand."""
    layers = tuple(
        replace(
            layer,
            name=f"{layer.name}{HOSTILE}",
            type=f"{layer.type}{HOSTILE}",
            source=Source(HOSTILE, HOSTILE, f"{HOSTILE}.py", 1),
            why=HOSTILE,
            reason=HOSTILE,
        )
        for layer in report.layers
    )
    return replace(
        report,
        target=HOSTILE,
        layers=layers,
        outputs=tuple(replace(output, name=HOSTILE) for output in report.outputs),
        warnings=(HOSTILE,),
        samples=(HOSTILE,),
        unmatched=(Unmatched(HOSTILE, HOSTILE),),
        culprits=(HOSTILE,),
        extra={"ladder": [{"rung": HOSTILE, "status": HOSTILE, "max_abs": 0.5, "note": HOSTILE}]},
    )

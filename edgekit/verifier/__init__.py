"""Verify: is the ncnn model still the PyTorch model, and if not, which layer is guilty?"""

from edgekit.verifier.model import Label, LayerResult, OutputResult, Status, VerifyReport
from edgekit.verifier.run import Artefact
from edgekit.verifier.verify import verify, verify_artefact

__all__ = [
    "Artefact",
    "Label",
    "LayerResult",
    "OutputResult",
    "Status",
    "VerifyReport",
    "verify",
    "verify_artefact",
]

"""Verify: is the ncnn model still the PyTorch model, and if not, which layer is guilty?"""

from edgekit.verifier.foreign import is_foreign
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
    "is_foreign",
    "verify",
    "verify_artefact",
]

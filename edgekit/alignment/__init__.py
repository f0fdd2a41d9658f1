"""Which PyTorch tensor does each ncnn blob stand for, and how much of an error there is rounding?

traces = [torch_tape.record(module, probe) for probe in probes]
alignment = align(Artefact(graph, param, weights, inputs, outputs, device), traces)
samples = [sample(graph, alignment, traces[0], "seed 0")]
store.write(folder, alignment, samples, store.fingerprint(traces[0]))
"""

from edgekit.alignment.ahead import Ahead
from edgekit.alignment.align import Seen, align, capture
from edgekit.alignment.model import Alignment, BlobAlignment, LayerAlignment, Method
from edgekit.alignment.observe import Artefact, Port
from edgekit.alignment.sample import Sample, sample

__all__ = [
    "Ahead",
    "Alignment",
    "Artefact",
    "BlobAlignment",
    "LayerAlignment",
    "Method",
    "Port",
    "Sample",
    "Seen",
    "align",
    "capture",
    "sample",
]

"""How fast a model runs in ncnn, how sure that is, how much memory it takes, and where the time goes."""

from edgekit.bencher import against
from edgekit.bencher.bench import bench
from edgekit.bencher.load import load_report
from edgekit.bencher.result import BenchReport, Comparison, Latency, Memory, Result
from edgekit.bencher.settings import CERTIFIED, COMPARE, QUICK, OpenMp, Pinning, Protocol

__all__ = [
    "CERTIFIED",
    "COMPARE",
    "QUICK",
    "BenchReport",
    "Comparison",
    "Latency",
    "Memory",
    "OpenMp",
    "Pinning",
    "Protocol",
    "Result",
    "against",
    "bench",
    "load_report",
]

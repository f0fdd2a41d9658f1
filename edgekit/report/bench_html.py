"""A bench report as one HTML page that needs nothing else: the text report, and the plots inline."""

from __future__ import annotations

from html import escape

from edgekit.bencher import BenchReport
from edgekit.report.bench_plots import bench_figures, figure_svg
from edgekit.report.bench_text import bench_sections

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
pre { font: 12.5px/1.45 ui-monospace, monospace; overflow-x: auto; background: #f6f6f6; padding: .8rem }
figure { margin: 1rem 0 } figure svg { max-width: 100%; height: auto }
"""

_TITLES = {"latency": "Latency", "multipliers": "Multipliers", "theory": "Theory and measurement"}


def bench_html(report: BenchReport) -> str:
    """Return the page.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    finding, *sections = bench_sections(report)
    parts = [f"<h1>{escape('; '.join(finding))}</h1>"]
    parts += [f"<pre>{escape(chr(10).join(section))}</pre>" for section in sections]
    for name, figure in bench_figures(report):
        title = _TITLES.get(name) or name.replace("-", ": ", 1).capitalize()
        parts.append(f"<h2>{escape(title)}</h2><figure>{figure_svg(figure)}</figure>")
    body = "\n".join(parts)
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8"><title>edgekit bench</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )

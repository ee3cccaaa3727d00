"""A sheet set as one HTML file that needs nothing else, or as a PDF with its own letters (ReportLab).

Whatever stands in a sheet is text: it is escaped here and nowhere else. The same sheet gives the same bytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Any

from connector.services.rights.sheets import Exact, Facts, Grid, Heading, Part, Sheet, Text, moment

_STYLE = """
:root{color-scheme:light dark}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:60rem;font:17px/1.5 system-ui,sans-serif}
body{background:#fbfaf6;color:#17221f}
h1{font:600 2rem/1.2 Georgia,serif;margin:1rem 0}h2{font-size:1.3rem;margin:2.2rem 0 .6rem}
p{max-width:68ch}.lead{font-size:1.2rem}.small,.by{color:#4e5d58;font-size:.9rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}caption{text-align:left;font-weight:600;padding:.4rem 0}
th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid #dae0dc}
td{overflow-wrap:anywhere}
.facts th{width:14rem;font-weight:600}pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem}
@media (prefers-color-scheme:dark){body{background:#0f1614;color:#e9f0ed}.small,.by{color:#a9b8b2}}
@media print{body{background:#fff;color:#000;max-width:none;font-size:11pt}tr{break-inside:avoid}h2{break-after:avoid}}
""".strip()
_WIDTH = 481.9  # of A4 between margins of 20 mm, in points
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LONGEST_CELL = 4000
_SIZES = ("text", "small")
_FONTS = ("DejaVuSans", "DejaVuSans-Bold")


def as_html(sheet: Sheet) -> str:
    """One file: no script, no address it would load anything from."""
    body = "".join(_element(part) for part in sheet.parts)
    return (
        f'<!doctype html>\n<html lang="{_safe(sheet.language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_safe(sheet.title)}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{_safe(sheet.title)}</h1><p class="lead">{_safe(sheet.lead)}</p>{body}'
        f'<p class="by">{_safe(_by(sheet))}</p></main></body></html>\n'
    )


def as_pdf(sheet: Sheet) -> bytes:
    """A PDF for printing, A4, with the letters it uses inside."""
    from reportlab.platypus import SimpleDocTemplate  # type: ignore[import-untyped]

    _fonts()
    out = BytesIO()
    paper = SimpleDocTemplate(
        out, title=_plain(sheet.title), author=_plain(sheet.issuer), lang=sheet.language, invariant=1,
        leftMargin=56.7, rightMargin=56.7, topMargin=56.7, bottomMargin=62,
    )  # fmt: skip
    foot = _plain(_by(sheet))

    def page(canvas: Any, _document: Any) -> None:
        canvas.setFont(_FONTS[0], 7.5)
        canvas.drawString(56.7, 36, foot[:110])
        canvas.drawRightString(56.7 + _WIDTH, 36, f"Page {canvas.getPageNumber()}")

    paper.build(list(_flow(sheet)), onFirstPage=page, onLaterPages=page)
    return out.getvalue()


def _by(sheet: Sheet) -> str:
    return f"{sheet.issuer}, {moment(sheet.at)}"


def _plain(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def _safe(text: str) -> str:
    return html.escape(_plain(text), quote=True)


def _element(part: Part) -> str:
    if isinstance(part, Heading):
        return f"<h2>{_safe(part.words)}</h2>"
    if isinstance(part, Text):
        return f'<p class="{_SIZES[part.small]}">{_safe(part.words)}</p>'
    if isinstance(part, Facts):
        rows = "".join(f'<tr><th scope="row">{_safe(one)}</th><td>{_safe(other)}</td></tr>' for one, other in part.rows)
        return f'<table class="facts"><tbody>{rows}</tbody></table>'
    if isinstance(part, Exact):
        return f"<h3>{_safe(part.caption)}</h3><pre>{_safe(part.text)}</pre>"
    return _table(part)


def _table(part: Grid) -> str:
    if not part.rows:
        return f"<p>{_safe(part.empty)}</p>"
    head = "".join(f'<th scope="col">{_safe(one)}</th>' for one in part.headings)
    rows = "".join("<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>" for row in part.rows)
    return f"<table><caption>{_safe(part.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


@cache
def _fonts() -> None:
    """The letters, once per process: ReportLab's own lack those beyond Western Europe."""
    from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]
    from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]

    for name in _FONTS:
        file = resources.files("connector.services.rights").joinpath(f"data/{name}.ttf")
        pdfmetrics.registerFont(TTFont(name, BytesIO(file.read_bytes())))
    pdfmetrics.registerFontFamily(_FONTS[0], normal=_FONTS[0], bold=_FONTS[1], italic=_FONTS[0], boldItalic=_FONTS[1])


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]

    def style(name: str, size: float, *, bold: bool = False, before: float = 0, after: float = 4) -> Any:
        return ParagraphStyle(
            name, fontName=_FONTS[bold], fontSize=size, leading=size * 1.4, spaceBefore=before, spaceAfter=after,
            splitLongWords=1,
        )  # fmt: skip

    return {
        "title": style("title", 20, bold=True, after=8),
        "lead": style("lead", 12, after=10),
        "heading": style("heading", 13, bold=True, before=14, after=5),
        "text": style("text", 10),
        "small": style("small", 8.5),
        "strong": style("strong", 9, bold=True, after=0),
        "cell": style("cell", 9, after=0),
        "exact": style("exact", 7, after=6),
    }


def _flow(sheet: Sheet) -> Iterator[Any]:
    yield _paragraph(sheet.title, "title")
    yield _paragraph(sheet.lead, "lead")
    for part in sheet.parts:
        yield from _flowing(part)


def _flowing(part: Part) -> Iterator[Any]:
    if isinstance(part, Heading):
        yield _paragraph(part.words, "heading")
    elif isinstance(part, Text):
        yield _paragraph(part.words, "small" if part.small else "text")
    elif isinstance(part, Facts):
        yield from _columns([[one, other] for one, other in part.rows], (0.3, 0.7), ("strong", "cell"))
    elif isinstance(part, Exact):
        yield _paragraph(part.caption, "strong")
        for start in range(0, len(part.text), _LONGEST_CELL):
            yield _paragraph(part.text[start : start + _LONGEST_CELL], "exact")
    elif not part.rows:
        yield _paragraph(part.empty, "text")
    else:
        yield _paragraph(part.caption, "strong")
        width = 1 / len(part.headings)
        yield from _columns(
            [list(row) for row in part.rows], (width,) * len(part.headings), ("cell",) * len(part.headings),
            list(part.headings),
        )  # fmt: skip


def _columns(
    rows: list[list[str]], widths: tuple[float, ...], styles: tuple[str, ...], head: list[str] | None = None
) -> Iterator[Any]:
    from reportlab.lib.colors import HexColor  # type: ignore[import-untyped]
    from reportlab.platypus import Table

    made = [[_paragraph(one, "strong") for one in head]] if head else []
    made += [[_paragraph(one[:_LONGEST_CELL], style) for one, style in zip(row, styles, strict=True)] for row in rows]
    if not made:
        return
    table = Table(made, colWidths=[_WIDTH * part for part in widths], repeatRows=1 if head else 0, splitInRow=1)
    table.setStyle(
        [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
         ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#DAE0DC"))]
    )  # fmt: skip
    yield table


def _paragraph(text: str, style: str) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(_safe(text).replace("\n", "<br/>"), _styles()[style])

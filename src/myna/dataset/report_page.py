"""What the report looks like: one page of HTML that needs nothing but itself.

It reads on a telephone and on paper, in the light and in the dark, and its policy forbids it to
fetch anything but the clips beside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from urllib.parse import quote

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self' file:"

_STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfb; --ink: #1d2126; --soft: #5d6670;
  --line: #d9dcd8; --kept: #2f7f79; --dropped: #c8643b; --raised: #f1f2ee; }
@media (prefers-color-scheme: dark) { :root { --paper: #16191c; --ink: #e4e6e3; --soft: #9aa3aa;
  --line: #343a3f; --kept: #5db5ad; --dropped: #e0875e; --raised: #1f2428; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.25rem 1rem 3rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
p { margin: .4rem 0; max-width: 44rem; }
.soft, figcaption, th { color: var(--soft); font-weight: normal; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1rem 0; padding: 0; list-style: none; }
.figures li { background: var(--raised); border-radius: .5rem; padding: .6rem .8rem; }
.figures b { display: block; font-size: 1.5rem; line-height: 1.2; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr));
  gap: 1rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; }
svg .label { fill: var(--ink); }
svg .kept, .bar i { fill: var(--kept); background: var(--kept); }
svg .dropped, .bar.dropped i { fill: var(--dropped); background: var(--dropped); }
svg .axis { stroke: var(--line); } svg .limit { stroke: var(--dropped); stroke-dasharray: 4 3; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { border-bottom: 1px solid var(--line); padding: .5rem 0; }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary .bar span:first-child::before { content: "\\25b8\\00a0"; color: var(--soft); }
[open] > summary .bar span:first-child::before { content: "\\25be\\00a0"; }
.bar { display: grid; grid-template-columns: minmax(7rem, 11rem) 1fr auto; gap: .75rem;
  align-items: center; }
.bar i { display: block; height: .8rem; border-radius: .2rem; min-width: 2px; }
.clip { margin: .75rem 0; padding-left: .75rem; border-left: 3px solid var(--line); }
audio { display: block; width: 100%; max-width: 24rem; height: 2.25rem; margin-top: .25rem; }
.here td { background: var(--raised); }
@media (max-width: 34rem) { .bar { grid-template-columns: 1fr auto; }
  .bar i { grid-column: 1 / -1; grid-row: 2; } th, td { padding-right: .5rem; }
  table { font-size: .875rem; } }
@media print { body { max-width: none; font-size: 11pt; } audio { display: none; }
  h2, .clip, svg { break-inside: avoid; break-after: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def escape(text: str) -> str:
    """For the page: no markup, and no characters that turn lines around or steer a terminal."""
    plain = "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)
    return html.escape(plain)


def page(heading: str, sections: Iterable[str]) -> str:
    """The whole document; the sections are HTML already."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(heading)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body></html>\n"
    )


def title(name: str, above: str) -> str:
    """The name of the page, and a faint line over it."""
    return f"{paragraph(above, soft=True)}<h1>{escape(name)}</h1>"


def section(heading: str, *parts: str) -> str:
    """A heading and what belongs under it; nothing if that is nothing."""
    inside = "".join(parts)
    return f"<h2>{escape(heading)}</h2>{inside}" if inside else ""


def paragraph(text: str, *, soft: bool = False) -> str:
    """Plain words."""
    return f'<p class="soft">{escape(text)}</p>' if soft else f"<p>{escape(text)}</p>"


def figures(values: Sequence[tuple[str, str]]) -> str:
    """Large numbers, each with what it is."""
    items = "".join(f"<li><b>{escape(number)}</b>{escape(what)}</li>" for number, what in values)
    return f'<ul class="figures">{items}</ul>'


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int = 0, here: int = -1
) -> str:
    """A table of plain words.

    Args:
        numbers: columns at the end that hold numbers.
        here: the row to point out.
    """
    if not rows:
        return ""
    first = len(head) - numbers

    def cells(kind: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{kind}{' class=number' if index >= first else ''}>{escape(value)}</{kind}>"
            for index, value in enumerate(values)
        )

    body = "".join(
        f"<tr{' class=here' if index == here else ''}>{cells('td', row)}</tr>"
        for index, row in enumerate(rows)
    )
    return (
        f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def bar(label: str, share: float, value: str, *, dropped: bool = True) -> str:
    """A horizontal bar; `share` of the width, 0 to 1."""
    kind = "bar dropped" if dropped else "bar"
    return (
        f'<span class="{kind}"><span>{escape(label)}</span>'
        f'<i style="width:{max(0.0, min(1.0, share)):.1%}"></i>'
        f'<span class="number">{escape(value)}</span></span>'
    )


def folded(summary: str, *parts: str, opened: bool = False) -> str:
    """What opens on a click; `summary` and the parts are HTML already."""
    state = " open" if opened else ""
    return f"<details{state}><summary>{summary}</summary>{''.join(parts)}</details>"


def clip(lines: Sequence[str], audio: str = "") -> str:
    """Lines about a clip, the first ones faint, and a player.

    Args:
        audio: path of its file, relative to the page; empty for none.
    """
    *faint, last = lines
    inside = "".join(f'<div class="soft">{escape(line)}</div>' for line in faint)
    inside += f"<div>{escape(last)}</div>"
    if audio:
        inside += f'<audio controls preload="none" src="{escape(quote(audio))}"></audio>'
    return f'<div class="clip">{inside}</div>'

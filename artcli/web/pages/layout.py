"""What all pages have in common: the document around them, their style, their headers, and how texts get into HTML.

Whatever a run says may be hostile. It gets into a page through `text` or `lines` alone, and the policy of the page lets
nothing run or be loaded but this style and the server's own images.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from html import escape

from starlette.responses import HTMLResponse

from artcli.web.answers import Refused
from artcli.wording import harmless, printable

BOX_COLOURS = 6
"""Classes `box0`, `box1` … of the style."""
LONGEST = 200
"""Characters of a text that a page shows."""

_CODES = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\))")
"""What colours a terminal, moves its cursor or names its window (ECMA-48, 5.4)."""

STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1b1f24; --dim: #59636e; --line: #d1d9e0; --box: #f6f8fa;
  --mark: #0a62c4; --band: #0a62c433; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1318; --ink: #e6edf3; --dim: #9aa5b1; --line: #343c46;
  --box: #171c23; --mark: #6cb2ff; --band: #6cb2ff40; --bad: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 80rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; }
a { color: var(--mark); } .dim, figcaption, th { color: var(--dim); } .bad { color: var(--bad); }
code, pre, td { font: .875rem/1.45 ui-monospace, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1rem 0; }
dt { color: var(--dim); } dd { margin: 0; }
.notes, td { white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .25rem .5rem;
  border-bottom: 1px solid var(--line); }
th { width: 35%; max-width: 45vw; overflow-wrap: break-word; font-weight: normal; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: .75rem; }
figure { margin: 0; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--box); }
figcaption { font-size: .85rem; } figcaption b { color: var(--ink); }
svg { display: block; width: 100%; height: 7rem; margin: .25rem 0; overflow: visible; }
path { vector-effect: non-scaling-stroke; } .curve { fill: none; stroke: var(--mark); stroke-width: 1.5;
  stroke-linecap: round; stroke-linejoin: round; } .band { fill: var(--band); }
.dots { fill: none; stroke: var(--mark); stroke-width: 5; stroke-linecap: round; }
img { display: block; max-width: 100%; height: auto; max-height: 30rem; margin: 0 auto .25rem; object-fit: contain; }
.tiny { width: 100%; height: 10rem; image-rendering: pixelated; }
.seen { position: relative; width: fit-content; margin: 0 auto .25rem; } .seen img { width: auto; margin: 0; }
.boxes { position: absolute; inset: 0; height: 100%; margin: 0; overflow: hidden; }
rect { vector-effect: non-scaling-stroke; stroke-width: 2; fill: transparent; }
.box0 { stroke: #e8261c; } .box1 { stroke: #1ea7fd; } .box2 { stroke: #ffc400; } .box3 { stroke: #2fd05a; }
.box4 { stroke: #c04dff; } .box5 { stroke: #ff7a00; }
pre { margin: 0; padding: .75rem; max-height: 70vh; overflow: auto; white-space: pre-wrap; background: var(--box);
  border: 1px solid var(--line); border-radius: .5rem; display: flex; flex-direction: column-reverse; }
"""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src"
        f" 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def text(value: object, longest: int = LONGEST) -> str:
    """A text in one line, cut where it is long, as HTML has it between tags and in attributes."""
    shown = str(value)
    shown = shown if len(shown) <= longest else f"{shown[:longest]}…"
    return escape(printable(shown))


def lines(value: str) -> str:
    """A text of several lines as HTML has it between tags, without the colours of a terminal."""
    return escape(harmless(_CODES.sub("", value), colored=False), quote=False)


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values, which are HTML already."""
    inner = "".join(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>\n' for name, value in rows)
    return f"<table>\n{inner}</table>\n"


def section(title: str, body: str) -> str:
    """A part of a page under a heading; nothing if there is nothing in it. Both are HTML already."""
    return f"<section>\n<h2>{title}</h2>\n{body}\n</section>\n" if body else ""


def response(title: str, body: str, status: int = 200) -> HTMLResponse:
    """The page; `body` is HTML, `title` a text."""
    page = (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n<body>\n{body}</body>\n</html>\n"
    )
    return HTMLResponse(page, status, HEADERS)


def refusal(refused: Refused) -> HTMLResponse:
    """What a browser shows of a request that is refused."""
    why = f'<p>{text(refused.detail)} <span class="dim">{text(refused.slug)}</span></p>\n'
    hint = f"<p><code>{text(refused.hint)}</code></p>\n" if refused.hint else ""
    page = response(refused.slug, f"<h1>{refused.status}</h1>\n{why}{hint}", refused.status)
    page.headers.update(refused.headers)
    return page

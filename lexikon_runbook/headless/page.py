"""The HTML view of an executed notebook, for people who have no Jupyter."""

from __future__ import annotations

import html
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..record.record import write_atomically
from . import home

LONGEST_S = 120.0
# What the view keeps of a notebook's HTML: text and its looks, nothing that runs or loads.
TAGS = (
    "a b blockquote br code dd div dl dt em h1 h2 h3 h4 h5 h6 hr i li ol p pre s span strong "
    "sub sup table tbody td th thead tr ul"
)
STYLES = "border border-left color font-weight margin padding text-align vertical-align white-space"
# No quote, and no bracket but its own, so that it ends nothing that it may stand in.
PICTURE = re.compile(
    r"<img style='max-width:none' alt='[^'\"<>]*' "
    r"src='data:image/svg\+xml;base64,[A-Za-z0-9+/=]*'>"
)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
body {{ max-width: 78rem; margin: 2rem auto; padding: 0 1.5rem; color: #1f2328;
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }}
h1 {{ font-size: 1.9rem; margin: 0 0 .5rem }}
h2 {{ font-size: 1.25rem; margin: 2.2rem 0 .3rem; border-bottom: 1px solid #d8dee4;
  padding-bottom: .2rem }}
p, li {{ margin: .4rem 0; max-width: 58rem }}
code, pre {{ font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }}
table {{ border-collapse: collapse; font-size: 14px }}
td, th {{ text-align: left; vertical-align: top; padding: 2px 12px 2px 0 }}
thead th {{ border-bottom: 1px solid #d8dee4 }}
.prompt, .input pre .lineno {{ display: none }}
.input pre {{ margin: .4rem 0; padding: 6px 10px; background: #f6f8fa; border-radius: 4px }}
.output {{ margin: .2rem 0 .8rem; overflow-x: auto }}
.output_stream pre, .output_error pre {{ margin: 4px 0; padding: 6px 10px; white-space: pre-wrap;
  border-left: 5px solid #d8dee4 }}
.output_error pre {{ border-left-color: #b3261e; background: #fdf3f2 }}
.c1 {{ color: #6e7781 }} .s1, .s2 {{ color: #0a5c36 }} .k, .kn, .kc {{ color: #8250df }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


class View:
    """A process of its own that renders one notebook as HTML.

    nbconvert takes as long to import as a kernel to start; beside it, it costs no time.
    """

    def __init__(self) -> None:
        home.ensure()
        # In a session of its own: a Ctrl-C is for the run, and the view is of how it ended.
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def write(self, notebook: Path) -> None:
        """Write `notebook`'s HTML view beside it. Raises ViewFailed when it could not."""
        _, said = self._process.communicate(str(notebook), timeout=LONGEST_S)
        if self._process.returncode:
            raise ViewFailed(said.strip().rpartition("\n")[2])


class ViewFailed(Exception):
    """The HTML view could not be made; the executed notebook is there all the same."""


def main() -> None:
    """Get ready, then render the notebook whose path comes on standard input, if one comes."""
    spare_jsonschema()
    exporter = _exporter()
    exporter.from_notebook_node(_small())  # compiles its templates
    if path := sys.stdin.read():
        notebook = Path(path)
        body, _ = exporter.from_filename(path)
        title = html.escape(f"{notebook.stem}, {notebook.parent.name}")
        write_atomically(notebook.with_suffix(".html"), PAGE.format(title=title, body=body))


def spare_jsonschema() -> None:
    """Keep jsonschema from compiling a grammar when it is imported.

    It does so, for two seconds, where this package lies beside it, as it does with
    JupyterLab; no notebook uses the format.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _small() -> Any:
    from nbformat import v4

    new: Any = v4
    shown = new.new_output("display_data", {"text/html": "<b>x</b>"})
    code = new.new_code_cell("x = 1", outputs=[shown])
    return new.new_notebook(cells=[new.new_markdown_cell("# x"), code])


def _exporter() -> Any:
    """Markdown and outputs as HTML, cleaned after they were rendered."""
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors.sanitize import SanitizeHTML

    cleaner = SanitizeHTML(
        tags=TAGS.split(),
        styles=STYLES.split(),
        attributes={"*": ["style", "class", "id", "href"]},
        strip=True,
    )
    return HTMLExporter(
        template_name="basic",
        sanitize_html=True,
        exclude_anchor_links=True,
        filters={"clean_html": _keeping_pictures(cleaner.sanitize_html_tags)},
    )


def _keeping_pictures(clean: Callable[[str], str]) -> Callable[[str], str]:
    """Clean all but the drawings of `render.Picture`: as images they neither run nor load."""

    def cleaned(text: str) -> str:
        token, kept = secrets.token_hex(16), list[str]()

        def aside(picture: re.Match[str]) -> str:
            kept.append(picture[0])
            return f"{token}-{len(kept) - 1}-"

        safe = clean(PICTURE.sub(aside, text))
        return re.sub(rf"{token}-(\d+)-", lambda place: kept[int(place[1])], safe)

    return cleaned


if __name__ == "__main__":
    main()
    os._exit(0)  # the view is written; taking nbconvert down again would be waited for

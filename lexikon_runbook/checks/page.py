"""Renders the rules as docs/findings.md."""

from __future__ import annotations

from collections.abc import Sequence

from .rule import LARGE_BYTES, LARGE_ROWS, SMALL_ROWS, Rule

_HEAD = f"""# Findings

What a plan warns of, rule by rule. This page is rendered from `lexikon_runbook/checks`; a test
holds it to the rules. To render it again:

```sh
python -c 'from lexikon_runbook import checks; print(checks.document(), end="")' > docs/findings.md
```

| severity | what follows |
| --- | --- |
| danger | The run stops until it is approved with the plan's digest. |
| warning | It runs. Read it first: something may break or wait. |
| note | It runs. Good to know. |

Downgrades are held against the same rules as upgrades. A table is *large* above
{LARGE_ROWS:,} rows (as the statistics estimate them) or {LARGE_BYTES // 1024**2} MB; up to
{SMALL_ROWS:,} rows nobody notices work on every row. Tables that the plan itself creates, and
empty ones, give no findings about locks and rewrites. Rules read the SQL and the Python of a
revision, so they miss what only a server knows: the rehearsal measures locks and rewrites.

| rule | at worst | applies when |
| --- | --- | --- |
"""


def render(rules: Sequence[Rule]) -> str:
    """The page, in Markdown, with a line end at its end."""
    contents = "".join(f"| [{r.id}](#{r.id}) | {r.severity} | {r.title} |\n" for r in rules)
    return _HEAD + contents + "".join(_section(rule) for rule in rules)


def _section(rule: Rule) -> str:
    return f"""
## {rule.id}

{rule.title}. At worst: **{rule.severity}**.

**When:** {rule.meaning}

**Effect:** {rule.effect}

**Instead:** {rule.remedy}

Flagged:

{_example(rule.bad)}

Not flagged:

{_example(rule.good)}
"""


def _example(text: str) -> str:
    language = "python" if text.startswith("def ") else "sql"
    return f"```{language}\n{text.rstrip()}\n```"

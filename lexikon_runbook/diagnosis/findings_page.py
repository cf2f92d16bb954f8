"""Renders the rules, the diagnoses and the refusals as docs/findings.md, or one of them."""

from __future__ import annotations

from collections.abc import Sequence

from ..plan.rules import RULES
from ..plan.rules.rule import LARGE_BYTES, LARGE_ROWS, SMALL_ROWS, Rule
from .diagnoses import DIAGNOSES
from .refusals import REFUSALS, Refusal
from .row import Diagnosis

_HEAD = f"""# Findings

What a plan warns of, rule by rule; [below](#diagnoses), what troubleshoot looks for; and
[what stops a run](#refusals). `lexikon-runbook explain NAME` prints one entry. This
page is rendered from `lexikon_runbook/plan/rules` and `lexikon_runbook/diagnosis`; a test
holds it to the rules. To render it again:

```sh
python -c 'from lexikon_runbook.diagnosis import findings_page as page
print(page.document(), end="")' > docs/findings.md
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
revision, so they miss what only a server knows; try a doubtful statement on a copy of the data.

| rule | at worst | applies when |
| --- | --- | --- |
"""


_DIAGNOSES = """
# Diagnoses

What [troubleshoot](troubleshoot.md) looks for, row by row. A row that needs what could not be read
is *not known*, with the reason: it never counts as ruled out. What is found is ranked: first what
explains the error that was given, then certain before likely before possible, then danger before
warning before note, then the order here.

| likelihood | meaning |
| --- | --- |
| certain | A migration can't work, or has not, while it is so. |
| likely | Most migrations fail or wait. |
| possible | Some do. |

Rows marked *proof* are told by `run.prove()`, on throwaway databases. Likelihood and severity are
the worst that a row can be.

| diagnosis | how sure, how bad | what | mended by |
| --- | --- | --- | --- |
"""


_REFUSALS = """
# Refusals

Each type of error that stops a run. A card's last line names its diagnosis, where there is one,
else the entry here. A run that is refused never ends with 0, and its record says why.

| refusal | exit code | outcome | when |
| --- | --- | --- | --- |
"""


def document() -> str:
    """docs/findings.md, in full."""
    return render(RULES, DIAGNOSES, REFUSALS)


def entries() -> dict[str, str]:
    """Every entry's section of the page, by its name."""
    return {
        **{rule.id: _section(rule) for rule in RULES},
        **{row.id: _diagnosis(row) for row in DIAGNOSES},
        **{row.id: _refusal(row) for row in REFUSALS},
    }


def render(
    rules: Sequence[Rule], diagnoses: Sequence[Diagnosis], refusals: Sequence[Refusal]
) -> str:
    """The page, in Markdown, with a line end at its end."""
    contents = "".join(f"| [{r.id}](#{r.id}) | {r.severity} | {r.title} |\n" for r in rules)
    listed = "".join(
        f"| [{d.id}](#{d.id}) | {d.likelihood}, {d.severity} | {d.title}"
        f"{' (proof)' if d.proof else ''} | {d.runbook or '-'} |\n"
        for d in diagnoses
    )
    stops = "".join(
        f"| [{r.id}](#{r.id}) | {r.error.exit_code} | {r.error.outcome} | {r.when} |\n"
        for r in refusals
    )
    parts = [_HEAD, contents, *map(_section, rules), _DIAGNOSES, listed]
    parts += [*map(_diagnosis, diagnoses), _REFUSALS, stops]
    return "".join([*parts, *map(_refusal, refusals)])


def _refusal(row: Refusal) -> str:
    return f"""
## {row.id}

`{row.error.__name__}`: {row.when}

**State then:** {row.state}

**Mend:** {row.mend}
"""


def _diagnosis(row: Diagnosis) -> str:
    errors = ", ".join(f"`{error}`" for error in row.errors if row.id != "pasted-error")
    return f"""
## {row.id}

{row.title}. At worst: **{row.likelihood}, {row.severity}**.

**When:** {row.condition}

**Evidence:** {row.evidence}

**Mend:** {row.remedy}
""" + (f"\n**Explains:** {errors}\n" if errors else "")


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

"""`python -m lexikon_runbook` is `lexikon-runbook`."""

from .cli import main

main()

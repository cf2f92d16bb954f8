"""`python -m lexikon_runbook` is `lexikon-runbook`."""

from .commands.main import main

main()

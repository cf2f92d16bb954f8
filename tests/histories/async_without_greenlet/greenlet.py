"""Stands for a greenlet that is not installed."""

raise ModuleNotFoundError("No module named 'greenlet'", name="greenlet")

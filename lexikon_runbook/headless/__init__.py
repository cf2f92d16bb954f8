"""A runbook without anybody at it: Papermill, its true statuses, and the HTML page."""

"""The application's own logging, imported as part of nothing here."""

NAMES = ("logging",)

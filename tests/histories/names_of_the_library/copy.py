"""The application's own copies, imported as part of nothing here."""

NAMES = ("copy",)

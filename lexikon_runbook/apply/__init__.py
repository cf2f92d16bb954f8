"""The only writer: a plan run revision by revision, watched, and read back."""

"""Values that show themselves: escaped HTML and plain text from the same blocks."""

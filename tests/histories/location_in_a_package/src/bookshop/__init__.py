"""An application with its migrations inside."""

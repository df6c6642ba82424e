"""The head service: everything that has effects, and the single writer of state."""

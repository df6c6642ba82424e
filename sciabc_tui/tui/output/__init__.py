"""What goes to the terminal: only the cells that differ, one frame at a time, and nothing waits for it."""

"""Getting boards in: from an SSH server with a password to a node that computes, and back."""

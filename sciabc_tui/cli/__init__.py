"""The commands, and the one place that builds real adapters and wires them."""

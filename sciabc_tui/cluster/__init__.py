"""The domain: what a cluster is and how it changes. Pure: no I/O, no clock, no loop."""

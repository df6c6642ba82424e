"""The sections of the dashboard while nothing is known of the cluster: what the first frame shows."""

from sciabc_tui.tui.present.cells import Table

NODES = Table("Nodes", "", (), empty="waiting for the head service")
JOBS = Table("Jobs", "", ())
EVENTS = Table("Events", "", ())

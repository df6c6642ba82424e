"""The system's clocks; the one place that reads them."""

import time

from sciabc_tui.cluster.durations import Instant


class SystemClock:
    """CLOCK_MONOTONIC and the time of day."""

    def monotonic(self) -> Instant:
        """Give seconds that never jump."""
        return time.monotonic()

    def wall(self) -> float:
        """Give seconds since the epoch."""
        return time.time()

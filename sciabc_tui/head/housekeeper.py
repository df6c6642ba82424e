"""Removes the files of old jobs: at the start of the service, and once a day."""

import asyncio
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from jobs.retention import Keep, retain
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.ports import Clock, Hub

DAY = 86_400.0


class Housekeeper:
    """Keeps to `jobs.keep`."""

    def __init__(self, ledger: Ledger, folder: Path, keep: Keep, *, clock: Clock, worker: Executor) -> None:
        """Remove nothing yet.

        Args:
            ledger: Knows the jobs.
            folder: Where each job has its own.
            keep: Whose files stay.
            clock: Says how old they are.
            worker: For what may block for a long time: an SD card removes gigabytes slowly.
        """
        self._ledger = ledger
        self._folder = folder
        self._keep = keep
        self._clock = clock
        self._worker = worker

    async def run(self, hub: Hub) -> None:
        """Work until cancelled."""
        del hub  # its work is not in the state
        loop = asyncio.get_running_loop()
        while True:
            records = await self._ledger.with_files()
            removed = await loop.run_in_executor(
                self._worker, retain, self._folder, records, self._keep, self._clock.wall()
            )
            gone = {record.id: record for record in records}
            for number in removed:
                await self._ledger.keep(replace(gone[number], dir=""))
            await asyncio.sleep(DAY)

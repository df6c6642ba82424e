"""Which hosts of an attempt are lost, by the head's word: it may come while the nodes are being visited."""

import os
import select
from pathlib import Path

from jobs.attempt import read_order
from jobs.errors import StoreError

_CHUNK = 4096


class Losses:
    """Follows the head's orders when the launcher is gone: nobody waits for a host that was given up.

    A selector can wait for it: it is readable when the head has said something new.
    """

    def __init__(self, folder: Path, cancel: int) -> None:
        """Follow an attempt.

        Args:
            folder: The attempt's folder.
            cancel: A descriptor that becomes readable when there is a new order.
        """
        self._folder = folder
        self._cancel = cancel

    def fileno(self) -> int:
        """Give what becomes readable."""
        return self._cancel

    def names(self) -> frozenset[str]:
        """Give the hosts that are lost as far as the head knows by now."""
        if select.select([self._cancel], [], [], 0.0)[0]:
            os.read(self._cancel, _CHUNK)
        try:
            order = read_order(self._folder)
        except StoreError:  # damaged: it names nobody
            return frozenset()
        return frozenset(order.lost) if order is not None else frozenset()

"""The works that the head can do on nodes: each a generator that tells what happens."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sciabc_tui.api.works import Part, Wish
from sciabc_tui.errors import CommandRefused

NOT_SIMULATED = "A simulation has no boards to do that on. Next: the same without --demo, on real nodes"
"""Why a work is refused in a simulation."""

Work: TypeAlias = Callable[[Any, str], AsyncGenerator[Part, None]]
"""Does what a wish of one kind says, for the user of that name.

It raises `NotFound` or `CommandRefused` before its first part, which is `Begun`; its last part is `Over`.
What goes wrong on a node is told as that node's `Ended`. When the generator is closed it stops what it
started on the nodes, within seconds.
"""


@dataclass(frozen=True, slots=True)
class Works:
    """Which work is done for which kind of wish."""

    kinds: Mapping[type[Wish], Work]

    def begin(self, wish: Wish, *, by: str) -> AsyncGenerator[Part, None]:
        """Begin a work.

        Raises:
            CommandRefused: It is none that can be done here.
        """
        if (work := self.kinds.get(type(wish))) is None:
            raise CommandRefused(NOT_SIMULATED)
        return work(wish, by)

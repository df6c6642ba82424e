"""What is asked for in one line below a log, and what is done with the answer."""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, auto

from sciabc_tui.tui.log_reading import LogReading
from sciabc_tui.tui.present.log_records import read_pattern, read_ranks
from sciabc_tui.tui.present.logs import read_time


class Ask(Enum):
    """What is asked for."""

    RANKS = auto()
    SEARCH = auto()
    GREP = auto()
    TIME = auto()
    SAVE = auto()


HINTS: Mapping[Ask, str] = {
    Ask.RANKS: "ranks, such as 0,3-5, or nodes of the job; empty shows all",
    Ask.SEARCH: "search for a regular expression; small letters find large ones",
    Ask.GREP: "show only lines that hold a regular expression; empty shows all",
    Ask.TIME: "go to a time: 14:05, 14:05:30, or +10m after the start",
    Ask.SAVE: "save what is shown into this file",
}


def carry_out(
    ask: Ask, text: str, reading: LogReading, *, hosts: dict[str, tuple[int, ...]], began: float | None
) -> None:
    """Do what was asked for, but for saving.

    Args:
        ask: What.
        text: The answer.
        reading: Of the log.
        hosts: The ranks on each node.
        began: When the attempt began, in seconds since 1970.

    Raises:
        ValueError: It can't be done so; one line that names the next step.
    """
    match ask:
        case Ask.RANKS:
            ranks = read_ranks(text, hosts)
            told = f"rank {text.strip()}" if text.strip()[:1].isdigit() else text.strip()
            reading.choose(replace(reading.chosen, ranks=ranks, ranks_text=told if ranks else ""))
        case Ask.GREP:
            reading.choose(replace(reading.chosen, grep=read_pattern(text) if text else None))
        case Ask.SEARCH if text:
            reading.seek(text, read_pattern(text))
        case Ask.SEARCH:
            reading.forget_search()
        case Ask.TIME if text:
            reading.go_to_time(read_time(text, began=began, at=reading.time_at_top))
        case _:
            return

"""A cluster in which every text is hostile: `python -m tests.tui.hostile [refuse|gone]`.

Whoever names a host, writes a program or answers for a service may write anything; what goes to the terminal
is compared in `test_tui_hostile` with what we send ourselves.
"""

import dataclasses
import sys
import threading
import zlib
from collections.abc import Mapping
from typing import TypeVar, cast

from sciabc_tui.errors import SciabcError, ServiceUnavailable
from sciabc_tui.tui.run import run_tui
from tests.tui import states
from tests.tui.client import CapturingClient

CORPUS = (
    "\x1b[2J\x1b[H",  # clears the screen
    "\x1b]0;owned\x07\x1b]2;owned\x1b\\",  # sets the title
    "\x1b]52;c;b3duZWQ=\x07",  # sets the clipboard
    "\x1bP1$r0m\x1b\\\x1b_x\x1b\\\x1b^x\x1b\\",  # DCS, APC, PM
    "\x9b31m\x9d0;owned\x9c\x90q\x9c",  # the same as C1 characters
    "\x1b[6n\x1b[c\x1b[21t\x1b[?1049l\x1b[?25h",  # asks for answers, leaves the screen
    "[/x][bold][@click=app.quit]x[/]",  # markup
    "\u202eabc\u2066\u200f\u061c",  # bidi
    "a\u200bb\u200dc\ufeff\u2060\u00ad\u034f\u115f\u3164",  # zero width
    "\x00\x01\x07\x08\x7f\x85\u2028\u2029",  # controls and separators
    "a\rb\nc\td\x0be\x0cf",  # what moves the cursor
    "日本語\uff20\uff57\uff49\uff44\uff45",  # wide
    "e\u0301o\u0308" + "\u0300" * 50,  # combining
    # emoji of many characters: a family, a flag, a hand, a heart
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3f3\ufe0f\u200d\U0001f308"
    "\U0001f44d\U0001f3fd\u2764\ufe0f",
    "\ud800\udfff",  # halves of a pair
    "\x1b",  # the beginning of nothing
    "\x1b]8;;http://x/\x1b\\x\x1b]8;;\x1b\\",  # a link
    "$(reboot);`reboot`%s%n{0}",
    "w" * 3000,
)

_T = TypeVar("_T")


def poisoned(value: _T) -> _T:
    """Add something hostile to every text in a value; equal texts stay equal, so that ids still match."""
    made: object = value
    if type(value) is str:
        made = f"{value}{CORPUS[zlib.crc32(value.encode()) % len(CORPUS)]}"
    elif isinstance(value, tuple):
        made = tuple(poisoned(one) for one in cast("tuple[object, ...]", value))
    elif isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        made = {poisoned(key): poisoned(one) for key, one in pairs.items()}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes = {
            one.name: poisoned(getattr(value, one.name)) for one in dataclasses.fields(value) if one.init
        }
        made = dataclasses.replace(value, **changes)
    return cast("_T", made)


def output() -> bytes:
    """Give a job's log that prints the corpus, and a line of 10 MB."""
    texts = [text.encode("utf-8", "surrogatepass") for text in CORPUS] + [
        b"\xff\xfe\xc3\x28",
        b"\r".join([b"50%"] * 9),
    ]
    records = [
        b"2026-11-21T14:00:%02d.000Z %3d out %s\n" % (number % 60, number % 4, text.replace(b"\n", b" "))
        for number, text in enumerate(texts)
    ]
    long = b"2026-11-21T14:01:00.000Z   0 out " + b"\x1b[31mL\x1b]0;owned\x07" * 500_000 + b"\n"
    return states.log_records(40) + long + b"".join(records)


def client() -> CapturingClient:
    """Give a client of such a service."""
    made = CapturingClient(poisoned(states.lost()), log=output())
    made.past = poisoned(states.happened())
    made.attempts = poisoned(states.ATTEMPTS)
    made.report = poisoned(states.fitness())
    return made


def main(words: list[str]) -> int:
    """Show it; with `refuse` the service refuses everything, with `gone` it goes away, in hostile words."""
    made = client()
    words_of_it = "no " + "".join(text for text in CORPUS if len(text) < 100)
    if "refuse" in words:
        made.refusal = SciabcError(words_of_it)
    if "gone" in words:
        threading.Timer(1.0, made.go_away, [ServiceUnavailable(words_of_it)]).start()
    return run_tui(lambda: made)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

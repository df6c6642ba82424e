"""Reads what is told line by line: works, and preflights."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from sciabc_tui.api.http1 import HTTPResponse
from sciabc_tui.api.messages import PreflightBegun, PreflightReport, PreflightRow
from sciabc_tui.api.wire import gone, read_as, read_line
from sciabc_tui.api.works import Over, Part

_T = TypeVar("_T")


def told(response: HTTPResponse, tell: Callable[[Part], object]) -> None:
    """Tell each part of a work until that is over.

    Raises:
        ServiceUnavailable: It was cut off before it was over.
        ServiceFailed: The service speaks another version.
    """
    decode = msgspec.json.Decoder(Part).decode
    while line := read_line(response):
        if not line.strip():
            continue  # it is alive
        part = read_as(decode, line)
        tell(part)
        if isinstance(part, Over):
            return
    raise gone()


def rows(response: HTTPResponse, tell: Callable[[PreflightBegun | PreflightRow], object]) -> PreflightReport:
    """Tell a preflight's rows as they come; the report has them in the order of the nodes.

    Raises:
        ServiceUnavailable: It was cut off before all were told.
        ServiceFailed: The service speaks another version.
    """
    begun = _decoded(read_line(response), PreflightBegun)
    tell(begun)
    found: dict[str, PreflightRow] = {}
    while line := read_line(response):
        row = _decoded(line, PreflightRow)
        found[row.node] = row
        tell(row)
    if set(found) != set(begun.nodes):
        raise gone()
    return PreflightReport(begun.launcher, tuple(found[node] for node in begun.nodes))


def _decoded(line: bytes, kind: type[_T]) -> _T:
    return read_as(lambda line: msgspec.json.decode(line, type=kind), line)

"""Nothing but honest cells reaches the terminal."""

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from sciabc_tui.tui.firewall import Firewall, harmless
from tests.tui.client import CapturingClient
from tests.tui.screens import on_stage
from tests.tui.states import ready

EVIL = "a\x1b[2Jb\x9b1mc\u202ed\u200be\x07\x00"


@pytest.mark.parametrize("text", [EVIL, "plain", "caf\u00e9 \u65e5", "\ufe0f\u2066\U000e0041x"])
def test_width_stays(text: str) -> None:
    """What comes out is printable and exactly as wide as what came in, so that the screen stays in place."""
    out = harmless(text)
    assert out.isprintable()
    assert cell_len(out) == cell_len(text)


def test_honest_segments_pass_unchanged() -> None:
    """A segment of plain text is handed on as it is."""
    segment = Segment("node01 ready")
    assert Firewall().apply([segment], Color(0, 0, 0))[0] is segment


def test_links_go() -> None:
    """The address of a link, which the terminal would get as it is, is taken out; text and look stay."""
    style = Style(bold=True, link="http://x/\x1b]0;owned\x07")
    passed = Firewall().apply([Segment("node01", style)], Color(0, 0, 0))[0]
    assert passed == Segment("node01", Style(bold=True))
    assert passed.style is not None
    assert passed.style.link is None


async def test_toast_and_field_are_stopped() -> None:
    """A hostile text that takes another way than the presentation, a toast or a field, is stopped too."""
    async with on_stage(CapturingClient(ready())) as stage:
        stage.app.notify(EVIL, markup=False, timeout=60)
        await stage.press("slash")
        assert stage.app.focused is not None
        stage.app.focused.value = EVIL  # pyright: ignore[reportAttributeAccessIssue] (the filter's field)
        await stage.pilot.pause()
        strips = stage.app.screen._compositor.render_strips()
        painted = "".join(segment.text for strip in strips for segment in strip)
    assert painted.isprintable()
    assert "a[2Jb" in painted

"""No link in README.md, CONTRIBUTING.md or docs/ leads nowhere."""

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links, name

LINKING = [*PAGES, ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each relative link is a file that is there, and each anchor a heading in it."""
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)}: {link} is not there"
        assert target.is_relative_to(ROOT), f"{name(page)}: {link} leads out"
        if anchor:
            assert anchor in anchors(target), f"{name(page)}: {link} has no such heading"


def test_every_page_is_in_the_index() -> None:
    """A guide that is added is found by readers."""
    index = ROOT / "docs" / "README.md"
    listed = {link.partition("#")[0] for link in links(index)}
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_there_are_links() -> None:
    """The checker finds what it should check."""
    assert sum(len(links(page)) for page in PAGES) > 80

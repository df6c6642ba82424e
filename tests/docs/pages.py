"""README.md and docs/*.md as data: blocks, commands, files, headings, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

INDENTED = "indented"
"""The language of a block that is set off by four blanks."""

_FENCE = re.compile(r"^( *)```(\w*)$")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code of a page.

    Attributes:
        page: Its path from the repository's root.
        language: As its fence says, or `INDENTED`.
        text: Its lines, without what they are indented by.
    """

    page: str
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        """What a reader would type, a line each: without comments and empty lines, continued lines joined."""
        joined = self.text.replace("\\\n", " ")
        return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def name(page: Path) -> str:
    """Give a page's path from the repository's root."""
    return page.relative_to(ROOT).as_posix()


def read(page: str) -> str:
    """Read a page of docs/ by its name."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def blocks(page: Path) -> Iterator[Block]:
    """Give the blocks of a page, in their order."""
    open_: tuple[str, str] | None = None
    taken: list[str] = []
    before = ""
    for line in [*page.read_text(encoding="utf-8").splitlines(), ""]:
        fence = _FENCE.match(line)
        if open_ is not None:
            if fence and fence[1] == open_[0]:
                yield Block(name(page), open_[1], "".join(f"{text}\n" for text in taken))
                open_, taken = None, []
            else:
                taken.append(line.removeprefix(open_[0]))
        elif fence:
            open_ = (fence[1], fence[2])
        elif line.startswith("    ") and (taken or not before.strip()):
            taken.append(line)
        elif taken:
            yield Block(name(page), INDENTED, "".join(f"{text.strip()}\n" for text in taken))
            taken = []
        before = line
    assert open_ is None, f"{page}: a block has no end"


def prose(page: Path) -> str:
    """Give a page without its fenced blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Give the names by which a link reaches the headings of a page, as the forges make them."""
    headings = (_HEADING.match(line) for line in prose(page).splitlines())
    texts = (re.sub(r"[^\w\- ]", "", found[1].strip().lower()) for found in headings if found)
    return {text.replace(" ", "-") for text in texts}


def links(page: Path) -> list[str]:
    """Give where the links and pictures of a page lead."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page)))


def files(page: str) -> dict[str, str]:
    """Give the whole files that a page of docs/ shows: the first line is a comment with the path."""
    found: dict[str, str] = {}
    for block in blocks(ROOT / "docs" / page):
        first = block.text.partition("\n")[0]
        if named := re.fullmatch(r"# (/\S+)", first):
            found[named[1]] = block.text
    return found


def programs(page: str) -> list[str]:
    """Give the Python programs of a page of docs/."""
    return [block.text for block in blocks(ROOT / "docs" / page) if block.language == "python"]

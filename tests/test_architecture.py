"""What docs/ARCHITECTURE.md and the indexes say about the tree is true of the tree."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/ARCHITECTURE.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def section(title: str) -> str:
    return TEXT.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("row", rows("KEY CLASSES"), ids=lambda row: row[0])
def test_a_key_class_stands_where_the_table_says(row: list[str]) -> None:
    names, places = (re.findall(r"`([^`]+)`", cell) for cell in row[:2])
    assert names
    defined = set()
    for place in places:
        tree = ast.parse((ROOT / place).read_text())
        defined |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert set(names) <= defined


@pytest.mark.parametrize("row", rows("WHERE TO LOOK"), ids=lambda row: row[0])
def test_where_to_look_there_is_something_to_see(row: list[str]) -> None:
    places = [place for place in re.findall(r"`([^`]+)`", row[1]) if "/" in place]
    assert places
    assert [place for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_page_and_every_decision_is_listed() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert [page for page in sorted(pages) if f"({page})" not in index] == []
    numbers = [int(page.name[:4]) for page in sorted((ROOT / "docs/decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))

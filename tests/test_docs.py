"""What the pages in docs/ must name, so that none of it is forgotten. `make docs` executes their examples."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from kreg_ipython.commands import SUBCOMMANDS
from kreg_ipython.magic import KregMagics
from kreg_ipython.registries import builtin

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "kreg_ipython"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def section(text: str, heading: str) -> str:
    """What stands under a heading, until the next one of its level."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("subcommand", SUBCOMMANDS.values(), ids=SUBCOMMANDS.keys())
def test_each_word_after_kreg_has_a_section_that_names_each_of_its_options(subcommand):
    text = section(page("commands"), f"`%kreg {subcommand.name}`")
    assert text
    options = [name for argument in subcommand.arguments for name in argument.names if name.startswith("-")]
    assert [option for option in options if not re.search(rf"`{option}\b", text)] == []


def test_no_word_after_kreg_is_described_that_there_is_not():
    assert set(re.findall(r"\n## `%kreg (\w+)`", page("commands"))) == set(SUBCOMMANDS)


def test_each_setting_and_each_of_its_values_is_described():
    text = section(page("commands"), "Settings")
    for name, trait in KregMagics.class_own_traits(config=True).items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert [value for value in getattr(trait, "values", ()) if f"`{value}`" not in row] == []


def test_each_registry_is_in_the_table_with_the_module_it_lives_in():
    """What becomes of a second registration is measured when the page is built."""
    rows = re.findall(r"\n\| `([\w.]+)`<br>`([\w.]+)` \|", page("registries"))
    assert rows == [(registry.name, registry.module) for registry in builtin()]


def test_each_file_of_the_package_is_named_and_none_that_is_gone():
    named = set(re.findall(r"`(?:\w+/)?(\w+\.py)`", page("internals")))
    assert named == {path.name for path in PACKAGE.rglob("*.py")}


def test_imports_point_down_the_list_of_files():
    order = [
        name.rstrip("/").removesuffix(".py") for name in re.findall(r"\n\| `(\w+(?:\.py|/))` \|", page("internals"))
    ]
    for path in PACKAGE.rglob("*.py"):
        mine = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for other in imported(path) - {mine}:
            assert order.index(mine) < order.index(other), f"{mine} imports {other}"


def imported(path: Path) -> set[str]:
    """The files and folders of the package that a file imports, at its top or later."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "kreg_ipython":
            _, _, inside = str(node.module).partition(".")
            found |= {inside.partition(".")[0]} if inside else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize(
    "where", ["C++ state", "other threads while a cell's entries are withdrawn", "Without cell ids"]
)
def test_the_limitations_tell_of(where):
    assert where in page("limitations")


def test_each_example_that_is_to_raise_says_what():
    """The builder checks that it does, and compares the text."""
    for path in DOCS.glob("*.md"):
        for cell in re.findall(r"```\{code-cell\} ipython3\n(.*?)```", path.read_text(), re.DOTALL):
            assert ("raises-exception" in cell) == ("# raises: " in cell), f"{path.name}:\n{cell}"


def test_links_from_page_to_page_work_without_the_builder_too():
    for path in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"

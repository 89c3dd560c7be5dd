"""The pages in docs/ name what they must, and the imports go one way. `make docs` executes the examples."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from differential import families

import kreg_ipython
from kreg_ipython import (
    AttributeRegistry,
    DictRegistry,
    Gate,
    HandlerRegistry,
    InstanceRegistry,
    ListRegistry,
    Registry,
    SetRegistry,
    SlotRegistry,
)
from kreg_ipython.commands import SUBCOMMANDS
from kreg_ipython.guard import journal, messages
from kreg_ipython.guard.ledger import Caller, Entry, Owner, Run
from kreg_ipython.magic import KregMagics
from kreg_ipython.registries import EXTRAS, LIBRARIES, builtin, of_library

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "kreg_ipython"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, until the next one of its level."""
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
    libraries = [registry for package in sorted(LIBRARIES) for registry in of_library(package)]
    assert rows == [(registry.name, registry.module) for registry in (*builtin(), *libraries)]


def test_each_adapter_of_a_library_is_small():
    """At most 20 lines for each, but imports and docstrings, so that another library is a quarter of an hour."""
    for package in sorted(LIBRARIES | {*EXTRAS}):
        text = (PACKAGE / "registries/libraries" / f"{package}.py").read_text()
        known = ast.walk(ast.parse(text))
        told = [each for each in known if isinstance(each, (ast.Import, ast.ImportFrom)) or _is_text(each)]
        untold = {line for each in told for line in range(each.lineno, (each.end_lineno or 0) + 1)}
        lines = [
            at for at, line in enumerate(text.splitlines(), 1) if line.partition("#")[0].strip() and at not in untold
        ]
        assert len(lines) <= 20 * len(of_library(package)), f"{package}.py has {len(lines)} lines"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_the_table_of_the_libraries_is_what_the_adapters_and_cases_say(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import registry_table

    assert registry_table.library_rows() == registry_table.written()[-len(registry_table.library_rows()) :]


def test_the_tree_names_each_package_and_no_file_that_is_gone():
    tree = section(page("internals"), "The tree").partition("```text\n")[2].partition("```")[0]
    named = set(re.findall(r"^  (\w+)(?:/|\.py) ", tree, re.MULTILINE))
    assert named == {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    rows = re.findall(r"^  (\w+)/((?:.*\n(?:    .*\n)*))", tree, re.MULTILINE)
    for package, row in rows:
        lists = re.findall(r"^ {17}((?:\w+(?: \([^)]*\))?[,;]? ?)+)$", row, re.MULTILINE)
        for module in re.findall(r"\w+", re.sub(r"\([^)]*\)", "", " ".join(lists))):
            assert (PACKAGE / package / f"{module}.py").exists(), f"{package}/{module}.py"


# -- imports


def rule() -> list[set[str]]:
    """Return the layers of the package as the internals say them, the lowest first."""
    text = re.search(r"`(lib < [^`]+)`", page("internals"))
    assert text is not None
    return [set(layer.split(", ")) for layer in text[1].split(" < ")]


@functools.cache
def modules() -> dict[str, Path]:
    """Return the package's files by the names of their modules."""
    paths = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in paths.items()}


def imported(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, at its top or later, for types or for real."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else str(node.module) for name in names}
    return {name for name in found if name.partition(".")[0] == PACKAGE.name}


def layer(module: str) -> int:
    """Return the number of a module's layer; the package itself is above all."""
    part = module.split(".")[1] if "." in module else None
    return next((number for number, parts in enumerate(rule()) if part in parts), len(rule()))


def test_each_part_of_the_package_has_a_layer():
    parts = {name.split(".")[1] for name in modules() if "." in name}
    assert parts == set().union(*rule())


def test_imports_go_from_higher_layers_to_lower_ones():
    for name, path in modules().items():
        for other in imported(path):
            inside = name.split(".")[1:2] == other.split(".")[1:2]
            assert inside or layer(other) < layer(name), f"{name} imports {other}"


def test_imports_make_no_circle():
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(imported(modules()[name])):
                follow(other, (*way, name))
            done.add(name)

    for name in modules():
        follow(name, ())


# -- what the pages tell of


@pytest.mark.parametrize("where", ["C++ state", "Lookups from other threads", "Without cell ids"])
def test_the_limitations_tell_of(where):
    assert where in page("limitations")


def test_the_limitations_tell_by_what_a_history_may_differ_from_a_fresh_kernel():
    told = " ".join(page("limitations").replace("**", "").split())
    for sentence in {history.limitation for history in families.histories()} - {""}:
        assert sentence.removesuffix(".") in told


def test_each_act_is_described():
    rows = re.findall(r"^\| (\w+) \|", section(page("commands"), "`%kreg log`"), re.MULTILINE)
    assert set(rows) - {"act"} == set(get_args(journal.Act)) - {"registered"}


def said() -> Iterator[str]:
    """Yield the notes, notices and reasons of which no part comes from elsewhere."""
    first, second = Owner("cell", "a", number=3), Owner("cell", "b", number=4)
    entry = Entry("tensorflow.gradients", "K", None, None, first, Run(first, "", 3), 2)
    yield messages.refused("K", entry, None, Caller(second, None, 2))
    yield messages.overwritten(entry, Caller(second, None, 2))
    yield messages.said_twice(entry, Caller(second, None, 2))
    yield f"'K' was {messages.swept(entry, Run(second, '', 12), ['L'])}"
    yield messages.left_by_an_edit(Run(second, "", 12), first, [entry])
    yield messages.served("K", "tensorflow.gradients")
    owner = journal.OwnerText("cell", "a", 3)
    yield messages.gone(journal.Event("removed", "R", "K", owner, 3, ""))
    yield messages.gone(journal.Event("cleared", "R", "K", owner, 3, "%kreg clear"))
    made = "one that cell [3] made"
    yield messages.same_name("K", "layers", made, "head (cell [4], line 2)", "")
    yield messages.same_name("K", "layers", made, made.replace("3", "5"), "clear_session() in cell [4], line 1")
    yield messages.undecided(Exception()).partition("(")[0]
    yield from (
        messages.why_kept(seen, unreadable) for seen, unreadable in ((True, False), (False, False), (True, True))
    )
    yield from (messages.PINNED, messages.MAY_BE_A_COPY, messages.BROUGHT_BACK, messages.IS_BACK)


@pytest.mark.parametrize("text", list(said()))
def test_each_line_of_ours_is_explained(text):
    assert f"`{text}" in page("troubleshooting")


SAYING = {"Refused", "CannotWrite", "UsageError", "Interrupted", "ArgumentTypeError", "Died", "Unknown", "tell"}
"""What is called with a line for the user."""


def lines_in_the_code() -> Iterator[str]:
    """Yield the longest part of each line for the user that does not differ from case to case."""
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in SAYING:
                text = node.args[0]
                parts = text.values if isinstance(text, ast.JoinedStr) else [text]
                fixed = [str(each.value) for each in parts if isinstance(each, ast.Constant)]
                yield max(fixed, key=len, default="").partition(".")[0].strip(" ;:,")


def test_each_line_that_is_written_where_it_is_said_is_explained():
    found, text = {line for line in lines_in_the_code() if len(line) > 5}, page("troubleshooting")
    assert len(found) > 30
    assert sorted(line for line in found if line not in text) == []


SHAPES = [DictRegistry, ListRegistry, SetRegistry, SlotRegistry, InstanceRegistry, HandlerRegistry, AttributeRegistry]


def test_the_page_of_the_api_has_each_name_that_is_a_function_or_a_class():
    named = re.findall(r"^\.\. auto\w+:: (\w+)$", page("api"), re.MULTILINE)
    names = {name for name in kreg_ipython.__all__ if not name.endswith("_ipython_extension")} - {"MISSING"}
    assert sorted(named) == sorted(names)


@pytest.mark.parametrize("kind", [Gate, *SHAPES])
def test_each_argument_of_an_adapter_is_described(kind: type):
    text = section(page("adapters"), "What an adapter can say")
    told = {"name", "table", "gates", "function", "announce", "slot", "attribute", "classes", "module", "self"}
    made = [each.__init__ for each in kind.__mro__ if each.__module__.startswith("kreg_ipython")]
    named = {
        each for init in made for each in inspect.signature(init).parameters.values() if each.kind != each.VAR_KEYWORD
    }
    assert [
        name for name in sorted({each.name for each in named}) if f"`{name}=" not in text and name not in told
    ] == []


def test_each_name_that_programs_may_use_is_described():
    pages = "".join(path.read_text() for path in DOCS.glob("*.md"))
    names = [name for name in kreg_ipython.__all__ if not name.endswith("_ipython_extension")]
    assert [name for name in names if not re.search(rf"\b{name}\b", pages)] == []


def test_each_member_of_an_adapter_is_described():
    text = section(page("adapters"), "What an adapter can say") + page("registries")
    told = {"name", "module", "gates"}
    members = {name for name in {*Registry.__annotations__, *vars(Registry)} if not name.startswith("_")}
    assert [name for name in sorted(members - told) if f"`{name}" not in text] == []


# -- examples and links


def test_each_example_that_is_to_raise_says_what():
    """The builder checks that it does, and compares the text."""
    for path in DOCS.glob("*.md"):
        for cell in re.findall(r"```\{code-cell\} ipython3\n(.*?)```", path.read_text(), re.DOTALL):
            assert ("raises-exception" in cell) == ("# raises: " in cell), f"{path.name}:\n{cell}"


TEXTS = [*DOCS.glob("*.md"), *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG"))]


def headings(path: Path) -> list[str]:
    """Return what links to the headings of a page end with, where it is read without the builder."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    found = re.findall("^#+ (.*)", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_links_work_without_the_builder_too(path):
    for target in re.findall(r'(?:\]\(|src="|srcset=")([^)\s"]+)', path.read_text()):
        name, _, heading = target.partition("#")
        page = path.parent / name if name else path
        assert "://" in target or page.exists(), target
        assert not heading or page.suffix != ".md" or heading in headings(page), target


def test_each_question_is_one_click_away():
    _, *questions = headings(DOCS / "questions.md")
    for text, home in ((page("index"), ""), ((ROOT / "README.md").read_text(), "docs/")):
        assert re.findall(rf"\({home}questions\.md#([\w-]+)\)", text) == questions

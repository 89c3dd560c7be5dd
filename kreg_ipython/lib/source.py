"""Read a source, and find in it the statements of a line, of a name, of another text.

The shapes::

    Source     one text: its statements, and a few indexes, each made when it is first asked for
    Statement  one statement: what it says, where it stands, and the obstacles around it: see `statements`
    Obstacle   why a call in a statement may not be executed, or not for everything: see `obstacles`

All of this is pure. `read` keeps the sources that were read last.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import textwrap
import tokenize
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cached_property
from typing import TypeVar

from kreg_ipython.lib.obstacles import DEFINITIONS, FUNCTIONS, OWN_NAMES, expressions, said_by
from kreg_ipython.lib.statements import CALLED, MAGIC, Statement, Statements, keys_of, statements

_DEFINES = re.compile(r"^\s*(?:async\s+)?(?:class|def)\s+(\w+)", re.MULTILINE)
_PROMPT = re.compile(r"^(?:(?:>>>|\.\.\.)(?: |$)|In \[\d+\]: ?| *\.{3,}: ?)", re.MULTILINE)
_OTHER_LANGUAGES = re.compile(
    r"\s*%%(bash|cmd|file|html|HTML|javascript|js|latex|markdown|perl|pypy|python\d?|ruby|script|sh|svg|SVG|sx|system"
    r"|writefile)\b"
)
_BETWEEN_CELLS = "\n# %%\n"
"""The lines between two cells in a notebook's text."""
_RUNS_ITS_BODY = re.compile(r"\s*%%(capture|prun|time|timeit)\b")


class Source:
    """One text, read. A text that cannot be read has no statements, and does not `parses`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.python, tree, self.magics = _python(text)
        """The text as Python, with the lines of the tree, and the lines that are magics: see `_python`."""
        self.parses = tree is not None
        """False if the text cannot be read here: IPython may understand more."""
        self.tree = tree or ast.Module(body=[], type_ignores=[])
        by_magic = text.lstrip().startswith("%%") and not _RUNS_ITS_BODY.match(text)
        self.statements = tuple(statements(self.tree, by_magic))
        """All statements, outer ones before those in them."""
        self._said: dict[tuple[str, str], dict[Hashable, list[Statement]]] = {}
        """The statements of a bucket by what they say: only those that are asked for are read that far."""
        self._callers: dict[frozenset[str], Statements] = {}

    def at(self, line: int | None, function: str | None = None) -> Statement | None:
        """Return the innermost statement at a line, 1 being the first.

        If a function is given by its qualified name, only its body counts; if the name is empty, only the source's.
        """
        innermost = self._by_line.get(line) if line is not None else None
        if innermost is None or function is None:
            return innermost
        names = [name for name in function.split(".") if name and name[0] != "<"]  # a lambda, what is local
        path = "".join(f".{name}" for name in names)
        found: Statement | None = innermost
        while found is not None and (not found.path.endswith(path) or (not path and found.path)):
            found = found.parent
        return found or innermost

    def standing(self, statement: Statement) -> list[Statement]:
        """Return the statements that say the same as one of another text: see `Statement.says`."""
        bucket = _bucket(statement)
        if bucket not in self._said:
            self._said[bucket] = _grouped(self._buckets.get(bucket, []), lambda each: [each.says])
        return self._said[bucket].get(statement.says, [])

    def saying_elsewhere(self, statement: Statement) -> Statements:
        """Return the statements that say what one of another text says, in other functions, and that may be skipped."""
        found = self._by_words.get(statement.says[1:], []) if not statement.is_definition else []
        may_run = [each for each in found if self._uncalled.isdisjoint(each.definitions)]
        return Statements(each for each in may_run if each.path != statement.path and each.obstacles | each.function)

    def at_place(self, place: Hashable) -> list[Statement]:
        """Return the statements that stand in the same definitions and compound statements: see `Statement.place`."""
        return self._by_place.get(place, [])

    def defined(self, name: str) -> list[Statement]:
        """Return the ``class`` and ``def`` statements of this name, wherever they stand."""
        return self._by_name.get(name, [])

    def mentions(self, names: Iterable[str]) -> bool:
        """Return whether any statement says one of these names: it may hand the function on."""
        return not self.names.isdisjoint(names)

    def calling(self, names: Iterable[str]) -> Statements:
        """Return the statements that call one of these functions, and that the text may execute."""
        wanted = frozenset(names)
        if wanted not in self._callers:
            found = (each for name in wanted for each in self._by_call.get(name, ()))
            self._callers[wanted] = Statements(each for each in found if self._uncalled.isdisjoint(each.definitions))
        return self._callers[wanted]

    def says_all_of(self, other: Source) -> bool:
        """Return whether every statement of another text stands in this one."""
        return all(self.standing(each) for each in other.statements)

    def executes_the_same_as(self, other: Source) -> bool:
        """Return whether both texts execute the same themselves, and differ in functions that they only define."""
        if not self.parses or not other.parses or self._outline != other._outline:
            return False
        changed = self._plain.keys() ^ other._plain.keys()
        texts = self, other
        return not any(text._may_execute(text._plain[each]) for text in texts for each in changed & text._plain.keys())

    @property
    def _outline(self) -> list[Hashable]:
        """The texts of the statements outside functions, but for functions that nothing decorates."""
        plain = {*self._plain.values()}
        others = (each for each in self._by_itself if each not in plain)
        return [each.body if isinstance(each.node, FUNCTIONS) else (each.says, each.header) for each in others]

    @cached_property
    def _plain(self) -> dict[tuple[str, str], Statement]:
        """The functions outside functions that nothing decorates, by what they are called and say."""
        functions = (each for each in self._by_itself if isinstance(each.node, FUNCTIONS) and not each.decorators)
        return {(each.name, each.body): each for each in functions}

    def _may_execute(self, function: Statement) -> bool:
        """Return whether the text may execute a function that it defines; a method, if it names the class."""
        if function.definitions:
            return str(getattr(function.definitions[0], "name", "")) in self.names
        return function.node not in self._uncalled

    def writers(self, key: Hashable) -> list[Statement]:
        """Return the statements that may write to a container at this key; those of methods write to their objects."""
        return [*self._writers.get(key, ()), *self._writers.get(None, ())]

    @cached_property
    def _writers(self) -> dict[Hashable, list[Statement]]:
        """The statements that write, by the keys that they say; those that compute one under None."""
        writing = [each for each in self.statements if each.writes and not each.is_in_method]
        return _grouped(writing, lambda each: each.keys_written or {None})

    def line_of_definition(self, qualname: str) -> int | None:
        """Return the line at which a definition begins, with its decorators.

        An extension type's ``Spec`` has no statement of its own: it is its class's.
        """
        path = "." + qualname.replace(".<locals>", "")
        return self._definitions.get(path, self._definitions.get(path.removesuffix(".Spec")))

    def line_of_key(self, key: str) -> int | None:
        """Return the first line with this string literal or keyword: where a key was written that no gate saw.

        Statements that may write to a container come first.
        """
        lines = self.literals.get(key, ())
        written = (line for line in lines if (found := self.at(line)) is not None and found.writes)
        return next(written, lines[0] if lines else None)

    def said_at(self, line: int | None) -> set[str]:
        """Return the words and keywords of the innermost statement at a line, and of those that it stands in."""
        statement, said = self.at(line), set[str]()
        while statement is not None:
            keywords = (each.arg for each in expressions(statement.node) if isinstance(each, ast.keyword))
            said |= statement.words.union(filter(None, keywords))
            statement = statement.parent
        return said

    @cached_property
    def literal_keys(self) -> set[str]:
        """The keys at which the text writes to some dict.

        It may assign them, call `setdefault`, or call `update` with a dict or keywords.
        """
        keys = [
            key for each in ast.walk(self.tree) for key in (each.keys if isinstance(each, ast.Dict) else keys_of(each))
        ]
        return {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}

    @cached_property
    def _by_line(self) -> dict[int, Statement]:
        found: dict[int, Statement] = {}
        for each in self.statements:
            for line in range(each.first, each.last + 1):
                beside = found.get(line)
                together = beside is not None and beside.parent is each.parent
                if beside is not None and together and beside.calls and each.calls:
                    beside.shares_its_line = each.shares_its_line = True
                if beside is None or not together or _likelier(each, beside):
                    found[line] = each
        return found

    @cached_property
    def _buckets(self) -> dict[tuple[str, str], list[Statement]]:
        return _grouped(self.statements, lambda each: [_bucket(each)])

    @cached_property
    def _by_words(self) -> dict[Hashable, list[Statement]]:
        return _grouped([each for each in self.statements if not each.is_definition], lambda each: [each.says[1:]])

    @cached_property
    def _by_place(self) -> dict[Hashable, list[Statement]]:
        return _grouped(self.statements, lambda each: [each.place])

    @cached_property
    def _by_name(self) -> dict[str, list[Statement]]:
        return _grouped(self.statements, lambda each: [each.last_name] if each.is_definition else [])

    @property
    def called(self) -> Iterable[str]:
        """The functions that its statements call: see `Statement.calls`."""
        return self._by_call.keys()

    @cached_property
    def named(self) -> set[str]:
        """The variables and attributes that it names, called or not."""
        return _named(ast.walk(self.tree))

    @cached_property
    def attributes_set(self) -> set[str]:
        """The attributes that it gives a value to."""
        nodes = (each for each in ast.walk(self.tree) if isinstance(each, ast.Attribute))
        return {each.attr for each in nodes if isinstance(each.ctx, ast.Store)}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that what it may execute says, and its strings, with what the code in these calls."""
        nodes = _nodes(self.tree, self._uncalled)
        said = {each.name for each in nodes if isinstance(each, ast.alias)}
        said.update(*(each.calls for each in self.statements if each.is_magic))
        said.update(*(said_by(each) for each in nodes if isinstance(getattr(each, "ctx", ast.Load()), ast.Load)))
        in_strings = CALLED.findall("\n".join(self.literals))
        return frozenset(said).union(part for name in in_strings for part in name.split("."))

    @cached_property
    def names_by_itself(self) -> frozenset[str]:
        """The names in what it executes itself, not in functions: a string need not be one."""
        said = _named(part for each in self._by_itself for part in expressions(each.node))
        return frozenset(said).union(*(each.calls for each in self._by_itself))

    @property
    def _by_itself(self) -> list[Statement]:
        return [each for each in self.statements if not any(isinstance(one, FUNCTIONS) for one in each.definitions)]

    @cached_property
    def for_others(self) -> Source:
        """The same text, whose functions others may call: it may execute all of them."""
        found = Source(self.text)
        found._uncalled = set()
        return found

    @cached_property
    def _uncalled(self) -> set[ast.AST]:
        """The functions that the text only defines: nothing that it may execute names them, or decorates them."""
        functions = [
            each
            for each in self.statements
            if isinstance(each.node, FUNCTIONS)
            and not (each.decorators or each.last_name in self.literals)
            and not (each.definitions and isinstance(each.definitions[-1], ast.ClassDef))
        ]
        by_name = _grouped(functions, lambda each: [each.last_name])
        uncalled: set[ast.AST] = {each.node for each in functions}
        todo = [*_named(_nodes(self.tree, uncalled))]
        while todo:
            for each in by_name.pop(todo.pop(), ()):
                uncalled.discard(each.node)
                todo += _named(_nodes(each.node, uncalled))
        return uncalled

    @cached_property
    def _by_call(self) -> dict[str, list[Statement]]:
        return _grouped(self.statements, lambda each: each.calls)

    @cached_property
    def _definitions(self) -> dict[str, int]:
        return {each.name: each.first for each in reversed(self.statements) if each.is_definition}

    @cached_property
    def literals(self) -> dict[str, list[int]]:
        """The strings and keywords in the text, and their lines."""
        found: dict[str, list[int]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.setdefault(node.value, []).append(node.lineno)
            elif isinstance(node, ast.keyword) and node.arg is not None:
                found.setdefault(node.arg, []).append(node.value.lineno)
        return found


@functools.lru_cache(maxsize=16)  # a cell's texts, and those of the functions that it calls
def read(text: str) -> Source:
    """Read a text; a text that was read lately is not read again."""
    return Source(text)


@functools.lru_cache(maxsize=1024)  # other cells' texts, which are asked again and again
def names_by_itself(text: str) -> frozenset[str]:
    """Return what a text says itself: see `Source.names_by_itself`."""
    return read(text).names_by_itself


def definitions(text: str) -> set[str]:
    """Return the names that ``class`` and ``def`` statements in the text define, at any depth."""
    if "class " not in text and "def " not in text:
        return set()
    return set(_DEFINES.findall(_without_prompts(text)))


def _without_prompts(text: str) -> str:
    return _PROMPT.sub("", text) if _PROMPT.match(text) else text


def executed(text: str) -> Iterator[ast.AST]:
    """Yield the nodes of what the text itself executes, not of what functions, classes and comprehensions in it do."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        if not isinstance(node, OWN_NAMES):
            for child in ast.iter_child_nodes(node):
                yield from walk(child)

    yield from walk(read(text).tree)


def assigned(text: str) -> dict[str, int]:
    """Return the variables that the text gives a value to, or defines, and the last line that does."""
    found: dict[str, int] = {}
    for node in executed(text):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = max(node.lineno, found.get(node.id, 0))
        elif isinstance(node, DEFINITIONS):
            found[node.name] = max(node.lineno, found.get(node.name, 0))
    return found


def of_file(path: str) -> str | None:
    """Return the Python text of a file, of a notebook that of its code cells; None if it cannot be read."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
        if not path.endswith(".ipynb"):
            return text
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return _BETWEEN_CELLS.join(_of_cell("".join(cell["source"])) for cell in cells)
    except (OSError, SyntaxError, ValueError, LookupError, TypeError):
        return None


def _of_cell(cell: str) -> str:
    """Return a cell as Python with as many lines; blank ones of a cell that cannot be read, or is no Python."""
    python = _python(cell)[0]
    return python if python.count("\n") == cell.count("\n") else "\n" * cell.count("\n")


def lines_before(cell: str, text: str) -> int | None:
    """Return how many lines come before a cell's body in a notebook's text, see `of_file`; None if it is not there.

    Of a file ``.ipy`` the text is the cell.
    """
    texts, before = (cell, _of_cell(cell)), 0
    for each in text.split(_BETWEEN_CELLS):
        if each in texts:
            return before + header(cell)
        before += each.count("\n") + _BETWEEN_CELLS.count("\n")
    return None


@functools.lru_cache(maxsize=64)
def header(text: str) -> int:
    """Return how many lines come before the body: blank ones, which IPython cuts off, and ``%%time`` and its like."""
    blank = len(text) - len(text.lstrip())
    lines = text[:blank].count("\n")
    if not text.lstrip().startswith("%%"):
        return lines
    _, _, body = text[blank:].partition("\n")
    return lines + 1 + header(body)


def _python(text: str) -> tuple[str, ast.Module | None, frozenset[int]]:
    """Return the text as Python, its tree, None if it cannot be read, and the lines of it that were magics.

    All have the lines of the text. It may be indented as a whole, and have prompts. Magics, which are no statements of
    Python's, become strings, each on one line.
    """
    if _OTHER_LANGUAGES.match(text):
        return "", ast.Module(body=[], type_ignores=[]), frozenset()
    before = header(text)
    body = textwrap.dedent("\n".join(text.split("\n")[before:]))
    body = _without_prompts(body)
    for replaces in (False, True):
        python, magics = _with_strings(body) if replaces else (body, set[int]())
        try:
            tree = ast.parse(python)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # a null byte; nested too deeply
            continue
        return (
            "\n" * before + python,
            ast.increment_lineno(tree, before) if before else tree,
            frozenset(line + before for line in magics),
        )
    return "", None, frozenset()


def _with_strings(body: str) -> tuple[str, set[int]]:
    """Return a text in which magics are strings, and the lines of these."""
    parts: list[str] = []
    magics: set[int] = set()
    line, end = 1, 0
    for magic in MAGIC.finditer(body):
        said = _as_string(magic)
        parts += [body[end : magic.start()], said]
        line += parts[-2].count("\n")
        if said != magic[0]:
            magics.add(line)
        line += said.count("\n")
        end = magic.end()
    return "".join([*parts, body[end:]]), magics


def _as_string(magic: re.Match[str]) -> str:
    """Return a magic as a string, after the variable that its result is assigned to; no magic stays as it is."""
    indent, target, line = magic.groups("")
    try:
        ast.parse(f"{target}0")
    except SyntaxError:  # `print("x = %s")`
        return magic[0]
    return f"{indent}{target}{line.strip()!r}"


_Key = TypeVar("_Key", bound=Hashable)


def _grouped(
    statements: Iterable[Statement], keys: Callable[[Statement], Iterable[_Key]]
) -> dict[_Key, list[Statement]]:
    """Return statements by each of their keys."""
    found: dict[_Key, list[Statement]] = {}
    for each in statements:
        for key in keys(each):
            found.setdefault(key, []).append(each)
    return found


def _nodes(root: ast.AST, left_out: set[ast.AST]) -> list[ast.AST]:
    """Return a node and the nodes in it, but for what is in those that are left out."""
    nodes = [root]
    for node in nodes:
        nodes += () if node in left_out else ast.iter_child_nodes(node)
    return nodes


def _named(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the variables and attributes that these nodes are."""
    named = (each for each in nodes if isinstance(each, (ast.Name, ast.Attribute)))
    return {each.id if isinstance(each, ast.Name) else each.attr for each in named}


def _likelier(one: Statement, other: Statement) -> bool:
    """Return whether of two statements on one line the first is likelier to be meant.

    It calls something, and has more obstacles, so that nothing is taken for certain.
    """
    return (bool(one.calls), len(one.obstacles)) > (bool(other.calls), len(other.obstacles))


def _bucket(statement: Statement) -> tuple[str, str]:
    """Return what two statements have in common, at least, that say the same."""
    return statement.path, type(statement.node).__name__

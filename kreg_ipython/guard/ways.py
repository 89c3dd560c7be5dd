"""Find the way to an entry: from the frames that were written down when it was registered to statements and texts.

What is asked here may have changed since: which function a name means now, and what its file says. The verdict itself
is a pure function of what is found.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from kreg_ipython.guard.guarded import GuardedRegistry
from kreg_ipython.guard.ledger import Caller, Entry, Owner
from kreg_ipython.guard.verdicts import GUARDS, Step, Way, last_word
from kreg_ipython.lib import stack
from kreg_ipython.lib.holders import attributes_of
from kreg_ipython.lib.naming import Parameter, definition, names_in, package_of
from kreg_ipython.lib.remembered import remembered
from kreg_ipython.lib.source import Source, read
from kreg_ipython.lib.statements import Statement

_CLASS_MAKERS = {"__new__", "__init__", "__call__", "__init_subclass__", "__set_name__", "__prepare__"}
_MAKERS = ("__new__", "__init__", "__post_init__")
"""The methods that a call of a class calls first."""
_SHELLS = {"IPython", "decorator"}
"""The packages whose frames stand between a magic and what it executes; the second one's in IPython 7."""
NOBODY_KNOWS = Way((Step("user"),), complete=False)
"""The way to an entry that cannot be told: the entry stays."""
_NO_FILES = {"<string>", "<stdin>"}
"""The names of any text that is executed. From Python 3.13 on, linecache knows one of them: that of ``python -c``."""
_CONTAINERS = (dict, frozenset, list, set, tuple)
_MISSING: Any = object()
Function = tuple[str, str]
"""A function's module and its qualified name."""
_MOST = 2_000
"""The most functions whose texts are remembered, or that are looked into."""
_MANY = 100
"""The most objects whose attributes the names in one code may mean."""


def source_of(made: Entry | Caller) -> Source | None:
    """Return the source of the run that registered an entry, or of a caller's; None if nobody knows it."""
    text = made.run.source if made.run is not None else None
    return read(text) if text else None


def way_of(caller: Caller) -> Way:
    """Return the way that a caller came."""
    return Way(_steps(caller, source_of(caller)), caller.complete)


def way_to(entry: Entry, registry: GuardedRegistry | None = None) -> Way:
    """Return the way that led to an entry.

    Args:
        entry: what was registered.
        registry: where, whose container a cell may have written to; None if that does not matter.
    """
    source, accessor = source_of(entry), registry.accessor if registry is not None else ""
    defined = definition_of(entry)
    steps = _steps(entry, source)
    if steps:
        others = _others_asked(entry, source, registry)
        return Way(steps, entry.complete, defined, False, entry.key, accessor, others)
    if source is None or not (entry.written or entry.adopted):
        return Way(complete=False)
    at, module = source.at(entry.line), module_of(entry.owner)
    writers: list[Statement] = []
    if at is None or not (at.decorators or at.may_write(entry.key)):
        found = source.writers(entry.key) if entry.written else []
        writers = [each for each in found if may_write_to(each, registry, module)]
        at = writers[0] if len(writers) == 1 and (not accessor or accessor in source.text) else None
    if at is not None:
        others = _others(at, module, registry)
        return Way((Step("own", at.first, None),), not at.path, defined, entry.written, entry.key, accessor, others)
    return Way((), entry.adopted, defined, bool(writers), entry.key, accessor)  # or a library writes for the cell


def _others_asked(entry: Entry, source: Source | None, registry: GuardedRegistry | None) -> frozenset[str]:
    """Return the names in the guards on the way to an entry that mean other containers than the registry's."""
    own, found = _own_file(entry), set[str]()
    for step in entry.steps:
        if not stack.is_library(step.code.co_filename):
            text = source if _is_own(step.code, own, source) else _text(step.code)
            at = text.at(step.line, step.function) if text is not None else None
            found |= _others(at, step.module, registry) if at is not None else set()
    return frozenset(found)


def _others(guarded: Statement, module: str, registry: GuardedRegistry | None) -> frozenset[str]:
    """Return those of a statement's guards."""
    if registry is None or not (guarded.obstacles | guarded.function) & GUARDS:
        return frozenset()
    meanings = {name: _meant(name, module) for name in frozenset[str]().union(*guarded.asked)}
    others = {name for name, meant in meanings.items() if isinstance(meant, _CONTAINERS) and not registry.has(meant)}
    return frozenset(others)


def module_of(owner: Owner | None) -> str:
    """Return the name of the module in which an owner's text is executed."""
    return owner.id if owner is not None and owner.kind == "module" and owner.id else "__main__"


def may_write_to(statement: Statement, registry: GuardedRegistry | None, module: str) -> bool:
    """Return whether a statement in a module's body may write to a registry's container itself.

    Of what a variable holds, or an attribute, it is known which object that is. A method that is written in Python,
    ``registry.add("k")``, may remember what it has done; those of containers are written in C.
    """
    if any(_codes(_meant(statement.writing_method, module))):
        return False
    texts = [ast.unparse(each) for each in statement.written_to if isinstance(each, (ast.Name, ast.Attribute))]
    if registry is None or statement.path or len(texts) < len(statement.written_to):
        return True
    return any(meant is _MISSING or registry.has(meant) for meant in (_meant(text, module) for text in texts))


def _steps(made: Entry | Caller, source: Source | None) -> tuple[Step, ...]:
    """Return the steps of a way, without those that add nothing to it: what executes a magic, what makes a class."""
    own = _own_file(made)
    found: list[Step] = []
    caller: stack.Step | None = None
    for step in made.steps:
        last = found[-1] if found and found[-1].kind != "library" else None
        text = None if last is None else source if last.kind == "own" else last.before
        statement = text.at(last.line, last.function) if text is not None and last is not None else None
        if stack.is_library(step.code.co_filename):
            by_magic = package_of(step.module) in _SHELLS and statement is not None and statement.is_magic
            is_definition = statement is not None and statement.is_definition
            makes_class = is_definition and step.code.co_name in _CLASS_MAKERS and not _may_skip(step)
            starts = not found and not made.complete  # a thread
            if not by_magic and not makes_class and not starts and not (found and found[-1].kind == "library"):
                found.append(Step("library", function=step.function))
            continue
        wrapped = statement is not None and caller is not None and not _calls(statement, caller, step)
        if _is_own(step.code, own, source):
            wrapped = wrapped or (bool(step.function) and _meaning(step)[1])
            found.append(Step("own", step.line, step.function, wrapped=wrapped))
        elif not (statement is not None and statement.is_magic and not step.function):
            found.append(_in_a_file(step, own, wrapped))
        caller = step
    return tuple(found)


def _may_skip(step: stack.Step) -> bool:
    """Return whether a library's function may skip the call that it is at, as far as its text tells."""
    text = _text(step.code)
    at = text.at(step.line, step.function) if text is not None else None
    return at is None or not (at.obstacles | at.function) <= {"listed"}


def _calls(statement: Statement, caller: stack.Step, step: stack.Step) -> bool:
    """Return whether a statement calls a function itself: by its own name, or by one that means the function.

    If not, something may stand in between that remembers: a cache, a dict that makes what is missing.
    """
    names = [name for name in step.function.split(".") if name[:1] != "<"]
    if step.function.endswith(("comp>", "genexpr>")):
        same_file = step.code.co_filename == caller.code.co_filename
        return same_file and statement.first <= step.line <= statement.last
    if statement.is_definition:  # a class: its body, and what its bases do with it
        made = names[-1:] == [statement.last_name] or (names and names[-1][:2] == "__")
        if made or not statement.calls.isdisjoint(names):
            return True
    if names and names[-1] in statement.words and isinstance(_attribute(step), property):
        return True
    return any(_leads_to(name, names, caller, step.code) for name in statement.called_names)


def _leads_to(name: str, own_names: list[str], caller: stack.Step, code: CodeType) -> bool:
    """Return whether what a name means in the caller's module leads to a code, without anything of C in between.

    What a local variable means is not known. The function's own name is taken to mean the function, unless the caller
    is given the variable, or its text sets the attribute.
    """
    first, _, attribute = name.partition(".")
    if first in (*caller.code.co_varnames, *caller.code.co_cellvars, *caller.code.co_freevars):
        text = _text(caller.code) if attribute else None
        is_set = text is not None and attribute.rpartition(".")[2] in text.attributes_set
        is_own = bool(attribute) or "<locals>" in code.co_qualname
        return is_own and not is_set and name.rpartition(".")[2] in own_names
    meant = _meant(name, caller.module)
    if not callable(meant):
        return name.rpartition(".")[2] in own_names
    return any(each is code or each.co_qualname == code.co_qualname for each in _codes(meant))


def _meant(name: str, module: str) -> Any:
    """Return what a dotted name means in a module now."""
    first, *rest = name.split(".")
    meant: Any = getattr(sys.modules.get(module), "__dict__", {}).get(first, _MISSING)
    for part in rest if meant is not _MISSING else ():
        meant = inspect.getattr_static(meant, part, _MISSING)
        meant = getattr(meant, "__func__", meant)
    return meant


def _codes(meant: Any) -> Iterator[Any]:
    """Yield the codes that a call of an object executes first."""
    return (function.__code__ for function in _callees(meant))


def _callees(meant: Any) -> Iterator[Any]:
    """Yield the functions that a call of an object calls first; of an attribute that is computed, its function."""
    if isinstance(meant, functools.partial):
        yield from _callees(meant.func)
    elif isinstance(meant, (property, functools.cached_property)):
        yield from _callees(meant.fget if isinstance(meant, property) else meant.func)
    elif isinstance(meant, type):
        for name in _MAKERS:
            yield from _callees(inspect.getattr_static(meant, name, None))
    else:
        if not isinstance(meant, FunctionType):
            meant = getattr(meant, "__func__", inspect.getattr_static(type(meant), "__call__", None))
        if isinstance(getattr(meant, "__code__", None), CodeType):
            yield meant


def _hooks(meant: Any) -> Iterator[FunctionType]:
    """Yield what Python calls by itself of the user's objects, classes and modules: ``__enter__``, ``__getattr__``."""
    if isinstance(meant, FunctionType):
        return
    found: list[tuple[str, Any]] = []
    if isinstance(meant, ModuleType):
        found = [("__getattr__", attributes_of(meant).get("__getattr__"))]
    for kind in (*type(meant).__mro__, *(meant.__mro__ if isinstance(meant, type) else ())):
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if kind.__module__ == "__main__" or (file and not stack.is_library(file)):
            found += list(vars(kind).items())
    for name, function in found:
        function = getattr(function, "__func__", function)  # of a class method
        is_called = name in (*_MAKERS, "__call__")
        if name[:2] == name[-2:] == "__" and not is_called and isinstance(function, FunctionType):
            yield function


def reached(
    said: Iterable[str], module: str, packages: frozenset[str] = frozenset(), with_hooks: bool = False
) -> set[Function]:
    """Return the functions that code in a module may lead to, by module and qualified name.

    The names in the codes of the user's functions tell, called or handed on. IPython's own functions execute whatever
    they are given.

    Args:
        said: the names and attributes in the code.
        module: the module in which they mean something.
        packages: the installed packages that are looked into.
        with_hooks: whether the code may do with the objects in it what Python calls methods for.
    """
    found: set[Function] = set()
    todo: list[tuple[set[str], str, list[Any]]] = [(set(said), module, [])]
    seen: set[CodeType] = set()
    while todo and len(seen) < _MOST:
        for function, home in _meanings(*todo.pop(), with_hooks):
            code, where = function.__code__, str(function.__globals__.get("__name__"))
            if package_of(where) not in _SHELLS:
                found.add((where, code.co_qualname))
            if code not in seen and (package_of(where) in packages or not stack.is_library(code.co_filename)):
                seen.add(code)
                todo.append((set(names_in(code)), where, home))
    return found


def _meanings(names: set[str], module: str, homes: list[Any], with_hooks: bool) -> Iterator[tuple[Any, list[Any]]]:
    """Yield the functions that names in a code mean, and the object that each is an attribute of.

    Of ``lib.setup`` both names stand by themselves. So a name is a variable, or an attribute of what another one means.
    """
    meanings = {name: _meant(name, module) for name in names}
    attributes = [name for name, meant in meanings.items() if meant is _MISSING]
    found: list[tuple[Any, list[Any]]] = [(meant, [meant]) for meant in meanings.values() if meant is not _MISSING]
    homes = homes + [meant for meant, _ in found if not isinstance(meant, FunctionType)]
    for home in homes:
        for name in attributes:
            meant = inspect.getattr_static(home, name, _MISSING)
            meant = meant.__func__ if isinstance(meant, (classmethod, staticmethod)) else meant
            if meant is not _MISSING:
                found.append((meant, [home]))
                is_known = any(meant is each for each in homes) or len(homes) > _MANY
                if not is_known and not any(_callees(meant)):
                    homes.append(meant)
    for meant, home in found:
        functions = _callees(inspect.getattr_static(meant, "__wrapped__", meant))
        for function in (*functions, *(_hooks(meant) if with_hooks else ())):
            yield function, home


def _own_file(made: Entry | Caller) -> str | None:
    """Return the file of the owner's own code on a way; if nobody saw its beginning, the one with the owner's line."""
    return next((step.code.co_filename for step in made.steps if made.complete or step.line == made.line), None)


def _is_own(code: CodeType, own: str | None, source: Source | None) -> bool:
    """Return whether a code is compiled from the owner's own text.

    The name of the file tells, but not without a file: the body of any cell's ``%%time`` is called ``<timed exec>``.
    """
    name = code.co_filename
    if name != own or name[:1] != "<" or name.startswith("<ipython-input"):
        return name == own
    return code.co_name[:1] == "<" or source is None or bool(source.defined(code.co_name))


def _in_a_file(step: stack.Step, own: str | None, wrapped: bool) -> Step:
    """Return a step in a function of the user's outside the owner's text, with the texts that it had and has now."""
    code, stands_in = _meaning(step)
    text = _text(step.code)
    # Of a name that means nothing or something else now, or what the owner has defined since, nothing is known.
    other = code is not None and code.co_name != step.function.partition(".<locals>")[0].rpartition(".")[2]
    now = text if code is None or other or code.co_filename == own else _text(code)
    return Step("user", step.line, step.function, text, now, wrapped or stands_in or other)


def _meaning(step: stack.Step) -> tuple[CodeType | None, bool]:
    """Return the code that a step's function has now, by its name, and whether something stands in for the function.

    Nothing tells of a function in a function: the outer one counts.
    """
    inner = "<locals>" in step.function
    meant = _attribute(step)
    if isinstance(meant, (classmethod, staticmethod)):
        meant = meant.__func__
    elif isinstance(meant, property):
        meant = meant.fget
    if meant is _MISSING or meant is None:
        return None, False
    plain = isinstance(meant, (FunctionType, MethodType, type)) and "__wrapped__" not in vars(meant)
    try:
        code = getattr(inspect.unwrap(meant) if callable(meant) else meant, "__code__", None)
    except Exception:  # an attribute of the user's
        code = None
    return (code if isinstance(code, CodeType) else None), not plain and not inner


def _attribute(step: stack.Step) -> Any:
    """Return what the name of a step's function means now, as it stands in its module or class."""
    return _standing(step.module, step.function.partition(".<locals>")[0])


def _standing(module: str, name: str) -> Any:
    """Return what stands in a module, or in its classes, under a qualified name now."""
    meant: Any = sys.modules.get(module)
    for part in name.split("."):
        meant = getattr(meant, "__dict__", {}).get(part, _MISSING)
    return meant


def functions_from(entry: Entry, lost: set[str | None]) -> frozenset[Function]:
    """Return the functions that register an entry, whoever calls them: of those on the way to it, from a lost one on.

    What a statement says that names the key is what registers it: whatever that one calls may register other keys. Of a
    library's way the functions of one package count.
    """
    source, own = source_of(entry), _own_file(entry)
    key = {entry.key, last_word(entry.key)} if isinstance(entry.key, str) else set()
    found: list[Function] = []
    packages: set[str] = set()
    named = None
    for step in entry.steps:
        if step.function and (step.function in lost or package_of(step.module) in packages):
            found.append((step.module, step.function))
            packages |= {package_of(step.module)} if stack.is_library(step.code.co_filename) else set()
        text = source if _is_own(step.code, own, source) else _text(step.code)
        if text is not None and not key.isdisjoint(text.said_at(step.line)):
            named = len(found)
    return frozenset(found[:named])


def has_lost_a_function(entry: Entry) -> bool:
    """Return whether a function on the way to an entry is gone by now, under its name."""
    return any(_attribute(step) is _MISSING for step in entry.steps if step.function and "<" not in step.function)


def remember(steps: tuple[stack.Step, ...]) -> None:
    """Read the texts of the user's functions on a way now: their files may be edited before anybody asks."""
    for step in steps:
        if step.function and not stack.is_library(step.code.co_filename):
            _lines(step.code)


def writers(step: stack.Step, own: Source | None = None) -> list[Statement]:
    """Return the statements of a step's function that may write to a container: in its ``own`` text, or its file's."""
    text, path = own or _text(step.code), "." + step.function.replace(".<locals>", "")
    return [each for each in text.statements if each.path == path and each.writes] if text is not None else []


@remembered(_MOST)
def _lines(code: CodeType) -> str:
    """Return the text of a code's file, as it was when it was asked for first."""
    linecache.checkcache(code.co_filename)
    return "" if code.co_filename in _NO_FILES else "".join(linecache.getlines(code.co_filename))


def _text(code: CodeType) -> Source | None:
    """Return the text of a code's file; None if it is not the text that the code was compiled from."""
    text = _lines(code)
    if not text:
        return None
    source = read(text)
    defined = any(each.first == code.co_firstlineno for each in source.defined(code.co_name))
    return source if defined or code.co_name.startswith("<") else None


def has_its_name(subject: Any) -> bool:
    """Return whether the name of an object's definition means the object: whoever knows the name has it."""
    defined = definition(subject)
    named = defined is not None and len(defined) == 2 and isinstance(defined[1], str)
    return defined is not None and named and _standing(*defined) is subject


def is_of_a_former_self(entry: Entry) -> bool:
    """Return whether an entry is made of a class or function whose name now means another one.

    Its definition was executed again.
    """
    parts = entry.key if isinstance(entry.key, tuple) else (entry.key,)
    return any(map(_is_former, (*parts, entry.subject)))


def _is_former(part: Any) -> bool:
    if isinstance(part, Parameter):
        part = part.type
    if not isinstance(part, (type, FunctionType)) or "<" in part.__qualname__:
        return False
    meant = _standing(part.__module__, part.__qualname__)
    return meant is not _MISSING and meant is not part and isinstance(meant, type(part))


def definition_of(entry: Entry) -> str:
    """Return the qualified name of what was registered; empty if it has none."""
    defined = definition(entry.subject)
    return str(defined[1]) if defined and len(defined) > 1 else ""

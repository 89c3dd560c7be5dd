"""Describe definitions, so that those of two processes can be compared: what they are, and not how they were typed.

The shapes::

    Value    a text, or a reference to an object: ``{"is": number}``
    Facts    what is known of one object: a value for each of its parts: ``code``, ``default 0``, ``global K``
    Table    the roots by their names, and the facts of all objects that they lead to, by their numbers

A function leads to its code, its defaults, what it encloses, and the global names that it reads; a class to its bases
and attributes; an object to what it holds. Nothing of the user's is called. This file is executed by its path in a
fresh process, and imports nothing of kreg.
"""

from __future__ import annotations

import abc
import bisect
import collections
import copyreg
import dis
import functools
import hashlib
import sys
import threading
import types
import typing
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

Table = dict[str, Any]

_MOST = 50_000
"""The number of objects that are described."""
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), slice, range)
_CONTAINERS: tuple[type, ...] = (dict, list, tuple, set, frozenset)
_CODE = ("argcount", "posonlyargcount", "kwonlyargcount", "names", "varnames", "freevars", "cellvars", "name")
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_NOT_SAID = {
    *("__dict__", "__weakref__", "__module__", "__annotations__", "__annotate__", "__annotate_func__"),
    *("__annotations_cache__", "__firstlineno__", "__static_attributes__", "__classdictcell__", "__abstractmethods__"),
    "_abc_impl",
}
"""The attributes that Python keeps for itself, and the module, which is another one."""
_OF_MODULES = {"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__package__", "__loader__"}
_OF_IPYTHON = {"display", "get_ipython"}
_STATELESS = (object, type(threading.Lock()), type(threading.RLock()))
"""The types whose objects have nothing to compare."""
_WEAK = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)
_CACHES = {"dispatch_cache", "cache_token", "_clear_cache"}
"""The variables that a function of `functools.singledispatch` has, and fills when it is called."""
_REGISTERED = {
    "keras.custom_objects": "keras.src.saving.object_registration:GLOBAL_CUSTOM_OBJECTS",
    "tf_keras.custom_objects": "tf_keras.src.saving.object_registration:_GLOBAL_CUSTOM_OBJECTS",
    "tensorflow.gradients": "tensorflow.python.framework.ops:gradient_registry._registry",
}
"""The place of each registry, where a process finds an object that has no other name."""


def named(registry: str, key: str) -> str | None:
    """Return the name by which `found` finds a registered object; None if it finds none of this registry's."""
    return f"{registry} {key}" if registry in _REGISTERED else None


def found(namespace: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return what these names are in a process: global names, and registered objects by registry and key."""
    roots = {}
    for name in names:
        registry, _, key = name.partition(" ")
        held: Any = namespace
        if not key:
            key = name
        else:
            module, _, path = _REGISTERED[registry].partition(":")
            held = sys.modules.get(module)
            for each in path.split("."):
                held = getattr(held, each, {})
        value = held.get(key, _ABSENT)
        roots[name] = value["type"] if registry == "tensorflow.gradients" and value is not _ABSENT else value
    return roots


_ABSENT = object()


def table(
    roots: Mapping[str, Any],
    homes: Collection[str],
    unseen: Collection[str] = (),
    through: Callable[[Any], Any] = lambda one: one,
) -> Table:
    """Return the facts of some objects, and of all that they lead to.

    Args:
        roots: the objects by their names.
        homes: the names of the modules that are compared. They count as one.
        unseen: global names, and attributes after a class's or function's name and a dot, that are not looked at.
        through: returns what stands for an object where nothing is diverted.
    """
    walker = _Walker(homes, unseen, through)
    described = {name: walker.value(root) for name, root in roots.items()}
    return {"roots": described, "objects": list(walker.objects())}


class _Walker:
    """Numbers objects in the order in which they are found, and describes them."""

    def __init__(self, homes: Collection[str], unseen: Collection[str], through: Callable[[Any], Any]) -> None:
        self._homes, self._unseen, self._through = homes, frozenset(unseen), through
        self._numbers: dict[int, int] = {}
        self._found: list[Any] = []  # which keeps them alive: an id is that of one object

    def objects(self) -> Iterator[dict[str, Any]]:
        """Yield the facts of all objects that are found."""
        at = 0
        while at < len(self._found):
            one = self._found[at]
            try:
                yield dict(self._facts(one)) if at < _MOST else {"unknown": "more than can be compared"}
            except Exception:  # a library's object that cannot be read
                yield {"unknown": _kind(one)}
            at += 1

    def value(self, one: Any) -> Any:
        """Return the value that stands for an object."""
        one = self._through(one)
        if one is _ABSENT:
            return "nothing"
        if type(one) in _ATOMS:
            return _short(self._said(repr(one)))
        if isinstance(one, types.ModuleType):
            return f"module {self._said(one.__name__)}"
        known = self._name_of(one) if isinstance(one, _NAMED) else ""
        if known:
            return known
        number = self._numbers.get(id(one))
        if number is None:
            number = self._numbers[id(one)] = len(self._found)
            self._found.append(one)
        return {"is": number}

    def _said(self, text: str) -> str:
        """Return a text in which all homes have one name."""
        for home in self._homes:
            text = text.replace(f"{home}.", "__main__.")
        return text

    def _name_of(self, one: Any) -> str:
        """Return the name by which another module than a home has a class or function; empty if none has."""
        module, name = one.__module__, one.__qualname__
        owner = getattr(one, "__self__", None)
        if owner is not None and not isinstance(owner, (type, types.ModuleType)):  # `random.random`, of a hidden object
            module, name = type(owner).__module__, one.__name__
        if module in self._homes or not isinstance(module, str):
            return ""
        try:
            its = functools.reduce(getattr, name.split("."), sys.modules[module])
        except (AttributeError, KeyError):
            return ""
        is_it = its == one or (owner is None and callable(its) and getattr(its, "__qualname__", "") == name)
        return f"{module}.{name}" if is_it else ""

    # -- facts

    def _facts(self, one: Any) -> Iterable[tuple[str, Any]]:
        """Return the parts of an object and their values."""
        kind = type(one)
        if isinstance(one, types.CodeType):
            return self._of_code(one)
        if isinstance(one, types.FunctionType):
            return self._of_function(one)
        if isinstance(one, type):
            return self._of_class(one)
        if kind in _CONTAINERS or kind is types.MappingProxyType:
            return self._of_container(one)
        if kind in _STATELESS:
            return [("kind", _kind(one))]
        if kind in _WEAK and not len(one):
            return [("kind", _kind(one)), ("items", "0")]
        if kind is threading.local:  # of this thread
            return [("kind", _kind(one)), *self._attributes("", vars(one))]
        if isinstance(one, types.BuiltinFunctionType):
            return [("name", one.__qualname__), ("self", self.value(one.__self__))]
        return [("kind", self.value(kind)), *self._of_object(one)]

    def _of_code(self, code: types.CodeType) -> Iterator[tuple[str, Any]]:
        yield "code", hashlib.sha256(repr([*_instructions(code)]).encode()).hexdigest()
        yield "flags", str(code.co_flags & 0x3FF)  # and not which `__future__` it has
        for name in _CODE:
            yield name, repr(getattr(code, f"co_{name}"))
        yield from self._numbered("constant", [code.co_consts[at] for at in _constants(code)])

    def _of_function(self, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
        code = function.__code__
        yield "code", self.value(code)
        yield "name", self._said(function.__qualname__)
        yield "text", self.value(function.__doc__)
        parameters = code.co_varnames[: code.co_argcount]
        defaults = function.__defaults__ or ()
        for name, each in zip(parameters[len(parameters) - len(defaults) :], defaults):
            yield f"default {name}", self.value(each)
        for name, each in (function.__kwdefaults__ or {}).items():
            yield f"default {name}", self.value(each)
        enclosed = dict(zip(code.co_freevars, map(_content, function.__closure__ or ())))
        caches = _CACHES if code.co_filename == functools.__file__ else ()
        for name in sorted(enclosed.keys() - caches):
            yield f"variable {name}", self.value(enclosed[name])
        yield from self._attributes(
            function.__name__, {name: each for name, each in vars(function).items() if name not in caches}
        )
        if function.__globals__.get("__name__") not in self._homes:
            return
        for name in dict.fromkeys(_globals_of(code)):
            if name not in self._unseen | _OF_MODULES | _OF_IPYTHON:
                builtin = vars(sys.modules["builtins"]).get(name, _ABSENT)
                yield f"global {name}", self.value(function.__globals__.get(name, builtin))

    def _of_class(self, kind: type) -> Iterator[tuple[str, Any]]:
        yield "name", kind.__qualname__
        yield "metaclass", self.value(type(kind))
        yield from self._numbered("base", kind.__bases__)
        yield from self._attributes(kind.__name__, vars(kind))
        if "_abc_impl" in vars(kind):
            dump = getattr(abc, "_get_dump", None)  # Python's own, in C
            registered = [each() for each in dump(kind)[0]] if dump is not None else []
            names = sorted(self._said(f"{each.__module__}.{each.__qualname__}") for each in registered if each)
            yield "what is registered with it", _short(str(names))

    def _attributes(self, owner: str, held: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, each in sorted(held.items()):
            if name not in _NOT_SAID and f"{owner}.{name}" not in self._unseen:
                yield f"attribute {name}", self.value(each)

    def _of_container(self, held: Any) -> Iterator[tuple[str, Any]]:
        yield "kind", type(held).__name__
        yield from self._content_of(held)

    def _content_of(self, held: Any) -> Iterator[tuple[str, Any]]:
        """Yield what is in a container: all of it as one text if it is made of atoms."""
        is_mapping = isinstance(held, (dict, types.MappingProxyType))
        inside = [*held, *held.values()] if is_mapping else [*held]
        if all(type(each) in _ATOMS for each in inside):
            text = str(sorted(map(repr, inside))) if isinstance(held, (set, frozenset)) else repr(inside)
            yield "items", _short(f"{len(held)}: {self._said(text)}")
        elif isinstance(held, (set, frozenset)):
            yield "unknown", "a set of objects"
        elif is_mapping:
            yield from self._numbered("key", held)
            yield from self._numbered("value", held.values())
        else:
            yield from self._numbered("item", held)

    def _numbered(self, part: str, inside: Iterable[Any]) -> Iterator[tuple[str, Any]]:
        for at, each in enumerate(inside):
            yield f"{part} {at}", self.value(each)

    def _of_object(self, one: Any) -> Iterable[tuple[str, Any]]:
        """Return the parts of an object of no type of Python's own."""
        kind = type(one)
        for known, names in _PARTS.items():
            if isinstance(one, known):
                return [(name, self.value(getattr(one, name))) for name in names]
        if kind.__module__ in self._homes:
            return self._of_homes(one)
        if callable(getattr(one, "__wrapped__", None)):
            said = {name: each for name, each in _held(one).items() if name[0] != "_"}  # calls move what is private
            return [("wrapped", self.value(one.__wrapped__)), *self._attributes("", said)]
        if hasattr(kind, "dtype") and hasattr(kind, "__array__"):
            return _of_array(one)
        if kind.__module__.partition(".")[0] in ("keras", "tf_keras") and hasattr(one, "get_config"):
            return [("config", self.value(one.get_config()))]
        return self._numbered("part", _reduced(one))

    def _of_homes(self, one: Any) -> Iterator[tuple[str, Any]]:
        """Yield what an object of the user's holds, without asking it."""
        kind = type(one)
        basis: Any = next(each for each in kind.__mro__ if each.__module__ not in self._homes)
        if basis in _CONTAINERS:
            plain = basis(basis.__iter__(one)) if basis is not dict else dict(dict.items(one))
            yield from self._content_of(plain)
        elif basis in _ATOMS:
            yield "content", self._said(basis.__repr__(one))
        elif not basis.__flags__ & 1 << 9 and basis is not object:  # a type of C's holds what nobody sees
            yield "unknown", _kind(one)
        for each in kind.__mro__:
            slots = vars(each).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                member = vars(each).get(name)
                if isinstance(member, types.MemberDescriptorType):
                    try:
                        yield f"attribute {name}", self.value(member.__get__(one))
                    except AttributeError:
                        yield f"attribute {name}", self.value(_ABSENT)
        yield from self._attributes("", _held(one))


_PARTS: dict[Any, tuple[str, ...]] = {
    property: ("fget", "fset", "fdel", "__doc__"),
    (classmethod, staticmethod): ("__func__",),
    types.MethodType: ("__func__", "__self__"),
    functools.cached_property: ("func", "attrname"),
    functools.partialmethod: ("func", "args", "keywords"),
    typing.TypeVar: ("__name__", "__bound__", "__constraints__", "__covariant__", "__contravariant__"),
    (types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType): ("__name__",),
    (types.MethodDescriptorType, types.ClassMethodDescriptorType): ("__name__", "__objclass__"),
    types.MethodWrapperType: ("__name__", "__self__"),
}


def _held(one: Any) -> dict[str, Any]:
    try:
        held = object.__getattribute__(one, "__dict__")
    except AttributeError:
        return {}
    return {str(name): each for name, each in held.items()}


def _reduced(one: Any) -> Iterator[Any]:
    """Yield what pickling would keep of a library's object.

    Raises:
        Exception: whatever it raises that cannot be pickled.
    """
    reduce = copyreg.dispatch_table.get(type(one))
    made = one.__reduce_ex__(4) if reduce is None else reduce(one)
    for part in (made,) if isinstance(made, str) else made:
        yield part if type(part) in (str, tuple, dict) or part is None or callable(part) else list(part)


def _of_array(one: Any) -> Iterable[tuple[str, Any]]:
    import numpy as np

    if hasattr(one, "assign"):
        raise TypeError("a variable")
    array = np.asarray(one)
    if array.dtype.hasobject:
        raise TypeError("an array of objects")
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return [("array", f"{array.dtype.str} {array.shape} {digest}")]


def _said(code: types.CodeType) -> list[dis.Instruction]:
    """Return the instructions, but for those that depend on the version, or on the line at which a class stands."""
    said = [each for each in dis.get_instructions(code) if each.opname not in ("PUSH_NULL", "PRECALL", "CACHE")]
    lines = {at for at, each in enumerate(said) if (each.opname, each.argval) == ("STORE_NAME", "__firstlineno__")}
    return [each for at, each in enumerate(said) if not {at, at + 1} & lines]


def _constants(code: types.CodeType) -> list[int]:
    """Return which constants of some code its instructions load, in their order."""
    return list(dict.fromkeys(each.arg or 0 for each in _said(code) if each.opcode in dis.hasconst))


def _instructions(code: types.CodeType) -> Iterator[tuple[Any, ...]]:
    """Yield what some code executes.

    Python compiles ``np.zeros(2)`` otherwise if the import stands in the same text: without a bound method, and with a
    null (CPython, `is_import_originated` in the compiler).
    """
    said, constants = _said(code), _constants(code)
    offsets = [each.offset for each in said]
    for each in said:
        jumps = each.opcode in dis.hasjrel or each.opcode in dis.hasjabs
        arg = bisect.bisect_left(offsets, each.argval) if jumps else each.argval
        if each.opcode in dis.hasconst:
            arg = constants.index(each.arg or 0)
        yield each.opname.replace("_METHOD", "_ATTR"), arg if isinstance(arg, (int, str)) else each.arg
    for part in getattr(dis.Bytecode(code), "exception_entries", ()):
        yield (*(bisect.bisect_left(offsets, each) for each in part[:3]), *part[3:])


def _globals_of(code: types.CodeType) -> Iterator[str]:
    """Yield the global names that some code reads, and the code in it."""
    stored = {each.argval for each in dis.get_instructions(code) if each.opname == "STORE_NAME"}
    for each in dis.get_instructions(code):
        is_read = each.opname == "LOAD_GLOBAL" or (
            each.opname in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") and each.argval not in stored
        )
        if is_read:
            yield each.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals_of(constant)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return _ABSENT


def _kind(one: Any) -> str:
    return type(one).__name__


def _short(text: str) -> str:
    """Return a text that is short for people, and differs from those of others."""
    return text if len(text) <= 200 else f"{text[:100]}… {hashlib.sha256(text.encode(errors='replace')).hexdigest()}"


# -- what differs


def same(one: Any, other: Any) -> bool:
    """Return whether two objects are equal in all that they lead to."""
    return not any(differences(table({"": one}, ()), table({"": other}, ())))


class Difference(typing.NamedTuple):
    """A part that is another one in two tables.

    Attributes:
        name: the root, or the global name, that leads to it.
        parts: the parts from there on, the last of which differs.
        mine: its value in the first table.
        its: its value in the second one.
    """

    name: str
    parts: tuple[str, ...]
    mine: str
    its: str


def differences(mine: Table, its: Table) -> Iterator[Difference]:
    """Yield what differs between two tables, nearest to the roots first; of what is not known that it is the same."""
    waiting: collections.deque[tuple[str, tuple[str, ...], Any, Any]] = collections.deque(
        (name, (), value, its["roots"].get(name, "nothing")) for name, value in mine["roots"].items()
    )
    twins: dict[tuple[bool, int], int] = {}
    while waiting:
        name, parts, one, other = waiting.popleft()
        if isinstance(one, str) or isinstance(other, str):
            if one != other:
                yield Difference(name, parts, _told(one, mine), _told(other, its))
            continue
        first, second = one["is"], other["is"]
        if twins.get((True, first)) == second:
            continue
        facts, others = mine["objects"][first], its["objects"][second]
        is_shared = "code" in facts or facts.get("kind") in ("tuple", "frozenset")  # Python may make one of two
        if not is_shared and ((True, first) in twins or (False, second) in twins):
            yield Difference(name, (*parts, "identity"), _told(one, mine), _told(other, its))
            continue
        twins[True, first], twins[False, second] = second, first
        for part in dict.fromkeys([*facts, *others]):
            value = facts.get(part, "nothing")
            if part == "unknown":
                yield Difference(name, parts, "unknown", str(value))
            elif part.startswith("global "):
                waiting.append((part.partition(" ")[2], (), value, others.get(part, "nothing")))
            else:
                waiting.append((name, (*parts, part), value, others.get(part, "nothing")))


def _told(value: Any, held: Table) -> str:
    if isinstance(value, str):
        return value
    facts = held["objects"][value["is"]]
    return str(facts.get("items") or facts.get("name") or facts.get("kind") or "another object")

"""Name objects and keys: by the definition that an object comes from, and as text for people. Pure functions."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Iterator
from types import CodeType
from typing import Any, NamedTuple


class Parameter(NamedTuple):
    """A parameter and its type, as part of a key."""

    name: str | int
    type: Any


def definition(subject: Any) -> tuple[Any, ...] | None:
    """Return what makes two objects one definition, run twice: ``(__module__, __qualname__)``; None if it has none.

    A decorated function counts as the function that it wraps, a partial as the function that it calls, and a tuple as
    its parts. Any other instance counts as one of its class.
    """
    for _ in range(10):  # wrappers around wrappers, but no object that invents them without end
        wrapped = subject.func if issubclass(type(subject), functools.partial) else _own(subject, "__wrapped__")
        if wrapped is None or not callable(wrapped):
            break
        subject = wrapped
    if subject is None:
        return None
    if type(subject) is tuple:
        return tuple(definition(part) for part in subject) or None
    module, qualname = _ask(subject, "__module__"), _ask(subject, "__qualname__")
    if isinstance(module, str) and isinstance(qualname, str):
        return module, qualname
    return type(subject).__module__, type(subject).__qualname__, "instance"


def same_definition(one: Any, other: Any) -> bool:
    """Return whether two objects are the same, or one definition run twice. Two instances of one class are not."""
    defined = definition(one)
    return one is other or (defined is not None and defined[-1] != "instance" and defined == definition(other))


def module_of(subject: Any) -> str | None:
    """Return the name of the module that defines an object."""
    defined = definition(subject)
    return defined[0] if defined and isinstance(defined[0], str) else None


@functools.cache
def package_of(module: str) -> str:
    """Return the package on top of a module: ``keras`` of ``keras.src.layers``."""
    return module.partition(".")[0]


def definition_text(subject: Any) -> str:
    """Return ``module.qualname``, for people and for the keys of registries without names."""
    found = definition(subject)
    return ".".join(_text(part) for part in found) if found else _text(subject)


def key_text(key: Hashable) -> str:
    """Return a key as people read it: a string as it is, a class or function by ``module.qualname``."""
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, Parameter):
        return f"{key.name}: {key_text(key.type)}"
    if isinstance(key, tuple):
        return ", ".join(key_text(part) for part in key)
    if isinstance(_ask(key, "__qualname__"), str):
        return definition_text(key)
    return _text(key)


def _text(value: Any) -> str:
    """Return a string as it is, and anything else by its repr if that works."""
    if isinstance(value, str):
        return str.__str__(value)
    try:
        return repr(value)
    except Exception:  # a __repr__ of the user's
        return object.__repr__(value)


def clean(text: str, width: int = 60) -> str:
    """Return text as one line of at most ``width`` printable characters."""
    if len(text) > width:
        text = text[: width - 1] + "…"
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def named(keys: Iterable[str]) -> str:
    """Return keys as part of a sentence: the first few, and the number of the others."""
    keys = list(keys)
    shown = ", ".join(repr(clean(key)) for key in keys[:5])
    return shown + (f" and {len(keys) - 5:,} more" if len(keys) > 5 else "")


def enumerated(names: Iterable[str]) -> str:
    """Return ``a, b and c``; the first few, if there are many."""
    names = list(names)
    if len(names) > 5:
        return f"{', '.join(names[:5])} and {len(names) - 5:,} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _own(subject: Any, name: str) -> Any:
    """Return an attribute that an object really has: some make one up when they are asked."""
    try:
        return None if issubclass(type(subject), type) else object.__getattribute__(subject, "__dict__").get(name)
    except (AttributeError, TypeError):
        return None


def _ask(subject: Any, name: str) -> Any:
    try:
        return getattr(subject, name, None)
    except Exception:  # a property of the user's
        return None


def error_text(error: BaseException) -> str:
    """Return an error in one line: its class, and the first line of its text that says something."""
    try:
        text = str(error).strip()
    except Exception:  # a __str__ of the user's
        text = ""
    return f"{type(error).__name__}: {text}".splitlines()[0].removesuffix(": ")


def names_in(code: CodeType) -> Iterator[str]:
    """Yield the global names and attributes in a code, and in those of the functions that it makes."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)

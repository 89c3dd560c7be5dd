"""Divert a framework's function through kreg's, for every name it goes by. Installing returns the undo."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import passed_over

NOT_CONVERTED = "autograph_info__"
"""The attribute of a function that AutoGraph calls as it is, inside a ``tf.function``."""


def _gateway(*args: Any, **kwargs: Any) -> Any:
    __tracebackhide__ = True
    around = "the around function"
    return around(*args, **kwargs)  # type: ignore[operator]


class _Around(functools.partial[Any]):
    """The function that a diverted one calls. Pickled by value, with that one, it is the original behaviour alone."""

    original: Callable[..., Any]

    def __reduce__(self) -> Any:
        return functools.partial, (self.original,)


def divert(
    function: FunctionType,
    around: Callable[..., Any],
    through: Callable[..., Any] = _gateway,
    *,
    unseen: bool = False,
) -> tuple[FunctionType, Callable[[], None]]:
    """Make every call of ``function`` a call of ``around(*args, **kwargs)``.

    The function object stays the same, and only its ``__code__`` changes. So users and other modules that imported it
    by name before are diverted, too.

    Args:
        function: the function to divert.
        around: is called instead.
        through: calls ``around``. Its constants ``"the around function"`` and ``"the original"`` stand for the two
            functions.
        unseen: whether a ``stacklevel`` passes over the frame.

    Returns:
        The original behaviour as a function of its own, and the undo. The undo may be called again, and does nothing if
        somebody else has changed the code since.

    Raises:
        TypeError: if it `cannot_be_diverted`.
    """
    if why := cannot_be_diverted(function):
        raise TypeError(why)
    code = function.__code__
    original = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    original.__kwdefaults__ = function.__kwdefaults__
    original.__qualname__, original.__module__ = function.__qualname__, function.__module__
    leads = _Around(around)
    leads.original = original
    diverted = _code_with({"the around function": leads, "the original": original}, through.__code__, code)
    diverted = passed_over(diverted) if unseen else diverted
    ours = {"__signature__": inspect.signature(function), NOT_CONVERTED: {}}
    ours = {name: value for name, value in ours.items() if name not in vars(function)}
    vars(function).update(ours)
    function.__code__ = diverted

    def undo() -> None:
        if function.__code__ is diverted:
            function.__code__ = code
            for name in ours:
                vars(function).pop(name, None)

    return original, undo


End = Callable[[BaseException | None], None]
"""Called when something has been executed, with what it raised."""


def follow(function: FunctionType, begin: Callable[..., End | None]) -> Callable[[], None]:
    """Divert a function: before each call call ``begin`` with the same arguments, and what that returned afterwards.

    Returns:
        The undo.
    """

    def around(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        end = begin(*args, **kwargs) or (lambda error: None)
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            end(error)
            raise
        end(None)
        return result

    original, undo = divert(function, around)
    return undo


def cannot_be_diverted(function: Any) -> str:
    """Return why a function cannot be diverted, and what to name instead; nothing if it can."""
    if isinstance(function, FunctionType):
        return ""
    if isinstance(function, MethodType):
        return f"{function!r} cannot be diverted: it is a method that is bound; add .__func__ to its path"
    instead = "name the method of it that registers" if isinstance(function, type) else "it is not written in Python"
    return f"{function!r} cannot be diverted: {instead}"


def _code_with(functions: dict[str, Callable[..., Any]], through: CodeType, like: CodeType) -> CodeType:
    consts = tuple(functions.get(const, const) if isinstance(const, str) else const for const in through.co_consts)
    # the free variables are those of a closure, which must agree in number
    names = ("co_name", "co_qualname", "co_filename", "co_firstlineno", "co_freevars")
    return through.replace(co_consts=consts, **{name: getattr(like, name) for name in names})

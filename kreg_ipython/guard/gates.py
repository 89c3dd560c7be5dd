"""The framework functions that registering passes by, diverted through the guard. Knows no ledger and no owner."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import CellType, CodeType, FunctionType
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.lib.patch import NOT_CONVERTED, divert
from kreg_ipython.registries.registry import Announcement, CannotUndo, Gate, locate

_EMPTY = CellType()
Around = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""The function that is called instead. It gets the announcement, the original, and the arguments."""
Fail = Callable[[Exception, Callable[..., Any]], None]
"""Takes note of an adapter's exception, and of what raised it."""


@dataclass(eq=False)
class _Diverted:
    """One function, and the registries that a call of it may be for."""

    function: Any
    original: Callable[..., Any] = field(init=False)
    undo: Callable[[], None] = field(init=False)
    passing: dict[str, tuple[Gate, Around, Fail]] = field(default_factory=dict)
    decorates: bool = False
    """It returns the decorator that registers, or is such a decorator."""

    def give_back(self) -> None:
        """Undo the diversion. Code objects are in no garbage collection: what leads from here to them must go."""
        self.undo()
        del self.undo


def _say_nothing(text: str) -> None:
    """Nobody is told any more."""


class _Inside(threading.local):
    """Count the gates that a thread is inside of; as a context manager, one more."""

    gates = 0

    def __enter__(self) -> None:
        self.gates += 1

    def __exit__(self, *error: object) -> None:
        self.gates = max(self.gates - 1, 0)  # they may have been shut meanwhile


class Gates:
    """All diverted functions. A call inside another one's goes straight through: it is part of the same registration.

    Args:
        tell: shows one line to the user, for what `CannotUndo` says.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._diverted: list[_Diverted] = []
        self._inside = _Inside()

    def add(self, registry: str, gate: Gate, around: Around, fail: Fail) -> None:
        """Divert the gate's function, unless it is already, for the registry of this name too.

        Raises:
            NotThere: if this version of the framework has no such function.
            TypeError: if the function cannot be diverted.
        """
        function = locate(gate.function)
        diverted = next((each for each in self._diverted if each.function is function), None)
        if diverted is None:
            diverted = _Diverted(function)
            diverted.original, diverted.undo = divert(function, functools.partial(self._pass, diverted), unseen=True)
            self._diverted.append(diverted)
        diverted.passing[registry] = gate, around, fail
        diverted.decorates = gate.decorator

    def remove(self, registry: str) -> None:
        """Let what is for this registry go straight through; give functions back that serve no other one."""
        for diverted in list(self._diverted):
            diverted.passing.pop(registry, None)
            if not diverted.passing:
                diverted.give_back()
                self._diverted.remove(diverted)

    def add_made(self, functions: Iterable[Any]) -> None:
        """Divert those of some functions that register, and that a gate's function returned before it was diverted."""
        makers = {
            id(code): each
            for each in self._diverted
            if each.decorates
            for code in each.original.__code__.co_consts
            if isinstance(code, CodeType)
        }
        for function in [each for each in functions if type(each) is FunctionType]:
            inside = [cell.cell_contents for cell in function.__closure__ or () if cell != _EMPTY]
            for each in (function, *inside):  # what a former guard returned calls what the framework did
                maker = makers.get(id(each.__code__)) if type(each) is FunctionType else None
                call = _call_of(maker.original, each) if maker is not None else None
                if maker is not None and call is not None:
                    self._add_made(each, maker, call)

    def _add_made(self, function: FunctionType, maker: _Diverted, call: inspect.BoundArguments) -> None:
        made = _Diverted(function, passing=maker.passing, decorates=True)

        def register(subject: Any) -> Any:
            __tracebackhide__ = True
            if self._inside.gates:
                return made.original(subject)
            return self._around(made, made.original, (subject,), (subject, *call.args), call.kwargs)

        made.original, made.undo = divert(function, register, unseen=True)
        self._diverted.append(made)

    def close(self) -> None:
        """Give every function back that is still ours, and let what was decorated before go straight through."""
        for diverted in self._diverted:
            diverted.give_back()
            diverted.passing.clear()
        self._diverted.clear()
        self._tell = _say_nothing  # whoever still holds the code of a diverted function must not hold us with it

    def open(self) -> _Inside:
        """Let this thread's calls go straight through: a context manager."""
        return self._inside

    def shut(self) -> None:
        """No call of this thread is inside another one's: an interrupt may have left the gates open."""
        self._inside.gates = 0

    @pass_over
    def _pass(self, diverted: _Diverted, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if self._inside.gates:
            return diverted.original(*args, **kwargs)
        if not diverted.decorates:
            return self._around(diverted, diverted.original, args, args, kwargs)
        decorate = diverted.original(*args, **kwargs)

        def register(subject: Any) -> Any:
            __tracebackhide__ = True
            return self._around(diverted, decorate, (subject,), (subject, *args), kwargs)

        vars(register)[NOT_CONVERTED] = {}
        return register

    @pass_over
    def _around(
        self, diverted: _Diverted, call: Callable[..., Any], args: tuple[Any, ...], told: tuple[Any, ...], kwargs: Any
    ) -> Any:
        """Call a function with ``args``, through the first registry that the arguments ``told`` are for."""
        __tracebackhide__ = True
        options = {} if diverted.decorates else kwargs
        failed = []
        for gate, around, fail in list(diverted.passing.values()):
            try:
                announced = self._announced(gate, told, kwargs)
            except Exception as error:
                failed.append((fail, error, gate.announce))
                continue
            if announced is not None:
                result = around(announced, call, args, options)
                break
        else:
            result = call(*args, **options)
        for fail, fault, announce in failed:  # no fault of the call's: the framework has accepted it
            fail(fault, announce)
        return result

    def _announced(
        self, gate: Gate, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Announcement | list[Announcement] | None:
        """Return what the call is about to register; None if that is for no guarded registry.

        Raises:
            Exception: if the adapter fails, or the framework itself will refuse the call: with missing arguments, or an
                unhashable key.
        """
        try:
            announced: Any = gate.announce(*args, **kwargs) or None
            if announced is not None:
                hash(announced[0] if isinstance(announced, tuple) else tuple(key for key, *_ in announced))
            return announced  # type: ignore[no-any-return]
        except CannotUndo as error:
            self._tell(str(error))
            return None


def _call_of(maker: Callable[..., Any], made: FunctionType) -> inspect.BoundArguments | None:
    """Return the arguments that a function was called with; None if the one that it returned does not know them."""
    called = inspect.signature(maker).bind_partial()
    known = zip(made.__code__.co_freevars, made.__closure__ or ())
    called.arguments.update((name, cell.cell_contents) for name, cell in known if name in called.signature.parameters)
    called.apply_defaults()
    try:
        return called.signature.bind(*called.args, **called.kwargs)
    except TypeError:
        return None


def undiverted(one: Any) -> Any:
    """Return the framework's decorator in one that a diverted function has made; any other object as it is."""
    if isinstance(one, FunctionType) and one.__module__ == __name__ and "decorate" in one.__code__.co_freevars:
        return dict(zip(one.__code__.co_freevars, one.__closure__ or ()))["decorate"].cell_contents
    return one

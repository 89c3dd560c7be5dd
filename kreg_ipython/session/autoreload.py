"""Make ``%autoreload`` execute a changed file anew where to patch functions and classes one by one is not enough.

Since IPython 9 it compares a changed file with its former text and replaces the code of functions. A class's decorator
is not called then, and a function's decorator is called on a function that is thrown away. A patched function has not
the lines of the file, by which AutoGraph and kreg find its text: it is given them.

A file that is executed as a whole has new classes where IPython would have kept the former ones. So all that uses a
former class is led to the new one: variables, classes that are built on it, its instances, and calls of it.
"""

from __future__ import annotations

import gc
import tokenize
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any, NamedTuple

from kreg_ipython.lib.naming import definition
from kreg_ipython.lib.patch import End, divert, follow
from kreg_ipython.registries.registry import NotThere, locate

HOMES = ("IPython.extensions.autoreload", "autoreload")
"""The modules that the extension may be: IPython 7 finds its own extensions on the path."""


class Change(NamedTuple):
    """A file that was saved: its module, and its former text."""

    module: ModuleType
    former: str


def notice(
    home: str, begin: Callable[[ModuleType], End | None], patching: Callable[[Change], End | None]
) -> Iterator[Callable[[], None]]:
    """Call ``begin`` when `%autoreload` is about to reload a module as a whole, and what it returned after that.

    It reloads each module as a whole for which ``patching`` returns nothing: `DeduperReloader.maybe_reload_module`
    leaves one to be reloaded if it has no former text to compare with. Any other module it may patch, and what was
    returned is called then. Until IPython 9 all modules are reloaded. Yield each undo.
    """

    def choose(reloader: Any, module: ModuleType) -> End | None:
        end = patching(Change(module, reloader.source_by_modname.get(module.__name__) or ""))
        if end is None:
            reloader.source_by_modname[module.__name__] = ""
        return end

    yield follow(locate(f"{home}:superreload"), lambda module, *args, **kwargs: begin(module))
    with suppress(NotThere):
        yield follow(locate(f"{home}:DeduperReloader.maybe_reload_module"), choose)


def give_lines(module: ModuleType) -> None:
    """Give the functions of a module that was patched the lines that they have in its file.

    A function that was patched has lines of its own text, and one below it those of the former file. By its lines the
    text of a function is found.
    """
    file = str(module.__file__)
    with tokenize.open(file) as text:
        todo = [compile(text.read(), file, "exec", dont_inherit=True)]
    codes: dict[str, list[CodeType]] = {}
    for code in todo:
        codes.setdefault(code.co_qualname, []).append(code)
        todo += [each for each in code.co_consts if isinstance(each, CodeType)]
    for function in gc.get_referrers(vars(module)):
        if type(function) is FunctionType and function.__code__.co_filename == file:
            same = (each for each in codes.get(function.__qualname__, ()) if _is_same(each, function.__code__))
            function.__code__ = next(same, function.__code__)


def _is_same(code: CodeType, other: CodeType) -> bool:
    """Return whether two codes do the same, whatever their lines. Nothing is told of the functions in them."""
    parts = ("co_code", "co_names", "co_varnames", "co_freevars")
    consts = ([repr(each) for each in one.co_consts if not isinstance(each, CodeType)] for one in (code, other))
    return all(getattr(code, part) == getattr(other, part) for part in parts) and next(consts) == next(consts)


def lead_to_new(
    module: ModuleType, namespaces: Callable[[], list[dict[str, Any]]], renew: Callable[[dict[int, Any]], None]
) -> End:
    """Return what leads all that uses a former class or function of a module to the one that it defines by then.

    Variables in ``namespaces`` that are the former one become the new one, whatever their name. Classes that are built
    on a former class get the new one as their base. At last ``renew`` is called with the new ones, by the ``id`` of
    their former ones.
    """
    before = dict(_defined(module))

    def lead(error: BaseException | None) -> None:
        now = dict(_defined(module)) if before else {}
        pairs = {id(former): (former, now[path]) for path, former in before.items() if path in now}
        new = {which: each for which, (former, each) in pairs.items() if each is not former}
        for names in namespaces() if new else ():
            for name, value in list(names.items()):
                if id(value) in new:
                    names[name] = new[id(value)]
        for which, each in new.items():
            if isinstance(each, type) and isinstance(pairs[which][0], type):
                _rebase(pairs[which][0], each)
        if new:
            renew(new)

    return lead


def _defined(module: ModuleType) -> Iterator[tuple[Any, Any]]:
    """Yield each variable of a module's that holds a definition of its own, with the definition, and what it holds.

    The classes in its classes are among them.
    """

    def walk(names: dict[str, Any], path: str) -> Iterator[tuple[Any, Any]]:
        for name, value in list(names.items()):
            defined = definition(value)
            if defined is None or defined[0] != module.__name__ or defined[-1] == "instance":
                continue
            is_class = isinstance(value, type)
            if is_class or not path:
                yield (f"{path}.{name}", defined), value
            if is_class and defined[1] == f"{path}.{name}"[1:]:
                yield from walk(dict(vars(value)), f"{path}.{name}")

    yield from walk(vars(module), "")


def _rebase(former: type, new: type) -> None:
    """Let the classes that are built on a former class be built on the new one, where their layouts agree."""
    each: type
    for each in type.__subclasses__(former):
        with suppress(TypeError):
            each.__bases__ = tuple(new if base is former else base for base in each.__bases__)


def update_classes(home: str, registered: Callable[[Any], bool]) -> Callable[[], None]:
    """Make `%autoreload` update each former class once, and lead calls of it to the new class.

    The attributes of a class may lead back to it, as an extension type's ``Spec`` does. What cannot be updated, such as
    an instance with other slots, is left alone.

    So are a former class and its instances if the new class has other bases and is ``registered``. The instances would
    become those of a class whose ``__init__`` they have never seen: a layer could not be saved.

    Returns:
        The undo.
    """
    updating: list[type] = []
    led: weakref.WeakSet[type] = weakref.WeakSet()

    def leave(former: Any) -> None:
        if former in led:
            led.remove(former)
            del former.__new__

    def update_class(old: Any, new: type) -> None:
        if old is new or old in updating or (_bases(old) != _bases(new) and registered(new)):
            return
        updating.append(old)
        leave(old)
        slots, all_follow = _slots(old), True
        try:
            original(old, new)
        except Exception:  # of an instance with other slots, or one that lets nothing be set
            all_follow = _follow(old, new)
        finally:
            updating.remove(old)
        if not all_follow:
            for name in _slots(old):  # the new class's are for its own instances
                delattr(old, name)
            for name, slot in slots.items():
                setattr(old, name, slot)
        elif definition(old) == definition(new) and type(old).__call__ is type.__call__:
            with suppress(TypeError):
                old.__new__ = _maker(old, new)
                led.add(old)

    original, give_back = divert(locate(f"{home}:update_class"), update_class)

    def undo() -> None:
        give_back()
        for former in list(led):
            leave(former)

    return undo


def _maker(former: type, new: Any) -> Any:
    """Return a ``__new__`` for a former class that something still holds: calling the class makes a new instance."""

    def __new__(cls: type, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if cls is former:
            return new(*args, **kwargs)
        return object.__new__(cls) if new.__new__ is object.__new__ else new.__new__(cls, *args, **kwargs)

    return staticmethod(__new__)


def _follow(old: type, new: type) -> bool:
    """Make the instances of a former class those of the new one; return whether all of them can be."""
    instances = [each for each in gc.get_referrers(old) if type(each) is old]
    for each in instances:
        with suppress(TypeError):
            object.__setattr__(each, "__class__", new)
    return all(type(each) is new for each in instances)


def _slots(cls: type) -> dict[str, Any]:
    own = vars(cls).items()
    return {name: each for name, each in own if name == "__slots__" or isinstance(each, MemberDescriptorType)}


def _bases(cls: type) -> list[tuple[Any, ...] | None]:
    return [definition(base) for base in cls.__mro__[1:]]

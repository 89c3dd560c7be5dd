"""The parts of lib alone, and what is read of files: no IPython, no framework."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
import weakref

import pytest

from kreg_ipython.guard import verdicts
from kreg_ipython.guard.ledger import Owner, Run
from kreg_ipython.guard.verdicts import Way
from kreg_ipython.lib import patch, source, weak
from kreg_ipython.lib.naming import definition, key_text, same_definition
from kreg_ipython.session import imports
from kreg_ipython.session.runs import Runs


def test_a_weak_key_is_found_by_its_object_and_goes_with_it():
    class Thing:
        pass

    names, reference = {Thing: "name", int: "other"}, weakref.ref(Thing)
    weak.weaken(names, Thing)
    assert names[Thing] == "name" and Thing in names and str not in names
    names[Thing] = "renamed"
    assert len(names) == 2
    del Thing
    gc.collect()
    assert reference() is None and names == {int: "other"}


def test_tightening_gives_strong_keys_back():
    class Thing:
        pass

    names = {Thing: "name"}
    weak.weaken(names, Thing)
    weak.strengthen(names)
    assert list(names) == [Thing]


@pytest.mark.parametrize("obj", [1, "text", (), len])
def test_what_cannot_be_weakly_referenced_keeps_its_key(obj):
    names = {obj: "name"}
    weak.weaken(names, obj)
    assert names[obj] == "name"


def test_a_diverted_function_is_the_same_object_under_every_name():
    def function(x, *, y=2):
        return x + y

    early, seen = function, []
    original, undo = patch.divert(function, lambda *a, **k: seen.append((a, k)) or original(*a, **k))
    assert early(1, y=3) == 4 and seen == [((1,), {"y": 3})]
    undo(), undo()
    assert early(1) == 3 and len(seen) == 1 and vars(function) == {}


def test_a_closure_is_diverted_alone():
    def makes(free):
        return lambda x: (free, x)

    one, other = makes(1), makes(2)
    original, undo = patch.divert(one, lambda x: [original(x)])
    assert (one(3), other(3)) == ([(1, 3)], (2, 3))
    undo()
    assert one(3) == (1, 3)


def test_what_a_base_class_does_with_its_subclasses_is_diverted():
    class Base:
        def __init_subclass__(cls, **options):
            super().__init_subclass__(**options)
            seen.append(cls)

    seen, passed = [], []
    original, undo = patch.divert(vars(Base)["__init_subclass__"].__func__, lambda cls: passed.append(original(cls)))

    class Sub(Base):
        pass

    assert (seen, passed) == ([Sub], [None])
    undo()


@pytest.mark.parametrize(
    ("function", "instead"),
    [(len, "not written in Python"), (dict, "name the method"), (patch.FunctionType, "name the method")],
)
def test_what_cannot_be_diverted_says_what_can(function, instead):
    with pytest.raises(TypeError, match=f"cannot be diverted: .*{instead}"):
        patch.divert(function, print)


def test_a_bound_method_says_how_to_name_its_function():
    with pytest.raises(TypeError, match=r"bound; add \.__func__"):
        patch.divert(test_a_bound_method_says_how_to_name_its_function.__call__.__self__.__get__(1), print)


def test_statements_are_compared_by_what_they_say():
    before = "\n\nx = 1\n@deco\nclass Foo:\n    def f(self):\n        return 1\nif x:\n    call(2)\n"
    was = source.read(before)
    assert was.at(4) is was.at(5) and was.at(4).says == ("ClassDef", ".Foo")
    assert source.read("class Foo:\n  def f(self):\n    return 1").standing(was.at(7))
    assert source.read("if x:\n    call(2)").at(2).says == was.at(9).says
    assert was.at(99) is was.at(None) is None
    assert was.at(4).decorators and not source.read("class Foo: pass").at(1).decorators


@pytest.mark.parametrize(
    ("text", "lines"),
    [("x", 0), ("\n\nx", 2), ("%%time\nx", 1), ("\n%%capture out\n\nx", 3), ("%%time", 1)],
)
def test_the_header_of_a_cell_is_what_comes_before_its_body(text, lines):
    assert source.header(text) == lines


def test_magics_are_no_statements():
    text = "%matplotlib inline\nfiles = !ls\nst = %kreg status\nif x:\n    %time f()\ny = 1"
    y = source.read("y = 1").at(1).says
    assert source.read(text).at(6).says == source.read("z = 'a' \\\n  % 1\ny = 1").at(3).says == y
    assert [source.read(text).at(line).is_magic for line in range(1, 7)] == [True, True, True, False, True, False]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (">>> x = 1\n>>> def f():\n...     return x\n>>>", "x = 1\ndef f():\n    return x"),
        ("In [1]: x = 1\n\nIn [2]: def f():\n   ...:     return x", "x = 1\n\ndef f():\n    return x"),
        ("table['k'] = %time f()", "table['k'] = '%time f()'"),
        ("a.b['c'].d = !ls \\\n  x", "a.b['c'].d = '!ls \\\\\\n  x'"),
        ("print('x = %s' % y)\n%time f()", "print('x = %s' % y)\n'%time f()'"),
    ],
)
def test_what_only_ipython_executes_is_read_by_its_python(typed, read):
    assert source.Source(typed).says_all_of(source.Source(read))


def test_an_indented_cell_is_read_like_any_other():
    assert source.read("\n    x = 1\n    class Foo: pass").line_of_definition("Foo") == 3


def test_a_definition_is_what_makes_two_objects_the_same_one_run_twice():
    import functools

    def f():
        pass

    assert definition(functools.partial(functools.partial(f, 1), 2)) == definition(f)
    assert definition(functools.wraps(f)(lambda: None)) == definition(f)
    assert definition((f, int)) == (definition(f), ("builtins", "int"))
    assert definition(3) == ("builtins", "int", "instance")
    assert definition(None) is None
    assert key_text((int, "x", 3)) == "builtins.int, x, 3"


def test_an_empty_tuple_has_no_definition():
    assert definition(()) is None and not same_definition((), [])  # Python 3.13's classes have one


def test_an_object_whose_attributes_raise_has_a_definition():
    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    assert definition(Hostile())[-1] == "instance"


@pytest.mark.parametrize(
    "now, stands",
    [
        ("@register('A')\nclass Foo:\n    y = 2", True),
        ("x = 1\n\n@register('A')\nclass Foo(Base):\n    pass", True),
        ("@register('B')\nclass Foo:\n    x = 1", False),
        ("class Foo:\n    x = 1", False),
        ("", False),
        ("def (", True),
    ],
)
def test_whether_a_file_still_registers_what_a_former_text_did(now, stands):
    before = "@register('A')\nclass Foo:\n    x = 1"
    for line in (1, 2):
        way = Way((verdicts.Step("own", line),))
        assert verdicts.is_outdated(way, source.read(before), source.read(now)) is not stands


def test_the_line_of_a_definition_is_that_of_its_first_decorator():
    text = "\n@a\n@b\nclass Foo:\n    @c\n    def f(self): pass\n"
    lines = [source.read(text).line_of_definition(name) for name in ("Foo", "Foo.f", "Foo.Spec", "Bar")]
    assert lines == [2, 5, 2, None]


def test_the_text_of_a_notebook_is_that_of_its_code_cells(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(
        '{"cells": [{"cell_type": "markdown", "source": "#"}, {"cell_type": "code", "source": ["a\\n", "b"]}]}'
    )
    assert source.of_file(str(path)) == "a\nb"
    path.write_text("no notebook")
    assert source.of_file(str(path)) is None
    assert source.of_file(str(tmp_path / "missing.py")) is None


def test_a_body_is_found_while_other_threads_begin_and_end_theirs():
    """Of a million looks at a live list some hundred would miss it."""
    runs, mine = Runs(Quiet()), Run(Owner("module", "mine"))
    end, stop = runs.begin_body(mine, "failed"), threading.Event()

    def begin_and_end():
        while not stop.is_set():
            runs.begin_body(Run(Owner("module", "other")), "failed")(None)

    former = sys.getswitchinterval()
    other = threading.Thread(target=begin_and_end)
    sys.setswitchinterval(1e-6)
    try:
        other.start()
        assert all(runs.of(mine.owner) is mine for _ in range(100_000))
    finally:
        stop.set()
        other.join()
        sys.setswitchinterval(former)
        end(None)


class Quiet:
    """A guard that does nothing."""

    def between(self, run): ...
    def begin(self, run): ...
    def end(self, run, outcome): ...


def test_a_diverted_exec_module_ends_what_it_began_and_leaves_the_traceback(tmp_path, monkeypatch):
    seen = []

    def begin(module):
        seen.append(module.__name__)
        return None if module.__name__ == "noticed_c" else lambda error: seen.append(type(error).__name__)

    monkeypatch.syspath_prepend(tmp_path)
    for name, text in (("noticed_a", "import noticed_c"), ("noticed_b", "1 / 0"), ("noticed_c", "")):
        (tmp_path / f"{name}.py").write_text(text)
    undo = imports.notice(begin)
    try:
        importlib.import_module("noticed_a")
        with pytest.raises(ZeroDivisionError) as caught:
            importlib.import_module("noticed_b")
    finally:
        undo()
    assert [entry.name for entry in caught.traceback][-3:] == ["exec_module", "_call_with_frames_removed", "<module>"]
    assert seen == ["noticed_a", "noticed_c", "NoneType", "noticed_b", "ZeroDivisionError"]
    importlib.import_module("noticed_a")
    importlib.reload(sys.modules["noticed_a"])
    assert len(seen) == 5

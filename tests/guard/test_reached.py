"""What code may lead to: by names, attributes of objects, functions that are handed on; and what stays because of it."""

from __future__ import annotations

import pytest
from guarding import library

from kreg_ipython.guard import ways

OBJECTS = """
import functools
class Part:
    def go(self): inner()
class Whole:
    def __init__(self): self.part = Part()
    def run(self): return self.part.go()
    @property
    def value(self): return inner()
    @functools.cached_property
    def cached(self): return inner()
    @staticmethod
    def still(): inner()
    def _own(self): inner()
    def fit(self): self._own()
    def handed(self): return [outer]
    def __call__(self): inner()
def inner(): pass
def outer(): inner()
def table(): return {'k': outer}
def one(): two()
def two(): one()
@functools.wraps(outer)
def wrapping(): pass
bound = functools.partial(outer)
whole = Whole()
"""


@pytest.mark.parametrize(
    ("said", "found"),
    {
        "a function": ("inner", "inner"),
        "one that calls another": ("outer", "outer inner"),
        "one that hands another on": ("table", "table outer inner"),
        "functions that call each other": ("one", "one two"),
        "a partial": ("bound", "outer inner"),
        "one that wraps another": ("wrapping", "outer inner"),
        "a method": ("whole fit", "Whole.__call__ Whole.fit Whole._own inner"),
        "a class's": ("Whole still", "Whole.__init__ Whole.still inner"),
        "an attribute's": ("whole run", "Whole.__call__ Whole.run Part.go inner"),
        "a property": ("whole value", "Whole.__call__ Whole.value inner"),
        "a cached one": ("whole cached", "Whole.__call__ Whole.cached inner"),
        "one that a method hands on": ("whole handed", "Whole.__call__ Whole.handed outer inner"),
        "an object that is called": ("whole", "Whole.__call__ inner"),
        "a class": ("Whole", "Whole.__init__"),
        "a method of nothing that is said": ("fit", ""),
        "what is not there": ("nothing inner", "inner"),
    }.values(),
)
def test_what_names_lead_to(lab, said, found):
    lab.cell("d", OBJECTS)
    reached = {name for module, name in ways.reached(said.split(), "__main__") if module == "__main__"}
    assert reached == set(found.split())


HOOKS = """
class Kind(type):
    def __contains__(cls, key): inner()
class Manager(metaclass=Kind):
    def __enter__(self): inner()
    def __exit__(self, *how): pass
    def __init__(self): pass
    def _own(self): pass
    @classmethod
    def __class_getitem__(cls, key): return cls
class Heir(Manager): pass
def inner(): pass
manager = Heir()
"""


@pytest.mark.parametrize(
    ("said", "found"),
    {
        "an object": ("manager", "Manager.__enter__ Manager.__exit__ Manager.__class_getitem__ inner"),
        "a class": (
            "Heir",
            "Manager.__init__ Manager.__enter__ Manager.__exit__ Manager.__class_getitem__ Kind.__contains__ inner",
        ),
        "a function": ("inner", "inner"),
    }.values(),
)
def test_what_python_calls_by_itself(lab, said, found):
    lab.cell("d", HOOKS)
    reached = {name for module, name in ways.reached([said], "__main__", with_hooks=True) if module == "__main__"}
    assert reached == set(found.split())
    without = {name for _, name in ways.reached([said], "__main__")}
    assert not any("__enter__" in name or "__contains__" in name for name in without)


def test_a_modules_getattr_is_called_by_python(lab):
    lab.module("mod", "def __getattr__(name): return name\ndef other(): pass")
    lab.main.mod = lab.modules["mod"]
    assert ways.reached(["mod"], "__main__", with_hooks=True) == {("mod", "__getattr__")}
    assert ways.reached(["mod"], "__main__") == set()


def test_a_library_is_looked_into_if_it_is_named(lab):
    library(lab, "lib", "def load(): _ensure()\ndef _ensure(): pass\n")
    lab.cell("a", "import lib")
    lab.main.lib = lab.modules["lib"]
    assert ways.reached(["lib", "load"], "__main__") == {("lib", "load")}
    assert ways.reached(["lib", "load"], "__main__", frozenset({"lib"})) == {("lib", "load"), ("lib", "_ensure")}


def test_no_more_is_looked_into_than_there_may_be(lab, monkeypatch):
    monkeypatch.setattr(ways, "_MOST", 1)
    lab.cell("d", OBJECTS)
    assert ("__main__", "inner") not in ways.reached(["table"], "__main__")


HELPERS = (
    "def ensure():\n    register('x', 1)\ndef load(): ensure()\ndef add(k):\n    register(k, 1)\ndef one(): add('x')"
)


@pytest.mark.parametrize(
    ("call", "lost", "found"),
    {
        "the last one says the key": ("load()", "load ensure", "load ensure"),
        "the first that is lost comes later": ("load()", "ensure", "ensure"),
        "what the one calls that says it registers others": ("one()", "one add", "one"),
        "the cell says it": ("add('x')", "add", ""),
        "nobody says it": ("add(chr(120))", "add", "add"),
        "none is lost": ("load()", "", ""),
    }.values(),
)
def test_the_functions_that_register_an_entry_whoever_calls_them(lab, call, lost, found):
    lab.cell("d", HELPERS)
    lab.cell("a", call)
    functions = ways.functions_from(lab.entry("silent", "x"), set(lost.split()))
    assert functions == {("__main__", name) for name in found.split()}


def test_of_a_library_all_functions_below_count(lab):
    library(lab, "lib", "from home import *\ndef load(): _ensure()\ndef _ensure(): register('x', 1)\n")
    lab.main.lib = lab.modules["lib"]
    lab.cell("a", "lib.load()")
    assert ways.functions_from(lab.entry("silent", "x"), {"load"}) == {("lib", "load"), ("lib", "_ensure")}


MEMO = "done = []\ndef ensure():\n    if not done:\n        done.append(1)\n        register('x', 1)\n"
PATHS = "def load(): ensure()\ndef save():\n    ensure()\n    return table['x']\n"


@pytest.mark.parametrize("again", ["save()", "[f() for f in [save]]", "functions = [save]", "ensure()"])
def test_what_a_memo_skips_stays_if_the_new_text_leads_there(lab, again):
    lab.cell("d", MEMO + PATHS)
    lab.cell("a", "load()")
    lab.cell("a", again)
    assert lab.home.table == {"x": 1}


@pytest.mark.parametrize("other", ["y = 1", "text = 'save'", "def f(): save()"])
def test_it_goes_if_nothing_leads_there(lab, other):
    lab.cell("d", MEMO + PATHS)
    lab.cell("a", "load()")
    lab.cell("b", other)
    lab.cell("a", "z = 1")
    assert lab.home.table == {}


def test_it_stays_as_long_as_another_cell_leads_there(lab):
    lab.cell("d", MEMO + PATHS)
    lab.cell("a", "load()")
    lab.cell("b", "save()")
    lab.cell("a", "z = 1")
    lab.cell("c", "y = 1")
    assert lab.home.table == {"x": 1}
    lab.cell("b", "save()")
    lab.cell("a", "z = 2")
    assert lab.home.table == {"x": 1}
    lab.cell("b", "y = 2")
    assert lab.home.table == {}


def test_what_is_named_after_a_definition_goes_though_others_are_decorated_elsewhere(lab):
    lab.cell("h", "def reg(c):\n    if c is None: return\n    register(c.__name__, c)\n    return c")
    lab.cell("b", "@reg\ndef other(): pass")
    lab.cell("a", "@reg\ndef one(): pass\n@reg\ndef two(): pass")
    lab.cell("a", "@reg\ndef two(): pass")
    assert set(lab.home.table) == {"other", "two"}

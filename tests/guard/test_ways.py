"""The way to an entry: from the frames of real code to statements and texts."""

from __future__ import annotations

import functools
import linecache
import os
import types

import pytest
from guarding import library

from kreg_ipython.guard import ways
from kreg_ipython.guard.ledger import Entry, Owner, Run
from kreg_ipython.guard.verdicts import Way
from kreg_ipython.lib.naming import Parameter
from kreg_ipython.lib.source import read

"""Before, a code knows its own name only."""


def way(lab, key="x", registry="silent"):
    """The way to the entry of a key."""
    return ways.way_to(lab.entry(registry, key), lab.guard.registries[registry])


def steps(lab, key="x", registry="silent"):
    """The steps of the way: kind, line, function."""
    return [(step.kind, step.line, step.function) for step in way(lab, key, registry).steps]


def test_a_statement_of_the_cell(lab):
    lab.cell("a", "pass\nregister('x',\n    1)")
    found = way(lab)
    assert [step[:3] for step in found.steps] == [("own", 2, "")]
    assert (found.complete, found.definition, found.written) == (True, "int", False)
    assert (found.key, found.accessor) == ("x", "handout")
    [step] = found.steps
    assert (step.before, step.now, step.wrapped) == (None, None, False)


def test_functions_of_the_cell(lab):
    lab.cell("a", "def inner():\n    register('x', 1)\ndef outer():\n    inner()\nouter()")
    assert steps(lab) == [("own", 5, ""), ("own", 4, "outer"), ("own", 2, "inner")]
    assert not any(step.wrapped for step in way(lab).steps)


def test_a_decorated_one_liner(lab):
    lab.cell("a", "@registered('x')\nclass Foo: pass")
    found = way(lab, registry="raising")
    assert [step.kind for step in found.steps] == ["own"] and found.steps[0].line in (1, 2)
    assert found.definition == "Foo" and found.accessor == ""


def test_a_class_body(lab):
    lab.cell("a", "class Foo:\n    register('x', 1)")
    assert steps(lab) == [("own", 1, ""), ("own", 2, "Foo")]


@pytest.mark.parametrize("cache", ["functools.cache", "functools.lru_cache(maxsize=None)"])
def test_a_cached_function_of_the_cell_is_wrapped(lab, cache):
    lab.cell("a", f"import functools\n@{cache}\ndef make():\n    register('x', 1)\nmake()")
    assert [(step.kind, step.line, step.wrapped) for step in way(lab).steps][:2] == [
        ("own", 5, False),
        ("own", 4, True),
    ]


def test_a_function_behind_a_wrapper_of_the_users_is_wrapped(lab):
    lab.cell(
        "a",
        "import functools\ndef once(f):\n    @functools.wraps(f)\n    def call():\n        return f()\n    return call\n"
        "@once\ndef make():\n    register('x', 1)\nmake()",
    )
    found = {step.function: step.wrapped for step in way(lab).steps}
    assert found["make"] is True and found[""] is False


def test_a_decorator_that_a_function_made_is_not_wrapped(lab):
    made = "def made():\n    def wrap(cls):\n        register('x', cls)\n        return cls\n    return wrap\nreg = made()\n"
    lab.cell("a", made + "@reg\nclass A: pass")
    assert [step.wrapped for step in way(lab).steps] == [False, False]


@pytest.mark.parametrize(
    ("make", "call"),
    [
        ("class A:\n    def make(self):\n        register('x', 1)\n", "A().make()"),
        ("class A:\n    @classmethod\n    def make(cls):\n        register('x', 1)\n", "A.make()"),
        ("class A:\n    @staticmethod\n    def make():\n        register('x', 1)\n", "A.make()"),
        ("class A:\n    @property\n    def make(self):\n        register('x', 1)\n", "A().make"),
    ],
    ids=["method", "class method", "static method", "property"],
)
def test_a_method_is_not_wrapped(lab, make, call):
    lab.cell("a", make + call)
    assert [(step.kind, step.wrapped) for step in way(lab).steps] == [("own", False)] * 2
    assert way(lab).steps[1].function.endswith("make")


def test_a_cached_property_is_wrapped(lab):
    lab.cell(
        "a",
        "import functools\nclass A:\n    @functools.cached_property\n    def make(self):\n        register('x', 1)\nA().make",
    )
    assert way(lab).steps[-1].wrapped is True


def test_nothing_tells_of_a_function_in_a_function(lab):
    lab.cell("a", "def outer():\n    def inner():\n        register('x', 1)\n    inner()\nouter()")
    assert [step.wrapped for step in way(lab).steps] == [False] * 3


def test_an_entry_knows_the_text_of_its_run(lab):
    lab.cell("a", "register('x', 1)")
    assert ways.source_of(lab.entry("silent", "x")).text == "register('x', 1)"
    assert ways.source_of(Entry("r", "k", 1, 1, None)) is None
    assert ways.source_of(Entry("r", "k", 1, 1, None, Run(Owner("cell", "a"), ""))) is None


HELPER = "from home import *\ndef setup():\n    register('x', 1)\n"


def test_a_function_in_a_file_of_the_users_has_the_text_of_then_and_of_now(lab):
    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    own, step = way(lab).steps
    assert own[:3] == ("own", 2, "") and step[:3] == ("user", 3, "setup")
    assert step.before.text == step.now.text == HELPER and step.wrapped is False


def test_a_function_that_was_reloaded_has_another_text_now(lab):
    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    [_, before] = way(lab).steps
    new = HELPER.replace("'x'", "'y'")
    exec(compile(new, "/user/helper2.py", "exec"), vars(lab.modules["helper"]))
    linecache.cache["/user/helper2.py"] = (len(new), None, new.splitlines(True), "/user/helper2.py")
    [_, step] = way(lab).steps
    assert (step.before.text, step.now.text) == (before.before.text, new)


def test_of_a_function_whose_name_means_nothing_now_the_text_is_what_it_was(lab):
    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    del lab.modules["helper"].setup
    [_, step] = way(lab).steps
    assert step.now.text == step.before.text == HELPER and step.wrapped is False


def test_of_a_name_that_means_no_function_now_the_text_is_what_it_was(lab):
    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    lab.modules["helper"].setup = 5
    [_, step] = way(lab).steps
    assert step.now.text == step.before.text and step.wrapped is True
    lab.modules["helper"].setup = None
    assert way(lab).steps[1].wrapped is False


def test_a_name_that_raises_when_it_is_asked_is_no_function(lab):
    class Hostile:
        def __call__(self):
            """Nothing."""

        @property
        def __wrapped__(self):
            raise RuntimeError

    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    lab.modules["helper"].setup = Hostile()
    [_, step] = way(lab).steps
    assert step.now.text == step.before.text and step.wrapped is True


def test_a_file_that_has_changed_since_is_not_the_text_of_its_code(lab):
    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    new = "\n\n\n" + HELPER
    linecache.cache["/user/helper.py"] = (len(new), None, new.splitlines(True), "/user/helper.py")
    ways._lines.known.clear()
    [_, step] = way(lab).steps
    assert step.before is None and step.now is None


def test_a_file_that_cannot_be_read_has_no_text(lab):
    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    del linecache.cache["/user/helper.py"]
    ways._lines.known.clear()
    [_, step] = way(lab).steps
    assert step.before is None and step.now is None


def test_a_lambda_in_a_file_has_its_files_text(lab):
    text = "from home import *\nsetup = lambda: register('x', 1)\n"
    lab.module("helper", text)
    lab.cell("a", "import helper\nhelper.setup()")
    [_, step] = way(lab).steps
    assert step.before.text == text and step.function == "<lambda>"


def test_a_cached_function_in_a_file_is_wrapped(lab):
    lab.module("helper", "import functools\n" + HELPER.replace("def setup", "@functools.cache\ndef setup"))
    lab.cell("a", "import helper\nhelper.setup()")
    [_, step] = [step for step in way(lab).steps if step.kind != "library"]
    assert step.wrapped and step.now.text == step.before.text


def test_a_function_of_another_cell_that_this_one_defines_again_is_not_known_now(lab):
    text = "def make():\n    register('x', 1)\n"
    lab.cell("b", text)
    lab.cell("a", "make()\nmake2 = make")
    own, step = way(lab).steps
    assert (own.kind, step.kind, step.function) == ("own", "user", "make")
    assert step.now.text == step.before.text == text
    entry = lab.entry("silent", "x")
    exec(compile("def make(): pass", entry.steps[0].code.co_filename, "exec"), vars(lab.main))
    [_, step] = way(lab).steps
    assert step.now.text == text


def test_library_code_is_one_step_and_the_first_function_is_its_name(lab):
    lib = library(lab, "lib", "def inner():\n    register('x', 1)\ndef setup():\n    inner()\n")
    lab.main.setup = lib.setup
    lab.cell("a", "setup()")
    assert steps(lab) == [("own", 1, ""), ("library", None, "setup")]


def test_a_users_function_that_a_library_calls_is_a_step_of_its_own(lab):
    lib = library(lab, "lib", "def call(f):\n    f()\n")
    lab.main.call = lib.call
    lab.cell("a", "def make():\n    register('x', 1)\ncall(make)")
    assert steps(lab) == [("own", 3, ""), ("library", None, "call"), ("own", 2, "make")]


def test_what_executes_a_magic_adds_nothing(lab):
    ipython = library(
        lab,
        "IPython.core.magics",
        "def run_line_magic(text, namespace):\n    exec(compile(text, '<timed exec>', 'exec'), namespace)\n",
    )
    lab.main.run_line_magic = lambda text: ipython.run_line_magic(text, vars(lab.main))
    lab.main.magic = functools.partial(ipython.run_line_magic, namespace=vars(lab.main))
    lab.cell("a", "def make(): register('x', 1)\n%time make()", code="def make(): register('x', 1)\nmagic('make()')")
    assert steps(lab) == [("own", 2, ""), ("own", 1, "make")]


def test_ipython_that_is_called_by_a_plain_statement_is_a_library(lab):
    ipython = library(lab, "IPython.display", "def display():\n    register('x', 1)\n")
    lab.main.display = ipython.display
    lab.cell("a", "display()")
    assert steps(lab) == [("own", 1, ""), ("library", None, "display")]


def test_a_library_that_a_magic_calls_is_a_library(lab):
    lib = library(lab, "lib", "def setup():\n    register('x', 1)\n")
    lab.main.setup = lib.setup
    lab.cell("a", "%time setup()", code="setup()")
    assert steps(lab) == [("own", 1, ""), ("library", None, "setup")]


def test_what_makes_a_class_adds_nothing(lab):
    lib = library(
        lab,
        "lib",
        "class Base:\n    def __init_subclass__(cls):\n        register('x', cls)\n    def setup(self):\n        register('y', 1)\n",
    )
    lab.main.Base = lib.Base
    lab.cell("a", "class Foo(Base):\n    pass\nFoo().setup()")
    assert steps(lab) == [("own", 1, "")]
    assert [step[0] for step in steps(lab, "y")] == ["own", "library"]


@pytest.mark.parametrize("guard", ["if cls not in known: ", "for each in cls.found(): "])
def test_a_base_that_may_remember_is_a_librarys(lab, guard):
    body = f"known = set()\nclass Base:\n    found = classmethod(lambda cls: [cls])\n    def __init_subclass__(cls):\n        {guard}register('x', cls)\n"
    lab.main.Base = library(lab, "lib", body).Base
    lab.cell("a", "class Foo(Base):\n    pass")
    assert steps(lab) == [("own", 1, ""), ("library", None, "Base.__init_subclass__")]


def test_what_an_initializer_registers_outside_of_a_class_statement_is_a_librarys(lab):
    lib = library(lab, "lib", "class Model:\n    def __init__(self):\n        register('x', 1)\n")
    lab.main.Model = lib.Model
    lab.cell("a", "Model()")
    assert [step[0] for step in steps(lab)] == ["own", "library"]


def test_a_thread_begins_nowhere_and_its_steps_are_those_of_the_users(lab):
    lab.cell(
        "a",
        "import threading\ndef make(): register('x', 1)\ndef work():\n    make()\nt = threading.Thread(target=work)\nt.start()\nt.join()",
    )
    found = way(lab)
    assert not found.complete and [step[:3] for step in found.steps] == [("own", 4, "work"), ("own", 2, "make")]


def test_what_a_librarys_function_registers_in_a_thread_has_no_way(lab):
    lib = library(lab, "lib", "def work():\n    register('x', 1)\n")
    lab.main.work = lib.work
    lab.cell("a", "import threading\nt = threading.Thread(target=work)\nt.start()\nt.join()")
    assert len(lab.entry("silent", "x").steps) == 1 and way(lab) == Way(complete=False)


def test_a_thread_whose_own_line_is_not_known_is_in_a_file(lab):
    text = "from home import *\ndef work():\n    register('x', 1)"
    lab.module("helper", text)
    lab.cell("a", "import threading, helper\nt = threading.Thread(target=helper.work)\nt.start()\nt.join()")
    entry = lab.entry("silent", "x")
    entry.line = None
    [step] = way(lab).steps
    assert (step.kind, step.line, step.before.text) == ("user", 3, text)


def test_a_text_that_is_executed_by_a_cell_is_a_users_step_without_a_text(lab):
    lab.cell("a", "exec(\"register('x', 1)\")")
    own, step = way(lab).steps
    assert own.kind == "own" and (step.kind, step.function, step.before, step.now) == ("user", "", None, None)


def test_what_linecache_knows_of_python_c_is_no_text_of_a_step(lab):
    linecache.cache["<string>"] = (1, None, ["register('y', 2)\n"], "<string>")  # from Python 3.13 on, of `python -c`
    try:
        lab.cell("a", "exec(\"register('x', 1)\")")
        assert way(lab).steps[1].now is None
    finally:
        del linecache.cache["<string>"]


def test_nobody_saw_the_way_to_what_was_written(lab):
    lab.cell("a", "drawer['x'] = abs")
    assert way(lab, registry="drawer") == Way((ways.Step("own", 1, None),), True, "abs", True, "x", "")


def test_what_was_written_by_a_function_does_not_begin_in_the_body(lab):
    lab.cell("a", "def make():\n    drawer['x'] = abs\nmake()")
    found = way(lab, registry="drawer")
    assert [step[:3] for step in found.steps] == [("own", 2, None)] and not found.complete


def test_the_only_statement_that_may_have_written_did(lab):
    lab.cell("a", "k = 'x'\ndrawer[k * 2] = 5")
    assert [step[:3] for step in way(lab, "xx", "drawer").steps] == [("own", 2, None)]


def test_of_several_statements_that_may_have_written_none_is_known(lab):
    lab.cell("a", "k = 'x'\ndrawer[k * 2] = 5\ndrawer[k * 3] = 5")
    assert way(lab, "xx", "drawer") == Way((), False, ways.definition_of(lab.entry("drawer", "xx")), True, "xx", "")


def test_what_a_library_wrote_for_a_cell_has_no_way(lab):
    lab.main.write = lambda: lab.home.drawer.update(x=5)
    lab.cell("a", "write()")
    assert way(lab, registry="drawer") == Way((), False, ways.definition_of(lab.entry("drawer", "x")), False, "x", "")


def test_a_statement_that_does_not_ask_for_the_container_has_not_written_to_it(lab):
    lab.main.write = lambda: lab.home.handout().update(xx=5)
    lab.cell("a", "k = 'x'\nd = {}\nd[k * 2] = 5\nwrite()")
    assert way(lab, "xx").steps == () and not way(lab, "xx").written and way(lab, "xx").accessor == "handout"
    lab.main.write = lambda: None
    lab.cell("b", "k = 'x'\nd = handout()\nd[k * 3] = 5")
    assert [step[:3] for step in way(lab, "xxx").steps] == [("own", 3, None)] and way(lab, "xxx").accessor == "handout"


def test_what_was_there_before_anybody_watched_begins_in_the_body(lab):
    owner = Owner("cell", "a")
    text = "@registered('x')\nclass Foo: pass\nbar = 1"
    foo = type("Foo", (), {"__module__": "__main__"})
    for line, steps_ in ((1, ((("own", 1, None),))), (3, ()), (None, ())):
        entry = Entry("raising", "x", foo, foo, owner, Run(owner, text), line, adopted=True)
        found = ways.way_to(entry)
        assert tuple(step[:3] for step in found.steps) == steps_ and found.complete and not found.written
        assert (found.definition, found.key, found.accessor) == ("Foo", "x", "")


def test_what_nobody_knows_the_text_of_has_an_unknown_way(lab):
    owner = Owner("cell", "a")
    assert ways.way_to(Entry("r", "k", 1, 1, owner, Run(owner), adopted=True)) == Way(complete=False)
    assert ways.way_to(Entry("r", "k", 1, 1, owner, Run(owner, "x = 1"), 1)) == Way(complete=False)


def test_a_definition_is_told_by_its_qualified_name():
    class Foo:
        """A definition."""

    def name(subject):
        return ways.definition_of(Entry("r", "k", subject, subject, None))

    assert name(Foo).endswith("<locals>.Foo") and name(abs) == "abs" and name(None) == "" and name((abs,)) == ""
    assert name((abs, min)) == str(("builtins", "min"))


class TestFormerSelf:
    """An entry of a class or function whose name means another one now."""

    def entry(self, lab, subject, key="k"):
        return Entry("r", key, subject, subject, None)

    def test_a_class_that_was_defined_again_is_one(self, lab):
        exec("class Foo:\n    class Inner: pass\ndef foo(): pass", vars(lab.main))
        old = lab.main.Foo, lab.main.Foo.Inner, lab.main.foo
        assert not any(ways.is_of_a_former_self(self.entry(lab, each)) for each in old)
        exec("class Foo:\n    class Inner: pass\ndef foo(): pass", vars(lab.main))
        assert all(ways.is_of_a_former_self(self.entry(lab, each)) for each in old)

    def test_so_is_a_key_that_is_made_of_one(self, lab):
        exec("class Foo: pass", vars(lab.main))
        old = lab.main.Foo
        exec("class Foo: pass", vars(lab.main))
        for key in (old, (int, old), (Parameter("x", old),), (Parameter(0, old), int)):
            assert ways.is_of_a_former_self(self.entry(lab, 1, key))
        assert not ways.is_of_a_former_self(self.entry(lab, 1, (int, "Foo", Parameter("x", lab.main.Foo))))

    def test_what_is_not_there_or_is_something_else_now_is_not(self, lab):
        exec("class Foo: pass\ndef foo(): pass\nclass Bar: pass", vars(lab.main))
        old = lab.main.Foo, lab.main.foo, lab.main.Bar
        del lab.main.Foo
        lab.main.foo, lab.main.Bar = 5, lambda: None
        assert not any(ways.is_of_a_former_self(self.entry(lab, each)) for each in old)

    def test_what_is_local_or_an_instance_is_not(self, lab):
        exec("def make():\n    class Local: pass\n    return Local\nclass Foo: pass", vars(lab.main))
        local, instance = lab.main.make(), lab.main.Foo()
        exec("class Foo: pass", vars(lab.main))
        assert not ways.is_of_a_former_self(self.entry(lab, local))
        assert not ways.is_of_a_former_self(self.entry(lab, instance))
        gone = type("Foo", (), {"__module__": "no such module"})
        assert not ways.is_of_a_former_self(self.entry(lab, gone))


RELOADED = {
    "a function in a function": (
        "def setup():\n    def inner():\n        register('x', 1)\n    inner()\n",
        "setup()",
        1,
    ),
    "a class method": ("class A:\n    @classmethod\n    def setup(cls):\n        register('x', 1)\n", "A.setup()", 0),
    "a property": ("class A:\n    @property\n    def setup(self):\n        register('x', 1)\n", "A().setup", 0),
    "a cached function": ("import functools\n@functools.cache\ndef setup():\n    register('x', 1)\n", "setup()", 0),
}


@pytest.mark.parametrize(("body", "call", "at"), RELOADED.values(), ids=RELOADED)
def test_of_what_was_reloaded_the_text_of_now_is_known(lab, body, call, at):
    text = "from home import *\n" + body
    lab.module("helper", text)
    lab.cell("a", f"import helper\nhelper.{call}")
    new = text.replace("'x'", "'y'")
    exec(compile(new, "/user/helper2.py", "exec"), vars(lab.modules["helper"]))
    linecache.cache["/user/helper2.py"] = (len(new), None, new.splitlines(True), "/user/helper2.py")
    users = [step for step in way(lab).steps if step.kind == "user"]
    assert [step.before.text for step in users] == [text] * (at + 1)
    assert [step.now.text for step in users] == [new] * (at + 1)


def test_of_a_module_that_is_gone_the_text_is_what_it_was(lab, monkeypatch):
    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    monkeypatch.delitem(ways.sys.modules, "helper")
    assert way(lab).steps[1].now.text == HELPER


def test_an_attribute_that_is_no_code_is_none(lab):
    class Odd:
        __code__ = 5

    lab.module("helper", HELPER)
    lab.cell("a", "import helper\nhelper.setup()")
    lab.modules["helper"].setup = Odd()
    [_, step] = way(lab).steps
    assert step.now.text == HELPER and step.wrapped


def test_a_one_line_class_is_made_by_its_statement(lab):
    lib = library(lab, "lib", "class Base:\n    def __init_subclass__(cls):\n        register('x', cls)\n")
    lab.main.Base = lib.Base
    lab.cell("a", "class Foo(Base): pass")
    assert steps(lab) == [("own", 1, "")]


def test_a_file_that_was_edited_is_read_anew(lab, tmp_path):
    path, text = tmp_path / "helper.py", "from home import *\ndef setup():\n    register('x', 1)\n"
    lab.module("helper", text)

    def load(text, time):
        path.write_text(text)
        os.utime(path, (time, time))
        exec(compile(text, str(path), "exec"), vars(lab.modules["helper"]))

    load(text, 10)
    lab.cell("a", "import helper\nhelper.setup()")
    load("import os\n" + text.replace("'x'", "'y'"), 20)
    lab.cell("a", "import helper\nhelper.setup()")
    assert lab.home.table == {"y": 1}


PLAIN = """
import functools, types
def setup(key): register(key, 1)
also = setup
partly = functools.partial(setup)
space = types.SimpleNamespace(setup=setup)
class Calls:
    def __call__(self, key): register(key, 1)
called = Calls()
class Base:
    def __init__(self, key): register(key, 1)
class Derived(Base): pass
short = lambda key: register(key, 1)
"""


@pytest.mark.parametrize(
    "call", ["also({})", "partly({})", "space.setup({})", "called({})", "Derived({})", "short({})"]
)
def test_a_function_by_any_name_is_followed_if_nothing_stands_in_between(lab, call):
    lab.cell("h", PLAIN)
    for key in ("one", "two"):
        lab.cell("a", call.format(repr(key)))
    assert lab.home.table == {"two": 1}


REMEMBERS = """
import functools, collections
def setup(): register("one", 1)
once = functools.cache(setup)
table = collections.defaultdict(setup)
class Missing(dict):
    def __missing__(self, key): self[key] = register("one", 1)
missing = Missing()
class Lazy:
    def __getattr__(self, name):
        setattr(self, name, register("one", 1))
lazy = Lazy()
def itself():
    global itself
    register("one", 1)
    itself = lambda: None
left = (register(key, 1) for key in ["one"])
def apply(function): return function()
class Once: pass
once_too = Once()
once_too.setup = once
def factory(): return functools.cache(lambda: register("one", 1))
made = factory()
"""


@pytest.mark.parametrize(
    "use",
    [
        "once()",
        "table['k']",
        "missing['k']",
        "lazy.k",
        "itself()",
        "next(left, None)",
        "list(left)",
        "apply(once)",
        "once_too.setup()",
        "made()",
    ],
)
def test_what_remembers_without_saying_so_is_kept(lab, use):
    lab.cell("h", REMEMBERS)
    for _ in range(3):
        lab.cell("a", use)
    assert lab.home.table == {"one": 1}


MAKE = "def make(key='x'):\n    register(key, 1)\n"
CALLED = {
    "by its name": (MAKE + "make()", False),
    "by another name": (MAKE + "alias = make\nalias()", False),
    "by an attribute": ("class A:\n  def make(self): register('x', 1)\na = A()\na.make()", False),
    "by another attribute": (MAKE + "class A: pass\nA.setup = staticmethod(make)\nA.setup()", False),
    "by a class method under another name": (
        "class A:\n  @classmethod\n  def make(cls): register('x', 1)\nA.setup = vars(A)['make']\nA.setup()",
        False,
    ),
    "by a partial": (MAKE + "import functools\np = functools.partial(make)\np()", False),
    "by a class": ("class A:\n  def __init__(self): register('x', 1)\nA()", False),
    "by a class under another name": ("class A:\n  def __new__(cls): register('x', 1)\nB = A\nB()", False),
    "by a derived class": ("class A:\n  def __init__(self): register('x', 1)\nclass B(A): pass\nB()", False),
    "by an instance": ("class A:\n  def __call__(self): register('x', 1)\na = A()\na()", False),
    "by a bound method": ("class A:\n  def make(self): register('x', 1)\nm = A().make\nm()", False),
    "by a class statement": ("class A:\n    register('x', 1)", False),
    "by a class's base": (
        "class A:\n  def __init_subclass__(cls): register('x', cls)\nclass B(A):\n  pass",
        False,
    ),
    "by a decorator": ("def deco(c):\n  register('x', c)\n  return c\n@deco\nclass A:\n  pass", False),
    "by a decorator with arguments": (
        "def deco(n):\n  register('x', n)\n  return lambda c: c\n@deco(1)\nclass A:\n  pass",
        False,
    ),
    "by a dict": (MAKE + "calls = {'f': make}\ncalls['f']()", True),
    "by a dict that makes what is missing": (
        MAKE + "import collections\nd = collections.defaultdict(make)\nd['k']",
        True,
    ),
    "by a cache": (MAKE + "import functools\ncached = functools.cache(make)\ncached()", True),
    "by a local variable": (MAKE + "def go(f):\n    f()\ngo(make)", True),
    "by a descriptor": (
        "class Get:\n  def __get__(self, a, b): register('x', 1)\nclass A:\n  make = Get()\nA().make",
        True,
    ),
}


@pytest.mark.parametrize(("text", "wrapped"), CALLED.values(), ids=CALLED)
def test_something_stands_in_for_a_function_unless_its_statement_calls_it(lab, text, wrapped):
    lab.cell("a", text)
    assert way(lab).steps[-1].wrapped is wrapped and not way(lab).steps[0].wrapped


@pytest.mark.parametrize(
    "text",
    [
        "[register(n, 1) for n in 'x']",
        "list(\n  register(n, 1)\n  for n in 'x'\n)",
        "{\n n: register(n, 1) for n in 'x'}",
    ],
)
def test_a_comprehension_is_executed_by_its_statement(lab, text):
    lab.cell("a", text)
    assert not any(step.wrapped for step in way(lab).steps)


def test_a_comprehension_of_another_statement_is_not(lab):
    lab.cell("a", "later = (register(n, 1) for n in 'x')\nnext(later)")
    assert way(lab).steps[-1].wrapped


def test_the_texts_of_few_functions_are_held(lab, monkeypatch):
    monkeypatch.setattr(ways._lines, "most", 2)
    lab.module(
        "helper", "from home import *\ndef a(): register('a', 1)\ndef b(): register('b', 1)\ndef c(): register('c', 1)"
    )
    lab.cell("a", "import helper\nhelper.a(), helper.b(), helper.c()")
    held = {code.co_name for code, _ in ways._lines.known.values()}
    assert held == {"b", "c"}


def test_the_texts_of_libraries_are_not_read(lab):
    lib = library(lab, "lib", "def setup():\n    register('x', 1)\n")
    lab.main.setup = lib.setup
    lab.cell("a", "def make(): setup()\nmake()")
    assert {code.co_name for code, _ in ways._lines.known.values()} == {"make"}


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("handout()['x'] = 1", True),
        ("table['x'] = 1", True),
        ("unknown['x'] = 1", True),
        ("home.table['x'] = 1", True),
        ("scores['x'] = 1", False),
        ("scores.update(x=1)", False),
        ("home.scores['x'] = 1", False),
        ("scores |= {'x': 1}", False),
        ("table['x'] = scores['x'] = 1", True),
        ("nested[0]['x'] = 1", True),
        ("shelf.add('x')", False),
        ("def write():\n    scores['x'] = 1", True),
    ],
)
def test_a_statement_may_write_to_a_container_that_is_not_known_to_be_another_one(lab, text, may):
    class Shelf:
        def add(self, key):
            pass

    vars(lab.main).update(table=lab.home.table, scores={}, nested=[{}], shelf=Shelf(), home=lab.home)
    lab.home.scores = {}
    statement = read(text).statements[-1]
    assert ways.may_write_to(statement, lab.guard.registries["silent"], "__main__") is may
    assert ways.may_write_to(statement, None, "__main__") is (text != "shelf.add('x')")


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("if 'x' not in done: register('x', 1)", {"done"}),
        ("if 'x' not in table: register('x', 1)", set()),
        ("if 'x' not in table and 'x' not in done: register('x', 1)", {"done"}),
        ("if ready and 'x' not in unknown.asked: register('x', 1)", set()),
        ("register('x', len(done))", set()),
        ("def make():\n    if done: return\n    register('x', 1)\nmake()", {"done"}),
        ("if 'x' not in done: handout()['x'] = 1", {"done"}),
    ],
)
def test_the_other_containers_that_guards_ask_are_known(lab, text, others):
    vars(lab.main).update(table=lab.home.table, done=set(), ready=True)
    lab.main.unknown = types.SimpleNamespace(asked=[])
    lab.cell("a", text)
    assert way(lab).others == others


def test_a_guard_in_a_file_asks_what_its_names_mean_there(lab):
    lab.module("helper", "from home import *\ndone = []\ndef setup():\n    if 'x' not in done: register('x', 1)\n")
    lab.main.done = lab.home.table
    lab.cell("a", "import helper\nif 'x' not in done: helper.setup()")
    assert way(lab).others == {"done"}


@pytest.mark.parametrize(
    ("text", "wrapped"),
    [
        ("def train(setup=once): setup()", True),
        ("def train():\n    setup = once\n    setup()", True),
        ("def trained(setup):\n    def train(): setup()\n    return train\ntrain = trained(once)", True),
        ("def train(): setup()", False),
        ("def train():\n    def setup(): register('x', 1)\n    setup()", False),
        ("class F:\n    def __init__(self): self.setup = once\n    def go(self): self.setup()\ntrain = F().go", True),
        ("class F:\n    def setup(self): register('x', 1)\n    def go(self): self.setup()\ntrain = F().go", False),
    ],
)
def test_a_local_name_or_an_attribute_that_is_set_may_stand_for_what_remembers(lab, text, wrapped):
    memo = "import functools\nfrom home import *\ndef setup(*self): register('x', 1)\nonce = functools.cache(setup)\n"
    lab.module("helper", memo + text)
    lab.cell("a", "import helper\nhelper.train()")
    assert way(lab).steps[-1].wrapped is wrapped


NAMED = """
def f(): pass
class A:
    class B: pass
def make():
    def inner(): pass
    return inner
inner, lambda_, former = make(), lambda: 1, A
class A: pass
"""


@pytest.mark.parametrize(
    ("subject", "has"),
    {"f": True, "A": True, "former": False, "former.B": False, "inner": False, "lambda_": False, "len": True, "f()": False, "1": False, "(f, A)": False, "dict.get": False}.items(),
)  # fmt: skip
def test_whether_the_name_of_an_object_means_it(lab, subject, has):
    lab.cell("a", NAMED)
    assert ways.has_its_name(eval(subject, vars(lab.main))) is has

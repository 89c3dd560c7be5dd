"""What a source says of its statements, and what is remembered of objects: pure functions, without a kernel."""

from __future__ import annotations

import time

import pytest

from kreg_ipython.lib.remembered import remembered
from kreg_ipython.lib.source import Source, read
from kreg_ipython.lib.statements import CALLED

ONLY_DEFINED = "def f(): g()"


@pytest.mark.parametrize(
    ("text", "called", "not_called"),
    {
        "a function that is only defined": (ONLY_DEFINED, "", "g"),
        "one that is called": (ONLY_DEFINED + "\nf()", "f g", ""),
        "one that is handed on": (ONLY_DEFINED + "\nThread(target=f).start()", "g start Thread", "f"),
        "one whose name stands in a string": (ONLY_DEFINED + "\nrun('f')", "g run", "f"),
        "one that is decorated": ("@mark\n" + ONLY_DEFINED, "mark g", ""),
        "one that only another one calls": (ONLY_DEFINED + "\ndef h(): f()", "", "f g"),
        "two that only call each other": ("def f(): h()\ndef h(): f()", "", "f h"),
        "two that call each other, and one is called": ("def f(): h()\ndef h(): f()\nf()", "f h", ""),
        "one that only calls itself": ("def f(): f()", "", "f"),
        "a method": ("class A:\n    def f(self): g()", "g", ""),
        "a function in a method": ("class A:\n    def f(self):\n        def inner(): g()", "", "g"),
        "a function of a name that is an attribute elsewhere": (ONLY_DEFINED + "\nother.f()", "g f", ""),
        "a lambda": ("f = lambda: g()", "g", ""),
        "a coroutine that is awaited": ("async def f(): g()\nawait f()", "g f", ""),
    }.values(),
)
def test_what_a_text_may_call_is_not_what_it_only_defines(text, called, not_called):
    source = read(text)
    assert set(called.split()) == {name for name in (called + " " + not_called).split() if source.calling([name])}
    assert set(called.split()) <= source.names


@pytest.mark.parametrize(
    ("text", "mentioned", "not_mentioned"),
    {
        "a call": ("f(x)", "f x", "y"),
        "an attribute": ("a.b", "a b", ""),
        "an import": ("from lib import f", "f", "lib"),
        "an assignment alone": ("f = 1", "", "f"),
        "a function that is only defined": ("def f(): g()", "", "f g"),
        "a magic": ("%time f()", "f", ""),
        "a string": ("'f'", "f", ""),
    }.values(),
)
def test_what_a_text_mentions_it_may_hand_on(text, mentioned, not_mentioned):
    assert all(read(text).mentions([name]) for name in mentioned.split())
    assert not any(read(text).mentions([name]) for name in not_mentioned.split())


@pytest.mark.parametrize(
    ("text", "names"),
    {
        "a call": ("t.fit(x)", {"t", "fit", "t.fit", "x"}),
        "a definition": ("@reg\nclass A(B):\n    y = z\n    def f(self): g()", {"reg", "B", "y", "z"}),
        "a function": ("def f(a=b): g()", {"b"}),
        "under a condition": ("if x:\n    f()", {"x", "f"}),
        "a magic": ("%time f()", {"f"}),
        "a string": ("f('make')", {"f"}),
    }.values(),
)
def test_what_a_text_says_by_itself_is_not_what_its_functions_say(text, names):
    assert read(text).names_by_itself == names


FILE = "import keras\nTABLE = {}\ndef f(x): return x\nclass A(B):\n    y = 1\n    def g(self): return 1\n"


@pytest.mark.parametrize(
    ("now", "same"),
    {
        "a comment": (FILE.replace("TABLE", "# a table\nTABLE"), True),
        "a function's body": (FILE.replace("return x", "return -x"), True),
        "a function's arguments": (FILE.replace("f(x)", "f(x, y=2)"), True),
        "another function": (FILE + "def h(): pass", True),
        "a function less": (FILE.replace("def f(x): return x\n", ""), True),
        "a method's body": (FILE.replace("return 1", "return 2"), True),
        "another method": (FILE + "    def h(self): pass", True),
        "a value": (FILE.replace("{}", "[]"), False),
        "an attribute": (FILE.replace("y = 1", "y = 2"), False),
        "another base": (FILE.replace("A(B)", "A(C)"), False),
        "a decorator": (FILE.replace("class", "@reg\nclass"), False),
        "a function's decorator": (FILE.replace("def f", "@reg\ndef f"), False),
        "a call": (FILE + "f(1)", False),
        "what cannot be read": (FILE + "(", False),
    }.values(),
)
def test_two_texts_execute_the_same_if_only_functions_differ_that_they_define(now, same):
    assert read(now).executes_the_same_as(read(FILE)) is same
    assert read(FILE).executes_the_same_as(read(now)) is same


@pytest.mark.parametrize(
    "text",
    [
        "def f(): return 1\nx = f()",
        "def f(): return 1\ndef g(): f()\ng()",
        "def f(): return 1\nTABLE = {'f': f}",
        "@reg\ndef f(): return 1",
        "class A:\n    def f(self): return 1\nx = A()",
        "class A:\n    def f(self): return 1\nclass B(A): pass",
        "class A:\n    @reg\n    def f(self): return 1",
    ],
)
def test_what_a_text_may_execute_makes_a_difference(text):
    assert not read(text).executes_the_same_as(read(text.replace("return 1", "return 2")))


def test_code_in_a_strings_calls_is_said():
    assert {"lib", "setup"} <= read("run('lib.setup()')").names


def test_others_may_call_the_functions_that_a_text_only_defines():
    source = read(ONLY_DEFINED)
    assert source.for_others.calling(["g"]) and source.for_others.mentions("g")
    assert not source.calling(["g"]) and not source.mentions("g")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    {
        "a call": ("f('k', other=v)", 1, {"f", "k", "other", "v"}),
        "in a loop": ("for n in names:\n    f(n)", 2, {"n", "names", "f"}),
        "in a function": ("def g(a='d'):\n    f('k')", 2, {"f", "k", "d"}),
        "beside another statement": ("f('k')\ng('l')", 2, {"g", "l"}),
        "a text of several lines": ('f("""a\nb""")', 1, {"f"}),
        "no line": ("f('k')", None, set()),
        "a line that is not there": ("f('k')", 9, set()),
    }.values(),
)
def test_what_is_said_at_a_line_is_said_by_what_it_stands_in_too(text, line, said):
    assert read(text).said_at(line) == said


@pytest.mark.parametrize(
    ("statement", "keys"),
    {
        "d['k'] = 1": ["k"],
        "d['k'], d['l'] = 1, 2": ["k", "l"],
        "d[key] = 1": ["k", "l"],
        "d.update(k=1)": ["k"],
        "d.update({'k': 1, 'l': 2})": ["k", "l"],
        "d.update(made)": ["k", "l"],
        "d.update(**made)": ["k", "l"],
        "d.setdefault('k', 1)": ["k"],
        "d.__setitem__('k', 1)": ["k"],
        "d |= made": ["k", "l"],
        "d.append('k')": ["k", "l"],
        "if x:\n    d['k'] = 1": ["k"],
        "def f():\n    d['k'] = 1": ["k"],
        "class A:\n    def f(self):\n        d['k'] = 1": [],
        "d['k']": [],
        "f(d)": [],
    }.items(),
)
def test_a_statement_that_writes_says_its_keys_or_may_write_at_any(statement, keys):
    source = read(statement)
    assert [key for key in ("k", "l") if source.writers(key)] == keys
    assert all(each.may_write(key) for key in keys for each in source.writers(key))


def test_statements_that_say_the_key_come_before_those_that_compute_one():
    assert [each.first for each in read("d[key] = 1\nd['k'] = 1").writers("k")] == [2, 1]


def test_a_statement_of_another_text_is_found_by_what_it_says():
    text = "\n".join(f"f({n})" for n in range(100)) + "\ng(1)"
    was = Source(text).at(50)
    assert [each.first for each in Source("x = 1\n" + text).standing(was)] == [51]
    assert Source("if x:\n    f(49)").standing(was) and not Source("def g():\n    f(49)").standing(was)
    assert not Source("f(49) + 1").standing(was)


def test_what_was_found_out_about_few_objects_is_remembered():
    asked = []
    known = remembered(2)(lambda one, word: asked.append(word) or len(one))
    one, other, third = [1], [1, 2], {}
    assert [known(one, "a"), known(one, "b"), known(other, "c")] == [1, 1, 2] and asked == ["a", "c"]
    assert known(third, "d") == 0 and known(other, "e") == 2 and asked == ["a", "c", "d"]
    assert known(one, "f") == 1 and asked[-1] == "f" and len(known.known) == 2


def test_what_a_long_string_calls_is_found_in_one_pass():
    """The time is the process's own, beside that of a shorter string."""

    def seconds(length: int) -> float:
        text, started = "A" * length, time.process_time()
        assert CALLED.findall(text) == []
        return time.process_time() - started

    assert seconds(80_000) < 10 * max(min(seconds(20_000) for _ in range(3)), 1e-3)

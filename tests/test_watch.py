"""%kreg watch: a dict, list or set of the user's own gets the same promise as a framework's registry."""

from __future__ import annotations

import pytest

stock = pytest.mark.fails("stock")

LAYER = """
@keras.utils.register_keras_serializable("PKG")
class Foo(keras.layers.Layer):
    def call(self, x):
        return x
"""

TABLES = {
    "dict": ("{}", "TABLE[f.__name__] = f", "{name: f() for name, f in TABLE.items()}"),
    "list": ("[]", "TABLE.append(f)", "{f.__name__: f() for f in TABLE} if len({*TABLE}) == len(TABLE) else 'twice'"),
    "set": ("set()", "TABLE.add(f)", "{f.__name__: f() for f in TABLE}"),
    "names": ("[]", "TABLE.append(f.__name__)", "{name: 1 + TABLE.count(name) for name in TABLE}"),
}


@pytest.fixture(params=TABLES)
def table(nb, files, request):
    """A module with a container and a function that registers in it; an expression for what is in it."""
    empty, act, content = TABLES[request.param]
    files.write({"PKGreg.py": f"TABLE = {empty}\n\ndef register(f):\n    {act}\n    return f\n"})
    nb.run("i", "import PKGreg")
    if nb.mode == "kreg":
        nb.run("w", "%kreg watch PKGreg:TABLE")
    return f"(lambda TABLE: {content})(sys.modules['PKGreg'].TABLE)"


def registering(**versions: int) -> str:
    return "\n".join(f"@PKGreg.register\ndef {name}(): return {version}" for name, version in versions.items())


@stock
def test_what_a_cell_does_not_register_again_is_swept(nb, table):
    nb.run("a", registering(one=2, two=2))
    nb.run("a", registering(two=2, three=2))
    assert nb.value(table) == {"two": 2, "three": 2}


def test_a_failed_run_loses_nothing_and_undo_brings_back(nb, table):
    nb.run("a", registering(one=2, two=2))
    nb.run("a", "1/0", fails=True)
    assert nb.value(table) == {"one": 2, "two": 2}
    nb.run("a", registering(one=2))
    nb.run("q", "%kreg undo")
    assert nb.value(table) == {"one": 2, "two": 2}


def test_an_import_in_a_cell_keeps_its_entries_and_a_reload_replaces_them(nb, table, files):
    files.write({"PKGmod.py": "import PKGreg\n" + registering(one=2, two=2)})
    nb.run("a", "import PKGmod")
    nb.run("a", "import PKGmod  # again")
    assert nb.value(table) == {"one": 2, "two": 2}
    files.write({"PKGmod.py": "import PKGreg\n" + registering(two=2)})
    nb.run("r", "import importlib; importlib.reload(PKGmod)")
    assert nb.value(table) == {"two": 2}


@stock
def test_a_reload_of_the_module_that_makes_the_container_loses_no_cells_entries(nb, table):
    nb.run("a", registering(one=2))
    nb.run("r", "import importlib; importlib.reload(PKGreg)")
    assert nb.value(table) == {"one": 2}
    nb.run("a", registering(two=2))
    assert nb.value(table) == {"two": 2}


def test_a_container_that_is_cleared_or_made_anew_by_the_user_is_the_users_word(nb, table):
    nb.run("a", registering(one=2))
    nb.run("c", "PKGreg.TABLE.clear()")
    assert nb.entries() == [] or {entry["state"] for entry in nb.entries()} == {"swept"}
    nb.run("a", registering(one=2))
    nb.run("c", "PKGreg.TABLE = type(PKGreg.TABLE)()")
    assert nb.value(table) == {}
    nb.run("a", registering(one=2))
    assert nb.value(table) == {"one": 2}


def test_without_unwatch_off_and_on_go_on_watching_and_after_it_nothing_is_tracked(nb, table):
    nb.run("a", registering(one=2))
    nb.run("o", "%kreg off")
    nb.run("o", "%kreg on")
    nb.run("a", registering(one=2, two=2))
    nb.run("a", registering(one=2))
    assert nb.value(table) == {"one": 2}
    nb.run("u", "%kreg unwatch PKGreg:TABLE")
    nb.run("a", "x = 1")
    assert nb.value(table) == {"one": 2}
    assert nb.entries() == []


def test_watching_again_in_a_cell_that_runs_again_changes_nothing(nb, table):
    nb.run("a", registering(one=2) + "\n%kreg watch PKGreg:TABLE")
    nb.run("a", registering(two=2) + "\n%kreg watch PKGreg:TABLE")
    assert nb.value(table) == {"two": 2}


def test_unwatch_in_the_cell_that_registered_gives_back_what_is_withdrawn(nb, table):
    nb.run("a", registering(one=2))
    nb.run("a", "%kreg unwatch PKGreg:TABLE")
    assert nb.value(table) == {"one": 2}


def test_what_was_registered_before_is_adopted(nb, files):
    files.write({"PKGreg.py": "TABLE = {}\n\ndef register(f):\n    TABLE[f.__name__] = f\n    return f\n"})
    nb.run("i", "import PKGreg")
    nb.run("a", registering(one=2, two=2))
    assert "adopted 2 entries" in nb.run("w", "%kreg watch PKGreg:TABLE").text
    nb.run("a", registering(two=2))
    assert nb.value("[*sys.modules['PKGreg'].TABLE]") == ["two"]


def test_a_module_that_is_not_imported_yet_is_watched_as_soon_as_it_is(nb, files):
    files.write(
        {
            "PKGreg.py": "TABLE = {}\n\ndef register(f):\n    TABLE[f.__name__] = f\n    return f\n",
            "PKGmod.py": "import PKGreg\n" + registering(mod=2),
        }
    )
    assert "once it exists" in nb.run("w", "%kreg watch PKGreg:TABLE").text
    assert "which is watched once it exists" in nb.run("q", "%kreg").text
    nb.run("a", "import PKGmod, PKGreg\n" + registering(one=2, two=2))
    nb.run("a", "import PKGmod, PKGreg\n" + registering(two=2))
    assert nb.value("[*sys.modules['PKGreg'].TABLE]") == ["mod", "two"]


def test_a_module_that_turns_out_to_have_no_such_container_is_one_line(nb, files):
    files.write({"PKGreg.py": "TABLE = 7\n"})
    nb.run("w", "%kreg watch PKGreg:TABLE")
    told = nb.run("i", "import PKGreg").stderr
    assert (
        told
        == f"kreg: cannot watch {nb.package}reg:TABLE: {nb.package}reg:TABLE is of type int, not a dict, list or set\n"
    )
    assert "watched" not in nb.run("q", "%kreg").text


@pytest.mark.parametrize("gone", ["del PKGreg.TABLE", "PKGreg.TABLE = None", "del sys.modules['PKGreg']"])
def test_a_container_may_go_and_come_back(nb, table, gone):
    nb.run("m", "one = 'a variable that was there'")
    nb.run("a", registering(one=2))
    nb.run("k", "kept = PKGreg.TABLE")
    outcome = nb.run("d", gone)
    assert (outcome.stderr, nb.entries()) == ("", [])
    assert "which is watched once it exists" in nb.run("q", "%kreg").text
    assert nb.run("w", "%kreg watch PKGreg:TABLE", fails=None).stderr.count("\n") <= 1
    assert nb.run("q", "%kreg show one", fails=None).traceback.count("\n") <= 1
    nb.run("b", LAYER)
    assert nb.run("b", "x = 1").stderr == "" and nb.custom_objects() == {}, "other registries are guarded on"
    nb.run("d", "sys.modules['PKGreg'] = PKGreg; PKGreg.TABLE = kept")
    assert nb.value(table) == {"one": 2}
    nb.run("a", registering(two=2))
    assert nb.value(table) == {"two": 2}


@pytest.fixture
def models(nb, files):
    """A module's dict that is watched, with a value of the module's own; an expression for its content."""
    files.write({"PKGreg.py": "TABLE = {'own': 1}\n"})
    nb.run("i", "import PKGreg\n%kreg watch PKGreg:TABLE")
    return "sys.modules['PKGreg'].TABLE"


@pytest.mark.parametrize(
    "acts",
    [
        [("a", "1/0")],
        [("q", "%kreg clear own"), ("q", "%kreg undo")],
        [("a", "%kreg keep own"), ("q", "%kreg release own")],
        [("a", "if False:\n    PKGreg.TABLE['own'] = 2"), ("a", "PKGreg.TABLE['own'] = 2")],
    ],
)
def test_what_an_entry_shadowed_comes_back_whatever_happened_to_the_entry_meanwhile(nb, models, acts):
    nb.run("a", "PKGreg.TABLE['own'] = 2")
    for cell, source in acts:
        nb.run(cell, source, fails=None)
    assert nb.value(models) == {"own": 2}
    nb.run("a", "x = 1")
    assert nb.value(models) == {"own": 1}


AUTORELOADED = "import PKGreg_names\nTABLE = {}\ndef f(): pass\nTABLE[f.__name__] = f\n"


@pytest.mark.parametrize("failing", [AUTORELOADED + "1/0\n", "1/0\n" + AUTORELOADED])
def test_an_autoreload_that_fails_leaves_the_modules_own_container_as_it_was(nb, files, failing):
    files.write({"PKGreg.py": AUTORELOADED, "PKGreg_names.py": ""})
    nb.run("l", "%load_ext autoreload\n%autoreload 1\n%aimport PKGreg")
    nb.run("i", "%kreg watch PKGreg:TABLE")
    nb.run("c", "def mine(): pass\nPKGreg.TABLE['mine'] = mine")
    content = "sorted(sys.modules['PKGreg'].TABLE)"
    for text in (failing, failing + "#"):
        files.write({"PKGreg.py": text})
        told = nb.run("e", "x = 1").stderr
        assert "kreg: " not in told
        nb.run("e", "y = PKGreg.TABLE")
        nb.run("e", "x = 2")
        assert nb.value(content) == ["f", "mine"]
    owners = {entry["key"]: entry["owner"]["kind"] for entry in nb.value(STATUS) if entry["state"] == "current"}
    assert {key: owners.get(key) for key in ("f", "mine")} == {"f": "module", "mine": "cell"}
    files.write(
        {"PKGreg.py": AUTORELOADED.replace("def f(", "f = lambda: 0\ndef g(").replace("f.__name__] = f", "'g'] = g")}
    )
    nb.run("e", "x = 3")
    assert nb.value(content) == ["g", "mine"]
    nb.run("c", "x = 1")
    assert nb.value(content) == ["g"]
    nb.run("l", "%autoreload 0")


STATUS = "get_ipython().run_line_magic('kreg', 'status').to_dict()['entries']"


def test_what_a_cell_overwrites_before_it_imports_something_is_the_cells(nb, models, files):
    files.write({"PKGplain.py": "x = 1\n"})
    nb.run("c", "PKGreg.TABLE['own'] = 2\nimport PKGplain")
    nb.run("c", "x = 1")
    assert nb.value(models) == {"own": 1}


@pytest.mark.parametrize("command", ["%kreg clear two", "%kreg undo", "%kreg off\n%kreg on"])
def test_what_a_cell_wrote_before_a_command_in_it_is_the_cells(nb, models, command):
    nb.run("b", "PKGreg.TABLE.update(two=2, three=3)")
    nb.run("b", "PKGreg.TABLE.update(two=2)")
    nb.run("a", f"PKGreg.TABLE['own'] = 2\nPKGreg.TABLE['three'] = 'new'\n{command}")
    assert nb.value(f"{models}['three']") == "new", "undo does not overwrite it"
    nb.run("a", "x = 1")
    assert nb.value(f"{models}['own']") == 1


def test_a_key_of_each_container_is_noted_and_no_other_one(nb, table):
    """Two cells that write to one container, and commands in between."""
    nb.run("a", registering(one=2, two=2))
    clear = f"get_ipython().run_line_magic('kreg', 'clear ' + next(e['key'] for e in {STATUS} if 'two' in e['key']))"
    nb.run("b", registering(three=2) + f"\n{clear}\n" + registering(four=2))
    nb.run("b", "x = 1")
    assert nb.value(table) == {"one": 2}
    nb.run("q", "%kreg undo")
    assert nb.value(table) == {"one": 2, "three": 2, "four": 2}


def test_a_watch_that_waits_and_an_adapter_for_the_same_module_are_both_there(nb, files):
    files.write({"PKGreg.py": "A, B = {}, {}\n"})
    nb.run("w", "%kreg watch PKGreg:A")
    nb.run("r", "import kreg_ipython as k\nk.register_adapter(k.DictRegistry('PKGmine', 'PKGreg:B'))")
    nb.run("i", "import PKGreg")
    assert nb.run("q", "%kreg watch").text == f"kreg: watching {nb.package}reg:A"
    nb.run("a", "PKGreg.A['x'] = 1")
    nb.run("a", "x = 1")
    assert nb.value("sys.modules['PKGreg'].A") == {}


def test_an_attribute_that_cannot_be_read_is_one_line(nb, files):
    nb.run("c", "class Odd:\n    @property\n    def table(self): raise ValueError('mine')\nodd = Odd()")
    outcome = nb.run("w", "%kreg watch __main__:odd.table", fails=None)
    assert "has no 'odd.table'" in outcome.stderr + outcome.traceback and "ValueError" not in outcome.traceback


def test_watching_while_kreg_is_off_says_so(nb, files):
    files.write({"PKGreg.py": "TABLE = {}\n"})
    nb.run("i", "import PKGreg\n%kreg off")
    assert nb.run("w", "%kreg watch PKGreg:TABLE").text.endswith("; kreg is off; %kreg on turns it on")
    nb.run("a", "PKGreg.TABLE['x'] = 1")
    nb.run("a", "x = 1")
    assert nb.value("sys.modules['PKGreg'].TABLE") == {"x": 1}


INTERRUPTING = """
import signal
class Interrupting(dict):
    now = False
    def pop(self, *args):
        if Interrupting.now:
            Interrupting.now = False
            signal.raise_signal(signal.SIGINT)
        return super().pop(*args)
TABLE = Interrupting()
"""


@pytest.mark.parametrize("kind", ["cell", "body", "reload"])
def test_ctrl_c_while_entries_are_withdrawn_loses_none(own_kernel, tmp_path, kind):
    (tmp_path / "interrupted.py").write_text(INTERRUPTING)
    (tmp_path / "registering.py").write_text("import interrupted\ninterrupted.TABLE.update(one=1, two=2)\n")
    own_kernel.run("i", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n%load_ext kreg_ipython")
    own_kernel.run("i", "import interrupted, importlib, kreg_ipython, signal\n%kreg watch interrupted:TABLE")
    own_kernel.run("s", "signal.signal(signal.SIGINT, signal.default_int_handler)")
    act = {
        "cell": "interrupted.TABLE.update(one=1, two=2)",
        "body": "with kreg_ipython.owner('body', 'interrupted.TABLE.update(one=1, two=2)'): interrupted.TABLE.update(one=1, two=2)",
        "reload": "import registering; importlib.reload(registering)",
    }[kind]
    own_kernel.run("a", act.replace("; importlib.reload(registering)", ""))
    own_kernel.run("n", "interrupted.Interrupting.now = True")
    own_kernel.run("a", act, fails=None)
    own_kernel.run("e", "x = 1")
    assert own_kernel.value("interrupted.TABLE") == {"one": 1, "two": 2}
    own_kernel.run("a", act)
    own_kernel.run("a", act.replace("two=2", "three=3") if kind != "reload" else act)
    expected = {"one": 1, "two": 2} if kind == "reload" else {"one": 1, "three": 3}
    assert own_kernel.value("interrupted.TABLE") == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([("f", "L.append('first')"), ("a", "L += ['x', 'x']"), ("f", "1/0")], ["first", "x", "x"]),
        ([("a", "L.append('x')"), ("b", "L.append('x')"), ("a", "1/0")], ["x", "x"]),
        ([("a", "L.append('x'); L.append('x')"), ("a", "L.append('x')"), ("q", "%kreg undo")], ["x", "x"]),
        ([("a", "L += ['x']"), ("b", "L += ['x']"), ("c", "L.remove('x')"), ("b", "L += ['x']")], ["x"]),
        ([("a", "L += ['x']"), ("b", "L += ['x']"), ("c", "L.remove('x')"), ("a", "y = 1"), ("b", "y = 1")], []),
    ],
)
def test_an_object_may_stand_in_a_list_more_than_once(nb, files, cells, expected):
    files.write({"PKGreg.py": "TABLE = []\n"})
    nb.run("i", "from PKGreg import TABLE as L\n%kreg watch PKGreg:TABLE")
    for cell, source in cells:
        nb.run(cell, source, fails=None)
    assert nb.value("sys.modules['PKGreg'].TABLE") == expected


@pytest.mark.parametrize("path", ["mine", "holder.mine"])
def test_a_variable_of_the_notebooks_is_watched_by_its_name(nb, path):
    nb.run("i", "class Holder: mine = {}\nholder, mine = Holder(), Holder.mine")
    assert nb.run("w", f"%kreg watch {path}").text == f"kreg: watching __main__:{path}"
    nb.run("a", "mine['one'] = 1")
    nb.run("a", "mine['two'] = 1")
    assert nb.value("mine") == {"two": 1}
    assert "no longer watching" in nb.run("w", f"%kreg unwatch {path}").text
    nb.run("a", "x = 1")
    assert nb.value("mine") == {"two": 1}


@pytest.mark.parametrize("first", ["%kreg watch catalogue:OTHER", "x = 1"])
def test_what_is_watched_in_a_librarys_module_leaves_the_library_guarded(nb, files, first):
    library = "REGISTRY, OTHER = {}, {}\ndef _set(namespace, func):\n    REGISTRY[namespace] = func\n"
    files.write({"catalogue.py": library, "PKGmod.py": "def one(): pass\ndef two(): pass\n"})
    nb.run("w", first)
    nb.run("i", "import catalogue, PKGmod")
    for name in ("one", "two"):
        nb.run("a", f"catalogue._set(('PKG', '{name}'), PKGmod.{name})\ncatalogue.OTHER['{name}'] = 1")
    known, other = nb.value("[[key[-1] for key in catalogue.REGISTRY], list(catalogue.OTHER)]")
    nb.silently("sys.modules.pop('catalogue')\n%kreg unwatch catalogue:OTHER")
    assert known == ["two"] and other == (["two"] if "watch" in first else ["one", "two"])


def test_a_library_whose_import_is_interrupted_in_our_adapter_is_guarded_at_the_next_one(nb, files):
    library = "REGISTRY = {}\ndef _set(namespace, func):\n    REGISTRY[namespace] = func\n"
    files.write({"catalogue.py": library, "PKGmod.py": "def one(): pass\ndef two(): pass\n"})
    nb.silently(
        "from kreg_ipython.registries.libraries import catalogue as ours\nadapters = ours.registries\n"
        "def interrupted():\n    ours.registries = adapters\n    raise KeyboardInterrupt\nours.registries = interrupted"
    )
    nb.run("i", "import catalogue", fails=True)
    nb.run("i", "sys.modules.pop('catalogue', None)\nimport catalogue, PKGmod")
    for name in ("one", "two"):
        nb.run("a", f"catalogue._set(('PKG', '{name}'), PKGmod.{name})")
    known = nb.value("[key[-1] for key in catalogue.REGISTRY]")
    nb.silently("sys.modules.pop('catalogue')")
    assert known == ["two"]

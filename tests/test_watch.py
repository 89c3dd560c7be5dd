"""%kreg watch: a dict, list or set of the user's own gets the same promise as a framework's registry."""

from __future__ import annotations

import pytest

stock = pytest.mark.fails("stock")

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
    assert "as soon as it is imported" in nb.run("w", "%kreg watch PKGreg:TABLE").text
    assert "watched as soon as it is imported: " in nb.run("q", "%kreg").text
    nb.run("a", "import PKGmod, PKGreg\n" + registering(one=2, two=2))
    nb.run("a", "import PKGmod, PKGreg\n" + registering(two=2))
    assert nb.value("[*sys.modules['PKGreg'].TABLE]") == ["mod", "two"]


def test_a_module_that_turns_out_to_have_no_such_container_is_one_line(nb, files):
    files.write({"PKGreg.py": "TABLE = 7\n"})
    nb.run("w", "%kreg watch PKGreg:TABLE")
    told = nb.run("i", "import PKGreg").stderr
    assert told == f"kreg: cannot watch {nb.package}reg:TABLE: {nb.package}reg:TABLE is a int, no dict, list or set\n"
    assert "watched" not in nb.run("q", "%kreg").text


def test_a_container_that_is_gone_is_one_line_and_cells_run_on(nb, table):
    nb.run("a", registering(one=2))
    told = nb.run("d", "del PKGreg.TABLE").stderr
    assert told.startswith("kreg: the registry ") and len(told.splitlines()) == 1
    assert nb.run("e", "x = 1").stderr == ""
    assert "not guarded: " in nb.run("q", "%kreg").text

"""Errors that remain explain themselves: who registered the key, where it has gone, which command helps."""

from __future__ import annotations

import re
import textwrap

import pytest
from conftest import is_met
from test_cells import GRADIENT, LAYER
from test_registries import PARAMETERS

OTHER = LAYER.format(2).replace("class Foo", "class Other").replace('"PKG"', '"PKG", "Foo"')
"""Another class for the key that LAYER registers."""


def elsewhere(source: str) -> str:
    """The same registrations, of other definitions: those of a function are no second run of the notebook's own."""
    return "def define():\n" + textwrap.indent(source, "    ") + "\ndefine()"


RAISING = [
    parameter
    for parameter in PARAMETERS
    if parameter.values[0].raises and re.search("^(class|def) ", parameter.values[0].source, re.MULTILINE)
]


@pytest.mark.parametrize("case", RAISING)
def test_an_already_registered_error_names_both_places_and_the_command_that_helps(nb, case):
    nb.run("s", case.setup)
    nb.run("a", case.source.replace("VERSION", "1"))
    first = nb.value("get_ipython().execution_count - 1")
    outcome = nb.run("b", elsewhere(case.source.replace("VERSION", "2")), fails=True)
    shown = outcome.traceback + "\n" + outcome.stderr  # IPython before 8.15 knows no notes
    assert re.search(rf"kreg: .* is registered by cell \[{first}\].*; this is cell \[{first + 1}\], line \d+", shown)
    assert "%kreg clear" in shown
    assert shown.count("kreg: ") == 1
    assert nb.value(case.version.replace("VERSION", "1")) == 1


def lookup_error(nb, load: str) -> str:
    outcome = nb.run("x", load, fails=True)
    return outcome.traceback + "\n" + outcome.stderr


FAMILIES = ["keras", pytest.param("tf_keras", marks=pytest.mark.needs("tf_keras"))]
NEW_FORMAT = ", save_format='keras'" if is_met("keras<2.13") else ""
"""What makes Keras 2.12 write its newer format, too. A file's suffix does not."""


@pytest.mark.parametrize("file", ["keras", "h5"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_class_that_cannot_be_located_was_registered_until_a_run_that_is_named(nb, tmp_path, family, file):
    layer = LAYER.replace("keras.", f"{family}.")
    nb.run("a", layer.format(1))
    first = nb.value("get_ipython().execution_count - 1")
    path = str(tmp_path / f"m.{file}")
    nb.run("m", f"{family}.Sequential([{family}.Input((2,)), Foo()]).save({path!r}{NEW_FORMAT * (file == 'keras')})")
    nb.run("a", layer.format(2).replace("Foo", "Bar"))
    shown = lookup_error(nb, f"{family}.models.load_model({path!r})")
    until = f"registered by cell [{first}] until run [{first + 2}], which registers '{nb.package}>Bar'"
    assert f"kreg: '{nb.package}>Foo' was {until}" in shown


@pytest.mark.needs("keras>=3")  # where there is such an error
@pytest.mark.needs("ipython>=8.15")
def test_the_error_of_the_whole_model_has_the_note_too(nb, tmp_path):
    path = str(tmp_path / "m.keras")
    nb.run("a", LAYER.format(1))
    nb.run("m", f"keras.Sequential([keras.Input((2,)), keras.Sequential([Foo()])]).save({path!r})")
    nb.run("a", "x = 1")
    nb.run(
        "l",
        f"try: keras.models.load_model({path!r})\nexcept Exception as error: raised, notes = error, error.__notes__",
    )
    assert "could not be deserialized properly" in nb.value("str(raised)")
    assert [f"kreg: '{nb.package}>Foo' was registered by cell" in note for note in nb.value("notes")] == [True]


def test_an_unknown_layer_of_keras_2_was_registered_too(nb):
    load = "tf_keras.layers.deserialize({'class_name': 'PKG>Foo', 'config': {}})"
    layer = LAYER.format(1).replace("keras.", "tf_keras.")
    nb.run("a", layer)
    if nb.value("'use_legacy_format' in __import__('inspect').signature(tf_keras.layers.deserialize).parameters"):
        load = load.replace("}})", "}}, use_legacy_format=True)")
    nb.run("a", "x = 1")
    shown = lookup_error(nb, load)
    assert re.search(
        rf"kreg: '{nb.package}>Foo' was registered by cell \[\d+\] until run \[\d+\], which does not", shown
    )


LOADS = {
    "keras": "keras.saving.deserialize_keras_object",
    "tf_keras": "tf_keras.saving.deserialize_keras_object",
    "old": "keras.saving.serialization_lib.deserialize_keras_object",
    "older": "keras.layers.deserialize",
}
"""The functions that make an object from its config. Keras 2.12 has two, for its newer format and for all others."""

OF_THIS_KERAS = [
    pytest.param("keras", marks=pytest.mark.needs("keras>=2.13")),
    pytest.param("tf_keras", marks=pytest.mark.needs("tf_keras")),
    *(pytest.param(each, marks=pytest.mark.needs("keras<2.13")) for each in ("old", "older")),
]


def family_of(load: str) -> str:
    return LOADS[load].partition(".")[0]


def config_of(load: str, key: str, config: dict) -> dict:
    """The config of a layer that is registered under this key."""
    name = key if load == "older" else key.rpartition(">")[2]
    return {"module": None, "class_name": name, "config": config, "registered_name": key}


@pytest.mark.parametrize("load", OF_THIS_KERAS)
@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("%kreg clear PKG>Foo", r"until it was cleared \(%kreg clear\)"),
        ("keras.utils.get_custom_objects().pop('PKG>Foo')", r"until it was removed"),
    ],
)
def test_what_was_cleared_or_taken_out_is_remembered_as_well(nb, load, act, says):
    layer = LAYER.format(1).replace("keras.", f"{family_of(load)}.")
    act = act.replace("keras.", f"{family_of(load)}.")
    nb.run("a", layer)
    looked_up = f"{LOADS[load]}({config_of(load, 'PKG>Foo', {})!r})"
    nb.run("c", act)
    shown = lookup_error(nb, looked_up)
    if "clear" in act:
        assert re.search(rf"kreg: '{nb.package}>Foo' was registered by cell \[\d+\] {says}", shown)
    else:  # nothing of ours was withdrawn before: the look-up is diverted with the first entry that is
        nb.run("a", layer)
        nb.run("a", act.replace("'PKG>Foo'", "'PKG>Foo', None"))
        shown = lookup_error(nb, looked_up)
        assert "kreg: " in shown


def never(nb, load: str, key: str) -> str:
    """Return what is shown if this key is looked up, which nobody registered."""
    shown = lookup_error(nb, f"{LOADS[load]}({config_of(load, key, {})!r})")
    assert shown.count("kreg: ") == 1
    return shown


@pytest.mark.parametrize("load", OF_THIS_KERAS)
def test_what_was_never_registered_is_told_with_the_line_that_mends_it(nb, load, tmp_path):
    family = family_of(load)
    key, layer = f"{nb.package}>Seven", LAYER.format(1).replace("Foo", "Seven").replace("keras.", f"{family}.")
    shown = never(nb, load, key)
    assert f"kreg: '{key}' was never registered in this kernel: run the cell or import the module" in shown

    nb.run("s", f"class Seven({family}.layers.Layer): pass")
    number = nb.value("get_ipython().execution_count - 1")
    shown = never(nb, load, key)
    register = f"@{family}.utils.register_keras_serializable(package='{nb.package}')"
    assert f"Seven is defined by cell [{number}], but not registered: put {register} before it" in shown
    mended = f"{LOADS[load]}({config_of(load, key, {})!r}, custom_objects="
    nb.run("d", f"{mended}{{'{key}': Seven}})")

    for at, other in enumerate((layer.replace('"PKG"', '"PKGother"'), layer.replace("Seven", "seven"))):
        nb.run("s", "x = 1")
        nb.run(f"o{at}", other)
        near = f"{nb.package}other>Seven" if at == 0 else f"{nb.package}>seven"
        line = f"custom_objects={{'{key}': {family}.utils.get_custom_objects()['{near}']}}"
        shown = never(nb, load, key)
        assert f"'{key}' was never registered in this kernel, but '{near}' is. If that is it: {line}" in shown
        nb.run("d", f"{mended}{line.partition('=')[2]})")
        nb.run(f"o{at}", "x = 1")

    nb.silently("del Seven, seven")
    path = tmp_path / "book.ipynb"
    path.write_text('{"cells": [{"cell_type": "code", "source": "class Seven: pass"}]}')
    nb.silently(f"os.environ['JPY_SESSION_NAME'] = {str(path)!r}")
    assert "A cell of book.ipynb defines Eight" not in never(nb, load, key.replace("Seven", "Eight"))
    shown = never(nb, load, key.replace("T", "U"))
    nb.silently("del os.environ['JPY_SESSION_NAME']")
    assert "A cell of book.ipynb defines Seven: run it" in shown


@pytest.mark.needs("keras>=3")
@pytest.mark.needs("tf_keras")
@pytest.mark.parametrize(("one", "other"), [("keras", "tf_keras"), ("tf_keras", "keras")])
def test_a_class_that_is_registered_with_the_other_keras_is_told(nb, one, other):
    nb.run("a", LAYER.format(1).replace("keras.", f"{other}."))
    shown = never(nb, one, f"{nb.package}>Foo")
    register = f"@{one}.utils.register_keras_serializable(package='{nb.package}')"
    assert f"'{nb.package}>Foo' is registered with {other}, but {one} looks it up" in shown and register in shown


@pytest.mark.parametrize("load", OF_THIS_KERAS)
def test_what_is_found_and_cannot_be_made_gets_no_note(nb, load):
    nb.run("a", LAYER.format(1).replace("keras.", f"{family_of(load)}."))
    for key, module in ((f"{nb.package}>Foo", None), ("Dense", f"{family_of(load)}.layers")):
        config = {**config_of(load, key, {"no": 1}), "module": module}
        assert "kreg: " not in lookup_error(nb, f"{LOADS[load]}({config!r})")


@pytest.mark.parametrize("load", OF_THIS_KERAS)
def test_a_class_that_its_own_cell_has_not_registered_yet_is_said_to_be_withdrawn(nb, load):
    layer = LAYER.replace("keras.", f"{family_of(load)}.")
    nb.run("a", layer.format(1))
    outcome = nb.run("a", f"{LOADS[load]}({config_of(load, 'PKG>Foo', {})!r})\n" + layer.format(2), fails=True)
    assert "which is running again and has not registered it yet" in outcome.traceback + outcome.stderr
    assert nb.custom_objects(family_of(load)) == {"Foo": "Foo"}


@pytest.mark.needs("keras>=2.13")  # older ones raise
def test_a_true_collision_where_the_framework_is_silent_is_one_line_once(nb):
    nb.run("a", LAYER.format(1))
    first = nb.value("get_ipython().execution_count - 1")
    told = nb.run("b", OTHER).stderr
    assert told == (
        f"kreg: '{nb.package}>Foo' is registered by cell [{first}], line 2, and now by cell [{first + 1}], line 2, "
        "which shadows the first. Rename one.\n"
    )
    assert nb.run("b", OTHER).stderr == ""
    assert nb.status()["PKG>Foo"]["object"] == "__main__.Other"


@pytest.mark.needs("keras>=2.13")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", LAYER.format(1)), ("b", LAYER.format(2))),  # the same definition, moved or copied
        ((None, LAYER.format(1)), (None, OTHER)),  # cells without ids: perhaps one cell, edited
        (("a", LAYER.format(1)), (None, OTHER)),
    ],
)
def test_what_is_no_true_collision_stays_silent(nb, first, second):
    nb.run(*first)
    assert nb.run(*second).stderr == ""


@pytest.mark.needs("keras>=2.13")
def test_a_cell_that_overrides_a_modules_key_stays_silent(nb, files):
    files.write({"PKGmod.py": "import keras\n" + LAYER.format(1)})
    nb.run("i", "import PKGmod")
    assert nb.run("a", OTHER).stderr == ""
    assert [entry["state"] for entry in nb.entries()] == ["shadowed", "current"]


def test_on_conflict_error_refuses_a_different_definition_everywhere(nb):
    nb.run("a", LAYER.format(1))
    nb.run("c", "%config KregMagics.on_conflict = 'error'")
    outcome = nb.run("b", OTHER, fails=True)
    assert outcome.error.startswith(f"ValueError: '{nb.package}>Foo' is registered by cell [")
    assert "%config KregMagics.on_conflict = 'note'" in outcome.error
    assert nb.custom_objects() == {"Foo": "Foo"}
    nb.run("b", LAYER.format(2))


@pytest.mark.needs("tensorflow")
def test_on_conflict_replace_lets_the_newcomer_in_and_the_former_back_when_it_goes(nb):
    nb.run("a", GRADIENT.format(1))
    nb.run("c", "%config KregMagics.on_conflict = 'replace'")
    other = GRADIENT.format(2).replace("_gradient", "_other")
    assert nb.run("b", other).stderr == ""
    gradient = "tf.__internal__.ops if 0 else sys.modules['tensorflow.python.framework.ops'].gradient_registry"
    assert nb.value(f"({gradient}).lookup('PKGGrad')(None, 1)") == 2
    nb.run("b", "x = 1")
    assert nb.value(f"({gradient}).lookup('PKGGrad')(None, 1)") == 1


def test_verbosity_says_all_or_nothing(nb):
    nb.run("a", LAYER.format(1))
    nb.run("c", "%config KregMagics.verbosity = 'all'")
    told = nb.run("a", LAYER.format(2).replace("Foo", "Bar")).stderr
    assert told == f"kreg: removed '{nb.package}>Foo'; swept '{nb.package}>Foo'\n"
    assert nb.run("a", LAYER.format(2).replace("Foo", "Bar")).stderr == ""
    nb.run("c", "%config KregMagics.verbosity = 'quiet'")
    assert nb.run("b", OTHER.replace("Foo", "Bar"), fails=None).stderr == ""


@pytest.mark.needs("keras>=3")
def test_nothing_is_said_of_a_key_that_stands_since_it_was_kept(nb):
    define = "def define():\n" + textwrap.indent(LAYER.format(1), "    ")
    nb.run("a", f"{define}\nif True: define()")
    nb.run("a", f"{define}\nif False: define()")
    assert nb.status()["PKG>Foo"]["state"] == "kept"
    assert "running again" not in lookup_error(nb, "keras.layers.deserialize({'class_name': 'Foo', 'config': {}})")

"""Whatever fails, the cell runs as without us, nothing is lost, and the next cell is guarded again."""

from __future__ import annotations

import pytest
from test_cells import LAYER

LIBRARY = "MODELS = {}\ndef register(name, model):\n    MODELS[name] = model\n    return model\n"
BROKEN = """
import kreg_ipython, PKGlib
class Broken(kreg_ipython.DictRegistry):
    now = False
    direct = True
    def METHOD(self, *args):
        if Broken.now:
            raise ERROR
        return super().METHOD(*args)
kreg_ipython.register_adapter(Broken("PKGbroken", "PKGlib:MODELS", [
    kreg_ipython.Gate("PKGlib:register", lambda name, model: (name, model))]))
"""
METHODS = ["entries", "current", "holds", "take", "put", "subject", "same", "loosen", "rename", "loosen_all"]


@pytest.mark.parametrize("error", ["RuntimeError('no')", "RecursionError()", "KeyError"])
@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_that_raises_breaks_no_cell_and_loses_nothing(nb, files, method, error):
    files.write({"PKGlib.py": LIBRARY})
    nb.run("s", BROKEN.replace("METHOD", method).replace("ERROR", error))
    cell = "PKGlib.register('one', len); PKGlib.register('two', abs)\n" + LAYER
    nb.run("a", cell.format(1))
    nb.run("b", "Broken.now = True")
    for source in (cell.format(2), cell.format(3) + "1/0", cell.format(4)):
        nb.run("a", source, fails="1/0" in source)
    assert nb.custom_objects() == {"Foo": "Foo"}, "the others go on"
    nb.run("b", "Broken.now = False")
    assert nb.value("sorted(PKGlib.MODELS)") == ["one", "two"]
    nb.run("a", cell.format(5))
    assert nb.value("[sorted(PKGlib.MODELS), PKGlib.MODELS['one'] is len]") == [["one", "two"], True]
    nb.run("a", cell.format(6).replace("PKGlib.register('two', abs)", "pass"))
    nb.run("a", cell.format(6).replace("PKGlib.register('two', abs)", "pass"))
    assert nb.value("sorted(PKGlib.MODELS)") == ["one"]
    nb.run("a", LAYER.format(7).replace("Foo", "Bar"))
    assert nb.custom_objects() == {"Bar": "Bar"}


@pytest.mark.parametrize(
    "act",
    [
        "keras.utils.get_custom_objects().clear()",
        "threading.Thread(target=keras.utils.get_custom_objects().clear).run()",
        "t = threading.Thread(target=keras.utils.get_custom_objects().clear); t.start(); t.join()",
        "objects = keras.utils.get_custom_objects(); items = dict(objects); objects.clear(); objects.update(items)",
    ],
)
def test_a_dict_that_is_changed_in_the_midst_of_a_run_is_the_users_word(nb, act):
    nb.silently("kept = dict(keras.utils.get_custom_objects())")
    nb.run("a", LAYER.format(1))
    nb.run("b", LAYER.format(1).replace("Foo", "Bar"))
    nb.run("a", f"import threading\n{act}\n" + LAYER.format(2))
    assert nb.custom_objects()["Foo"] == "Foo"
    assert ("Bar" in nb.custom_objects()) is (("clear()" not in act and "clear)" not in act) or "update(items)" in act)
    nb.run("a", LAYER.format(3).replace("Foo", "New"))
    assert nb.custom_objects().keys() - {"Bar"} == {"New"}
    nb.run("b", "x = 1")
    assert nb.custom_objects() == {"New": "New"}
    nb.silently("keras.utils.get_custom_objects().update(kept)")


@pytest.mark.parametrize(
    "error", ["MemoryError()", "RecursionError()", "SystemExit(3)", "GeneratorExit()", "BaseException()"]
)
def test_a_cell_that_fails_in_any_way_loses_nothing(nb, error):
    nb.run("a", LAYER.format(1) + LAYER.format(1).replace("Foo", "Bar"))
    nb.run("a", LAYER.format(2) + f"raise {error}", fails=None)
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}
    nb.run("a", LAYER.format(3))
    assert nb.custom_objects() == {"Foo": "Foo"}


HOSTILE = {
    "equality": "__eq__ = lambda self, other: 1 / 0\n    __hash__ = object.__hash__",
    "hash": "__hash__ = None",
    "attributes": "def __getattr__(self, name): raise RuntimeError(name)",
    "any attribute": "def __getattribute__(self, name): raise RuntimeError(name)",
    "module": "__module__ = property(lambda self: 1 / 0)",
    "name": "__name__ = __wrapped__ = property(lambda self: 1 / 0)",
    "repr": "__repr__ = lambda self: 1 / 0",
    "truth": "__bool__ = lambda self: 1 / 0",
    "no weak references": "__slots__ = ()",
    "class": "__class__ = property(lambda self: 1 / 0)",
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_objects_that_raise_whatever_they_are_asked_are_registered_and_swept(nb, hostile):
    cell = f"class Hostile:\n    {HOSTILE[hostile]}\nobjects = keras.utils.get_custom_objects()\n"
    cell += "objects['PKG>KEY'] = objects['PKG>too'] = Hostile()"
    keys = "sorted(k[-3:] for k in keras.utils.get_custom_objects() if k.startswith('PKG>'))"
    told = [
        nb.run("a", cell.replace("KEY", "one")).stderr,
        nb.run("a", cell.replace("KEY", "one")).stderr,
        nb.run("a", cell.replace("KEY", "one") + "\n1/0", fails=True).stderr,
        nb.run("a", "1/0\n" + cell.replace("KEY", "one"), fails=True).stderr,
    ]
    assert nb.value(keys) == ["one", "too"]
    told.append(nb.run("a", cell.replace("KEY", "two")).stderr)
    assert nb.value(keys) == ["too", "two"]
    nb.run("q", "%kreg")
    nb.run("q", "%kreg show PKG>two")
    nb.run("a", "x = 1")
    assert nb.value(keys) == [] and "not guarded" not in "".join(told)


def test_a_kernel_whose_framework_is_purged_goes_on(own_kernel):
    own_kernel.run("i", "import sys, keras\n%load_ext kreg_ipython")
    layer = "@keras.utils.register_keras_serializable('P')\nclass {}(keras.layers.Layer): pass\n"
    own_kernel.run("a", layer.format("One"))
    own_kernel.run("p", "purged = {n: sys.modules.pop(n) for n in [*sys.modules] if n.partition('.')[0] == 'keras'}")
    for source in ("x = 1", layer.format("Two"), layer.format("Two") + "1/0"):
        own_kernel.run("a", source, fails="1/0" in source)
    assert "not guarded" not in own_kernel.run("q", "%kreg").text
    own_kernel.run("b", "sys.modules.update(purged)")
    own_kernel.run("a", layer.format("Three"))
    own_kernel.run("a", layer.format("Four"))
    keys = own_kernel.value("sorted(k for k in keras.utils.get_custom_objects() if k.startswith('P>'))")
    assert "P>Four" in keys and "P>Three" not in keys

"""Which cell is executing, in every kind of cell, thread and front end; coming late, and leaving."""

from __future__ import annotations

import time

import pytest
from conftest import Notebook
from kernels import PATIENCE
from test_cells import GRADIENT, LAYER, naive, stock

LOOKUP = "sys.modules['tensorflow.python.framework.ops']._gradient_registry.lookup('PKGGrad')(None, 1)"


# -- front ends without cell ids


@stock
def test_without_ids_equal_source_is_the_same_cell(nb):
    source = "there = 'PKG>Foo' in keras.utils.get_custom_objects()\n" + LAYER.format(1)
    for _ in range(2):
        nb.run(None, source)
        assert nb.value("there") is False


@stock
@pytest.mark.needs("tensorflow")
def test_without_ids_equal_definitions_take_each_others_place(nb):
    nb.run(None, GRADIENT.format(1) + LAYER.format(1))
    nb.run(None, GRADIENT.format(2) + LAYER.format(2))
    assert nb.value(LOOKUP) == 2
    assert nb.status()["PKG>Foo"]["state"] == "current"
    assert "shadowed" not in [e["state"] for e in nb.entries()]


@pytest.mark.needs("tensorflow>=2.9")
def test_without_ids_what_gave_way_comes_back_if_it_is_refused_in_its_place(nb):
    target = (
        "@tf.experimental.dispatch_for_api(tf.concat, {'values': PKGType})\n"
        "def PKGconcat(values, axis, name='concat'): return 1"
    )
    nb.run(None, "class PKGType: pass")
    nb.run(None, target)
    nb.run(None, target.replace("name=", "nom="), fails=True)
    nb.run(None, "signatures = sys.modules['tensorflow.python.util.dispatch']._TYPE_BASED_DISPATCH_SIGNATURES")
    assert nb.value("sum(target.__name__ == 'PKGconcat' for target in signatures[tf.concat])") == 1


def test_without_ids_an_edited_class_leaves_no_former_one_alive(nb):
    for version in range(5):
        nb.run(None, LAYER.format(version).replace("Foo", "PKGFoo"))
    nb.silently("gc.collect()")
    assert nb.value("sum(c.__name__ == 'PKGFoo' for c in keras.layers.Layer.__subclasses__())") == 1


def test_without_ids_a_cell_that_only_uses_a_name_again_hides_nothing(nb):
    nb.run(None, "@keras.utils.register_keras_serializable('PKG')\ndef act(x): return x")
    nb.run(None, "def act(x): return x\nfound = keras.utils.get_custom_objects()['PKG>act']")
    assert nb.value("found is not None") is True


@naive
def test_without_ids_running_a_notebook_from_top_to_bottom_loses_nothing(nb):
    nb.run(None, LAYER.format(1) + LAYER.format(1).replace("Foo", "Bar"))
    nb.run(None, LAYER.format(2))
    nb.run(None, LAYER.format(3).replace('"PKG"', '"PKG", "Other"'))
    nb.run(None, "x = 1")
    nb.run(None, "x = 2")
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar", "Other": "Foo"}


IDS = {
    "JupyterLab and Notebook 7": {"cellId": "c1", "deletedCells": [], "recordTiming": False, "trusted": True},
    "VS Code": {"cellId": "vscode-notebook-cell:/home/me/model.ipynb#W0sZmlsZQ%3D%3D"},
    "Colab": {"colab": {"cell_id": "xYz-1_2"}},
}
"""The metadata of the execute requests of front ends."""


@stock
@pytest.mark.parametrize("front_end", IDS)
def test_the_id_of_each_front_end_names_the_cell(nb, front_end):
    for name in ("Foo", "Bar"):
        cell = LAYER.format(1).replace("Foo", name).replace("PKG", nb.package)
        assert nb.kernel.collect(nb.kernel.send(cell, IDS[front_end])).error is None
    assert nb.custom_objects() == {"Bar": "Bar"}


@stock
def test_a_cell_whose_id_changed_when_the_notebook_was_reopened_is_adopted(nb):
    source = "count = globals().get('count', 0) + 1\n" + LAYER.replace('"PKG"', '"PKG", f"Foo{{count}}"').format(1)
    nb.run("z", "globals().pop('count', None)")
    nb.run("before", source)
    session = nb.kernel.client.session.session
    try:
        nb.kernel.client.session.session = session + "-reopened"
        nb.run("after", source)
    finally:
        nb.kernel.client.session.session = session
    assert list(nb.custom_objects()) == ["Foo2"]


def test_a_copy_of_a_cell_in_the_same_session_is_another_cell(nb):
    nb.run("a", LAYER.format(1))
    nb.run("copy", LAYER.format(1))
    nb.run("copy", LAYER.format(1).replace("Foo", "Bar"))
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}


@pytest.mark.parametrize("copied", [LAYER.format(1), LAYER.format(2)], ids=["equal", "edited"])
def test_a_copy_is_another_cell_also_when_a_console_has_run_the_same_source(nb, copied):
    client = nb.kernel.client.session
    notebook = client.session
    nb.run("a", LAYER.format(1))
    try:
        client.session = notebook + "-console"
        nb.run("prompt", LAYER.format(1))
    finally:
        client.session = notebook
    nb.run("copy", copied)
    nb.run("copy", copied.replace("Foo", "Bar"))
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}


# -- kinds of cells


@stock
@pytest.mark.parametrize("magic", ["%%time", "%%capture", "%%capture out\n", "\n\n%%time"])
def test_a_cell_magic_does_not_hide_the_cell(nb, magic):
    source = magic + LAYER.format(1)
    nb.run("a", source)
    assert nb.status()["PKG>Foo"]["owner"]["id"] == "a"
    assert source.splitlines()[nb.status()["PKG>Foo"]["line"] - 1].startswith("@keras")
    nb.run("a", source.replace("Foo", "Bar"))
    assert nb.custom_objects() == {"Bar": "Bar"}


@stock
@pytest.mark.needs("tensorflow")
def test_a_nested_run_cell_registers_for_the_outer_cell(nb):
    nb.run("a", f"get_ipython().run_cell({LAYER.format(1)!r})\nafter = 1" + GRADIENT.format(1))
    assert {nb.status()[key]["owner"]["id"] for key in ("PKG>Foo", "PKGGrad")} == {"a"}
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


def test_a_silent_request_is_no_cell_and_changes_nothing(nb):
    nb.run("a", LAYER.format(1))
    nb.silently(LAYER.format(2).replace("Foo", "Bar"))
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}
    nb.run("a", LAYER.format(3))
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}


@stock
@pytest.mark.parametrize("empty", ["", "  \n\n"])
def test_an_emptied_cell_registers_nothing_any_more(nb, empty):
    nb.run("a", LAYER.format(1))
    nb.run("another", empty)
    assert nb.custom_objects() == {"Foo": "Foo"}
    nb.run("a", empty)
    assert nb.custom_objects() == {}


@stock
def test_an_async_cell_and_the_tasks_that_outlive_it_register_for_it(nb):
    source = """
    import asyncio
    await asyncio.sleep(0)
    @keras.utils.register_keras_serializable("PKG")
    def during(x): return x
    event = asyncio.Event()
    async def later():
        await event.wait()
        keras.utils.register_keras_serializable("PKG", "late")(lambda x: x)
        finished.set()
    finished = asyncio.Event()
    task = asyncio.create_task(later())
    """
    nb.run("a", source)
    nb.run("b", "event.set(); await finished.wait()")
    assert set(nb.custom_objects()) == {"during", "late"}
    assert {entry["owner"]["id"] for entry in nb.status().values()} == {"a"}
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


@stock
def test_a_helper_defined_in_one_cell_and_called_in_another_belongs_to_the_caller(nb):
    nb.run("h", "def helper(name):\n    keras.utils.register_keras_serializable('PKG', name)(lambda x: x)")
    nb.run("a", "x = 1\nhelper('one')")
    assert nb.status()["PKG>one"]["owner"]["id"] == "a"
    assert nb.status()["PKG>one"]["line"] == 2
    nb.run("a", "helper('two')")
    assert list(nb.custom_objects()) == ["two"]


@stock
def test_code_that_a_cell_executes_as_a_string_belongs_to_the_cell(nb):
    nb.run("a", "exec(\"keras.utils.register_keras_serializable('PKG', 'one')(lambda x: x)\")")
    assert nb.status()["PKG>one"]["owner"]["id"] == "a"
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


def test_a_script_owns_what_it_registers_whichever_cell_runs_it(nb, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import keras\n\n@keras.utils.register_keras_serializable('{nb.package}')\ndef f(x): return x\n")
    nb.run("a", f"%run {script}")
    assert nb.status()["PKG>f"]["owner"] == {"kind": "script", "id": str(script), "label": f"script {script}"}
    assert nb.status()["PKG>f"]["line"] == 3
    nb.run("b", f"%run {script}")
    nb.run("a", "x = 1")
    assert list(nb.custom_objects()) == ["f"]
    nb.run("b", "x = 1")
    assert nb.custom_objects() == {}


# -- threads


@stock
def test_a_thread_registers_for_the_cell_that_started_it(nb):
    source = """
    import threading
    def work():
        go.wait()
        keras.utils.register_keras_serializable("PKG", "threaded")(lambda x: x)
    go = threading.Event()
    thread = threading.Thread(target=work); thread.start()
    """
    nb.run("a", source)
    nb.run("b", "go.set(); thread.join()")
    assert nb.status()["PKG>threaded"]["owner"]["id"] == "a"
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


@stock
def test_a_thread_nobody_saw_start_registers_for_the_cell_that_defines_its_code(nb):
    nb.run(
        "a",
        """
    import _thread, threading
    def work():
        keras.utils.register_keras_serializable("PKG", "threaded")(lambda x: x)
        done.set()
    done = threading.Event()
    """,
    )
    nb.run("b", "_thread.start_new_thread(work, ()); assert done.wait()")
    assert nb.status()["PKG>threaded"]["owner"]["label"] == nb.value(
        "'cell [%d]' % (get_ipython().execution_count - 2)"
    )


@stock
@pytest.mark.needs("tensorflow")
def test_threads_that_race_for_a_name_register_it_once(nb):
    nb.run(
        "a",
        """
    import threading
    sys.setswitchinterval(1e-6)
    outcomes = []
    def work():
        for number in range(300):
            try:
                tf.RegisterGradient(f"PKGRace{number}")(lambda op, grad: grad)
            except KeyError:
                outcomes.append(False)
            else:
                outcomes.append(True)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    sys.setswitchinterval(0.005)
    """,
    )
    assert nb.value("sum(outcomes)") == 300
    nb.run("a", "x = 1")
    assert (
        nb.value(
            "[k for k in sys.modules['tensorflow.python.framework.ops']._gradient_registry.list() if 'PKGRace' in k]"
        )
        == []
    )


@stock
@pytest.mark.needs("ipykernel>=7")
def test_two_cells_at_once_in_subshells_own_their_own_entries(nb):
    client = nb.kernel.client
    client.control_channel.send(client.session.msg("create_subshell_request", {}))
    subshell = client.get_control_msg(timeout=PATIENCE)["content"]["subshell_id"]
    run = nb.run
    run("z", "import threading; first, second = threading.Event(), threading.Event()")
    source = """
    {}.set(); assert {}.wait()
    @keras.utils.register_keras_serializable("PKG")
    def {}(x): return x
    """
    pkg = lambda text: text.replace("PKG", nb.package).replace("\n    ", "\n")
    other = nb.kernel.send(pkg(source.format("first", "second", "one")), {"cellId": "a"}, subshell=subshell)
    main = nb.kernel.send(pkg(source.format("second", "first", "two")), {"cellId": "b"})
    wait_for_idle(nb.kernel, {other, main})
    owners = {key: entry["owner"]["id"] for key, entry in nb.status().items()}
    assert owners == {"PKG>one": "a", "PKG>two": "b"}
    run("b", "x = 1")
    assert list(nb.custom_objects()) == ["one"]
    client.control_channel.send(client.session.msg("delete_subshell_request", {"subshell_id": subshell}))
    client.get_control_msg(timeout=PATIENCE)


def wait_for_idle(kernel, requests, timeout=PATIENCE):
    deadline = time.monotonic() + timeout
    while requests:
        message = kernel.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
        if message["msg_type"] == "error":
            raise AssertionError(message["content"]["evalue"])
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            requests.discard(message["parent_header"].get("msg_id"))


# -- coming late and leaving


@pytest.mark.parametrize("edit", [lambda source: source, lambda source: "# edited\n" + source])
@pytest.mark.needs("tensorflow")
def test_loaded_after_the_first_failure_the_next_run_succeeds(stock_nb, edit):
    nb = stock_nb
    masked = 'class Masked(tf.experimental.ExtensionType):\n    __name__ = "PKG.Masked"\n    x: tf.Tensor\n'
    dispatch = (
        "@tf.experimental.dispatch_for_api(tf.add, {{'x': Held, 'y': Held}})\n"
        "def add(x, y, name=None): return Held(tf.constant({}))\n"
    )
    nb.run("t", "class Held(tf.experimental.ExtensionType):\n    x: tf.Tensor\n")
    nb.run("a", GRADIENT.format(1) + masked)
    nb.run("a", GRADIENT.format(2) + masked, fails=True)
    nb.run("d", dispatch.format(1))
    nb.run("d", dispatch.format(2))
    nb.run("u", "tf.add(Held(tf.constant(0)), Held(tf.constant(0)))", fails=True)
    nb.mode = "kreg"
    nb.load()
    nb.run("a", edit(GRADIENT.format(3) + masked))
    assert nb.value(LOOKUP) == 3
    nb.run("d", edit(dispatch.format(3)))
    assert nb.value("int(tf.add(Held(tf.constant(0)), Held(tf.constant(0))).x)") == 3
    nb.unload()


@pytest.mark.parametrize("method", ["", "    def call(self, x): return x"])
def test_loaded_late_it_adopts_what_cells_registered_and_names_the_cell(stock_nb, method):
    nb = stock_nb
    source = f'@keras.utils.register_keras_serializable("PKG")\nclass Foo(keras.layers.Layer):\n    V = 1\n{method}\n'
    nb.run("a", source)
    number = nb.value("get_ipython().execution_count - 1")
    nb.mode = "kreg"
    nb.load()
    assert nb.status()["PKG>Foo"]["owner"]["label"] == f"cell [{number}]"
    nb.run("a", source)
    assert nb.status()["PKG>Foo"]["owner"]["id"] == "a"
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}
    nb.unload()


def test_loaded_late_it_adopts_past_a_cell_that_cannot_be_compiled_again(stock_nb):
    nb = stock_nb
    nb.run("a", LAYER.format(1))
    nb.run("short", "0")
    nb.run("text", f"exec({LAYER.format(1).replace('Foo', 'Bar')!r})")  # all cells are searched for it
    nb.silently("""
        def fails(lines): raise ValueError(0)
        get_ipython().input_transformers_post.append(fails)
        try:
            get_ipython().extension_manager.load_extension("kreg_ipython")
        finally:
            get_ipython().input_transformers_post.remove(fails)
    """)
    nb.mode = "kreg"
    assert nb.status()["PKG>Foo"]["state"] == "current"
    assert "PKG>Bar" not in nb.status()  # nothing tells which cell executed the text
    nb.unload()


@pytest.mark.parametrize("prompts", [("", ""), ("In [1]: ", "   ...: "), (">>> ", "... ")])
def test_loaded_late_it_knows_a_cell_that_was_typed_with_prompts(stock_nb, prompts):
    nb = stock_nb
    nb.run("d", "done = set()")
    lines = [
        "if not done:",
        "    done.add(1)",
        "    @keras.utils.register_keras_serializable('PKG')",
        "    class Foo: ",
    ]
    lines[-1] += "get_config = None"
    cell = "\n".join(prompts[line > 0] + text for line, text in enumerate(lines))
    nb.run("b", cell)
    nb.mode = "kreg"
    nb.load()
    nb.run("b", cell)
    assert nb.custom_objects() == {"Foo": "Foo"}
    nb.run("b", "x = 1")
    assert nb.custom_objects() == {}
    nb.unload()


def test_loaded_late_it_knows_a_cell_that_ends_in_a_newline(stock_nb):
    nb = stock_nb
    source = "there = 'PKG>Foo' in keras.utils.get_custom_objects()" + LAYER.format(1) + "\n"
    nb.run("newline", source)
    nb.mode = "kreg"
    nb.load()
    nb.run("newline", source)
    assert nb.value("there") is False
    nb.unload()


@pytest.mark.needs("tensorflow")
def test_loaded_late_it_keeps_what_another_cell_than_the_definitions_registered(stock_nb):
    nb = stock_nb
    registered = "sys.modules['tensorflow.python.framework.ops']._gradient_registry.list()"
    cells = {
        "a": "def PKGgrad(op, grad): return grad\n",
        "b": "def PKGact(x): return x\nlen(keras.utils.get_custom_objects())\n",
    }
    for cell, source in cells.items():
        nb.run(cell, source)
    nb.run(
        "c", "tf.RegisterGradient('PKGGrad')(PKGgrad)\nkeras.utils.register_keras_serializable('PKG', 'act')(PKGact)"
    )
    nb.mode = "kreg"
    nb.load()
    for edit in ("", "x = 1"):
        for cell, source in cells.items():
            nb.run(cell, source + edit)
    assert nb.value(f"'PKGGrad' in {registered}") and list(nb.custom_objects()) == ["act"]
    for cell in cells:
        nb.run(cell, "x = 1")
    assert not nb.value(f"'PKGGrad' in {registered}") and nb.custom_objects() == {}
    nb.unload()


@pytest.mark.needs("tensorflow>=2.9")
def test_off_and_on_adopts_what_an_op_is_dispatched_to_once(nb):
    nb.run("a", "dispatch = sys.modules['tensorflow.python.util.dispatch']")
    nb.run("a", "@dispatch.dispatch_for_types(tf.math.sign, type('PKGType', (), {}))\ndef PKGsign(x, name=None): pass")
    nb.run("b", "%kreg off")
    nb.run("b", "%kreg on")
    assert [entry["registry"] for entry in nb.entries()] == ["tensorflow.op_dispatchers"]


@pytest.mark.needs("tensorflow>=2.9")
def test_loaded_late_a_dispatch_target_is_adopted_once_and_replaced(stock_nb):
    nb = stock_nb
    nb.run(None, "class PKGWrapped(tf.experimental.ExtensionType):\n    v: tf.Tensor")
    target = (
        "@tf.experimental.dispatch_for_api(tf.add, {'x': PKGWrapped, 'y': PKGWrapped})\n"
        "def PKGadd(x, y, name=None): return PKGWrapped(%d)"
    )
    nb.run(None, target % 1)
    nb.run(None, target % 2)
    nb.mode = "kreg"
    nb.load()
    assert sum(entry["registry"] == "tensorflow.dispatch" for entry in nb.entries()) == 2
    nb.run(None, target % 2)
    assert nb.value("int(tf.add(PKGWrapped(0), PKGWrapped(0)).v)") == 2
    nb.run(None, target % 3 + "\n1/0", fails=True)
    assert nb.value("int(tf.add(PKGWrapped(0), PKGWrapped(0)).v)") == 3
    nb.unload()


def test_the_cell_that_loads_it_is_tracked_too(stock_nb):
    nb = stock_nb
    before, after = LAYER.format(1), LAYER.format(1).replace("Foo", "Bar")
    nb.run("broken", "def f():\n    y = 1\n  z = 2", fails=True)
    nb.run("a", before + "%load_ext kreg_ipython\n" + after)
    assert {nb.status()[key]["owner"]["id"] for key in ("PKG>Foo", "PKG>Bar")} == {"a"}
    nb.run("a", "%load_ext kreg_ipython")
    assert nb.custom_objects() == {}
    nb.unload()


@pytest.mark.needs("tensorflow")
def test_a_framework_imported_later_also_in_the_middle_of_a_cell_is_guarded(bare_kernel):
    source = """
    import tensorflow as tf, keras, sys
    @tf.RegisterGradient("Mine")
    def _mine(op, grad): return grad
    @keras.utils.register_keras_serializable("P")
    class Foo(keras.layers.Layer): pass
    """
    bare_kernel.run("l", "%load_ext kreg_ipython")
    assert (
        bare_kernel.value(
            "[m for m in ('tensorflow', 'keras', 'tf_keras', 'absl', 'optree') if m in __import__('sys').modules]"
        )
        == []
    )
    bare_kernel.run("a", source)
    bare_kernel.run("a", source)
    bare_kernel.run("a", source.replace("Foo", "Bar").replace("Mine", "Other"))
    assert bare_kernel.value("[k for k in keras.utils.get_custom_objects() if k.startswith('P>')]") == ["P>Bar"]
    status = bare_kernel.value("get_ipython().run_line_magic('kreg', '').to_dict()")
    assert {e["key"]: e["state"] for e in status["entries"] if e["state"] not in ("superseded", "swept")} == {
        "Other": "current",
        "P>Bar": "current",
    }
    assert status["framework"]["tensorflow.gradients"] > 500
    assert status["faults"] == {}
    loader = "type(sys.modules['tensorflow.python.framework.ops'].__spec__.loader).__module__"
    assert bare_kernel.value(loader) == "_frozen_importlib_external"
    bare_kernel.run("u", "%unload_ext kreg_ipython")


SNAPSHOT = """
def snapshot():
    import threading
    from kreg_ipython.registries import all_registries
    from kreg_ipython.registries.registry import locate, NotThere
    from importlib.machinery import SourceFileLoader
    from IPython.core.interactiveshell import InteractiveShell as Shell
    from IPython.extensions.autoreload import DeduperReloader
    functions = {"Thread.start": threading.Thread.start, "exec_module": SourceFileLoader.exec_module}
    functions |= {name: getattr(Shell, name) for name in ("safe_execfile", "safe_execfile_ipy", "safe_run_module")}
    functions["autoreload"] = DeduperReloader.maybe_reload_module
    dicts = {}
    for registry in all_registries({}):
        for gate in registry.gates:
            try: functions[gate.function] = locate(gate.function)
            except NotThere: pass
        for part in ("table", "names"):
            try: found = getattr(registry, part, None)
            except NotThere: found = None
            if isinstance(found, dict):
                dicts[registry.name, part] = (id(found), type(found).__name__, sorted((type(k).__name__, str(k) if isinstance(k, str) else str(id(k))) for k in list(found)))
    shell = get_ipython()
    return {
        "functions": {name: (id(f), f.__code__, f.__defaults__, sorted(vars(f))) for name, f in functions.items()},
        "dicts": dicts,
        "events": {name: list(callbacks) for name, callbacks in shell.events.callbacks.items()},
        "meta_path": list(sys.meta_path),
        "magics": sorted(shell.magics_manager.magics["line"]) + sorted(shell.magics_manager.registry),
        "configurables": list(map(type, shell.configurables)),
        "excepthook": (sys.excepthook, __import__("builtins").__import__),
    }
"""


@pytest.mark.needs("tensorflow-probability")
def test_unloading_gives_everything_back_and_may_be_repeated(own_kernel):
    nb = Notebook(own_kernel, "stock")
    nb.run("i", "import gc, sys, tensorflow as tf, keras, tf_keras, tensorflow_probability")
    nb.run("z", SNAPSHOT)
    for line in ("%load_ext kreg_ipython", "%unload_ext kreg_ipython"):
        nb.run("l", line)  # IPython itself notes some things at the first loading of any extension
    nb.run("z2", LAYER.format(1).replace("Foo", "Stays") + "before = snapshot()")
    for _ in range(2):
        nb.run("l", "%load_ext kreg_ipython")
        nb.run("a", LAYER.format(1) + GRADIENT.format(1))
        nb.run("a", "x = 1")
        nb.run("z3", "during = snapshot()")
        assert nb.value("sorted(k for k in before if before[k] != during[k])") == [
            "configurables",
            "dicts",
            "events",
            "functions",
            "magics",
        ]
        nb.run("c", "Foo = None; gc.collect()")  # a class that is still alive keeps its name
        nb.run("l", "%reload_ext kreg_ipython")
        nb.run("l", "%unload_ext kreg_ipython")
        nb.run("z3", "after = snapshot()")
        difference = "set(before['dicts'][n][2]) ^ set(after['dicts'][n][2])"
        assert nb.value(f"[[n, sorted({difference})] for n in before['dicts'] if {difference}]") == []
        assert nb.value("sorted(k for k in before if before[k] != after[k])") == []


@pytest.mark.needs("keras>=3")
def test_unloading_keeps_what_is_registered_and_a_models_name(stock_nb, tmp_path):
    nb = stock_nb
    nb.mode = "kreg"
    nb.load()
    nb.run("a", LAYER.format(1))
    nb.run("m", "layer = Foo()")
    nb.run("a", LAYER.format(2))
    nb.run("u", "%unload_ext kreg_ipython")
    assert nb.custom_objects() == {"Foo": "Foo"}
    assert nb.value("keras.utils.get_registered_name(type(layer)).partition('>')[2]") == "Foo"
    names = "sys.modules['keras.src.saving.object_registration'].GLOBAL_CUSTOM_NAMES"
    assert nb.value(f"[type(k).__name__ for k in {names} if 'weak' in type(k).__name__.lower()]") == []


def test_a_patch_that_is_not_ours_any_more_is_left_alone(stock_nb):
    nb = stock_nb
    nb.run("z", "function = keras.utils.register_keras_serializable; original = function.__code__")
    nb.mode = "kreg"
    nb.load()
    nb.run(
        "a",
        """
    def theirs(package="Custom", name=None): return lambda obj: obj
    function.__code__ = theirs.__code__
    """,
    )
    nb.run("u", "%unload_ext kreg_ipython")
    assert nb.value("function.__code__ is theirs.__code__") is True
    nb.run("z", "function.__code__ = original; vars(function).pop('__signature__', None)")


def test_what_was_imported_by_name_before_loading_is_guarded_too(stock_nb):
    nb = stock_nb
    nb.run("i", "from keras.utils import register_keras_serializable as early")
    nb.mode = "kreg"
    nb.load()
    nb.run("a", "@early('PKG')\ndef one(x): return x")
    assert nb.status()["PKG>one"]["line"] == 1
    nb.run("a", "@early('PKG')\ndef two(x): return x")
    assert nb.custom_objects() == {"two": "two"}
    nb.unload()


def test_unloading_in_a_cell_restores_what_is_withdrawn_for_it(stock_nb):
    nb = stock_nb
    guarded = "if 'Once' not in globals():" + LAYER.format(1).replace("Foo", "Once").replace("\n", "\n    ")
    nb.run("z", "globals().pop('Once', None)")
    for _ in range(3):
        nb.run("a", "%reload_ext kreg_ipython\n" + guarded)
        assert nb.custom_objects() == {"Once": "Once"}
    nb.run("a", guarded + "\n%kreg off")
    assert nb.custom_objects() == {"Once": "Once"}
    nb.unload()


@pytest.mark.needs("keras>=3")
def test_loading_late_frees_the_classes_that_were_registered_again_before(stock_nb):
    nb = stock_nb
    nb.run("z", "references = []")
    for _ in range(3):
        nb.run("a", LAYER.format(1) + "references.append(weakref.ref(Foo))")
    nb.mode = "kreg"
    nb.load()
    nb.run("c", "gc.collect()")
    assert nb.value("[r() is not None for r in references]") == [False, False, True]
    nb.unload()


@pytest.mark.needs("keras>=3")
def test_a_decorator_made_before_unloading_works_afterwards(stock_nb):
    nb = stock_nb
    nb.mode = "kreg"
    nb.load()
    nb.run("a", "decorate = keras.utils.register_keras_serializable('PKG', 'late')")
    nb.run("u", "%unload_ext kreg_ipython")
    nb.run("b", "decorate(lambda x: x)")
    names = "sys.modules['keras.src.saving.object_registration'].GLOBAL_CUSTOM_NAMES"
    assert nb.value(f"'WeakKey' in [type(k).__name__ for k in {names}]") is False


def test_a_pool_started_by_one_cell_registers_for_the_cell_that_defines_the_task(nb):
    nb.run("a", "import concurrent.futures\npool = concurrent.futures.ThreadPoolExecutor(1)\npool.submit(int).result()")
    task = """
    def task():
        keras.utils.register_keras_serializable("PKG", "pooled")(lambda x: x)
    pool.submit(task).result()
    """
    nb.run("b", task)
    nb.run("a", "x = 1")
    assert list(nb.custom_objects()) == ["pooled"]
    nb.run("b", "pool.shutdown()")
    assert nb.custom_objects() == {}


def test_loading_in_a_long_session_compiles_few_of_its_cells_again(stock_nb):
    for number in range(20):
        stock_nb.run(None, f"value_{number} = {number}")
    stock_nb.silently("""
        shell, compiled = get_ipython(), []
        transform = shell.transform_cell
        shell.transform_cell = lambda raw: compiled.append(raw) or transform(raw)
        shell.extension_manager.load_extension("kreg_ipython")
        del shell.transform_cell
    """)
    assert stock_nb.value("[text for text in compiled if '_1' in text]") == []
    stock_nb.unload()

"""Without a notebook: bodies of code that say whose they are, the status, adapters from outside."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import Programs


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Iterator[Programs]:
    made = Programs(tmp_path_factory.mktemp("programs"))
    yield made
    made.close()


def test_a_script_that_is_executed_again_replaces_what_it_registered_and_leaks_no_class(programs):
    found = programs.run(
        """
        import gc, weakref, contextlib
        run(BODY.replace("NAME", "Old"), owner=lambda *a: contextlib.nullcontext())
        stock = keys()
        seen = []
        for name in ("One", "Two", "Two"):
            run(BODY.replace("NAME", name))
            seen.append(keys())
            entry = kreg_ipython.status().to_dict()["entries"][-1]
        try:
            run(BODY.replace("NAME", "Three") + "1/0")
        except ZeroDivisionError:
            seen.append(keys())
        run("x = 1")
        seen.append(keys())
        classes = [weakref.ref(objects.setdefault("P>Old", None))]
        for _ in range(20):
            run(BODY.replace("NAME", "Many"))
            classes.append(weakref.ref(objects["P>Many"]))
        gc.collect()
        print(json.dumps({"stock": stock, "seen": seen, "entry": entry,
                          "alive": sum(c() is not None for c in classes[1:])}))
        """
    )
    assert found["stock"] == ["P>Old"]
    assert found["seen"] == [
        ["P>Old", "P>One"],
        ["P>Old", "P>Two"],
        ["P>Old", "P>Two"],
        ["P>Old", "P>Three", "P>Two"],
        ["P>Old"],
    ]
    assert found["alive"] == 1
    assert found["entry"]["owner"] == {"kind": "script", "id": "app.py", "label": "script app.py"}
    assert (found["entry"]["state"], found["entry"]["line"] in (3, 4)) == ("current", True)


def test_the_source_of_a_script_file_is_known_and_of_a_name_is_not(programs, tmp_path):
    script = tmp_path / "job.py"
    script.write_text("x = 1\n")
    found = programs.run(
        f"""
        def register(name): keras.utils.register_keras_serializable("P")(type(name, (), dict(get_config=lambda s: {{}})))
        seen = []
        for owner in ({str(script)!r}, "a name"):
            for name in ("A", "B"):
                with kreg_ipython.owner(owner):
                    register(name)
            seen.append(keys())
            states = {{row.key: row.state for row in kreg_ipython.status().rows}}
            with kreg_ipython.owner(owner):
                pass
        print(json.dumps({{"seen": seen, "states": states}}))
        """
    )
    assert found["seen"][1] == ["P>A", "P>B"] and found["states"]["P>A"] == "kept"


def test_threads_belong_to_their_body_and_two_of_one_owner_at_once_lose_nothing(programs):
    found = programs.run(
        """
        def body(name):
            with kreg_ipython.owner("app"):
                barrier.wait()
                exec(BODY.replace("NAME", name), {})
                barrier.wait()
        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=body, args=(name,)) for name in ("A", "B")]
        [t.start() for t in threads]; [t.join() for t in threads]
        both = keys()
        with kreg_ipython.owner("starter", "x"):
            thread = threading.Thread(target=exec, args=(BODY.replace("NAME", "C"), {}))
            thread.start(); thread.join()
        owners = {row.key: row.owner["id"] for row in kreg_ipython.status().rows}
        print(json.dumps({"both": both, "owners": owners}))
        """
    )
    assert found["both"] == ["P>A", "P>B"]
    assert found["owners"] == {"P>A": "app", "P>B": "app", "P>C": "starter"}


def test_the_status_of_a_process_that_nothing_guards_is_off(programs):
    found = programs.run("print(json.dumps(kreg_ipython.status().to_dict()))")
    assert (found["on"], found["entries"]) == (False, [])


def test_in_a_notebook_a_body_that_says_whose_it_is_is_not_the_cells(nb):
    source = """
        import kreg_ipython
        with kreg_ipython.owner("job", "text"):
            @keras.utils.register_keras_serializable("PKG")
            class Job(keras.layers.Layer): pass
        @keras.utils.register_keras_serializable("PKG")
        class Own(keras.layers.Layer): pass
        """
    nb.run("a", source)
    owners = {key: entry["owner"]["label"] for key, entry in nb.status().items()}
    assert owners["PKG>Job"] == "script job" and owners["PKG>Own"].startswith("cell [")
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {"Job": "Job"}
    rows = "sys.modules['kreg_ipython'].status().rows"
    assert nb.value(f"[r.key for r in {rows} if 'PKG' in r.key and r.state == 'current']") == [f"{nb.package}>Job"]


def test_stopped_in_a_notebook_it_can_be_loaded_again(nb):
    layer = "@keras.utils.register_keras_serializable('PKG')\nclass {}(keras.layers.Layer): pass"
    nb.run("a", layer.format("One"))
    nb.run("s", "import kreg_ipython\nkreg_ipython.stop()")
    assert nb.value("kreg_ipython.status().to_dict()['on']") is False
    nb.run("s", "kreg_ipython.stop()\nkreg_ipython.load()")
    nb.run("a", layer.format("Two"))
    assert nb.custom_objects() == {"Two": "Two"}


def test_the_extension_takes_over_from_a_program_and_a_program_from_the_extension(own_kernel):
    own_kernel.run("i", "import keras, kreg_ipython\nobjects = keras.utils.get_custom_objects()")
    layer = "@keras.utils.register_keras_serializable('P')\nclass {}(keras.layers.Layer): pass\n"
    job = "with kreg_ipython.owner('job', {0}): exec({0})".format(repr(layer.format("Job")))
    own_kernel.run("o", job)
    own_kernel.run("l", "%load_ext kreg_ipython")
    own_kernel.run("a", layer.format("A"))
    own_kernel.run("a", layer.format("B"))
    assert own_kernel.value("sorted(k for k in objects if k.startswith('P>'))") == ["P>B", "P>Job"]
    own_kernel.run("l", "%unload_ext kreg_ipython")
    assert own_kernel.value("kreg_ipython.status().to_dict()['on']") is False
    own_kernel.run("o", job)
    own_kernel.run("o", "with kreg_ipython.owner('job', 'y'): pass")
    assert own_kernel.value("sorted(k for k in objects if k.startswith('P>'))") == ["P>B"]


# -- adapters from outside

LIBRARY = """
    MODELS = {}
    def register(name, model):
        if name in MODELS:
            raise KeyError(f"{name} has already been registered")
        MODELS[name] = model
    """
ADAPTER = """
from kreg_ipython import DictRegistry, Gate, register_adapter

register_adapter(
    DictRegistry(
        "PKGlib.models",  # what %kreg status calls it
        "PKGlib:MODELS",  # where the dict is
        [Gate("PKGlib:register", lambda name, model: (name, model))],  # what registering passes by
    )
)
"""
"""The worked example of docs/adapters.md."""


def test_the_worked_example_is_short_and_is_the_one_in_the_docs():
    docs = (Path(__file__).parent.parent / "docs" / "adapters.md").read_text()
    assert ADAPTER.replace("PKGlib", "mylib").strip() in docs
    assert len(ADAPTER.strip().splitlines()) < 15


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_adapter_that_is_registered_guards_another_library(nb, files, order):
    files.write({"PKGlib.py": LIBRARY})
    for source in (ADAPTER, "import PKGlib") if order == "before" else ("import PKGlib", ADAPTER):
        nb.run("s", source)
    cell = "def model(): return {}\nPKGlib.register('PKGone', model)"
    nb.run("a", cell.format(1))
    nb.run("a", cell.format(2))
    assert nb.value("PKGlib.MODELS['PKGone']()") == 2
    assert (nb.status()["PKGone"]["registry"], nb.status()["PKGone"]["line"]) == (f"{nb.package}lib.models", 2)
    other = nb.run("b", cell.replace("model", "other").format(3), fails=True)
    assert "is registered by cell [" in other.traceback + other.stderr
    nb.run("s2", ADAPTER)  # and run again: the former one makes way
    nb.run("a", "x = 1")
    assert nb.value("PKGlib.MODELS") == {}


def test_an_adapter_that_asks_for_an_owner_while_kreg_starts_is_answered(programs):
    found = programs.run(
        """
        class Asking(kreg_ipython.DictRegistry):
            def entries(self):
                with kreg_ipython.owner("an adapter"):
                    return super().entries()
        library = sys.modules["library"] = types.ModuleType("library")
        library.table = {}
        kreg_ipython.register_adapter(Asking("library.table", "library:table"))
        run(BODY.replace("NAME", "One"))
        print(json.dumps(keys()))
        """,
    )
    assert found == ["P>One"]


def test_what_is_watched_in_the_module_of_an_extra_is_guarded_when_the_extra_is_not_wanted_any_more(programs, tmp_path):
    (tmp_path / "ipywidgets.py").write_text("TABLE = {}\n")
    found = programs.run(
        f"""
        from kreg_ipython.session.process import current
        kreg_ipython.load()
        process = current()
        process.watch("ipywidgets:TABLE")
        process.guard_extras(["ipywidgets"])
        process.guard_extras([])
        sys.path.insert(0, {str(tmp_path)!r})
        import ipywidgets
        print(json.dumps(process.waiting()))
        """,
    )
    assert found == []


def test_the_adapters_of_a_library_begin_to_guard_it_once(programs, tmp_path):
    (tmp_path / "catalogue.py").write_text("REGISTRY = {}\ndef _set(namespace, func): pass\n")
    found = programs.run(
        f"""
        from kreg_ipython.registries.shapes import DictRegistry
        kreg_ipython.load()
        entries, asked = DictRegistry.entries, []
        def counted(self):
            asked.append(self.name)
            return entries(self)
        DictRegistry.entries = counted
        sys.path.insert(0, {str(tmp_path)!r})
        import catalogue
        print(json.dumps(asked))
        """,
    )
    assert found == ["catalogue.functions"]


def test_an_adapter_that_is_registered_while_kreg_is_off_is_there_when_it_is_on(nb, files):
    files.write({"PKGlib.py": LIBRARY})
    nb.run("i", "import PKGlib\n%kreg off")
    nb.run("s", ADAPTER)
    nb.run("o", "%kreg on")
    nb.run("a", "PKGlib.register('PKGone', abs)")
    nb.run("a", "x = 1")
    assert nb.value("PKGlib.MODELS") == {}


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        ("7", "TypeError: 7 is not a registry adapter (it has no "),
        ("kreg_ipython.DictRegistry", "is not a registry adapter"),
        ("kreg_ipython.DictRegistry('absl.flags', 'x:y')", "ValueError: absl.flags is already guarded"),
    ],
)
def test_what_is_no_adapter_is_refused(nb, adapter, says):
    assert says in nb.run("a", f"import kreg_ipython; kreg_ipython.register_adapter({adapter})", fails=True).error


def test_an_adapter_that_fails_is_a_line_and_a_row_and_the_cell_runs_on(nb, files):
    files.write({"PKGlib.py": LIBRARY})
    broken = (
        ADAPTER.replace("(name, model))", "(name, model))")
        .replace("DictRegistry(", "Broken(", 1)
        .replace(
            "register_adapter(\n",
            "class Broken(DictRegistry):\n    def insert(self, key, value): 1 / 0\n    remove = insert\nregister_adapter(\n",
            1,
        )
    )
    nb.run("i", "import PKGlib")
    nb.run("s", broken.replace("Broken(\n", "Broken(\n"))
    nb.run("a", "PKGlib.register('PKGone', abs)")
    outcome = nb.run("a", "x = 1")
    assert [line for line in outcome.stderr.splitlines() if line.startswith("kreg: ")] == [
        f"kreg: the registry {nb.package}lib.models is not guarded properly: ZeroDivisionError: division by zero"
    ]
    assert f"not guarded: {nb.package}lib.models: ZeroDivisionError" in nb.run("q", "%kreg").text


def test_an_adapter_whose_announce_raises_is_a_line_and_a_row_and_the_statement_works(nb, files):
    files.write({"PKGlib.py": LIBRARY})
    nb.run(
        "s",
        "import PKGlib"
        + ADAPTER.replace("lambda name, model: (name, model)", "lambda name, kind: (kind.missing, name)"),
    )
    nb.run("a", "PKGlib.register(nothing=1)", fails=True)  # which the library refuses, too
    assert "kreg: the registry" not in nb.run("q", "%kreg").text
    outcome = nb.run("a", "PKGlib.register('PKGone', abs)\nPKGlib.register('PKGtwo', abs)")
    says = f"{nb.package}lib.models is not guarded properly: AttributeError: "
    assert [line.partition("'")[0] for line in outcome.stderr.splitlines()] == [f"kreg: the registry {says}"]
    assert f"not guarded: {nb.package}lib.models: AttributeError" in nb.run("q", "%kreg").text
    assert nb.value("list(PKGlib.MODELS)") == [f"{nb.package}one", f"{nb.package}two"]


def test_an_adapter_that_waits_is_a_row_and_guards_what_appears_later(nb, files):
    files.write({"PKGlib.py": LIBRARY.replace("MODELS = {}", "def fill():\n        globals()['MODELS'] = {}")})
    nb.run("s", "import PKGlib" + ADAPTER)
    row = f"not guarded: {nb.package}lib.models: it is not there, and is guarded once it is"
    assert row in nb.run("q", "%kreg").text
    nb.run("f", "PKGlib.fill()")
    nb.run("a", "PKGlib.register('PKGone', abs)")
    assert row not in nb.run("q", "%kreg").text
    nb.run("a", "x = 1")
    assert nb.value("PKGlib.MODELS") == {}


def plugin(folder: Path, name: str, code: str) -> Path:
    """A distribution with one module and an entry point of our group, on a path of its own."""
    home = folder / name
    info = home / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[kreg_ipython.registries]\n{name} = {name}:registries\n")
    (home / f"{name}.py").write_text(textwrap.dedent(code))
    return home


def test_entry_points_bring_adapters_and_a_broken_one_is_a_row_and_nothing_more(programs, tmp_path):
    good = plugin(
        tmp_path,
        "goodplug",
        """
        from kreg_ipython import DictRegistry
        def registries():
            yield DictRegistry("good.models", "goodplug:MODELS")
        MODELS = {}
        """,
    )
    bad = [
        plugin(tmp_path, "missing", "raise ImportError('no such thing')"),
        plugin(tmp_path, "noadapter", "def registries(): return [7]"),
        plugin(
            tmp_path,
            "taken",
            "from kreg_ipython import DictRegistry\ndef registries(): return [DictRegistry('absl.flags', 'x:y')]",
        ),
    ]
    found = programs.run(
        """
        with kreg_ipython.owner("app", "x"):
            exec(BODY.replace("NAME", "A"), {})
        status = kreg_ipython.status()
        print(json.dumps({**status.to_dict(), "keys": keys(), "text": repr(status)}))
        """,
        good,
        *bad,
    )
    assert found["faults"].keys() == {"missing:registries", "noadapter:registries", "taken:registries"}
    assert found["faults"]["missing:registries"] == "ImportError: no such thing"
    assert "good.models" in found["framework"] and found["keys"] == ["P>A"]
    assert "not guarded: taken:registries: ValueError: absl.flags is already guarded" in found["text"]
    assert "kreg" not in found["stderr"]


GUARDED_LIBRARY = """
    import threading
    MODELS, entered, importing = {}, threading.Event(), threading.Event()
    def register(name, model, module=None):
        if name in MODELS:
            raise KeyError(f"{name} has already been registered")
        MODELS[name] = model
        if module:
            entered.set()
            importing.wait()
            __import__(module)
    """


def test_a_registering_function_that_imports_what_another_thread_imports_does_not_lock_up(nb, files):
    files.write(
        {
            "PKGlib.py": GUARDED_LIBRARY,
            "PKGmod.py": "import PKGlib\nPKGlib.importing.set()\nPKGlib.entered.wait()\nPKGlib.register('inner', 1)\n",
        }
    )
    nb.run("i", "import threading, PKGlib\n" + ADAPTER.replace("name, model:", "name, model, module=None:"))
    nb.run(
        "t",
        """
        threads = [threading.Thread(target=PKGlib.register, args=("outer", 1, "PKGmod"), daemon=True),
                   threading.Thread(target=__import__, args=("PKGmod",), daemon=True)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
    )
    assert nb.value("[thread.is_alive() for thread in threads]") == [False, False]
    assert nb.value("PKGlib.MODELS") == {"outer": 1, "inner": 1}
    nb.run("t", "x = 1")
    assert nb.value("PKGlib.MODELS") == {"inner": 1}


def test_an_adapter_in_a_cell_that_runs_again_goes_on_with_the_entries_that_are_known(nb, files):
    files.write({"PKGlib.py": LIBRARY})
    adapter = ADAPTER + "import PKGlib\n"
    nb.run("s", adapter + "PKGlib.register('own', 1)")
    nb.run("a", "PKGlib.register('one', 1)\nPKGlib.register('two', 2)")
    nb.run("s", adapter + "PKGlib.register('other', 1)")
    assert nb.value("PKGlib.MODELS") == {"one": 1, "two": 2, "other": 1}
    nb.run("a", "PKGlib.register('one', 3)")
    assert nb.value("PKGlib.MODELS") == {"other": 1, "one": 3}


@pytest.mark.needs("tensorflow")
def test_a_body_under_any_name_collides_as_others_do(nb, tmp_path):
    """A name that is no file, one that becomes a directory, an empty text, a path; what nobody can say of the text
    leaves nothing outdated."""
    body = "import kreg_ipython, os, pathlib\nwith kreg_ipython.owner({name}, {text!r}): exec({text!r})"
    text = "@tf.RegisterGradient('PKGGrad')\ndef grad(op, x): return x"
    for name in ("'demo'", "pathlib.Path('demo')", "''", "'a\\0b'"):
        nb.run("b", body.format(name=name, text=text))
        failed = nb.run("c", text.replace("def grad", "def other"), fails=True)
        assert "is registered by script " in failed.traceback + failed.stderr
        nb.run("d", f"os.chdir({str(tmp_path)!r}); os.makedirs('demo', exist_ok=True)")
        nb.run("b", body.format(name=name, text=""))
        assert {entry["state"] for entry in nb.entries()} <= {"swept", "superseded"}, name
    nb.run("d", "os.chdir('/')")


def test_a_body_that_ends_in_another_context_or_thread_ends_all_the_same(nb):
    nb.run(
        "g",
        """
        import kreg_ipython, contextvars
        def steps():
            with kreg_ipython.owner("steps", "x"):
                @keras.utils.register_keras_serializable("PKG")
                class Step(keras.layers.Layer): pass
                yield
        step = steps()
        contextvars.copy_context().run(next, step)
        ended = next(step, "ended")
        """,
    )
    assert nb.value("ended") == "ended"
    assert nb.status()["PKG>Step"]["owner"]["label"] == "script steps"
    nb.run("h", "@keras.utils.register_keras_serializable('PKG')\nclass After(keras.layers.Layer): pass")
    assert nb.status()["PKG>After"]["owner"]["id"] == "h"


def test_a_body_in_which_kreg_is_switched_off_and_on_is_its_cells_from_then_on(nb):
    nb.run(
        "a",
        """
        import kreg_ipython
        with kreg_ipython.owner("job", "x"):
            get_ipython().run_line_magic("kreg", "off")
            get_ipython().run_line_magic("kreg", "on")
            @keras.utils.register_keras_serializable("PKG")
            class Late(keras.layers.Layer): pass
        """,
    )
    assert nb.status()["PKG>Late"]["owner"]["id"] == "a"
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


LAYER = "@keras.utils.register_keras_serializable('P')\nclass {}(keras.layers.Layer): pass\n"
KEYS = "sorted(k for k in objects if k.startswith('P>'))"


def test_what_the_user_switches_off_a_body_does_not_switch_on(own_kernel):
    own_kernel.run("i", "import keras, kreg_ipython, threading\nobjects = keras.utils.get_custom_objects()")
    own_kernel.run("i", "stock = threading.Thread.start.__code__, keras.utils.register_keras_serializable.__code__")
    own_kernel.run("l", "%load_ext kreg_ipython\n%kreg off")
    for name in ("One", "Two"):
        own_kernel.run("o", f"with kreg_ipython.owner('job', 'x'): exec({LAYER.format(name)!r})")
    assert own_kernel.value(KEYS) == ["P>One", "P>Two"]
    assert own_kernel.value("kreg_ipython.status().on") is False
    own_kernel.run("l", "%unload_ext kreg_ipython")
    now = "(threading.Thread.start.__code__, keras.utils.register_keras_serializable.__code__)"
    assert own_kernel.value(f"{now} == stock")
    own_kernel.run("o", "with kreg_ipython.owner('job', 'x'): pass")
    assert own_kernel.value("kreg_ipython.status().on") is True
    own_kernel.run("o", "kreg_ipython.stop()")
    assert own_kernel.value(f"{now} == stock and not kreg_ipython.status().on")


def test_the_extension_knows_what_a_program_registered_pinned_and_watches(own_kernel):
    own_kernel.run(
        "i", "import keras, kreg_ipython, types, sys\nobjects = keras.utils.get_custom_objects()\nTABLE = {}"
    )
    own_kernel.run("o", f"source = {LAYER.format('One')!r}\nwith kreg_ipython.owner('job', source): exec(source)")
    own_kernel.run("w", "from kreg_ipython.session.process import current\ncurrent().watch('__main__:TABLE')")
    own_kernel.run("l", "%load_ext kreg_ipython")
    own_kernel.run("o", f"source = {LAYER.format('Two')!r}\nwith kreg_ipython.owner('job', source): exec(source)")
    assert own_kernel.value(KEYS) == ["P>Two"]
    own_kernel.run("t", "TABLE['x'] = 1")
    own_kernel.run("t", "x = 1")
    assert own_kernel.value("TABLE") == {}


def test_unloading_leaves_nothing_of_ours_behind(own_kernel):
    own_kernel.run("i", "import gc, keras, weakref")
    own_kernel.run("l", "%load_ext kreg_ipython")
    own_kernel.run("a", LAYER.format("A") + "alive = weakref.ref(A)")
    for _ in range(3):
        own_kernel.run("s", "%kreg off")
        own_kernel.run("s", "%kreg on")
    guards = (
        "[type(each).__name__ for each in gc.get_objects() if str(type(each).__module__).startswith('kreg_ipython.')]"
    )
    own_kernel.run("g", "gc.collect()")
    assert own_kernel.value(guards).count("Guard") == 1
    own_kernel.run("u", "%unload_ext kreg_ipython")
    own_kernel.run("g", "gc.collect()")
    assert {"Guard", "Tracker", "Entry", "_Diverted"} & {*own_kernel.value(guards)} == set()
    own_kernel.run(
        "a",
        """
        import sys
        del A
        keras.utils.get_custom_objects().clear()
        for home in ("keras.src.saving.object_registration", "keras.saving.object_registration"):
            for name in ("GLOBAL_CUSTOM_NAMES", "_GLOBAL_CUSTOM_NAMES"):  # the framework's own reverse map
                getattr(sys.modules.get(home), name, {}).clear()
        gc.collect()
        """,
    )
    assert own_kernel.value("alive() is None")


def test_a_text_that_is_executed_in_a_packages_namespace_is_not_the_packages(programs):
    found = programs.run(
        """
        import asyncio.events
        kreg_ipython.load()
        register = keras.utils.register_keras_serializable("P")
        vars(asyncio.events)["text"] = lambda: register(type("Own", (keras.layers.Layer,), {"__module__": "app"}))
        exec("text()", vars(asyncio.events))
        print(json.dumps([row.owner["label"] for row in kreg_ipython.status().rows]))
        """
    )
    assert found == ["module __main__"]


def test_an_owner_finds_the_text_that_its_with_statement_is_in(programs, tmp_path):
    (tmp_path / "train.py").write_text("")
    found = programs.run(
        """
        import importlib, os, train
        kreg_ipython.load()
        TEXT = '''
        import keras, kreg_ipython
        register = keras.utils.register_keras_serializable("P")
        def train():
            with kreg_ipython.owner("train"):
                @register
                class NAME(keras.layers.Layer): pass
        @kreg_ipython.owner("decorated")
        def decorated():
            @register
            class DecoratedNAME(keras.layers.Layer): pass
        '''
        seen = []
        for moment, name in enumerate(("One", "Two", "Two")):
            with open(train.__file__, "w") as file:
                file.write(__import__("textwrap").dedent(TEXT).replace("NAME", name))
            os.utime(train.__file__, (1e9 + 10 * moment,) * 2)
            importlib.reload(train)
            for _ in range(2):
                train.train(), train.decorated()
            seen.append(keys())
        owners = {row.key: [row.owner["label"], row.line] for row in kreg_ipython.status().rows if row.state == "current"}
        print(json.dumps({"seen": seen, "owners": owners}))
        """,
        tmp_path,
    )
    assert found["seen"] == [["P>DecoratedOne", "P>One"], *[["P>DecoratedTwo", "P>Two"]] * 2]
    assert {key: [owner, line] for key, (owner, line) in found["owners"].items()} == {
        "P>Two": ["script train", 6],
        "P>DecoratedTwo": ["script decorated", 10],
    }


def test_a_file_that_was_saved_since_and_not_reloaded_is_not_the_text_of_what_is_running(programs, tmp_path):
    """The function remembers what it has done, so nothing would register it again."""
    (tmp_path / "svc.py").write_text("")
    found = programs.run(
        """
        import importlib, os, svc
        kreg_ipython.load()
        TEXT = '''
        import functools, keras, kreg_ipython
        @functools.lru_cache
        def NAME(): keras.utils.register_keras_serializable("P", "remembered")(len)
        def job():
            with kreg_ipython.owner("job"):
                NAME()
        '''
        seen = []
        for moment, name in enumerate(("setup", "init")):
            with open(svc.__file__, "w") as file:
                file.write(__import__("textwrap").dedent(TEXT).replace("NAME", name))
            os.utime(svc.__file__, (1e9 + 10 * moment,) * 2)
            if name == "setup":
                importlib.reload(svc)
            for _ in range(2):
                svc.job()
            seen.append(keys())
        print(json.dumps(seen))
        """,
        tmp_path,
    )
    assert found == [["P>remembered"]] * 2

"""Tools work as without us: AutoGraph, pickles, warnings, tracers, debuggers, import hooks; a notice cannot raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Files, Notebook

LIBRARY = """
import inspect, logging, os, warnings
TABLE = {}
def register(name, thing):
    tell()
    TABLE[name] = thing
    return thing
def decorate(name):
    def register(thing):
        tell()
        TABLE[name] = thing
        return thing
    return register
def tell():
    warnings.warn("for the caller", stacklevel=3)
    logging.getLogger("PKG").warning("for the caller", stacklevel=3)
    frame, count = inspect.currentframe(), 0
    while inspect.getfile(frame).startswith(os.path.dirname(__file__)):  # as pandas looks for the user
        frame, count = frame.f_back, count + 1
    warnings.warn("for the user", stacklevel=count + 1)
"""
ADAPTER = """
import kreg_ipython, PKGlib
kreg_ipython.register_adapter(kreg_ipython.DictRegistry("PKGlib", "PKGlib:TABLE", [
    kreg_ipython.Gate("PKGlib:register", lambda name, thing: (name, thing)),
    kreg_ipython.Gate("PKGlib:decorate", lambda thing, name: (name, thing), decorator=True)]))
"""
MODULE = """
import keras, PKGlib
def double(x: int) -> int:
    y = 2 * x
    return y
@keras.utils.register_keras_serializable("PKG")
class Layer(keras.layers.Layer):
    def call(self, x):
        return x
PKGlib.register("double", double)
done = double(4)
"""


@pytest.fixture
def files(stock_nb: Notebook, tmp_path) -> Files:
    """Files that the notebook can import, with a library of the user's that registers."""
    stock_nb.silently(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    made = Files(tmp_path, stock_nb.package)
    made.write({"PKGlib.py": LIBRARY, "PKGmod.py": MODULE})
    return made


@pytest.fixture
def compare(stock_nb: Notebook):
    """Run cells without the extension, and with it; return what an expression says then."""

    def compare(expression: str, *cells: str, adapter: bool = True) -> list[Any]:
        found = []
        for mode in ("stock", "kreg"):
            stock_nb.mode = mode
            stock_nb.load()
            if adapter and mode == "kreg":
                stock_nb.run("adapter", ADAPTER)
            for number, cell in enumerate(cells):
                stock_nb.run(f"cell {number}", cell)
            found.append(stock_nb.value(expression))
        return found

    yield compare
    stock_nb.unload()


Compare = Callable[..., list[Any]]

# -- texts that name a place


TOLD = """
import PKGlib, warnings, logging
told, logged = [], []
class Handler(logging.Handler):
    def emit(self, record): logged.append([record.pathname == HERE, record.lineno, record.funcName])
logger = logging.getLogger("PKG")
logger.handlers, logger.propagate, HERE = [Handler()], False, (lambda: 0).__code__.co_filename
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    PKGlib.register("a", 1)
    @PKGlib.decorate("b")
    def f(): pass
    def g():
        PKGlib.register("c", 1)
    g()
"""


def test_warnings_and_logs_name_the_users_line(files, compare):
    stock, ours = compare("[[[w.filename == HERE, w.lineno] for w in told], logged]", TOLD)
    assert ours == stock and [True, 9] in stock[0] and [True, 10] in stock[0] and [True, 13, "g"] in stock[1]


def test_the_source_of_a_diverted_function_is_found(files, compare):
    look = "[[inspect.getsource(f), inspect.getabsfile(f), str(inspect.signature(f))] for f in functions]"
    cell = "import inspect, PKGlib\nfunctions = [keras.utils.register_keras_serializable, PKGlib.register]"
    stock, ours = compare(look, cell)
    assert ours == stock and "def register" in stock[1][0]


FLAG = """
from absl import flags
flags.DEFINE_string("PKGflag", "", "")
def message(name):
    try:
        flags.DEFINE_string(name, "", "")
    except flags.DuplicateFlagError as error:
        return str(error), list(getattr(error, "__notes__", ()))
told = [message("PKGflag"), message("log_dir")]
del flags.FLAGS.PKGflag
"""


@pytest.mark.needs("tensorflow")
def test_absls_texts_name_the_users_module(stock_nb, compare):
    stock, ours = compare("told", FLAG, adapter=False)
    assert [text for text, _ in ours] == [text for text, _ in stock] and "defined twice" in stock[0][0]
    assert "absl.flags._flag" not in str(ours[1][1])


# -- pickles


PICKLE = """
import cloudpickle, pickle, subprocess, importlib, PKGlib
functions = [keras.utils.register_keras_serializable, keras.utils.get_custom_objects, PKGlib.register]
same = [pickle.loads(pickle.dumps(f)) is f and cloudpickle.loads(cloudpickle.dumps(f)) is f for f in functions]
modules = [sys.modules[f.__module__] for f in functions]
for module in modules:
    cloudpickle.register_pickle_by_value(module)
try:
    pickled = cloudpickle.dumps(functions)
finally:
    for module in dict.fromkeys(modules):
        cloudpickle.unregister_pickle_by_value(module)
with open(PATH, "wb") as file:
    file.write(pickled)
elsewhere = subprocess.run([sys.executable, "-c", '''
import pickle, sys
sys.modules["kreg_ipython"] = None
with open(sys.argv[1], "rb") as file:
    register, table, add = pickle.load(file)
class A:
    def get_config(self): return {}
register("There")(A)
add("there", 1)
print([key for key in register.__globals__["GLOBAL_CUSTOM_OBJECTS"] if key == "There>A"], add.__globals__["TABLE"])
''', PATH], capture_output=True, text=True)
said = [elsewhere.stdout, elsewhere.stderr[-300:] if elsewhere.returncode else ""]
"""


@pytest.mark.needs("cloudpickle", "keras>=3")
def test_diverted_functions_pickle_by_value_and_by_reference(stock_nb, files, compare, tmp_path):
    cell = PICKLE.replace("PATH", repr(str(tmp_path / "pickled")))
    names = "sys.modules[keras.utils.register_keras_serializable.__module__].GLOBAL_CUSTOM_NAMES"
    stock_nb.silently(f"keras.utils.get_custom_objects().clear(); {names}.clear()")  # what other tests left
    stock, ours = compare(
        "[same, said]",
        "@keras.utils.register_keras_serializable('PKG')\nclass P:\n    def get_config(self): return {}",
        cell,
    )
    assert ours == stock == [[True] * 3, ["['There>A'] {'there': 1}\n", ""]]


# -- AutoGraph


TRACED = """
import PKGlib
def act(x): return x
def gradient(op, grad): return grad
class Plain: pass
class Block(keras.layers.Layer): pass
@tf.function
def step(x):
    keras.utils.register_keras_serializable("PKG")(Block)
    keras.utils.get_custom_objects()
    tf.RegisterGradient("PKGGradient")(gradient)
    @keras.utils.register_keras_serializable("PKG")
    class InTrace(keras.layers.Layer):
        def call(self, x): return x
    return x + 1
before = len([name for name in sys.modules if "__autograph_generated_file" in name])
result = float(step(tf.constant(1.)))
converted = len([name for name in sys.modules if "__autograph_generated_file" in name]) - before
"""
FORGET = "keras.utils.get_custom_objects().clear(); sys.modules['tensorflow.python.framework.ops']._gradient_registry._registry.pop('PKGGradient', None)"


@pytest.mark.needs("tensorflow>=2.19")
def test_autograph_converts_no_function_of_ours(files, stock_nb, compare):
    stock, ours = compare("[result, converted]", TRACED, adapter=False)
    stock_nb.silently("for name in ('PKG>Block', 'PKG>InTrace'): keras.utils.get_custom_objects().pop(name, None)")
    assert ours == stock == [2.0, 1]


@pytest.mark.needs("tensorflow>=2.19")
def test_what_is_registered_inside_a_tf_function_is_owned_like_any_other(nb):
    traced = TRACED.replace("import PKGlib", "")
    assert "AutoGraph" not in nb.run("a", traced).stderr
    status = nb.status()
    assert {key: (entry["owner"]["id"], entry["line"]) for key, entry in status.items()} == {
        "PKG>Block": ("a", 9),
        "PKGGradient": ("a", 11),
        "PKG>InTrace": ("a", 12),
    }
    edited = traced.replace("InTrace", "Renamed").replace('tf.RegisterGradient("PKGGradient")(gradient)', "pass")
    nb.run("a", edited)
    assert {key for key, entry in nb.status().items() if entry["state"] == "current"} == {"PKG>Block", "PKG>Renamed"}
    nb.run("a", "x = 1")
    assert nb.custom_objects() == {}


@pytest.mark.needs("tensorflow>=2.19")
def test_a_function_of_the_users_that_registers_is_owned_inside_a_tf_function(nb, tmp_path):
    nb.silently(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    Files(tmp_path, nb.package).write({"PKGlib.py": LIBRARY})
    nb.run("adapter", ADAPTER)
    nb.run(
        "a",
        "import PKGlib\n@tf.function\ndef step(x):\n    PKGlib.register('PKGin', len)\n    return x\nstep(tf.constant(1.))",
    )
    assert (nb.status()["PKGin"]["owner"]["id"], nb.status()["PKGin"]["line"]) == ("a", 4)


@pytest.mark.fails("stock")
@pytest.mark.needs("tensorflow")
def test_a_framework_that_merely_calls_the_users_registration_registers_for_the_user(nb):
    there = "'PKGMapped' in sys.modules['tensorflow.python.framework.ops']._gradient_registry._registry"
    cell = "def gradient(op, grad): return grad\ntf.nest.map_structure(tf.RegisterGradient('PKGMapped'), [gradient])"
    try:
        for _ in range(3):
            nb.run("a", cell)
        assert nb.value(there)
        nb.run("a", "x = 1")
        assert not nb.value(there)
    finally:
        nb.silently(
            "sys.modules['tensorflow.python.framework.ops']._gradient_registry._registry.pop('PKGMapped', None)"
        )


@pytest.mark.needs("tensorflow")
def test_what_tracing_registers_is_still_nobodys(nb):
    nb.run(
        "a",
        "@tf.custom_gradient\ndef f(x): return x, lambda g: g\n@tf.function\ndef traced(x): return f(x)\nn = traced(tf.constant(1.))",
    )
    assert (
        nb.value(
            "[e['key'] for e in get_ipython().run_line_magic('kreg', '').to_dict()['entries'] if 'Custom' in e['key']]"
        )
        == []
    )


# -- notices


CLOSED = """
class Closed:
    closed = True
    def write(self, text): raise ValueError("I/O operation on closed file")
    def flush(self): raise ValueError("I/O operation on closed file")
"""


@pytest.mark.needs("keras>=2.13")  # before, Keras itself refuses the second run
@pytest.mark.parametrize("stderr", ["Closed()", "None", "open(os.devnull)"])
def test_a_notice_cannot_raise(nb, stderr):
    register = "@keras.utils.register_keras_serializable('PKG', 'taken')\ndef {}(x): pass\n"
    nb.run("c", CLOSED)
    nb.run("a", register.format("f"))
    nb.run(
        "b",
        f"err, sys.stderr = sys.stderr, {stderr}\ntry:\n    "
        + register.format("g").replace("\n", "\n    ")
        + "\n    done = True\nfinally:\n    sys.stderr = err",
    )
    assert nb.value("done") is True
    assert "registers it, too" in nb.run("l", "%kreg log").text


# -- our modules go


def test_our_modules_may_vanish(own_kernel):
    """Spyder's reloader deletes the user's modules from `sys.modules`: an editable install's, too."""
    run = own_kernel.run
    layer = "@keras.utils.register_keras_serializable('P')\nclass {}(keras.layers.Layer): pass\n"
    keys = "sorted(k for k in keras.utils.get_custom_objects() if k.startswith('P>'))"
    vanish = "for name in [n for n in sys.modules if n.partition('.')[0] == 'kreg_ipython']: del sys.modules[name]"
    run("i", "import keras, sys, threading\nfrom absl import flags\nstock = threading.Thread.start.__code__")
    run("l", "%load_ext kreg_ipython")
    run("a", layer.format("A") + "flags.DEFINE_string('vanished', '', '')")
    run("v", vanish)
    run("a", layer.format("B") + "flags.DEFINE_string('vanished', '', '')")
    assert own_kernel.value(keys) == ["P>B"]
    twice = run("t", "flags.DEFINE_string('twice', '', '')\nflags.DEFINE_string('twice', '', '')", fails=True).error
    assert "kreg_ipython" not in twice
    run("v", vanish)
    assert "P>B" in run("q", "%kreg").text and "P>B" in run("q", "%kreg show P>B").text
    assert own_kernel.value("[__import__('kreg_ipython').status().on, len(__import__('kreg_ipython').status().rows)]")[
        0
    ]
    run("o", f"import kreg_ipython\nwith kreg_ipython.owner('job', 'x'): exec({layer.format('J')!r})")
    run("o", f"import kreg_ipython\nwith kreg_ipython.owner('job', 'x'): exec({layer.format('K')!r})")
    assert own_kernel.value(keys) == ["P>B", "P>K"]
    run("v", vanish + "\nimport kreg_ipython")
    assert run("l", "%load_ext kreg_ipython").stderr == ""
    run("l", "%kreg off")
    run("l", "%kreg on")
    run("a", layer.format("C"))
    assert own_kernel.value(keys) == ["P>C", "P>K"]
    run("v", vanish)
    run("l", "%reload_ext kreg_ipython")
    run("a", layer.format("D"))
    assert own_kernel.value(keys) == ["P>D", "P>K"]
    run("v", vanish + "\nimport kreg_ipython")  # IPython unloads nothing that is not there
    run("l", "%unload_ext kreg_ipython")
    assert own_kernel.value("threading.Thread.start.__code__ == stock") is True


# -- what is kept alive


@pytest.mark.needs("tensorflow>=2.19")
def test_a_former_class_with_a_dispatch_handler_goes(nb):
    nb.run("z", "references = []")
    for _ in range(4):
        nb.run(
            "a",
            """
            class PKGMasked(tf.experimental.ExtensionType):
                v: tf.Tensor
            @tf.experimental.dispatch_for_unary_elementwise_apis(PKGMasked)
            def handler(api, x): return x
            @tf.experimental.dispatch_for_api(tf.add, {"x": PKGMasked, "y": PKGMasked})
            def add(x, y, name=None): return x
            references.append(weakref.ref(PKGMasked))
            """,
        )
    nb.run("c", "gc.collect()")
    assert nb.value("[r() is not None for r in references]") == [False, False, False, True]


# -- tracers, profilers, debuggers


TRACER = """
import PKGlib, PKGmod, threading, importlib
seen = []
def tracer(frame, event, argument):
    if frame.f_code.co_filename == PKGmod.__file__:
        seen.append([frame.f_code.co_name, event, frame.f_lineno])
    return tracer
sys.SET(tracer)
try:
    importlib.reload(PKGmod)
    still = sys.GET() is tracer
finally:
    sys.SET(None)
"""


@pytest.mark.needs("keras>=2.13")  # before, Keras itself refuses the second run
@pytest.mark.parametrize("kind", ["trace", "profile"])
def test_a_tracer_stays_and_sees_the_users_lines(files, compare, kind):
    cell = TRACER.replace("SET", f"set{kind}").replace("GET", f"get{kind}")
    stock, ours = compare("[seen, still]", "import PKGlib, PKGmod", cell)
    assert ours == stock and stock[1] and len(stock[0]) > 2


MONITORING = """
import PKGmod, importlib
mon, seen = sys.monitoring, []
mon.use_tool_id(4, "PKG")
def line(code, number):
    seen.append([code.co_name, number]) if code.co_filename == PKGmod.__file__ else None
mon.register_callback(4, mon.events.LINE, line)
mon.set_events(4, mon.events.LINE)
importlib.reload(PKGmod)
still = [mon.get_tool(4), mon.get_events(4) == mon.events.LINE]
mon.set_events(4, 0)
mon.free_tool_id(4)
"""


@pytest.mark.needs("python>=3.12")
def test_monitoring_stays_and_sees_the_users_lines(files, compare):
    stock, ours = compare("[seen, still]", "import PKGlib, PKGmod", MONITORING)
    assert ours == stock and stock[1][1] and len(stock[0]) > 5


COVERAGE = """
import coverage, PKGmod, importlib
measured = coverage.Coverage(include=[PKGmod.__file__, PKGlib.__file__], data_file=None, config_file=False)
measured.start()
importlib.reload(PKGmod)
measured.stop()
lines = [measured.analysis2(module.__file__)[1:4:2] for module in (PKGmod, PKGlib)]
"""


@pytest.mark.needs("coverage")
def test_coverage_covers_the_same_lines(files, compare):
    stock, ours = compare("lines", "import PKGlib, PKGmod", COVERAGE)
    assert ours == stock and stock[0][0]


PROFILED = """
import line_profiler, PKGlib
def work():
    PKGlib.register("worked", 1)
    keras.utils.register_keras_serializable("PKG", "worked")(work)
    return 3
profile = line_profiler.LineProfiler(work, PKGlib.register)
result = profile.runcall(work)
timings = profile.get_stats().timings
hits = [[key[2], sorted(timing[:2] for timing in value)] for key, value in sorted(timings.items()) if key[2] == "work"]
"""


@pytest.mark.needs("line_profiler")
def test_line_profiler_counts_the_same_lines(files, stock_nb, compare):
    stock, ours = compare("[result, hits]", "import PKGlib", PROFILED)
    assert ours == stock and stock[0] == 3
    stock_nb.run("again", "PKGlib.register('after', 1)")
    assert stock_nb.value("sorted(PKGlib.TABLE)")[-1] == "worked"


DEBUGGED = """
import bdb, io, pdb, PKGmod, PKGlib
script = '''
b PKGmod.py:5
c
p x
w
n
p y
c
'''.strip().replace("PKGmod.py", PKGmod.__file__)
out = io.StringIO()
bdb.Breakpoint.clearBreakpoints()
debugger = pdb.Pdb(stdin=io.StringIO(script + "\\n"), stdout=out, nosigint=True, readrc=False)
debugger.use_rawinput = False
debugger.run("import importlib; importlib.reload(PKGmod)", globals())
said = [line for line in out.getvalue().splitlines() if "PKGmod" in line or line.startswith(("(Pdb) 4", "(Pdb) 8"))]
"""


@pytest.mark.needs("keras>=2.13")  # before, Keras itself refuses the second run
def test_pdb_stops_at_the_same_lines(files, compare):
    stock, ours = compare("said", "import PKGlib, PKGmod", DEBUGGED)
    assert ours == stock and any("double" in line for line in stock)


# -- import hooks


HOOKS = {
    "beartype": "from beartype.claw import beartype_package\nbeartype_package('PKGchecked')",
    "typeguard": "from typeguard import install_import_hook\ninstall_import_hook('PKGchecked')",
}
CHECKED = """
import {0}
try:
    {0}.double("text")
    refused = ""
except Exception as error:
    refused = type(error).__name__
"""


@pytest.mark.parametrize("hook", [pytest.param(name, marks=pytest.mark.needs(name)) for name in HOOKS])
def test_an_import_hook_stays_and_the_module_owns_what_it_registers(nb, files, tmp_path, hook):
    nb.silently(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    made = Files(tmp_path, nb.package)
    made.write({"PKGlib.py": LIBRARY, "PKGchecked/__init__.py": "", "PKGchecked/one.py": MODULE})
    nb.run("h", HOOKS[hook])
    nb.run("a", CHECKED.format("PKGchecked.one"))
    assert nb.value("refused")
    assert nb.status()["PKG>Layer"]["owner"]["label"].endswith("PKGchecked.one".replace("PKG", nb.package))
    made.write({"PKGchecked/one.py": MODULE.replace("Layer(", "Renamed(")})
    nb.run("b", "import importlib\nimportlib.reload(PKGchecked.one)")
    assert nb.custom_objects() == {"Renamed": "Renamed"}
    nb.run("c", CHECKED.format("PKGchecked.one"))
    assert nb.value("refused")

"""The histories made by hand, by family: ordinary notebook life, code that remembers, modules."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from differential.harness import History, Reopen, Run, Step, Write

INTERRUPT = "import signal; signal.raise_signal(signal.SIGINT)\n"
GUARDED = (
    "Code that remembers: what is edited under a guard that asks something else than the registry stays as it was."
)
REMEMBERS = "A function that remembers, called for another key"
STRING = "Code in a string: what a text that is executed registered under another name is kept."


# -- what cells register


@dataclass(frozen=True)
class Kind:
    """One way of registering. In its texts, NAME is what is defined, KEY the key, VERSION a number."""

    name: str
    text: str
    probe: str = ""
    absent: str = ""
    """An expression that says that the key is not registered."""
    imports: str = ""

    def define(self, name: str = "Foo", key: str = "foo", version: int = 1) -> str:
        return self._fill(self.text, name, key, version)

    def probes(self, name: str = "Foo", key: str = "foo") -> tuple[str, ...]:
        return tuple(self._fill(line, name, key, 0) for line in self.probe.splitlines())

    def use(self, name: str = "Foo", key: str = "foo") -> str:
        """Return statements that need what is registered, and say what they get."""
        return "".join(f'print("=", {probe})\n' for probe in self.probes(name, key))

    def is_absent(self, name: str = "Foo", key: str = "foo") -> str:
        return self._fill(self.absent, name, key, 0)

    @staticmethod
    def _fill(text: str, name: str, key: str, version: int) -> str:
        return text.replace("NAME", name).replace("KEY", key).replace("VERSION", str(version))


LAYER = "class NAME(keras.layers.Layer):\n    version = VERSION\n    def call(self, x): return x * VERSION.0\n"
EXTENSION = "class NAME(tf.experimental.ExtensionType):\n    x: tf.Tensor\n"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("keras", f'@register("P", "KEY")\n{LAYER}', "roundtrip(NAME())[0]", '"P>KEY" not in get_custom_objects()'),
        Kind(
            "function",
            '@register("P", "KEY")\ndef NAME(x): return x * VERSION\n',
            'held("P>KEY")',
            'get_registered_object("P>KEY") is None',
        ),
        Kind(
            "tf_keras",
            f'@tf_keras.saving.register_keras_serializable("P", "KEY")\n{LAYER.replace("keras", "tf_keras")}',
            "type(tf_keras.layers.deserialize(tf_keras.layers.serialize(NAME()))) is NAME",
            '"P>KEY" not in tf_keras.saving.get_custom_objects()',
        ),
        Kind(
            "direct", f'{LAYER}get_custom_objects()["KEY"] = NAME\n', 'held("KEY")', '"KEY" not in get_custom_objects()'
        ),
        Kind(
            "gradient",
            '@tf.RegisterGradient("KEY")\ndef NAME(op, grad): return grad * VERSION\n',
            'gradient("KEY")',
            '"KEY" not in tf._api.v2.compat.v1.python.framework.ops._gradient_registry._registry',
        ),
        Kind(
            "conversion",
            "class NAME:\n    version = VERSION\n    def __array__(self, dtype=None, copy=None): return np.array(0.5)\n"
            "def to_NAME(value, dtype=None, name=None, as_ref=False): return tf.constant(VERSION.0)\n"
            "tf.register_tensor_conversion_function(NAME, to_NAME)\n",
            "convert(NAME())",
        ),
        Kind(
            "node",
            "@register_tree_node_class\nclass NAME:\n    version = VERSION\n    def __init__(self, *items): self.items = items\n"
            "    def tree_flatten(self): return self.items, None\n"
            "    @classmethod\n    def tree_unflatten(cls, meta, children): return cls(*children)\n",
            "flatten(NAME(1, 2))",
        ),
        Kind(
            "spec",
            'class NAME(tf.experimental.ExtensionType):\n    __name__ = "P.KEY"\n    x: tf.Tensor\n'
            "    def number(self): return VERSION\n",
            "encoded(NAME)",
        ),
        Kind(
            "unary",
            f"{EXTENSION}@tf.experimental.dispatch_for_unary_elementwise_apis(NAME)\n"
            "def do_NAME(api, x): return VERSION\n",
            "tf.abs(NAME(1.0))",
        ),
        Kind(
            "api",
            f'{EXTENSION}@tf.experimental.dispatch_for_api(tf.add, {{"x": NAME, "y": NAME}})\n'
            "def add_NAME(x, y, name=None): return VERSION\n",
            "tf.add(NAME(1.0), NAME(1.0))",
        ),
        Kind("flag", 'NAME = flags.DEFINE_integer("KEY", VERSION, "help")\n', "", '"KEY" not in flags.FLAGS'),
        Kind(
            "saved",
            '@registration.register_serializable("P", "KEY")\nclass NAME(tf.Module):\n    version = VERSION\n',
            'registration.get_registered_class("P.KEY") is NAME',
            'registration.get_registered_class("P.KEY") is None',
        ),
    )
}
KINDS["gradient"] = replace(
    KINDS["gradient"], absent='"KEY" not in sys.modules["tensorflow.python.framework.ops"].gradient_registry._registry'
)
MODULE_IMPORTS = """import keras, numpy as np, sys, tensorflow as tf, tf_keras
from absl import flags
from keras.saving import get_custom_objects, get_registered_object, register_keras_serializable as register
from keras.src.tree.tree_api import register_tree_node_class
from tensorflow.python.saved_model.registration import registration
"""
"""What a file imports."""


class Mix(Kind):
    """All of some kinds in one text: one history for many registries."""

    def __init__(self, *names: str) -> None:
        super().__init__("mix", "".join(KINDS[name].define(f"NAME_{name}", "KEY") for name in names))
        object.__setattr__(self, "names", names)

    def define(self, name: str = "Foo", key: str = "foo", version: int = 1) -> str:
        return "".join(KINDS[kind].define(f"{name}_{kind}", f"{key}_{kind}", version) for kind in self.names)

    def probes(self, name: str = "Foo", key: str = "foo") -> tuple[str, ...]:
        return tuple(
            probe for kind in self.names for probe in KINDS[kind].probes(f"{name}_{kind}", f"{key}_{kind}") if probe
        )


MIX = Mix(*KINDS)
FEW = Mix("keras", "gradient", "conversion", "node", "spec")
KERAS, GRADIENT = KINDS["keras"], KINDS["gradient"]


# -- families


Made = tuple[str, list[Step], dict[str, Any]]
FAMILIES: dict[str, Callable[[], Iterator[Made]]] = {}


def family(name: str) -> Callable[[Callable[[], Iterator[Made]]], Callable[[], Iterator[Made]]]:
    def add(made: Callable[[], Iterator[Made]]) -> Callable[[], Iterator[Made]]:
        FAMILIES[name] = made
        return made

    return add


def histories() -> list[History]:
    """Return all histories that are made by hand."""
    return [
        History(f"{name}.{variant}", tuple(steps), **options)
        for name, made in FAMILIES.items()
        for variant, steps, options in made()
    ]


def indented(text: str) -> str:
    return textwrap.indent(text, "    ")


def cells(*pairs: str | tuple[str, str]) -> list[Step]:
    """Return runs: of cell "a" for a text alone, else of a pair's cell."""
    return [Run("a", pair) if isinstance(pair, str) else Run(*pair) for pair in pairs]


def files(**texts: str) -> list[Step]:
    return [Write(f"{name.replace('__', '/')}.py", MODULE_IMPORTS + text) for name, text in texts.items()]


@family("life")
def life() -> Iterator[Made]:
    """Edit, rename, drop: one kind at a time, since a registry that raises hides what comes after it."""
    for name, kind in KINDS.items():
        one, two = kind.define(version=1), kind.define(version=2)
        yield f"edit-{name}", cells(one, one, two, two), {"probes": kind.probes()}
        yield f"rename-{name}", cells(one, kind.define("Bar", "bar", 2)), {"probes": kind.probes("Bar", "bar")}
        yield f"drop-{name}", cells(one, one, "x = 1"), {}


@family("edits")
def edits() -> Iterator[Made]:
    """Move, reorder, empty, loop, share keys."""
    one, two, bar = MIX.define(version=1), MIX.define(version=2), MIX.define("Bar", "bar")
    use, probes = MIX.use(), {"probes": MIX.probes()}
    yield "rerun", cells(one + use, one + use, one + use), probes
    yield "unrelated", cells("epochs = 3\n" + one + use, "epochs = 4\n\n" + one + use), probes
    yield "key-only", cells(one, MIX.define("Foo", "bar", 1)), {"probes": MIX.probes("Foo", "bar")}
    yield "name-only", cells(one, MIX.define("Bar", "foo", 1)), {"probes": MIX.probes("Bar", "foo")}
    yield "reorder", cells(one + bar, bar + one, one + bar), probes
    yield "reorder-cells", cells(("a", one), ("b", bar), ("a", one)), probes
    yield "move-target-first", cells(("a", one + bar), ("b", bar), ("a", one)), probes
    yield "move-source-first", cells(("a", one + bar), ("a", one), ("b", bar)), probes
    yield "move-to-new-and-edit", cells(("a", one), ("b", two), ("a", "x = 1")), probes
    yield "copied-back", cells(("a", one), ("b", one), ("a", "x = 1"), ("b", "x = 2"), ("a", two)), probes
    yield "comment-only", cells(one, "# " + one.replace("\n", "\n# ")), {}
    yield "emptied-then-back", cells(one, "# nothing", two + use), probes
    yield "reopened", [*cells(one, one), Reopen(), *cells(one, two)], probes
    yield (
        "reopened-twice",
        [*cells(("a", one), ("b", bar)), Reopen(), *cells(("b", bar)), Reopen(), *cells(("a", one), ("b", bar))],
        {},
    )
    yield "no-ids", cells(one, one, one), {**probes, "ids": False, "later": "C14"}
    plain = Mix("keras", "tf_keras", "direct", "gradient", "spec", "flag", "saved").define()
    yield "no-ids-plain-keys", cells(plain, plain, plain), {"ids": False}
    yield (
        "several-names",
        cells(
            'def f(x): return x\nfor n in ("a", "b", "c"): register("P", n)(f)',
            'def f(x): return x\nfor n in ("a", "c"): register("P", n)(f)',
        ),
        {"probes": ['held("P>a")', 'held("P>b")']},
    )
    yield (
        "several-registries",
        cells(
            '@register("P", "g")\n@tf.RegisterGradient("g")\ndef g(op, grad): return grad\nget_custom_objects()["g"] = g',
            '@register("P", "h")\n@tf.RegisterGradient("g")\ndef g(op, grad): return 2 * grad\nget_custom_objects()["g"] = g',
        ),
        {"probes": ['gradient("g")', 'held("P>g")', 'held("g")']},
    )
    for where, register in {
        "keras": 'register("P", f"n{i}")(f)',
        "gradient": 'tf.RegisterGradient(f"n{i}")(f)',
        "direct": 'get_custom_objects()[f"n{i}"] = f',
        "tf_keras": 'tf_keras.saving.register_keras_serializable("P", f"n{i}")(f)',
    }.items():
        loop = f"for i in range(N):\n    def f(op, grad): return grad\n    {register}\n"
        yield f"loop-shorter-{where}", cells(loop.replace("N", "3"), loop.replace("N", "3"), loop.replace("N", "1")), {}
        yield f"loop-longer-{where}", cells(loop.replace("N", "1"), loop.replace("N", "3")), {}
        data = f"for i in names:\n    def f(op, grad): return grad\n    {register}\n"
        yield f"names-here-{where}", cells("names = 'abc'\n" + data, "names = 'bcd'\n" + data), {}
        yield f"names-elsewhere-{where}", cells(("n", "names = 'abc'"), data, ("n", "names = 'bcd'"), data), {}
    override = '@register("P", "k")\ndef NAME(x): return 1\n'
    first, second = override.replace("NAME", "f"), override.replace("NAME", "g")
    yield "override-dropped", cells(("a", first), ("b", second), ("b", "x = 1")), {"probes": ['held("P>k")']}
    yield (
        "override-rerun",
        cells(("a", first), ("b", second), ("a", first), ("b", "x = 1")),
        {"probes": ['held("P>k")']},
    )
    yield "override-below-dropped", cells(("a", first), ("b", second), ("a", "x = 1")), {"probes": ['held("P>k")']}
    yield (
        "swap-keys",
        cells(
            "def f(x): return 1\ndef g(x): return 2\nregister('P', 'a')(f); register('P', 'b')(g)",
            "def f(x): return 1\ndef g(x): return 2\nregister('P', 'b')(f); register('P', 'a')(g)",
        ),
        {"probes": ['held("P>a")', 'held("P>b")']},
    )
    yield "library-key", cells(
        ("a", "get_custom_objects()['relu'] = lambda x: x"), ("a", "x = 1"), ("b", "print('=', keras.activations.get('relu').__name__)")
    ), {}  # fmt: skip


@family("failures")
def failures() -> Iterator[Made]:
    """Cells that fail, are interrupted, or do not compile; then run again, or not."""
    one, two, bar = MIX.define(version=1), MIX.define(version=2), MIX.define("Bar", "bar")
    probes = {"probes": MIX.probes()}
    for how, stops in {"fail": "1/0\n", "interrupt": INTERRUPT, "error": "raise SystemError\n"}.items():
        yield f"{how}-before-then-fixed", cells(one, stops + two, two), probes
        yield f"{how}-after-then-fixed", cells(one, two + stops, two), probes
        yield f"{how}-between-then-dropped", cells(one + bar, one + stops + bar, one), probes
        yield f"{how}-at-last", cells(one, stops + two), probes
        yield f"{how}-at-first", cells(bar + stops, bar + one), probes
    for number, broken in enumerate(("x = (", "def f(:", "return 1 +", "  y = 1\n z = 2")):
        yield f"syntax-{number}-then-edited", cells(one, two + broken, two), probes
    yield "syntax-at-last", cells(one, two + "x = ("), probes
    yield "fails-in-another-cell", cells(("a", one), ("b", "1/0"), ("a", one), ("b", "x = 1")), probes
    yield "caught", cells(one, "try:\n    1/0\nexcept ZeroDivisionError: pass\n" + two), probes
    yield (
        "fails-in-loop",
        cells(
            "for i in range(3):\n    register('P', f'n{i}')(lambda x: x)",
            "for i in range(3):\n    register('P', f'n{i}')(lambda x: x); 1/(i - 1)",
            "for i in range(2):\n    register('P', f'n{i}')(lambda x: x)",
        ),
        {},
    )
    yield (
        "use-while-partial",
        cells(
            ("a", KERAS.define() + KINDS["node"].define("Node")),
            ("a", "1/0\n" + KERAS.define(version=2)),
            ("b", KERAS.use() + KINDS["node"].use("Node")),
        ),
        {"compare": False},
    )


@family("ways")
def ways() -> Iterator[Made]:
    """Magics, async cells, nested cells, exec, threads, pools, helpers, decorators."""
    one, two = MIX.define(version=1), MIX.define(version=2)
    probes = {"probes": MIX.probes()}
    for magic in ("%%time", "%%capture", "%%capture out"):
        yield magic.strip("%").replace(" ", "-"), cells(f"{magic}\n{one}", f"{magic}\n{two}", f"{magic}\n{two}"), probes
    yield "line-time", cells("%time register('P', 'k')(lambda x: x)", "%time register('P', 'l')(lambda x: x)"), {}
    yield (
        "async",
        cells(f"await asyncio.sleep(0)\n{one}", f"await asyncio.sleep(0)\n{two}await asyncio.sleep(0)"),
        probes,
    )
    yield "async-dropped", cells(f"await asyncio.sleep(0)\n{one}", "await asyncio.sleep(0)"), {}
    nested = "text = '''\n{}'''\nget_ipython().run_cell(text)\n"
    yield "nested", cells(nested.format(one), nested.format(two)), probes
    yield "nested-dropped", cells(nested.format(one), "x = 1"), {}
    executed = "text = '''\n{}'''\nexec(text)\n"
    yield "exec", cells(executed.format(one), executed.format(one), executed.format(two)), probes
    yield "exec-dropped", cells(executed.format(one), "x = 1"), {}
    yield (
        "exec-other-cell",
        cells(("t", f"text = '''\n{one}'''"), "exec(text)", "exec(text)", ("t", f"text = '''\n{two}'''"), "exec(text)"),
        probes,
    )
    yield (
        "exec-text-renamed",
        cells(
            ("t", f"text = '''\n{KERAS.define()}'''"),
            "exec(text)",
            ("t", f"text = '''\n{KERAS.define('Bar', 'bar')}'''"),
            "exec(text)",
        ),
        {"limitation": STRING},
    )
    threads = {
        "thread": "t = threading.Thread(target=work); t.start(); t.join()",
        "late-thread": "t = threading.Thread(target=work); t.start()\nt.join()",
        "pool": "with ThreadPoolExecutor(1) as pool: pool.submit(work).result()",
        "map": "with ThreadPoolExecutor(2) as pool: list(pool.map(lambda i: work(), range(1)))",
        "to-thread": "await asyncio.to_thread(work)",
        "task": "async def task(): work()\nawait asyncio.create_task(task())",
        "gather": "async def task():\n    await asyncio.sleep(0)\n    work()\nawait asyncio.gather(task(), asyncio.sleep(0))",
    }
    for name, start in threads.items():
        work = f"def work():\n    global {', '.join(sorted(names(FEW)))}\n{{}}{start}\n"
        texts = [work.format(indented(FEW.define(version=version))) for version in (1, 2)]
        yield name, cells(texts[0], texts[0], texts[1]), {"probes": FEW.probes()}
        yield f"{name}-dropped", cells(texts[0], "x = 1"), {}
    helper = "def make(name):\n    @register('P', name)\n    class Made(keras.layers.Layer): pass\n    return Made\n"
    yield "helper-here", cells(helper + "A = make('a')", helper + "A = make('b')"), {}
    yield "helper-elsewhere", cells(("h", helper), "A = make('a')", "A = make('a')", "A = make('b')"), {}
    yield "helper-loop", cells(("h", helper), "made = [make(n) for n in 'abc']", "made = [make(n) for n in 'ab']"), {}
    yield "helper-module", [*files(h=helper), *cells("import h; A = h.make('a')", "import h; A = h.make('b')")], {}
    yield "helper-then-dropped", cells(("h", helper), "A = make('a')", "x = 1"), {}
    derived = (
        "@register('P')\nclass Base(keras.layers.Layer):\n    def __init__(self, **k):\n        super().__init__(**k)\n"
        "@register('P')\nclass Derived(Base):\n    def __init__(self, **k):\n        super(Derived, self).__init__(**k)\n"
        "    def call(self, x): return x * {}.0\n"
    )
    yield (
        "super",
        cells(derived.format(1), derived.format(2), "print('=', 1)\n" + derived.format(2)),
        {"probes": ["roundtrip(Derived())", "saved(Derived())", "roundtrip(Base())[0]"]},
    )
    deco = "def reg(package):\n    def wrap(c):\n        return register(package)(c)\n    return wrap\n"
    use = "@reg('PACK')\nclass Foo(keras.layers.Layer): pass\n"
    yield "decorator-here", cells(deco + use.replace("PACK", "P"), deco + use.replace("PACK", "Q")), {}
    yield "decorator-elsewhere", cells(("d", deco), use.replace("PACK", "P"), use.replace("PACK", "Q")), {}
    yield (
        "decorator-package-elsewhere",
        cells(
            ("d", "PACKAGE = 'P'\ndef reg(c): return register(PACKAGE)(c)"),
            "@reg\nclass Foo(keras.layers.Layer): pass",
            ("d", "PACKAGE = 'Q'\ndef reg(c): return register(PACKAGE)(c)"),
            "@reg\nclass Foo(keras.layers.Layer): pass",
        ),
        {},
    )
    yield "live-model-saved", cells(
        ("a", KERAS.define()), ("b", "layer = Foo()"), ("a", KERAS.define(version=2)), ("c", "print('=', 'Foo' in str(keras.layers.serialize(layer)))")
    ), {"compare": False}  # fmt: skip
    yield (
        "gradient-of-graph",
        cells(
            "@tf.custom_gradient\ndef f(x):\n    def grad(up): return up * 3.0\n    return x, grad\n@tf.function\ndef g(x): return f(x)\n"
            "x = tf.Variable(1.0)\nwith tf.GradientTape() as tape: y = g(x)\nprint('=', float(tape.gradient(y, x)))",
            ("b", "with tf.GradientTape() as tape: y = g(x)\nprint('=', float(tape.gradient(y, x)))"),
        ),
        {},
    )


def names(mix: Mix) -> set[str]:
    """Return what a mix's text defines."""
    found = set()
    for line in mix.define().splitlines():
        word, _, rest = line.partition(" ")
        if word in ("class", "def"):
            found.add(rest.partition("(")[0].partition(":")[0])
    return found


GUARDS = {
    "globals": 'if "NAME" not in globals():\n{}',
    "nameerror": "try:\n    NAME\nexcept NameError:\n{}",
    "done": 'if not globals().get("done_NAME"):\n{}    done_NAME = True\n',
    "vars": 'if "NAME" in vars():\n    pass\nelse:\n{}',
    "loop": 'while "NAME" not in globals():\n{}',
    "function": 'def setup_NAME():\n    global NAMES\n    if "NAME" in globals():\n        return\n{}setup_NAME()\n',
    "registry": "if ABSENT:\n{}",
    "suppress": "with suppress(KeyError, ValueError, AssertionError, flags.DuplicateFlagError):\n{}",
    "try": "try:\n{}except (KeyError, ValueError, flags.DuplicateFlagError):\n    pass\n",
}
"""Ways to do something once in a kernel's life. What the last three ask is the registry, not the namespace."""


def guarded(form: str, kind: Kind, name: str = "Foo", key: str = "foo", version: int = 1) -> str:
    """Return a kind's text under a guard."""
    first = name if not isinstance(kind, Mix) else f"{name}_{kind.names[0]}"
    text = kind.define(name, key, version)
    defined = sorted(
        line.split()[1].partition("(")[0].rstrip(":") for line in text.splitlines() if line[:4] in ("clas", "def ")
    )
    guard = GUARDS[form].replace("NAMES", ", ".join(defined) or first).replace("NAME", first)
    return guard.replace("ABSENT", kind.is_absent(name, key)).replace("{}", indented(text))


@family("guards")
def guards() -> Iterator[Made]:
    """A1, A4: cells that guard what they register, run again, edited, freed of the guard."""
    for name, kind in KINDS.items():
        forms = ["globals", "nameerror"] + (["registry"] if kind.absent else [])
        if name in ("keras", "gradient", "spec", "flag", "saved"):
            forms += ["suppress"]
        if name in ("keras", "conversion"):
            forms += ["done", "vars", "loop", "function", "try"]
        for form in forms:
            text = guarded(form, kind) + kind.use()
            yield f"rerun-{form}-{name}", cells(text, text, f"n = 4\n{text}"), {"probes": kind.probes()}
    for form in GUARDS:
        text, use = guarded(form, KERAS), KERAS.use()
        edited = guarded(form, KERAS, version=2)
        asks = form in ("registry", "suppress", "try")
        limits = {} if asks else {"limitation": GUARDED}
        yield f"edited-{form}", cells(text + use, edited + use), limits
        yield f"renamed-{form}", cells(text + use, guarded(form, KERAS, "Bar", "bar") + KERAS.use("Bar", "bar")), {}
        yield f"removed-{form}", cells(text + use, KERAS.define(version=2) + use), {"probes": KERAS.probes()}
        yield f"added-{form}", cells(KERAS.define() + use, text + use, text + use), {"probes": KERAS.probes()}
        wrapped = f"def build():\n    global Foo\n{indented(text)}build()\n"
        if form not in ("function", "vars"):
            yield f"wrapped-{form}", cells(text + use, wrapped + use, wrapped + use), {"probes": KERAS.probes()}
        yield f"dropped-{form}", cells(text, text, "x = 1"), {}
        yield f"fails-{form}", cells(text + use, text + use + "1/0", text + use), {"probes": KERAS.probes()}
        yield (
            f"moved-{form}",
            cells(("a", text), ("b", text + use), ("a", "x = 1"), ("b", text + use)),
            {"probes": KERAS.probes()},
        )
        yield (
            f"reopened-{form}",
            [*cells(text + use), Reopen(), *cells(text + use, text + use)],
            {"probes": KERAS.probes()},
        )
    yield "mix-globals", cells(*[guarded("globals", MIX) + MIX.use()] * 3), {"probes": MIX.probes()}
    yield "mix-other-cell-uses", cells(("a", guarded("globals", MIX)), ("b", MIX.use()), ("a", guarded("globals", MIX)), ("b", MIX.use())), {}  # fmt: skip
    get = "if get_registered_object('P>foo') is None:\n{}"
    one, two = get.format(indented(KERAS.define())), get.format(indented(KERAS.define(version=2)))
    yield "get-rerun", cells(one + KERAS.use(), one + KERAS.use()), {"probes": KERAS.probes()}
    yield "get-edited", cells(one + KERAS.use(), two + KERAS.use()), {}
    yield "deepcopy", cells(
        *[guarded("globals", KERAS) + "import copy\nm = keras.Sequential([keras.Input((2,)), Foo()])\n"
          "print('=', type(copy.deepcopy(m).layers[-1]) is Foo, type(keras.models.clone_model(m).layers[-1]) is Foo)"] * 2
    ), {"probes": ["saved(Foo())"]}  # fmt: skip
    yield "load-model", cells(
        *[guarded("globals", KERAS) + "m = keras.Sequential([keras.Input((2,)), Foo()]); m.save('m.keras')\n"
          "print('=', type(keras.models.load_model('m.keras').layers[-1]) is Foo)"] * 3
    ), {}  # fmt: skip
    yield "import-error", cells(*["try:\n    import nowhere\nexcept ImportError:\n" + indented(KERAS.define()) + KERAS.use()] * 2), {}  # fmt: skip
    yield "flag-changed", cells("ON = True\nif ON: register('P', 'k')(lambda x: x)", "ON = False\nif ON: register('P', 'k')(lambda x: x)"), {
        "limitation": "Data-dependent registrations: `if FLAG: register(…)` with a changed `FLAG` looks like a guard."
    }  # fmt: skip
    yield "helper-class-guarded-elsewhere", cells(
        ("h", "class Registry:\n    done = set()\n    def add(self, n, f):\n        if n not in self.done:\n"
         "            self.done.add(n); register('P', n)(f)\nreg = Registry()"),
        "reg.add('k', len)", "reg.add('k', len)", "reg.add('k', len); print('=', held('P>k'))",
    ), {}  # fmt: skip
    yield "done-loop", cells(
        ("d", "done = set()"),
        *["for n in ('a', 'b'):\n    if n not in done:\n        done.add(n); register('P', n)(len)\nprint('=', held('P>a'))"] * 2,
        "for n in ('a', 'b', 'c'):\n    if n not in done:\n        done.add(n); register('P', n)(len)\nprint('=', held('P>a'))",
    ), {}  # fmt: skip


@family("memos")
def memos() -> Iterator[Made]:
    """A1, A3, A4: factories that remember, of other cells, modules and libraries; called plainly, in threads, in tasks."""
    mix = FEW
    body = f"    global {', '.join(sorted(names(mix)))}\n{indented(mix.define())}"
    use, probes = mix.use(), {"probes": mix.probes()}
    remembering = {
        "cache": f"@functools.cache\ndef make():\n{body}",
        "dict": f"memo = {{}}\ndef make():\n{body.splitlines()[0]}\n    if 1 in memo: return memo[1]\n"
        + "\n".join(body.splitlines()[1:])
        + "\n    memo[1] = True\n",
        "flag": f"_done = False\ndef make():\n{body.splitlines()[0]}, _done\n    if not _done:\n"
        + indented("\n".join(body.splitlines()[1:]))
        + "\n        _done = True\n",
        "default": f"def make(memo=[]):\n{body.splitlines()[0]}\n    if memo: return\n    memo.append(1)\n"
        + "\n".join(body.splitlines()[1:])
        + "\n",
        "property": "class Lazy:\n    @functools.cached_property\n    def made(self):\n"
        + indented(body)
        + "        return 1\nlazy = Lazy()\ndef make(): return lazy.made\n",
    }
    calls = {
        "plain": "make()",
        "assigned": "x = make()",
        "thread": "t = threading.Thread(target=make); t.start(); t.join()",
        "pool": "with ThreadPoolExecutor(1) as pool: pool.submit(make).result()",
        "to-thread": "await asyncio.to_thread(make)",
        "task": "async def task(): make()\nawait asyncio.gather(task())",
        "map": "list(map(lambda _: make(), [1]))",
        "condition": "if True: make()",
    }
    for how, helper in remembering.items():
        yield f"{how}-rerun", cells(("h", helper), *[f"n = {n}; make()\n{use}" for n in (3, 3, 4)]), probes
        yield (
            f"{how}-assigned",
            cells(("h", helper), f"make()\n{use}", f"x = make()\n{use}", f"x = [make()]\n{use}"),
            probes,
        )
        yield f"{how}-wrapped", cells(("h", helper), f"make()\n{use}", f"def go(): make()\ngo()\n{use}"), probes
        yield f"{how}-dropped", cells(("h", helper), "make()", "make()", "x = 1"), {}
        yield f"{how}-gone-and-back", cells(("h", helper), "make()", "x = 1", "make()"), probes
        yield (
            f"{how}-two-callers",
            cells(("h", helper), ("a", "make()"), ("b", f"make()\n{use}"), ("a", "make()")),
            probes,
        )
        yield (
            f"{how}-two-callers-one-goes",
            cells(("h", helper), ("a", "make()"), ("b", f"make()\n{use}"), ("a", "x = 1"), ("b", f"make()\n{use}")),
            probes,
        )
    for how, call in calls.items():
        texts = [f"epochs = {n}\n{call}\n{use}" for n in (3, 3, 4)]
        yield f"call-{how}", cells(("h", remembering["cache"]), *texts), probes
        yield f"call-{how}-fails", cells(("h", remembering["cache"]), texts[0], texts[0] + "1/0", texts[2]), probes
        for then, other in calls.items() if how in ("plain", "thread", "task", "map") else ():
            now = f"{other}\n{use}"
            yield (
                f"call-{how}-then-{then}",
                cells(("h", remembering["dict"]), texts[0], now, f"epochs = 5\n{now}"),
                probes,
            )
    for place in ("lib", "site-packages/lib"):
        short = place.partition("/")[0]
        for how, helper in remembering.items():
            file = Write(f"{place}.py", MODULE_IMPORTS + "import functools\n" + helper)
            use_lib = use.replace("Foo_", "lib.Foo_")
            options = {"probes": [probe.replace("Foo_", "lib.Foo_") for probe in mix.probes()]}
            yield f"{short}-{how}", [
                file, *cells(*[f"import lib\nlib.make()\n{use_lib}"] * 2, f"import lib\nx = lib.make()\n{use_lib}", f"import lib\nn = 4\nx = lib.make()\n{use_lib}")
            ], options  # fmt: skip
        first_use = (
            f"{mix.define().replace('@register', '#@register', 1)}\ndef use():\n"
            "    if get_registered_object('P>foo_keras') is None: register('P', 'foo_keras')(Foo_keras)\n"
            "    return roundtrip(Foo_keras())[0]\n"
        )
        roundtrip = "def roundtrip(l): return [type(keras.layers.deserialize(keras.layers.serialize(l))) is type(l)]\n"
        file = Write(f"{place}.py", MODULE_IMPORTS + roundtrip + first_use)
        yield f"{short}-first-use", [file, *cells(*["import lib\nprint('=', lib.use())"] * 2, "from lib import use\nprint('=', use())")], {}  # fmt: skip
        ensured = (
            "_ready = []\ndef ensure():\n    if not _ready:\n        _ready.append(1)\n        register('P', 'lazy')(len)\n"
            "def look(): ensure(); return get_registered_object('P>lazy').__name__\n"
        )
        file = Write(f"{place}.py", MODULE_IMPORTS + ensured)
        yield f"{short}-ensure", [file, *cells(*["import lib\nprint('=', lib.look())"] * 2, "import lib\ny = lib.look()\nprint('=', y)")], {"probes": ["lib.look()"]}  # fmt: skip
        yield f"{short}-ensure-other-cell", [
            file, *cells(("a", "import lib; lib.look()"), ("b", "print('=', lib.look())"), ("a", "import lib"), ("b", "print('=', lib.look())"))
        ], {}  # fmt: skip
        yield f"{short}-method", [
            Write(f"{place}.py", MODULE_IMPORTS + "class Engine:\n    ready = False\n    def start(self):\n        if not Engine.ready:\n"
                  "            Engine.ready = True\n            register('P', 'eng')(len)\n        return get_registered_object('P>eng').__name__\n"),
            *cells("import lib\nprint('=', lib.Engine().start())", "import lib\ne = lib.Engine()\nprint('=', e.start())", "from lib import Engine\nprint('=', Engine().start())"),
        ], {}  # fmt: skip


@family("hidden")
def hidden() -> Iterator[Made]:
    """A2: guards that a cell's text does not show."""
    for name in ("keras", "conversion", "node", "gradient"):
        kind = KINDS[name]
        text, use, probes = guarded("globals", kind), kind.use(), {"probes": kind.probes()}
        file = Write("x.py", text)
        compiled = 'exec(compile(open("x.py").read(), "x.py", "exec"))\n'
        quoted = f"text = '''\n{text}'''\n"
        yield f"file-{name}", [file, *cells(compiled + use, compiled + use, "n = 1\n" + compiled + use)], probes
        yield f"exec-{name}", cells(*[f"{quoted}exec(text)\n{use}"] * 3), probes
        yield f"run-cell-{name}", cells(*[f"{quoted}get_ipython().run_cell(text)\n{use}"] * 3), probes
        yield f"run-cell-elsewhere-{name}", cells(("t", quoted), *[f"get_ipython().run_cell(text)\n{use}"] * 3), probes
        defined = sorted(
            line.split()[1].partition("(")[0].rstrip(":")
            for line in kind.define().splitlines()
            if line[:4] in ("clas", "def ")
        )
        setup = f"def _setup():\n    global {', '.join(defined)}\n{indented(text)}_setup()\ndef _setup(): pass\n"
        yield f"defined-again-{name}", cells(*[setup + use] * 3), probes
        yield f"run-i-{name}", [Write("x.py", MODULE_IMPORTS + text), *cells(*["%run -i x.py\n" + use] * 3)], probes
    for name in ("keras", "conversion"):
        kind = KINDS[name]
        text = guarded("globals", kind)
        yield f"eval-{name}", cells(*[f"code = compile('''\n{text}''', 'x', 'exec')\neval(code)\n{kind.use()}"] * 2), {}
        yield (
            f"own-namespace-{name}",
            cells(
                ("n", "space = dict(globals())"),
                *[f"exec('''\n{text}''', space)\nFoo = space['Foo']\n{kind.use()}"] * 3,
            ),
            {},
        )
        yield (
            f"magic-{name}",
            cells(
                "from IPython.core.magic import register_cell_magic\n@register_cell_magic\ndef once(line, cell):\n"
                f"    get_ipython().run_cell(cell)\n{'#'}",
                ("b", f"%%once\n{text}"),
                ("b", f"%%once\n{text}"),
                ("c", kind.use()),
            ),
            {},
        )
    lambda_ = "f = lambda: 'k' in seen or (seen.add('k'), register('P', 'k')(len))\nf()\nprint('=', held('P>k'))"
    yield "lambda", cells(("s", "seen = set()"), lambda_, lambda_, "n = 1\n" + lambda_), {}
    short = "'k' in seen or (seen.add('k'), register('P', 'k')(len))\nprint('=', held('P>k'))"
    yield "or", cells(("s", "seen = set()"), short, short), {}
    listed = "[register('P', n)(len) for n in ('a', 'b') if n not in seen and not seen.add(n)]\nprint('=', held('P>a'))"
    yield "comprehension", cells(("s", "seen = set()"), listed, listed, "n = 1\n" + listed), {}
    default = "get_custom_objects().setdefault('k', len)\nprint('=', held('k'))"
    yield "setdefault", cells(default, default, default), {}
    pop = "queue and register('P', queue.pop())(len)\nprint('=', held('P>q'))"
    yield "queue", cells(("q", "queue = ['q']"), pop, pop, "n = 1\n" + pop), {}
    generator = "next(steps, None)\nprint('=', held('P>g'))"
    yield (
        "generator",
        cells(("g", "def go():\n    register('P', 'g')(len); yield\nsteps = go()"), generator, generator),
        {},
    )
    hook = "for f in hooks: f()\nhooks.clear()\nprint('=', held('P>h'))"
    yield "hooks", cells(("h", "hooks = [lambda: register('P', 'h')(len)]"), hook, hook, "n = 1\n" + hook), {}
    returns = "def setup():\n    if 'k' in seen: return\n    seen.add('k')\n    register('P', 'k')(len)\nsetup()\nprint('=', held('P>k'))"
    yield "early-return", cells(("s", "seen = set()"), returns, returns, "n = 1\n" + returns), {}
    raising = returns.replace(": return", ": raise KeyError").replace(
        "\nsetup()\n", "\ntry: setup()\nexcept KeyError: pass\n"
    )
    yield "early-raise", cells(("s", "seen = set()"), raising, raising, "n = 1\n" + raising), {}
    breaking = (
        "for n in 'ab':\n    if n in seen: break\n    seen.add(n); register('P', n)(len)\nprint('=', held('P>b'))"
    )
    yield "break", cells(("s", "seen = set()"), breaking, breaking, "n = 1\n" + breaking), {}
    match = "match len(seen):\n    case 0:\n        seen.add(1); register('P', 'k')(len)\nprint('=', held('P>k'))"
    yield "match", cells(("s", "seen = set()"), match, match), {}
    yield (
        "event-once",
        cells(
            ("e", "calls = []\ndef once(*a):\n    if not calls: calls.append(1); register('P', 'e')(len)"),
            "get_ipython().events.register('pre_execute', once)\nget_ipython().events.trigger('pre_execute')\n"
            "get_ipython().events.unregister('pre_execute', once)\nprint('=', held('P>e'))",
            "n = 1\nget_ipython().events.register('pre_execute', once)\nget_ipython().events.trigger('pre_execute')\n"
            "get_ipython().events.unregister('pre_execute', once)\nprint('=', held('P>e'))",
        ),
        {},
    )


@family("executions")
def executions() -> Iterator[Made]:
    """A5: one key twice in a run, over a library's entry, over another cell's, over none."""
    adam = 'class Mine(tf_keras.optimizers.Adam): pass\nfor _ in range(N): tf_keras.saving.register_keras_serializable("Custom", "Adam")(Mine)\n'
    is_library = "tf_keras.saving.get_custom_objects().get('Custom>Adam').__module__"
    for count in ("1", "2", "3"):
        text = adam.replace("N", count)
        yield f"library-{count}", cells(text, "x = 1"), {"probes": [is_library]}
        yield f"library-{count}-rerun", cells(text, text, "x = 1"), {"probes": [is_library]}
        yield f"library-{count}-fails", cells(text, text + "1/0", "x = 1"), {"probes": [is_library]}
    forms = {
        "keras": ('register("P", "k")(NAME)\n', 'held("P>k")'),
        "tf_keras": (
            'tf_keras.saving.register_keras_serializable("P", "k")(NAME)\n',
            "tf_keras.saving.get_custom_objects().get('P>k').__name__",
        ),
        "direct": ('get_custom_objects()["k"] = NAME\n', 'held("k")'),
    }
    for where, (form, probe) in forms.items():
        define = "def f(x): return 1\ndef g(x): return 2\n"
        both = define + form.replace("NAME", "f") + form.replace("NAME", "g")
        other = "def h(x): return 3\n" + form.replace("NAME", "h")
        options = {"probes": [probe]}
        yield f"{where}-two", cells(both, both), options
        yield f"{where}-two-to-one", cells(both, define + form.replace("NAME", "f")), options
        yield f"{where}-over-other", cells(("o", other), both, both, "x = 1"), options
        yield f"{where}-under-other", cells(both, ("o", other), both, ("o", "x = 1")), options
        yield f"{where}-same-thrice", cells(("o", other), define + form.replace("NAME", "f") * 3, "x = 1"), options
        yield f"{where}-fails-between", cells(("o", other), both, both.replace("g)", "g); 1/0").replace("= g", "= g; 1/0"), "x = 1"), options  # fmt: skip
    written = "co = get_custom_objects()\nco['adam'] = len; co['adam'] = max\n"
    yield "direct-adam", cells(written, "x = 1"), {"probes": ["type(keras.optimizers.get('adam')).__name__"]}
    yield "pop-and-again", cells(*['register("P", "k")(len); get_custom_objects().pop("P>k"); register("P", "k")(max)'] * 2, "x = 1"), {}  # fmt: skip
    yield "register-and-pop", cells(*['register("P", "k")(len); get_custom_objects().pop("P>k")'] * 2), {}


@family("nested")
def nested() -> Iterator[Made]:
    """A6: helpers with nested functions and classes: one entry however often they run."""
    conversion = (
        "def make():\n    class N: pass\n    def conv(v, dtype=None, name=None, as_ref=False): return tf.constant(1.)\n"
        "    tf.register_tensor_conversion_function(N, conv)\n{}make()\n"
    )
    yield "conversion", cells(*[conversion.format("")] * 6), {}
    yield "conversion-returned", cells(*[conversion.format("    return N\n").replace("\nmake()", "\nN = make()")] * 4), {"probes": ["convert(N())"]}  # fmt: skip
    yield "conversion-elsewhere", cells(("h", conversion.format("").replace("\nmake()", "\n")), *["make()"] * 4), {}
    unary = (
        "def make():\n    class N(tf.experimental.ExtensionType):\n        x: tf.Tensor\n    @tf.experimental.dispatch_for_unary_elementwise_apis(N)\n"
        "    def do(api, x):\n        return 7\n    return N\n"
    )
    yield "unary", cells(*[unary + "N = make()"] * 4), {"probes": ["tf.abs(N(1.0))"]}
    yield "unary-elsewhere", cells(("h", unary), *["N = make()"] * 4), {"probes": ["tf.abs(N(1.0))"]}
    yield "unary-dropped", cells(unary + "N = make()", unary + "N = make()", "x = 1"), {}
    node = (
        "def make():\n    @register_tree_node_class\n    class N:\n        def tree_flatten(self): return (1,), None\n"
        "        @classmethod\n        def tree_unflatten(cls, m, c): return cls()\n    return N\n"
    )
    yield "node", cells(*[node + "N = make()"] * 4), {"probes": ["flatten(N())"]}
    api = (
        "def make():\n    class N(tf.experimental.ExtensionType):\n        x: tf.Tensor\n    @tf.experimental.dispatch_for_api(tf.add, {'x': N, 'y': N})\n"
        "    def add(x, y, name=None):\n        if True: return 3\n    return N\n"
    )
    yield "api", cells(*[api + "N = make()"] * 4), {"probes": ["tf.add(N(1.0), N(1.0))"]}
    flip = (
        "class Flip:\n    def __init__(self): self.calls = 0\n    def __call__(self, x):\n        name = f'Flip{self.calls}'\n"
        "        @tf.RegisterGradient(name)\n        def _flip(op, grad):\n            return [-grad]\n"
        "        self.calls += 1\n        return x\n"
    )
    yield "flip-here", cells(*[flip + "flip = Flip()\nflip(1); flip(2)"] * 3), {}
    yield "flip-one-less", cells(flip + "flip = Flip()\nflip(1); flip(2)", flip + "flip = Flip()\nflip(1)"), {}
    yield "flip-class-elsewhere", cells(("h", flip), *["flip = Flip()\nflip(1); flip(2)"] * 3), {}
    reversal = (
        "def reverse(name, factor):\n    def backward(op, grad):\n        return grad * factor\n"
        "    tf.RegisterGradient(name)(backward)\n    return backward\n"
    )
    yield "reversal", cells(*[reversal + "r = reverse('rev', -1)"] * 3, reversal + "r = reverse('rev', -2)"), {"probes": ["gradient('rev')"]}  # fmt: skip
    yield "reversal-elsewhere", cells(("h", reversal), *["r = reverse('rev', -1)"] * 3, "r = reverse('vez', -2)"), {"probes": ["gradient('vez')"]}  # fmt: skip
    closure = "def outer():\n    def inner():\n        @register('P', 'deep')\n        class Deep(keras.layers.Layer): pass\n        return Deep\n    return inner()\n"
    yield "inner-function", cells(*[closure + "D = outer()"] * 3, closure.replace("deep", "deeper") + "D = outer()"), {}
    yield (
        "lambda-inside",
        cells(*["def go():\n    key = lambda: 'k'\n    register('P', key())(len)\ngo()"] * 2, "x = 1"),
        {},
    )
    yield "generator-inside", cells(*["def go():\n    def names():\n        yield 'k'\n        return\n    for n in names(): register('P', n)(len)\ngo()"] * 2, "x = 1"), {}  # fmt: skip


@family("dicts")
def dicts() -> Iterator[Made]:
    """A7: direct writes, into held dicts, of equal values, under changed keys."""
    for how, write in {
        "update": "held_.update({})",
        "direct": "get_custom_objects().update({})",
        "or": "held_ |= {}",
        "loop": "for k, v in {}.items(): held_[k] = v",
    }.items():
        texts = [write.format(d) for d in ("{'a': f, 'b': f}", "{'c': f, 'b': f}", "{'c': f}")]
        start = ("h", "held_ = get_custom_objects()\ndef f(x): return x")
        yield f"{how}-changed", cells(start, texts[0], texts[1]), {"probes": ['held("a")', 'held("c")']}
        yield f"{how}-shorter", cells(start, texts[0], texts[0], texts[2]), {"probes": ['held("b")', 'held("c")']}
        yield f"{how}-dropped", cells(start, texts[0], "x = 1"), {}
    whole = "def f(x): return x\nget_custom_objects().update({})\n"
    yield "defined-here", cells(whole.format("{'a': f, 'b': f}"), whole.format("{'c': f, 'b': f}")), {}
    yield (
        "tf-keras",
        cells(
            ("h", "held_ = tf_keras.saving.get_custom_objects()\ndef f(x): return x"),
            "held_.update({'a': f, 'b': f})",
            "held_.update({'c': f, 'b': f})",
        ),
        {},
    )
    yield "custom-variable", cells("CUSTOM = {'a': len}\nget_custom_objects().update(CUSTOM)", "CUSTOM = {'b': len}\nget_custom_objects().update(CUSTOM)"), {}  # fmt: skip
    yield "del-first", cells(*["get_custom_objects().pop('k', None)\nget_custom_objects()['k'] = len"] * 3), {}
    yield "same-object-two-cells", cells(("d", "def f(x): return x"), ("a", "get_custom_objects()['k'] = f"), ("b", "get_custom_objects()['k'] = f"), ("a", "x = 1")), {}  # fmt: skip
    yield "clear", cells("get_custom_objects()['k'] = len", ("b", "get_custom_objects().clear()")), {}
    yield "scope", cells(*["with keras.saving.custom_object_scope({'k': len}):\n    print('=', keras.saving.get_registered_object('k').__name__)"] * 2), {}  # fmt: skip


@family("subclasses")
def subclasses() -> Iterator[Made]:
    """A8: bases that register their subclasses, with the base, the package or the names changed."""
    base = (
        "class Base(keras.layers.Layer):\n    package = 'P'\n    def __init_subclass__(cls, **k):\n"
        "        super().__init_subclass__(**k)\n        register(cls.package)(cls)\n"
    )
    sub = "class Sub({}): {}\n"
    plain = sub.format("Base", "pass")
    yield "rerun", cells(("b", base), plain, plain, plain), {"probes": ["roundtrip(Sub())[0]"]}
    yield "other-base", cells(("b", base), plain, sub.format("keras.layers.Layer", "pass")), {}
    yield "package", cells(("b", base), plain, sub.format("Base", "package = 'Q'")), {}
    yield "renamed", cells(("b", base), plain, "class Other(Base): pass"), {}
    yield "dropped", cells(("b", base), plain, "x = 1"), {}
    yield "same-cell", cells(base + plain, base + sub.format("Base", "package = 'Q'")), {}
    yield "same-cell-other-base", cells(base + plain, base + sub.format("keras.layers.Layer", "pass")), {}
    yield "package-in-base", cells(base + plain, base.replace("'P'", "'Q'") + plain), {}
    yield "base-in-file", [*files(b=base), *cells("from b import Base\n" + plain, "from b import Base\n" + sub.format("Base", "package = 'Q'"))], {}  # fmt: skip
    yield "two-subclasses", cells(("b", base), plain + "class Two(Base): pass", plain), {}
    yield (
        "keyword",
        cells(
            ("b", base.replace("cls, **k", "cls, package='P', **k").replace("cls.package", "package")),
            "class Sub(Base, package='P'): pass",
            "class Sub(Base, package='Q'): pass",
        ),
        {},
    )
    meta = (
        "class Meta(type(keras.layers.Layer)):\n    def __init__(cls, name, bases, ns, **k):\n"
        "        super().__init__(name, bases, ns)\n        register(ns.get('package', 'P'))(cls)\n"
    )
    made = "class Sub(keras.layers.Layer, metaclass=Meta): {}\n"
    yield "metaclass", cells(("m", meta), made.format("pass"), made.format("package = 'Q'")), {}
    yield "metaclass-gone", cells(("m", meta), made.format("pass"), "class Sub(keras.layers.Layer): pass"), {}
    items = "def f(x): return x\nfor n, g in {}.items(): register('P', n)(g)\n"
    yield "items-all-changed", cells(items.format("{'old': f}"), items.format("{'new': f}")), {}
    yield "items-some-changed", cells(items.format("{'old': f, 'b': f}"), items.format("{'new': f, 'b': f}")), {}
    yield "items-emptied", cells(items.format("{'old': f}"), items.format("{}")), {}
    yield "tuple-changed", cells(*[f"for n in ('{n}',): register('P', n)(len)" for n in "ab"]), {}
    yield "comprehension-changed", cells(*[f"[register('P', n)(len) for n in '{n}']" for n in ("ab", "cd")]), {}
    yield "enumerate-changed", cells(*[f"for i, n in enumerate('{n}'): register('P', n + str(i))(len)" for n in ("ab", "cd")]), {}  # fmt: skip
    yield "variable-changed", cells(*[f"names = ['{n}']\nfor n in names: register('P', n)(len)" for n in "ab"]), {}
    yield "argument-changed", cells(*[f"def go(n): register('P', n)(len)\ngo('{n}')" for n in "ab"]), {}
    yield "attribute-changed", cells(*[f"class C: name = '{n}'\nregister('P', C.name)(len)" for n in "ab"]), {}
    yield "function-name-changed", cells(*[f"def {n}(x): return x\nregister('P')({n})" for n in ("old", "new")]), {}
    yield "partial", cells(*[f"reg = functools.partial(register, '{n}')\n@reg()\nclass Foo(keras.layers.Layer): pass" for n in "PQ"]), {}  # fmt: skip


@family("tasks")
def tasks() -> Iterator[Made]:
    """A9: tasks and callbacks that run cells and register while their cell awaits."""
    one, two = KERAS.define(), KERAS.define(version=2)
    inner = "async def task(): get_ipython().run_cell({!r})\nt = asyncio.create_task(task())\nawait asyncio.sleep(0.01)\nawait t\n"
    yield "run-cell", cells(inner.format("x = 1") + one, inner.format("x = 1") + two), {"probes": KERAS.probes()}
    yield "run-cell-renamed", cells(one + inner.format("x = 1"), KERAS.define("Bar", "bar") + inner.format("x = 1")), {}
    yield (
        "run-cell-after",
        cells(inner.format("x = 1") + one, inner.format("x = 1") + KERAS.define("Bar", "bar"), "x = 1"),
        {},
    )
    yield "run-cell-registers", cells(inner.format(one), inner.format(two)), {"probes": KERAS.probes()}
    yield "run-cell-fails", cells(inner.format("1/0") + one, inner.format("1/0") + KERAS.define("Bar", "bar")), {}
    yield "run-cell-dropped", cells(one + inner.format("x = 1"), inner.format("x = 1")), {}
    yield "line-magic", cells(*["async def task(): get_ipython().run_line_magic('time', '1')\nawait asyncio.gather(task())\n" + t for t in (one, KERAS.define("Bar", "bar"))]), {}  # fmt: skip
    outliving = "async def task():\n    await asyncio.sleep(0)\n    register('P', '{}')(len)\nt = asyncio.ensure_future(task())\n"
    yield "awaited-elsewhere", cells(outliving.format("k") + "await asyncio.sleep(0)", ("b", "await t"), ("b", "print('=', held('P>k'))")), {"compare": False}  # fmt: skip
    yield "callback", cells(*["loop = asyncio.get_running_loop()\nloop.call_soon(lambda: register('P', 'NAME')(len))\nawait asyncio.sleep(0.01)".replace("NAME", n) for n in ("a", "a", "b")]), {}  # fmt: skip
    yield "executor", cells(*["await asyncio.get_running_loop().run_in_executor(None, lambda: register('P', 'NAME')(len))".replace("NAME", n) for n in ("a", "a", "b")]), {}  # fmt: skip
    yield "many", cells(*[f"async def one(i): register('P', f'n{{i}}')(len)\nawait asyncio.gather(*map(one, range({n})))" for n in (3, 3, 3)]), {}  # fmt: skip
    yield "event-thread", cells(
        "ready = threading.Event()\ndef work():\n    ready.wait()\n    register('P', 'late')(len)\nt = threading.Thread(target=work); t.start()",
        ("b", "ready.set(); t.join(); print('=', held('P>late'))"),
        ("b", "ready.set(); t.join(); print('=', held('P>late'))"),
    ), {}  # fmt: skip
    yield "timer", cells(*["t = threading.Timer(0, lambda: register('P', 'NAME')(len)); t.start(); t.join()".replace("NAME", n) for n in ("a", "a")]), {}  # fmt: skip
    yield "queue-worker", cells(
        ("w", "import queue\nq = queue.Queue()\ndef worker():\n    while (job := q.get()) is not None:\n        job(); q.task_done()\n"
         "t = threading.Thread(target=worker, daemon=True); t.start()"),
        *["q.put(lambda: register('P', 'k')(len)); q.join()\nprint('=', held('P>k'))"] * 3,
    ), {}  # fmt: skip


@family("modules")
def modules() -> Iterator[Made]:
    """Files that are imported, reloaded, purged, run; helpers in them that cells call; guards in them."""
    one, two = KERAS.define(version=1), KERAS.define(version=2)
    few = [FEW.define(version=version) for version in (1, 2)]
    probes = {"probes": ["roundtrip(m.Foo())[0]"]}
    yield "import", [*files(m=few[0]), *cells("import m", "import m", ("b", "import m"))], {}
    yield (
        "purge",
        [*files(m=few[0]), *cells("import m"), *files(m=few[1]), *cells("sys.modules.pop('m', None); import m")],
        {},
    )
    renamed = files(m=FEW.define("Bar", "bar"))
    yield (
        "purge-renamed",
        [*files(m=few[0]), *cells("import m"), *renamed, *cells("sys.modules.pop('m', None); import m")],
        {},
    )
    yield (
        "reload",
        [*files(m=few[0]), *cells("import m"), *files(m=few[1]), Run("r", "importlib.reload(m)", once=True)],
        {},
    )
    yield (
        "reload-renamed",
        [*files(m=few[0]), *cells("import m"), *renamed, Run("r", "importlib.reload(m)", once=True)],
        {},
    )
    auto = Run("auto", "%autoreload 2", once=True)
    yield "autoreload", [auto, *files(m=one), *cells("import m", ("b", "x = m.Foo()")), *files(m=two), *cells(("b", "x = m.Foo()"))], probes  # fmt: skip
    yield "autoreload-renamed", [auto, *files(m=one + KERAS.define("Old", "old")), *cells("import m", ("b", "x = m.Foo()")), *files(m=two), *cells(("b", "x = m.Foo()"))], probes  # fmt: skip
    yield "autoreload-helper", [
        auto, *files(m="def make(n): return register('P', n)(len)\n"), *cells("import m; m.make('a')", "import m; m.make('a')"),
        *files(m="def make(n): return register('Q', n)(len)\n"), *cells("import m; m.make('a')"),
    ], {}  # fmt: skip
    yield "from-import", [auto, *files(m=one), *cells("from m import Foo", ("b", "print('=', roundtrip(Foo())[0])")), *files(m=two), *cells(("b", "print('=', roundtrip(Foo())[0])"))], {"probes": ["roundtrip(Foo())"]}  # fmt: skip
    guard = guarded("registry", KERAS)
    yield "guarded", [*files(m=guard), *cells("import m"), Run("r", "importlib.reload(m); print('=', roundtrip(m.Foo())[0])", once=True)], {"compare": False}  # fmt: skip
    yield "guarded-globals-reload", [*files(m=guarded("globals", KERAS)), *cells("import m"), Run("r", "importlib.reload(m); print('=', roundtrip(m.Foo())[0])", once=True)], probes  # fmt: skip
    yield "fails", [*files(m=one), *cells("import m"), *files(m="1/0\n" + two), Run("r", "importlib.reload(m)", once=True), *files(m=two), Run("r", "importlib.reload(m)", once=True)], probes  # fmt: skip
    yield "run-script", [*files(s=few[0]), *cells("%run s.py"), *files(s=few[1]), *cells("%run s.py")], {}
    timed = [Write("s.ipy", f"%time register('P', '{key}')(len)\n") for key in "ab"]
    yield "run-ipy-timed", [timed[0], *cells("%run -i s.ipy"), timed[1], *cells("%run -i s.ipy")], {}
    yield (
        "run-script-dropped",
        [*files(s=few[0]), *cells("%run s.py", "%run s.py"), *files(s="x = 1\n"), *cells("%run s.py")],
        {},
    )
    yield "cell-to-file", [*cells(one), *files(m=one), *cells("from m import Foo")], {"probes": ["roundtrip(Foo())[0]"]}
    yield "file-to-cell", [*files(m=one), *cells("import m"), *files(m="x = 1\n"), *cells("sys.modules.pop('m', None); import m", ("b", one))], {"probes": ["roundtrip(Foo())[0]"]}  # fmt: skip
    yield "package", [Write("p/__init__.py", "from p.q import Foo\n"), Write("p/q.py", MODULE_IMPORTS + one), *cells("import p", "import p; print('=', roundtrip(p.Foo())[0])")], {}  # fmt: skip
    yield "import-in-function", [*files(m=one), *cells(*["def go():\n    import m\n    return m\nprint('=', roundtrip(go().Foo())[0])"] * 3)], {}  # fmt: skip
    yield "library-setup", [Write("site-packages/lib.py", MODULE_IMPORTS + "def setup(n):\n    return register('P', n)(len)\n"), *cells("import lib; lib.setup('a')", "import lib; lib.setup('a')", "import lib; lib.setup('a'); lib.setup('b')")], {}  # fmt: skip
    yield (
        "library-imported",
        [Write("site-packages/lib.py", MODULE_IMPORTS + few[0]), *cells("import lib", "x = 1", "import lib")],
        {},
    )


def _plugin(name: str) -> str:
    return (
        "import importlib.util\ndef load(path):\n    spec = importlib.util.spec_from_file_location('plugin', path)\n"
        "    m = importlib.util.module_from_spec(spec)\n    {}\n    spec.loader.exec_module(m)\n    return m\n"
    ).replace("{}", name)


@family("B")
def module_faults() -> Iterator[Made]:
    """B1 to B7."""
    one, two = KERAS.define(version=1), KERAS.define(version=2)
    first, second = KERAS.define("First", "first"), KERAS.define("Second", "second")
    load = _plugin("sys.modules['plugin'] = m")
    for again in (1, 2):
        yield f"1-two-files-{again}", [
            *files(p1=first, p2=second),
            *cells(*[load + "m1 = load('p1.py'); m2 = load('p2.py')\nprint('=', roundtrip(m1.First())[0], roundtrip(m2.Second())[0])"] * again),
        ], {}  # fmt: skip
    helper = "done = []\ndef setup():\n    if not done: done.append(1); register('P', 'once')(len)\n"
    yield "2-import-error", [
        *files(h=helper, fast="import h; h.setup()\nraise ImportError\n", slow="import h; h.setup()\n"),
        *cells(*["try: import fast\nexcept ImportError: import slow\nprint('=', held('P>once'))"] * 2),
    ], {}  # fmt: skip
    base = (
        "class Base(keras.layers.Layer):\n    def __init__(self, units, **kw):\n        super(Base, self).__init__(**kw); self.units = units\n"
        "    def call(self, x): return x * VERSION.0\n"
    )
    derived = "from base import Base\nclass Derived(Base):\n    def __init__(self, **kw): super(Derived, self).__init__(3, **kw)\n"
    notebook = (
        "from base import Base; from derived import Derived; from base import Base as B\nclass InCell(Base): pass\n"
        "print('=', float(Derived()(np.ones(2))[0]), float(InCell(2)(np.ones(2))[0]), float(B(2)(np.ones(2))[0]))"
    )
    auto = Run("auto", "%autoreload 2", once=True)
    for how in ("", "@register('P')\n"):
        yield f"3-super{'-registered' if how else ''}", [
            auto, *files(base=how + base.replace("VERSION", "1"), derived=derived), *cells(notebook, ("z", "pass")),
            *files(base=how + base.replace("VERSION", "2")), *cells(notebook, notebook),
        ], {}  # fmt: skip
    spec = KINDS["spec"]
    yield "4-extension-type", [
        auto, *files(m=spec.define()), *cells("from m import Foo", *[("b", "print('=', encoded(Foo), Foo(1.0).number())")] * 2),
        *files(m=spec.define(version=2)), *cells(("b", "print('=', encoded(Foo), Foo(1.0).number())")),
    ], {}  # fmt: skip
    unlisted = _plugin("pass")
    yield "5-unlisted", [*files(p=first), *cells(unlisted + "m = load('p.py')"), *files(p=second), *cells(unlisted + "m = load('p.py')")], {}  # fmt: skip
    yield "5-exec", [*files(p=first), *cells("exec(open('p.py').read())"), *files(p=second), *cells("exec(open('p.py').read())")], {}  # fmt: skip
    yield "6-deleted-file", [
        Write("p/__init__.py", "from p import a, b\n"), Write("p/a.py", MODULE_IMPORTS + first), Write("p/b.py", MODULE_IMPORTS + second),
        *cells("import p"), Write("p/b.py", None), Write("p/__init__.py", "from p import a\n"),
        *cells("for n in [*sys.modules]:\n    if n.partition('.')[0] == 'p': del sys.modules[n]\nimport p"),
    ], {}  # fmt: skip
    deco = "PACKAGE = 'PACK'\ndef reg(c): return register(PACKAGE)(c)\n"
    use = "from d import reg\n@reg\nclass Foo(keras.layers.Layer): pass\n"
    yield "7-decorator", [auto, *files(d=deco.replace("PACK", "P")), *cells(use), *files(d=deco.replace("PACK", "Q")), *cells(use)], {}  # fmt: skip
    yield "7-decorator-reload", [*files(d=deco.replace("PACK", "P")), *cells(use), *files(d=deco.replace("PACK", "Q")), Run("r", "import d; importlib.reload(d)", once=True), *cells(use)], {}  # fmt: skip
    yield "8-file-edited", [auto, *files(m=one), *cells("from m import Foo as Other", ("b", "x = Other()"), ("b", "x = Other()")), *files(m=two), *cells(("b", "x = Other()"))], {"probes": ["roundtrip(Other())"]}  # fmt: skip
    for version, text in (
        ("edited", deco.replace("PACK", "Q")),
        ("default", "def reg(c=None, package='Q'): return register(package)(c)\n"),
        (
            "made",
            "def made(package='Q'):\n    def wrap(c): return register(package)(c)\n    return wrap\nreg = made()\n",
        ),
    ):
        for how, again in {
            "purge": "sys.modules.pop('d', None)\n",
            "auto": "",
            "reload": "import d; importlib.reload(d)\n",
        }.items():
            yield f"7-{version}-{how}", [
                *([auto] if how == "auto" else []), *files(d=text.replace("Q", "P")), *cells(*[again + use] * 2), *files(d=text), *cells(*[again + use] * 2),
            ], {}  # fmt: skip
    both = [deco.replace("PACK", package) for package in "PQ"]
    yield "7-file-uses-it", [
        auto, *files(d=both[0], m=use), *cells("import m", ("b", "pass")), *files(d=both[1], m=use + "x = 1\n"), *cells(("b", "pass")),
    ], {}  # fmt: skip


EXECUTED = {
    "exec": "exec(open('p.py').read())",
    "exec-path": "from pathlib import Path\nexec(Path('p.py').read_text())",
    "exec-compile": "exec(compile(open('p.py').read(), 'p.py', 'exec'))",
    "exec-namespace": "ns = {'__name__': 'p'}\nexec(open('p.py').read(), ns)",
    "exec-open-file": "with open('p.py') as f:\n    exec(f.read())",
    "exec-variable": "text = open('p.py').read()\nexec(text)",
    "exec-function": "def load(path):\n    exec(open(path).read(), globals())\nload('p.py')",
    "exec-folder": "import os\nfolder = os.getcwd()\nexec(open(os.path.join(folder, 'p.py')).read())",
    "exec-module": "import types\nm = types.ModuleType('mine')\nsys.modules['mine'] = m\nexec(open('p.py').read(), m.__dict__)",
    "exec-several": "for f in ['p.py', 'q.py']:\n    exec(open(f).read())",
    "run-path": "import runpy\nruns = runpy.run_path('p.py')",
    "run-module": "import runpy\nruns = runpy.run_module('p')",
    "run-module-main": "import runpy\nruns = runpy.run_module('p', run_name='__main__', alter_sys=True)",
    "run": "%run p.py",
    "run-m": "%run -m p",
    "unlisted": _plugin("pass") + "m = load('p.py')",
    "listed": _plugin("sys.modules['plugin'] = m") + "m = load('p.py')",
    "load-module": "import importlib.machinery\nm = importlib.machinery.SourceFileLoader('plugin', 'p.py').load_module()",
}
"""Ways to execute a file."""


@family("executed")
def executed() -> Iterator[Made]:
    """A file that is executed again in whatever way is a run of its own."""
    texts, renamed = [FEW.define(version=version) for version in (1, 2)], FEW.define("Bar", "bar")
    first, second = KERAS.define("First", "first"), KERAS.define("Second", "second")
    for name, way in EXECUTED.items():

        def played(*parts: str | list[Step], way: str = way) -> list[Step]:
            """Return the steps: a text is saved as the file, then the cell runs."""
            steps = files(q="x = 1\n")
            for part in parts:
                steps += [*files(p=part), *cells(way)] if isinstance(part, str) else part
            return steps

        yield f"edited-{name}", played(texts[0], texts[0], texts[1]), {}
        yield f"renamed-{name}", played(texts[0], renamed, cells(way)), {}
        yield f"emptied-{name}", played(texts[0], "x = 1\n"), {}
        yield f"less-{name}", played(first + second, second), {}
        yield f"fails-{name}", played(texts[0], "1/0\n" + texts[1], texts[1]), {}
        yield f"no-ids-{name}", played(first + second, second), {"ids": False}
        once = f"if 'done' not in globals():\n{indented(way)}\n    done = 1\nprint('=', held('P>first'))"
        yield f"skipped-{name}", [*files(p=first, q="x = 1\n"), *cells(once, once)], {}
        callers = [Run("a", way), Run("b", way), Run("a", way), Run("b", "x = 1"), Run("a", way)]
        yield f"two-cells-{name}", [*files(p=first, q="x = 1\n"), *callers], {"probes": ["held('P>first')"]}
        if name not in ("listed", "load-module"):  # what is imported stays
            guard, edited = guarded("registry", KERAS), guarded("registry", KERAS, version=2)
            yield f"dropped-{name}", played(texts[0], cells(way, "x = 1")), {}
            yield f"cleared-{name}", played(texts[0], cells(way, "")), {}
            yield f"off-and-on-{name}", played(texts[0], [*SWITCH, *cells("x = 1")]), {}
            yield f"guarded-{name}", played(guard, guard, guard), {"compare": name != "exec-module"}
            yield f"guard-edited-{name}", played(guard, edited, edited), {"compare": name != "exec-module"}
            yield f"guard-renamed-{name}", played(guard, guarded("registry", KERAS, "Bar", "bar")), {}


SWITCH = [Run("switch", f"%kreg {word}", once=True) for word in ("off", "on")]
EXECUTORS = ("exec", "exec-open-file", "exec-function", "run", "run-m")
"""Ways to execute a file in the notebook's namespace."""


@family("executors")
def executors() -> Iterator[Made]:
    """One file that two cells execute: what one of them drops stays until the other one does."""
    text = KERAS.define()
    nested = "exec(open('p.py').read())\n"
    guards = [guarded("registry", KERAS, version=version) for version in (1, 2)]
    for one, other in itertools.product(EXECUTORS, repeat=2):
        a, b = EXECUTED[one], ("b", EXECUTED[other])
        for dropped in "ab":
            steps = [*files(p=text), *cells(a, b), *cells((dropped, "x = 1"))]
            yield f"{dropped}-{one}-{other}", steps, {"probes": ["held('P>foo')"]}
        yield f"both-{one}-{other}", [*files(p=text), *cells(a, b, "x = 1", ("b", "x = 1"))], {}
        yield f"switched-{one}-{other}", [*files(p=text), *cells(a, b), *SWITCH, *cells("x = 1", ("b", "x = 1"))], {}
        yield f"guarded-{one}-{other}", [*files(p=guards[0]), *cells(a, b), *files(p=guards[1]), *cells(a, b)], {}
    for name in EXECUTORS:
        way = EXECUTED[name]
        yield f"other-{name}", [*files(p=text, q=KERAS.define("Bar", "bar")), *cells(way, way.replace("p.py", "q.py").replace("-m p", "-m q"))], {}  # fmt: skip
        for inner, texts in {"plain": (text, KERAS.define(version=2)), "guard": guards}.items():
            outer = (
                files(p=texts[0])[0],
                Write("outer.py", nested),
                Run("a", way.replace("p.py", "outer.py").replace("-m p", "-m outer")),
            )
            yield f"inner-{inner}-{name}", [*outer, *files(p=texts[1]), outer[2], outer[2]], {}
            yield f"inner-dropped-{inner}-{name}", [*outer, Write("outer.py", "x = 1\n"), outer[2]], {}
            yield f"outer-dropped-{inner}-{name}", [*outer, *cells("x = 1")], {}


@family("switched")
def switched() -> Iterator[Made]:
    """What kreg knows of what does not stand outlives off and on, and reloading it."""
    ways = {
        "flag": (
            "done = []\ndef setup():\n    if not done: register('P', 'foo')(len)\n    done.append(1)\n",
            "setup()",
        ),
        "cache": ("@functools.cache\ndef setup(): return register('P', 'foo')(len)\n", "setup()"),
        "globals": ("", "if 'done' not in globals():\n    register('P', 'foo')(len)\n    done = 1"),
    }
    switches = {"off": SWITCH, "reload": [Run("switch", "%reload_ext kreg_ipython", once=True)]}
    for (name, (start, call)), (how, switch) in itertools.product(ways.items(), switches.items()):
        begin = [*cells(("d", start), call)]
        yield f"back-{name}-{how}", [*begin, *cells("x = 1"), *switch, *cells(call)], {"probes": ["held('P>foo')"]}
        yield f"elsewhere-{name}-{how}", [*begin, *cells(("b", call), "x = 1"), *switch, *cells(("b", "x = 1"))], {}
        yield f"undone-{name}-{how}", [*begin, *switch, *cells("x = 1"), *cells(call)], {"probes": ["held('P>foo')"]}


@family("reloads")
def reloads() -> Iterator[Made]:
    """What uses a former class or function when `%autoreload` has reloaded the file, in each of its modes."""
    base = (
        "class Base(keras.layers.Layer):\n    def __init__(self, units, **kw):\n"
        "        super(Base, self).__init__(**kw); self.units = units\n"
        "    def call(self, x): return x * VERSION.0\n    class Inner:\n        def go(self): return VERSION\n"
        "class Plain:\n    def __init__(self, a): super(Plain, self).__init__(); self.a = a\n"
        "    def go(self): return VERSION\ndef func(x): return x * VERSION\n"
    )
    derived = (
        "from base import Base, Plain\nclass Derived(Base):\n    def __init__(self, **kw): super(Derived, self).__init__(3, **kw)\n"
        "class Second(Plain):\n    def __init__(self): super(Second, self).__init__(7)\n"
    )
    setup = (
        "import base, derived\nfrom base import Base, Plain, func; from derived import Derived, Second\n"
        "from base import Base as B, Base as C\nInner = Base.Inner\nclass InCell(Base): pass\nclass Has: kind = Base\n"
        "layers, functions, table = [Base, Plain], [func], {'a': Base}\ndef build(b=Base): return b(2)\n"
        "i, p, j = Base(2), Plain(1), InCell(3)\ninner, call = Inner(), i.call\n"
    )
    made = ("Derived()", "InCell(2)", "B(2)", "layers[0](2)", "build()", "Has.kind(2)", "table['a'](2)", "i", "j")
    probes = [f"float({each}(np.ones(2))[0])" for each in (*made, "call")] + [
        "p.go(), Second().go(), layers[1](4).a, Inner().go(), inner.go()",
        "functions[0](3), func(3)",
        "isinstance(i, Base), isinstance(j, Base), isinstance(Second(), Plain)",
        "B is Base is base.Base is derived.Base is C",
    ]
    use = ("u", f"print('=', {', '.join(probes)})")
    spec = KINDS["spec"]
    encode = ("b", "print('=', encoded(Foo), Foo(1.0).number())")
    for mode in ("1", "2", "3", "2 --full"):
        name = mode.replace(" --", "-")

        def auto(*modules: str, mode: str = mode) -> Run:
            return Run(
                "auto",
                f"%autoreload {mode}\n" + "".join(f"%aimport {each}\n" for each in modules if mode == "1"),
                once=True,
            )

        for how in ("", "@register('P')\n"):
            texts = [how + base.replace("VERSION", version) for version in "123"]
            yield f"base-{name}{'-registered' if how else ''}", [
                *files(base=texts[0], derived=derived), auto("base", "derived"), *cells(("s", setup), use), *files(base=texts[1]),
                *cells(use), *files(base=texts[2]), *cells(use, ("s", setup), use), *files(derived=derived + "x = 1\n"), *cells(use),
            ], {"probes": probes}  # fmt: skip
        yield f"extension-type-{name}", [
            *files(m=spec.define()), auto("m"), *cells("from m import Foo", encode, encode), *files(m=spec.define(version=2)), *cells(encode, encode),
        ], {}  # fmt: skip
        slots = "class Slim:\n    __slots__ = ({})\nclass Foo(keras.layers.Layer): pass\n"
        yield f"slots-{name}", [
            *files(m=slots.format("'a',")), auto("m"), *cells("import m\nfrom m import Slim\ns = Slim()", ("b", "pass")),
            *files(m=slots.format("'a', 'b'")), *cells(("b", "print('=', type(Slim()).__slots__)")),
        ], {}  # fmt: skip
        one, two = KERAS.define(version=1), KERAS.define(version=2)
        yield f"moved-{name}", [
            *files(m=one + GRADIENT.define("Grad", "g"), n="x = 1\n"), auto("m", "n"), *cells("import m, n", ("b", "pass")),
            *files(m="x = 1\n", n=two + GRADIENT.define("Grad", "g", 2)), *cells(("b", "pass")),
        ], {"probes": ["roundtrip(n.Foo())[0]", "gradient('g')"]}  # fmt: skip
        yield f"broken-{name}", [
            *files(m=one), auto("m"), *cells("from m import Foo", ("b", "pass")), *files(m=two + "1/0\n"),
            *cells(("b", "print('=', roundtrip(Foo())[0])")), *files(m=two), *cells(("b", "print('=', roundtrip(Foo())[0])")),
        ], {"probes": ["roundtrip(Foo())"]}  # fmt: skip


WRITERS = {
    "plain": "def put(k, v): get_custom_objects()[k] = v\n",
    "variable": "def put(k, v):\n    table = get_custom_objects()\n    table[k] = v\n",
    "update": "def put(k, v): get_custom_objects().update({k: v})\n",
    "guarded": "def put(k, v):\n    if k not in get_custom_objects():\n        get_custom_objects()[k] = v\n",
    "nested": "def inner(k, v): get_custom_objects()[k] = v\ndef put(k, v): inner(k, v)\n",
}
"""Functions that write to the dict of custom objects themselves."""


@family("writers")
def writers() -> Iterator[Made]:
    """What a helper wrote into the dict is its caller's, wherever the helper is defined."""
    a, other, b = "put('a', len)\n", "put('a', max)\n", "put('b', len)\n"
    probes = {"probes": ["held('a')", "held('b')"]}
    for name, text in WRITERS.items():
        home = ("d", text)
        yield f"dropped-{name}", cells(home, a, ("b", a), "x = 1"), probes
        yield f"dropped-second-{name}", cells(home, a, ("b", a), ("b", "x = 1")), probes
        yield f"dropped-both-{name}", cells(home, a, ("b", a), "x = 1", ("b", "x = 1")), probes
        yield f"renamed-{name}", cells(home, a, b), probes
        yield f"renamed-in-one-{name}", cells(home, a + b, ("b", a), b), probes
        yield f"changed-{name}", cells(home, a, other), probes
        yield f"changed-elsewhere-{name}", cells(home, a, ("b", other), ("b", "x = 1")), {"compare": name != "guarded"}
        remembers = probes if name != "guarded" else {"limitation": REMEMBERS}
        yield f"loop-{name}", cells(home, "for k in ('a', 'b'): put(k, len)", "for k in ('a',): put(k, len)"), remembers
        yield f"own-renamed-{name}", cells(text + a, text + b), probes
        yield f"own-shorter-{name}", cells(text + a + b, text + b), remembers
        yield f"own-timed-{name}", cells("%%time\n" + text + a + b, "%%time\n" + text + b), remembers
        yield f"own-uncalled-{name}", cells(f"{text}def go(): {a}go()", f"{text}def go(): {a}"), probes
        yield f"fails-{name}", cells(home, a, "1/0\n" + a, a, b), probes
        yield f"literal-too-{name}", cells(home, a, ("b", "get_custom_objects()['a'] = len"), "x = 1"), probes
        for mode in ("", "1", "2", "3"):
            auto = [Run("auto", f"%autoreload {mode}\n%aimport m" if mode == "1" else f"%autoreload {mode}", once=True)]
            again = [Run("again", "import importlib\nimportlib.reload(sys.modules['m'])", once=True)]
            yield f"file-{mode}-{name}", [
                *files(m=text + a), *(auto if mode else []), *cells("import m"), *files(m=text + b),
                *(again if not mode else []), *cells(("b", "x = 1")),
            ], probes  # fmt: skip
    yield "keywords", cells(("d", "def put(**k): get_custom_objects().update(k)"), "put(a=len)", ("b", "put(a=len)"), "x = 1"), probes  # fmt: skip
    yield "method", cells(*["class T:\n    def put(self, k, v): get_custom_objects()[k] = v\nT()." + each for each in (a, b)]), probes  # fmt: skip


@family("uncalled")
def uncalled() -> Iterator[Made]:
    """A function that the text still defines, and that nothing calls or hands on any more."""
    helper = "def reg(n): register('P', n)(len)\n"
    go = f"{helper}def go(): reg('a')\n"
    yield "plain", cells(go + "go()", go), {}
    yield "called-otherwise", cells(go + "go()", go + "x = go()"), {}
    yield "inlined", cells(go + "go()", helper + "reg('a')"), {}
    yield (
        "class",
        cells(*[f"{helper}class A:\n    def __init__(self): reg('a')\n{call}" for call in ("A()", "x = A()")]),
        {},
    )
    yield (
        "cached",
        cells(*[f"{helper}@functools.cache\ndef go(): reg('a')\n{call}" for call in ("go()", "x = go()")]),
        {},
    )
    flag = "done = []\ndef setup():\n    if not done: register('P', 'a')(len)\n    done.append(1)\n"
    there = ("d", f"{flag}def go(): setup()\n")
    yield "for-another-cell", cells(there, "setup()", ("b", "go()"), "x = 1"), {"probes": ["held('P>a')"]}
    module = Write("m.py", f"{MODULE_IMPORTS}{flag}"), Write("n.py", "import m\ndef go(): m.setup()\n")
    yield "for-another-module", [*module, *cells(("i", "import m, n"), "m.setup()", ("b", "n.go()"), "x = 1")], {"probes": ["held('P>a')"]}  # fmt: skip
    start = "t = threading.Thread(target=go); t.start(); t.join()"
    for kind in (KERAS, GRADIENT, KINDS["spec"], KINDS["conversion"]):
        work = ("d", "def go():\n" + indented("global Foo\n" + kind.define()))
        yield f"thread-elsewhere-{kind.name}", cells(work, start, "x = 1"), {}
        yield f"thread-in-one-{kind.name}", cells(work[1] + start, work[1]), {}


@family("packages")
def packages() -> Iterator[Made]:
    """A package whose part is edited, reloaded or purged, fails, is interrupted, and is overridden by a cell."""
    part, init = "import importlib, pkg, pkg.a; importlib.reload(pkg.a); importlib.reload(pkg)", "from .a import *\n"
    purge = "for n in [n for n in sys.modules if n.split('.')[0] == 'pkg']: del sys.modules[n]"
    over = ("b", KINDS["function"].define("Over", "foo"))
    edits = {
        "edit": (KERAS.define(), KERAS.define(version=2)),
        "rename": (KERAS.define(), KERAS.define("Foo", "bar")),
        "guard": (guarded("registry", KERAS), guarded("registry", KERAS, version=2)),
        "more": (GRADIENT.define("G", "g"), GRADIENT.define("G", "g", 2) + KERAS.define()),
    }
    for (name, texts), (how, again) in itertools.product(edits.items(), {"reload": part, "purge": purge}.items()):
        first, second = ([Write("pkg/__init__.py", init), *files(pkg__a=text)] for text in texts)
        fails, stops = (files(pkg__a=with_ + texts[1]) for with_ in ("1/0\n", INTERRUPT))
        once, attempt = Run("once", again, once=True), Run("once", f"{again}\nimport pkg", once=True)
        begun = [*first, *cells("import pkg")]
        yield f"{name}-{how}", [*begun, *second, once, *cells("import pkg")], {}
        yield f"{name}-fails-{how}", [*begun, *fails, attempt, *second, once, *cells("import pkg")], {}
        yield f"{name}-interrupted-{how}", [*begun, *stops, attempt, *second, once, *cells("import pkg")], {}
        if name != "guard":  # it asks for the key, which is the cell's then
            yield (
                f"{name}-overridden-{how}",
                [*begun, *cells(over), *second, once, *cells("import pkg", ("b", "x = 1"))],
                {},
            )


@family("aliases")
def aliases() -> Iterator[Made]:
    """One object under several keys, in several cells and frameworks."""
    f, both = "def f(x): return x\n", "register('P', 'a')(f)\nregister('P', 'b')(f)"
    a, b = "register('P', 'a')(f)", "register('P', 'b')(f)"
    direct, keras2 = "get_custom_objects()['P>a'] = f", "tf_keras.saving.register_keras_serializable('P', 'a')(f)"
    yield "two-keys", cells(f + both, f + b), {}
    yield "one-line", cells(f + both.replace("\n", "; "), f + b), {}
    for dropped in "ab":
        yield f"two-cells-{dropped}", cells(("d", f), a, ("b", b), (dropped, "x = 1")), {}
        yield f"one-key-{dropped}", cells(("d", f), a, ("b", a), (dropped, "x = 1")), {}
    yield "redefined", cells(("d", f), a, ("b", b), ("d", f + "\n"), a, ("b", b)), {}
    yield "another-name", cells(("d", f + "g = f"), a, a.replace("(f)", "(g)")), {}
    yield "two-frameworks", cells(f"{f}{a}\n{keras2}", f + keras2), {}
    yield "by-hand", cells(f"{f}{a}\n{direct}", f + direct), {}
    yield "by-hand-dropped", cells(f"{f}{a}\n{direct}", f + a), {}
    g = "def g(op, grad): return grad\n"
    yield "gradients", cells(f"{g}tf.RegisterGradient('a')(g)\ntf.RegisterGradient('b')(g)", f"{g}tf.RegisterGradient('b')(g)"), {}  # fmt: skip


@family("arguments")
def arguments() -> Iterator[Made]:
    """One script that is executed several times: each execution's entries stand beside the others."""
    write = Write("q.py", MODULE_IMPORTS + "register('P', sys.argv[1])(len)\n")
    several = "%run q.py a\n%run q.py b"
    there = "\nprint('=', found('P>a'), found('P>b'))"
    yield "args", [write, *cells(several + there, several + there)], {}
    yield "loop", [write, *cells(*["for k in 'ab':\n    %run q.py {k}\n" + there] * 2)], {}
    yield "one-less", [write, *cells(several, "%run q.py b")], {}
    yield "renamed", [write, *cells(several, "%run q.py a\n%run q.py c")], {}
    yield "dropped", [write, *cells(several, "x = 1")], {}
    yield "edited", [write, *cells(several), Write("q.py", MODULE_IMPORTS + "register('Q', sys.argv[1])(len)\n"), *cells(several)], {}  # fmt: skip
    yield "fails", [write, *cells(several, "%run q.py a\n%run q.py", several + there)], {}
    two = cells(("a", "%run q.py a"), ("b", "%run q.py b" + there))
    yield "two-cells", [write, *two, *two], {}
    yield "two-cells-edited", [write, *two, *cells(("a", "%run q.py c"), ("b", "%run q.py b"))], {}
    yield "two-cells-dropped", [write, *two, *cells(("a", "x = 1"), ("b", "x = 1"))], {}
    yield "two-cells-one-dropped", [write, *two, *cells(("b", "x = 1"), ("a", "%run q.py a"))], {}
    main = Write("main.py", "import runpy, sys\nrunpy.run_path('q.py', {'K': sys.argv[1]})\n")
    one = Write("q.py", MODULE_IMPORTS + "register('P', K)(len)\n")
    yield "nested", [main, one, *cells(*["%run main.py a\n%run main.py b" + there] * 2)], {}
    yield "nested-two-cells", [main, one, *cells(("a", "%run main.py a"), ("b", "%run main.py b" + there), ("a", "%run main.py a"))], {}  # fmt: skip
    started = "import runpy\nfor k in 'ab':\n    t = threading.Thread(target=runpy.run_path, args=('q.py', {'K': k})); t.start(); t.join()"
    yield "threads", [one, *cells(*[started + there] * 2)], {}
    executed = "K = '{}'; exec(compile(open('q.py').read(), 'q.py', 'exec'))"
    yield "exec-two-cells", [one, *cells(("a", executed.format("a")), ("b", executed.format("b") + there))], {}
    numbered = "class C:\n    def __init__(self, n): self.n = n"
    converts = "def convert_c(number):\n    def to(v, dtype=None, name=None, as_ref=False): return tf.constant(v.n) if v.n == number else NotImplemented\n    return to\ntf.register_tensor_conversion_function(C, convert_c(N))\n"
    yield "conversions", [Write("q.py", converts), *cells(("d", numbered), *["for N in (1.0, 2.0):\n    %run -i q.py\nprint('=', convert(C(1.0)), convert(C(2.0)))"] * 2)], {}  # fmt: skip
    named = Write("q.py", MODULE_IMPORTS + "@register('P', sys.argv[1])\nclass Foo(keras.layers.Layer): pass\n")
    yield "class", [named, *cells(several + there, several + there, "%run q.py b")], {}
    yield "class-two-cells", [named, *two, *two, *cells(("a", "x = 1"), ("b", "x = 1"))], {}
    yield "runpy", [Write("q.py", MODULE_IMPORTS + "register('P', K)(len)\n"), *cells(*["import runpy\nfor k in 'ab': runpy.run_path('q.py', {'K': k})" + there] * 2)], {}  # fmt: skip
    yield "interactive", [Write("q.py", "register('P', K)(len)\n"), *cells(*["for K in 'ab':\n    %run -i q.py\n" + there] * 2)], {}  # fmt: skip
    for name, kind in KINDS.items():
        text = Write("q.py", MODULE_IMPORTS + kind.define())
        yield f"same-{name}", [text, *cells(*["%run q.py\n%run q.py\n" + kind.use()] * 2)], {"probes": kind.probes()}


@family("partial")
def partial() -> Iterator[Made]:
    """What a cell asks for stays while another one, which asks for it, too, has failed."""
    asks = guarded("registry", KERAS)
    done = "done = []\ndef setup():\n    if done: return\n    done.append(1)\n    register('P', 'k')(len)"
    for name, first, text, use in (
        ("guard", (), asks, KERAS.use()),
        ("memo", (("d", done),), "setup()\n", "print('=', found('P>k'))\n"),
    ):
        for how, stops in {"fails": "1/0\n", "interrupted": INTERRUPT}.items():
            begun = [*first, ("c", text), ("a", text)]
            yield f"{name}-{how}-before", cells(*begun, ("c", "y = 1"), ("a", stops + text), ("a", text + use)), {}
            yield f"{name}-{how}-after", cells(*begun, ("a", text + stops), ("c", "y = 1"), ("a", text + use)), {}


@family("listed")
def listed() -> Iterator[Made]:
    """Loops over what the text itself computes of what it says."""
    for name, (whole, less) in {
        "split": ("'a b c'.split()", "'a b'.split()"),
        "lines": ("'a\\nb\\nc'.splitlines()", "'a\\nb'.splitlines()"),
        "sum": ("['a'] + ['b']", "['a'] + []"),
        "dict": ("dict(a=1, b=2)", "dict(a=1)"),
        "items": ("dict(a=1, b=2).keys()", "dict(a=1).keys()"),
        "comprehension": ("[f'n{i}' for i in range(3)]", "[f'n{i}' for i in range(2)]"),
        "map": ("map(str, range(3))", "map(str, range(2))"),
        "set": ("sorted(set(['a', 'b']))", "sorted(set(['a']))"),
        "upper": ("'abc'.upper()", "'ab'.upper()"),
        "power": ("range(2 ** 2)", "range(2 ** 1)"),
    }.items():
        texts = [f"for n in {names}: register('P', str(n))(len)" for names in (whole, less)]
        yield name, cells(*texts), {}
        yield f"{name}-file", [*files(m=texts[0]), *cells("import m"), *files(m=texts[1]), Run("r", "import importlib; importlib.reload(m)", once=True)], {}  # fmt: skip


@family("data")
def data() -> Iterator[Made]:
    """Loops over what another cell has as data, which gets shorter there."""
    for name, names in {
        "get": "config.get('names', [])",
        "getattr": "getattr(Config, 'names', ())",
        "default": "config.get('names') or ['none']",
        "copy": "config['names'].copy()",
        "set": "sorted(set(config['names']))",
        "dict": "dict(config['table']).items()",
        "split": "config['text'].strip().split(',')",
        "sum": "config['names'] + config['more']",
        "comprehension": "[n.upper() for n in config['names']]",
        "sorted": "sorted(config['names'], key=len)",
        "enumerate": "enumerate(config['names'], start=1)",
    }.items():
        texts = [
            f"config = dict(names={n!r}, table=dict.fromkeys({n!r}), text=','.join({n!r}), more=['z'])\n"
            f"class Config:\n    names = {n!r}"
            for n in (["a", "b"], ["a"])
        ]
        loop = f"for n in {names}:\n    get_custom_objects()[str(n)] = lambda x: x"
        yield name, cells(("c", texts[0]), ("a", loop), ("c", texts[1]), ("a", loop)), {}


WRITES_ONCE = (
    "done = []\ndef setup():\n    if not done:\n        done.append(1)\n        get_custom_objects()['k'] = len\n"
)


@family("other-writes")
def other_writes() -> Iterator[Made]:
    """Writes into containers of the cell's own, beside what is written into the registry's."""
    there = "\nprint('=', held('k'))"
    library = Write("site-packages/lib.py", MODULE_IMPORTS + WRITES_ONCE)
    for name, text in {
        "key": "scores = {}\nscores['k'] = N",
        "list": "losses = []\nlosses.append(N)",
        "loop": "losses = []\nfor i in range(N): losses.append(i)",
        "set": "seen = set()\nseen.add('k')\nn = N",
        "update": "options = dict()\noptions.update(k=N)",
        "array": "values = np.zeros(3)\nvalues[0] = N",
        "attribute": "class Log: lines = []\nLog.lines.append(N)",
        "queue": "import collections\nqueue = collections.deque()\nqueue.append(N)",
        "augmented": "names = []\nnames += ['k'] * N",
    }.items():
        first, second = (f"setup()\n{text.replace('N', str(number))}{there}" for number in (1, 2))
        yield f"{name}-again", cells(("h", WRITES_ONCE), first, first), {"probes": ["held('k')"]}
        yield f"{name}-edited", cells(("h", WRITES_ONCE), first, second), {"probes": ["held('k')"]}
        calls = [f"import lib\nlib.{each}" for each in (first, second)]
        yield f"{name}-library", [library, *cells(*calls)], {"probes": ["held('k')"]}
        by_itself = f"get_custom_objects()['k'] = len\n{text.replace('N', '1')}"
        yield f"{name}-dropped", cells(by_itself, text.replace("N", "1")), {"probes": ["held('k')"]}
        bound = f"objects = get_custom_objects()\nobjects['k'] = len\n{text.replace('N', '1')}"
        yield f"{name}-variable", cells(bound, bound + there, "x = 1"), {"probes": ["held('k')"]}
    for name, call in {
        "setdefault": "get_custom_objects().setdefault('k', len)",
        "update": "get_custom_objects().update(k=len)",
        "setitem": "get_custom_objects().__setitem__('k', len)",
        "setitem-of-dict": "dict.__setitem__(get_custom_objects(), 'k', len)",
    }.items():
        yield f"{name}-renamed", cells(call, call.replace("k", "l")), {}
    held = "objects = get_custom_objects()\n"
    rebound = [("a", held + "objects['k'] = len"), ("b", "objects = {}"), ("a", held + "x = 1")]
    yield "rebound", cells(*rebound), {"probes": ["held('k')"]}
    given = "def k(x): return x\nlosses = {}\nlosses['k'] = k\n"
    for name, writes in {
        "update": "get_custom_objects().update(losses)",
        "key": "get_custom_objects()['k'] = k",
    }.items():
        yield f"given-{name}", cells(given + writes, given), {"probes": ["held('k')"]}
        yield f"given-{name}-again", cells(*[given + writes + there] * 2), {"probes": ["held('k')"]}
        yield f"given-{name}-file", [*files(m=given + writes), *cells("import m"), *files(m=given), Run("r", "import importlib; importlib.reload(m)", once=True)], {}  # fmt: skip


@family("decorators")
def decorators() -> Iterator[Made]:
    """A class that a decorator registers under its own name is dropped or renamed, beside others with that decorator."""
    body = "    return register('P')(c)\n"
    library = Write("site-packages/lib.py", MODULE_IMPORTS + "def reg(c):\n" + body)
    own = {
        "optional": "def reg(c=None, *, name=None):\n    if c is None: return lambda c: reg(c, name=name)\n" + body,
        "returns": "def reg(c):\n    if c is None: return\n" + body,
        "wrapped": "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def inner(*a): return f(*a)\n"
        "    return inner\n@deco\ndef reg(c):\n" + body,
        "memo": "seen = set()\ndef reg(c):\n    if c.__name__ in seen: return c\n    seen.add(c.__name__)\n" + body,
    }
    two = ["@reg\nclass A(keras.layers.Layer): pass\n", "@reg\nclass B(keras.layers.Layer): pass\n"]
    by_call = ["class A: pass\nclass B: pass\nreg(A); reg(B)", "class B: pass\nreg(B)"]
    for name, helper in own.items():
        if name != "memo":
            yield f"{name}-dropped", cells(("h", helper), "".join(two), two[1]), {}
            auto = Run("auto", "%autoreload 2", once=True)
            yield f"{name}-file", [auto, *files(m=helper + "".join(two)), *cells("import m"), *files(m=helper + two[1]), *cells(("b", "x = 1"))], {}  # fmt: skip
            yield f"{name}-called", cells(("h", helper), *[each.replace("class A: pass\n", "def A(): pass\n").replace("class B: pass\n", "def B(): pass\n") for each in by_call]), {}  # fmt: skip
        yield f"{name}-renamed", cells(("h", helper), *two), {}
        yield f"{name}-moved", cells(("h", helper), "".join(two), ("b", two[0]), two[1]), {"compare": name != "memo"}
    for name, texts in {"dropped": ["".join(two), two[1]], "renamed": two}.items():
        yield f"library-{name}", [library, *cells(*[f"from lib import reg\n{each}" for each in texts])], {}
    keyed = "seen = set()\ndef reg(k):\n    def deco(c):\n        if k in seen: return c\n        seen.add(k)\n        return register('P', k)(c)\n    return deco"  # fmt: skip
    there = "\nprint('=', found('P>k'))"
    yield "keyed", cells(("h", keyed), *[f"@reg('k')\ndef {name}(x): return x{there}" for name in "fg"]), {"compare": False}  # fmt: skip


ENSURES = (
    "ready = []\ndef ensure():\n    if not ready:\n        ready.append(1)\n        register('P', 'k')(len)\n"
    "def load(): ensure()\ndef save():\n    ensure()\n    return get_registered_object('P>k').__name__\n"
    "def prepare(x):\n    ensure()\n    return x\n"
)
LAZY = (
    "class Model:\n    ready = False\n    def ensure(self):\n        if Model.ready: return\n        Model.ready = True\n"
    "        register('P', 'k')(len)\n    def fit(self): self.ensure()\n    def evaluate(self):\n        self.ensure()\n"
    "        return get_registered_object('P>k').__name__\nclass Trainer:\n    def __init__(self): self.model = Model()\n"
    "    def run(self): return self.model.evaluate()\n"
)


@family("other-paths")
def other_paths() -> Iterator[Made]:
    """What a memo skips is registered once, and the new text leads to the memo by way of something else."""
    there = "\nprint('=', held('P>k'))"
    probes: dict[str, Any] = {"probes": ["held('P>k')"]}
    again = {
        "function": "print('=', save())",
        "handed-on": "x = list(tf.data.Dataset.range(2).map(prepare))" + there,
        "lambda": "x = list(map(lambda f: f(), [save]))" + there,
        "partial": "import functools\nx = functools.partial(prepare, 1)()" + there,
        "table": "x = {'p': save}['p']()" + there,
        "thread": "t = threading.Thread(target=save); t.start(); t.join()" + there,
    }
    for name, text in again.items():
        yield name, cells(("d", ENSURES), "load()" + there, text), probes
        yield f"{name}-file", [*files(m=ENSURES), *cells(("d", "from m import *"), "load()" + there, text)], probes
        library = Write("site-packages/lib.py", MODULE_IMPORTS + ENSURES)
        yield f"{name}-library", [library, *cells(("d", "from lib import *"), "load()" + there, text)], probes
        yield f"{name}-cells", cells(("d", ENSURES), "load()", ("b", text), "x = 1", ("b", text)), {}
    for name, (first, second) in {
        "method": ("t.fit()", "t.evaluate()"),
        "class": ("Model().fit()", "Model().evaluate()"),
        "deeper": ("t.fit()", "u.model.evaluate()"),
    }.items():
        made = ("d", "t, u = Model(), Trainer()")
        yield name, cells(("c", LAZY), made, first + there, second + there), probes
        yield f"{name}-file", [*files(m=LAZY), *cells(("c", "from m import *"), made, first + there, second + there)], probes  # fmt: skip
    computed = "class T:\n    m = None\n    @property\n    def model(self):\n        if self.m is None:\n            register('P', 'k')(len)\n            self.m = 'm'\n        return self.m\n    def fit(self): return self.model.upper()\nt = T()"  # fmt: skip
    yield "property", cells(("d", computed), "x = t.model.upper()" + there, "x = t.fit()" + there), probes
    quant = "class Quant(keras.layers.Layer):\n    seen = set()\n    def __init__(self, bits, **kw):\n        super().__init__(**kw)\n        if bits not in self.seen:\n            self.seen.add(bits)\n            tf.RegisterGradient(f'Q{bits}')(lambda op, grad: grad)\n"  # fmt: skip
    use = "\nprint('=', gradient('Q8'))"
    yield "from-config", cells(("d", quant), "q = Quant(8)" + use, "q = Quant.from_config({'bits': 8})" + use), {}
    others = "done = set()\ndef add(name):\n    if name in done: return\n    done.add(name)\n    register('P', name)(len)\ndef relu(): add('relu')\ndef gelu(): add('gelu')\n"  # fmt: skip
    yield "another-key", cells(("d", others), "relu()", "gelu()"), {}
    yield "another-key-cells", cells(("d", others), "relu()", ("b", "gelu()"), "x = 1", ("b", "gelu()")), {}
    yield "another-key-file", [*files(m=others), *cells(("d", "import m"), "m.relu()", "m.gelu()")], {}
    yield "dropped", cells(("d", ENSURES), "load()", "x = 1"), {}
    yield "dropped-method", cells(("d", LAZY + "t = Model()"), "t.fit()", "x = t.ready"), {}


@family("patched")
def patched() -> Iterator[Made]:
    """Under `%autoreload`, what a file's variables hold goes on as in stock, if the file registers nothing itself."""
    auto = Run("auto", "%autoreload 2", once=True)
    table = (
        "import keras\nfrom keras.saving import register_keras_serializable as register\n"
        "TABLE, seen = {}, []\ndef add(cls):\n    TABLE[cls.__name__] = cls\n    return register('P')(cls)\n"
        "def build(name): return TABLE[name]()\nclass Config:\n    rate = 1\n    def get(self): return self.rate\n"
    )
    layer = "@m.add\nclass L(keras.layers.Layer): pass"
    use = "x = m.build('L')\nm.seen.append(1)\nprint('=', type(x) is L, held('P>L'), m.Config().get())"
    for name, new in {
        "body": table.replace("[name]()", "[name](name='x')"),
        "method": table.replace("self.rate", "self.rate + 0"),
        "comment": "# a table\n" + table,
        "function": table + "def more(): pass\n",
        "registering": table.replace("register('P')(cls)", "register('P', cls.__name__)(cls)"),
    }.items():
        steps = [
            auto,
            Write("m.py", table),
            *cells("import m", ("c", layer), ("b", use)),
            Write("m.py", new),
            *cells(("b", use)),
        ]
        yield name, steps, {"probes": ["held('P>L')"]}
        kept = "state = globals().get('state') or (m.seen, m.Config)\nprint('=', state[0] is m.seen, isinstance(m.Config(), state[1]))"
        yield f"{name}-state", [auto, Write("m.py", table), *cells("import m", ("k", kept)), Write("m.py", new), *cells(("k", kept))], {}  # fmt: skip
    made = table + "def make(n): return register('P', n)(len)\n"
    for name, new in {
        "above": "# a table\n" + made.replace("[name]()", "[name](name='x')"),
        "itself": made.replace("(n): return", "(n):\n    return"),
        "both": "# a table\n" + made.replace("(n): return", "(n, x=0):\n    return"),
    }.items():
        patched = [auto, Write("m.py", made), *cells("import m", ("x", "pass")), Write("m.py", new)]
        yield f"{name}-renamed", [*patched, *cells(("x", "pass"), ("c", "m.make('a')"), ("c", "m.make('b')"))], {}
        yield f"{name}-dropped", [*patched, *cells(("x", "pass"), ("c", "m.make('a')"), ("c", "x = 1"))], {}


@family("bodies")
def bodies() -> Iterator[Made]:
    """What stands in a function that a cell calls, or under `with`, `if` and `try`, is renamed or dropped."""
    around = {"plain": "{}", "main": 'if __name__ == "__main__":\n    {}', "try": "try:\n    {}\nexcept ValueError: pass", "with": "with tf.device('CPU'):\n    {}"}  # fmt: skip
    for name, form in around.items():
        main = "def main():\n    register('P', '{}')(len)\n" + form.format("main()")
        yield f"renamed-{name}", cells(main.format("a"), main.format("b")), {}
        yield f"dropped-{name}", cells(main.format("a"), "def main():\n    pass\n" + form.format("main()")), {}
        one, two = "register('P', 'a')(len)", "register('P', 'b')(len)"
        inside = [textwrap.indent(form.format(each), "    ") for each in (f"{one}; {two}", f"{one}\n    {two}", two)]
        built = [f"def build():\n{each}\nbuild()" for each in inside]
        yield f"one-of-two-{name}", cells(built[1], built[2]), {}
        makes = "def make(n): return register('P', n)(len)\n"
        for where, given, own in (("cell", (), makes), ("other", (("h", makes),), "")):
            text = own + "def build_{0}(): return make('{0}')\n" + form.format("build_{0}()")
            yield f"function-{name}-{where}", cells(*given, text.format("a"), text.format("b")), {}
        classes = "@register('P')\nclass {}(keras.layers.Layer): pass"
        defined = form.replace("{}", "@register('P')\n    class A(keras.layers.Layer): pass\n    units = 1")
        for other in ("units = 2", "pass", "print(3)", "def units(): return 1"):
            yield f"class-dropped-{name}-{other}", cells(defined, form.format(other)), {}
        undecorated = defined.replace("@register('P')\n    ", "")
        yield f"decorator-off-{name}", cells(defined, undecorated), {}
        subclass = form.replace("{}", "class A(Base): pass")
        base = REGISTERING_BASE.replace("if cls.__name__[0] != '_': ", "")
        yield f"base-off-{name}", cells(("h", base), subclass, subclass.replace("Base", "keras.layers.Layer")), {}  # fmt: skip
        yield f"class-renamed-{name}", cells(classes.format("A"), form.format("x = 1")), {}
    for name in ("Ba", "Zz"):
        both = f"class {name}(Base): pass\nclass Other(Base): pass"
        yield f"subclass-dropped-{name}", cells(("h", REGISTERING_BASE), both, "class Other(Base): pass"), {}
    copied = "try:\n    class N: pass\n    tf.register_tensor_conversion_function(N, lambda v, dtype=None, name=None, as_ref=False: tf.constant(1.))\nexcept ValueError: pass"
    yield "copied", cells(("a", copied), ("b", copied), ("a", "x = 1")), {}
    for name, function in {
        "returns-after": "def make(n):\n    c = register('P', n)(len)\n    if c: return c",
        "returns-it": "def make(n):\n    with tf.device('CPU'):\n        return register('P', n)(len)",
        "returns-in-loop-after": "def make(n):\n    register('P', n)(len)\n    for each in 'ab':\n        if each: return each",
    }.items():
        yield name, cells(("h", function), "make('a')", "make('b')"), {}


@family("edited-in-run")
def edited_in_run() -> Iterator[Made]:
    """A file loses a registration and is reloaded by the very run that calls its function."""
    for name, form in {"plain": "if True:\n        {}", "try": "try:\n        {}\n    except ValueError: pass", "with": "with tf.device('CPU'):\n        {}", "if": "if len('a'):\n        {}"}.items():  # fmt: skip
        one, two = "register('P', 'a')(len)", "register('P', 'b')(len)"
        both, less, none = (
            f"def setup():\n    {form.format(body)}\n" for body in (f"{one}\n        {two}", two, "pass")
        )
        for which, new in {"less": less, "none": none}.items():
            for how, text in {"reload": "import importlib, m\nimportlib.reload(m).setup()", "autoreload": "import m\nm.setup()"}.items():  # fmt: skip
                magic = [Run("magic", "%autoreload 2", once=True)] if how == "autoreload" else []
                yield f"{name}-{which}-{how}", [*magic, *files(m=both), *cells(text), *files(m=new), *cells(text)], {}
        there = "print('=', found('P>a'))\n"
        asks = [*files(m=both), *cells("import m\nm.setup()", ("b", "import m\nm.setup()\n" + there))]
        yield f"{name}-two-cells", [*asks, *files(m=less), *cells("import importlib\nimportlib.reload(m).setup()")], {"compare": False}  # fmt: skip


REGISTERING_BASE = "class Base(keras.layers.Layer):\n    def __init_subclass__(cls, **k):\n        super().__init_subclass__(**k)\n        if cls.__name__[0] != '_': register('P')(cls)\n"


@family("own-names")
def own_names() -> Iterator[Made]:
    """What remembers is called by the name of what it remembers, or by a class statement; a guard asks something else."""
    there = "print('=', found('P>k'))\n"
    made = "class Factory:\n    def __init__(self): self.make = functools.lru_cache(maxsize=None)(self.make)\n    def make(self, n): return register('P', n)(len)\n    def build(self, *names):\n        for n in names: self.make(n)\n    def one(self): self.make('k')\nfactory = Factory()"
    for name, calls in {
        "attribute": ["factory.build('k')\n", "factory.build('k', 'j')\n"],
        "attribute-again": ["factory.one()\n"] * 2,
        "attribute-unrelated": ["factory.one()\nx = 1\n", "factory.one()\nx = 2\n"],
    }.items():
        yield name, cells(("h", made), *(each + there for each in calls)), {"probes": ["found('P>k')"]}
    setup = "def setup(): register('P', 'k')(len)\nonce = functools.cache(setup)\n"
    for name, train in {
        "parameter": "def train(setup=once): setup()",
        "closure": "def trained(setup):\n    def train(): setup()\n    return train\ntrain = trained(once)",
        "local": "def train():\n    setup = once\n    setup()",
    }.items():
        yield name, cells(("h", setup + train), *["train()\n" + there] * 2), {"probes": ["found('P>k')"]}
    yield "inner-function", cells(*["def train():\n    def setup(): register('P', 'k')(len)\n    setup()\ntrain()\n" + there] * 2, "x = 1"), {}  # fmt: skip
    known = "known = {}\ndef once(cls):\n    if cls.__name__ not in known: known[cls.__name__] = register('P')(cls)\n    return known[cls.__name__]\n"
    for name, library, head in (
        ("function", known, "@lib.once\nclass k(keras.layers.Layer):"),
        ("call", known + "class Registry:\n    def __call__(self, cls): return once(cls)\nserial = Registry()\n", "@lib.serial\nclass k(keras.layers.Layer):"),
        ("base", known + "class Base(keras.layers.Layer):\n    def __init_subclass__(cls, **o):\n        super().__init_subclass__(**o)\n        if cls.__name__ not in known: known[cls.__name__] = register('P')(cls)\n", "class k(lib.Base):"),
    ):  # fmt: skip
        write = Write("site-packages/lib.py", MODULE_IMPORTS + library)
        text = f"import lib\n{head}\n    def call(self, x): return x\n{there}"
        limited = {"limitation": REMEMBERS} if name == "base" else {}  # it goes on with the former class
        yield f"decorator-{name}", [write, *cells(text, text)], {"probes": ["found('P>k')"], **limited}
    for name, (defines, asks) in {
        "flag": ("flags.DEFINE_integer('k', {}, 'h')", "flags.FLAGS['k'].name"),
        "direct": ("get_custom_objects()['k'] = [len, max, min][{}]", "'k' in get_custom_objects()"),
        "gradient": ("tf.RegisterGradient('k')(lambda op, grad: {})", "gradient('k') is not None"),
    }.items():
        for which, holds in {"set": "set()", "list": "[]", "dict": "{}"}.items():
            notes = {"set": "done.add('k')", "list": "done.append('k')", "dict": "done['k'] = 1"}[which]
            texts = [f"if 'k' not in done:\n    {defines.format(n)}; {notes}\nprint('=', {asks})" for n in (1, 2)]
            yield f"asks-{name}-{which}", cells(("d", f"done = {holds}"), *texts), {"limitation": GUARDED}


REMEMBERING = {
    "cache": "@functools.cache\ndef get(n): return register('P', n)(len)\n",
    "early": "K = {}\ndef get(n):\n    if n in K: return K[n]\n    K[n] = register('P', n)(len)\n    return K[n]\n",
    "condition": "K = {}\ndef get(n):\n    if n not in K:\n        K[n] = register('P', n)(len)\n    return K[n]\n",
    "or": "K = {}\ndef get(n):\n    K[n] = K.get(n) or register('P', n)(len)\n    return K[n]\n",
    "object": "class Zoo:\n    def __init__(self): self.made = {}\n    def get(self, n):\n        if n not in self.made:\n            self.made[n] = register('P', n)(len)\n        return self.made[n]\nget = Zoo().get\n",
}  # fmt: skip


@family("keyed")
def keyed() -> Iterator[Made]:
    """Factories that remember what they have registered under a key, and are called for another one, too."""
    probes: dict[str, Any] = {"probes": ["held('P>a')", "held('P>b')"]}
    for name, text in REMEMBERING.items():
        for how, more in {
            "another": ["x = [get('a')]", "x = [get('a'), get('b')]"],
            "fewer": ["x = [get('a'), get('b')]", "x = [get('b')]"],
            "back": ["x = [get('a')]", "x = [get('b')]", "x = [get('a')]"],
            "loop": ["for n in ['a']: get(n)", "for n in ['a', 'b']: get(n)"],
            "two-cells": [("y", "get('a')"), "get('a')", ("y", "get('b')")],
        }.items():
            limits = {"limitation": REMEMBERS} if how in ("fewer", "back") else probes
            yield f"{name}-{how}", cells(("h", text), *more), limits
            yield f"{name}-{how}-file", [*files(m=text), *cells(("h", "from m import *"), *more)], limits


@family("callers")
def callers() -> Iterator[Made]:
    """What remembers is called by a function of another cell or file, which is edited beside the call."""
    probes: dict[str, Any] = {"probes": ["held('P>a')"]}
    auto = Run("auto", "%autoreload 2", once=True)
    for name, text in REMEMBERING.items():
        for how, (one, two) in {
            "beside": ("    return [get('a'), 1]\n", "    return [get('a'), 2]\n"),
            "renamed": ("    made = get('a')\n    return made\n", "    found = get('a')\n    return found\n"),
            "inner": ("    return [inner(1)]\ndef inner(x): return get('a')\n", "    return [inner(1)]\ndef inner(x): return [get('a')]\n"),
        }.items():  # fmt: skip
            texts = [f"def build():\n{body}" for body in (one, two)]
            yield f"{name}-{how}", cells(("h", text), ("b", texts[0]), "m = build()", ("b", texts[1]), "m = build()"), probes  # fmt: skip
            yield f"{name}-{how}-main", cells(("h", text), ("b", f"{texts[0]}def main(): build()"), "main()", ("b", f"{texts[1]}def main(): build()"), "main()"), probes  # fmt: skip
            made = [f"from h import get\n{each}" for each in texts]
            yield f"{name}-{how}-file", [auto, *files(h=text, m=made[0]), *cells("import m\nx = m.build()"), *files(m=made[1]), *cells(("b", "y = 1"), "import m\nx = m.build()")], probes  # fmt: skip


EQUAL = {
    "loop": "for c in CUSTOM: get_custom_objects()[c.__name__] = c",
    "comprehension": "get_custom_objects().update({c.__name__: c for c in CUSTOM})",
    "or": "objects = get_custom_objects()\nobjects |= {c.__name__: c for c in CUSTOM}",
    "zip": "get_custom_objects().update(zip([c.__name__ for c in CUSTOM], CUSTOM))",
    "items": "MODELS = {c.__name__: c for c in CUSTOM}\nfor k, v in MODELS.items(): get_custom_objects()[k] = v",
    "helper": "def add(cs):\n    for c in cs: get_custom_objects()[c.__name__] = c\nadd(CUSTOM)",
    "star": "def add(*cs):\n    for c in cs: get_custom_objects()[c.__name__] = c\nadd(*CUSTOM)",
    "formatted": "for c in CUSTOM: get_custom_objects()[f'{c.__name__}'] = c",
}


@family("equal")
def equal() -> Iterator[Made]:
    """Writes of the same objects again, which no comparison shows, beside one that is new."""
    one, two = "class A(keras.layers.Layer): pass", "class B(keras.layers.Layer): pass"
    for name, text in EQUAL.items():
        both, only = f"CUSTOM = [A, B]\n{text}", f"CUSTOM = [A]\n{text}"
        defined = [("c", one), ("d", two)]
        yield f"{name}-again", cells(*defined, both, ("c", one), both), {"probes": ["held('A')", "held('B')"]}
        yield f"{name}-longer", cells(*defined, only, both), {"probes": ["held('A')", "held('B')"]}
        listed = [("l", "CUSTOM = [A, B]"), text, ("c", one), ("l", "CUSTOM = [A, B]"), text]
        yield f"{name}-listed", cells(*defined, *listed), {"probes": ["held('A')", "held('B')"]}
        own = f"{one}\n{two}\nCUSTOM = [A, B]\n{text}"
        yield f"{name}-own-shorter", cells(own, f"{one}\n{two}\nCUSTOM = [A]\n{text}"), {}
        functions = "CUSTOM = [lambda: 1, lambda: 2]\nCUSTOM[1].__name__ = 'two'"
        yield f"{name}-held", cells(("l", functions), text, ("e", "CUSTOM.append(lambda: 3)\nCUSTOM[2].__name__ = 'three'"), text), {"compare": False, "probes": ["held('two') is not None"]}  # fmt: skip


LEFTOVERS = {
    "variable": "new = [n for n in NAMES if n not in done]\nfor n in new: register('P', n)(len)\ndone.update(new)",
    "difference": "new = set(NAMES) - done\nfor n in new: register('P', n)(len)\ndone |= new",
    "function": "def pending(): return [n for n in NAMES if n not in done]\nnew = pending()\nfor n in new: register('P', n)(len)\ndone.update(new)",
    "slice": "for n in NAMES[len(done):]:\n    register('P', n)(len)\n    done.add(n)",
    "asks": "new = [n for n in NAMES if get_registered_object('P>' + n) is None]\nfor n in new: register('P', n)(len)",
    "ensure": "def ensure(names):\n    new = [n for n in names if n not in done]\n    for n in new: register('P', n)(len)\n    done.update(new)\nensure(NAMES)",
    "queue": "QUEUE = [*QUEUE, *[n for n in NAMES if n not in done]]\nfor n in QUEUE: register('P', n)(len)\ndone.update(QUEUE)\nQUEUE.clear()",
    "written": "new = {n: len for n in NAMES if n not in done}\nget_custom_objects().update(new)\ndone.update(new)",
}  # fmt: skip


@family("leftovers")
def leftovers() -> Iterator[Made]:
    """Loops over what is left to do, which a variable holds."""
    probes: dict[str, Any] = {"probes": ["held('P>a') or held('a')", "held('P>b') or held('b')"]}
    auto = Run("auto", "%autoreload 2", once=True)
    for name, text in LEFTOVERS.items():
        state = ("d", "done, QUEUE = set(), []")
        longer = [f"NAMES = {names}\n{text}" for names in (["a"], ["a", "b"])]
        yield f"{name}-longer", cells(state, *longer), probes
        yield f"{name}-again", cells(state, *longer, longer[1]), probes
        yield f"{name}-elsewhere", cells(state, ("n", "NAMES = ['a']"), text, ("n", "NAMES = ['a', 'b']"), text), probes
        files_ = [f"from state import done, QUEUE\n{each}" for each in longer]
        yield f"{name}-file", [auto, *files(state="done, QUEUE = set(), []", m=files_[0]), *cells("import m"), *files(m=files_[1]), *cells(("b", "x = 1"))], probes  # fmt: skip


OF_A_MODULE = {
    "keras": ("register('P', 'k')(m.A)", "get_registered_object('P>k') is m.A"),
    "written": ("get_custom_objects()['k'] = m.A", "get_custom_objects()['k'] is m.A"),
    "conversion": (
        "tf.register_tensor_conversion_function(m.A, lambda v, dtype=None, name=None, as_ref=False: tf.constant(1.0))",
        "float(tf.convert_to_tensor(m.A()))",
    ),
    "node": (
        "import optree\noptree.register_pytree_node(m.A, lambda a: ((1, 2), None, None), lambda meta, kids: m.A(), namespace='P')",
        "len(optree.tree_leaves(m.A(), namespace='P'))",
    ),
    "api": ("@tf.experimental.dispatch_for_api(tf.add)\ndef add(x: m.A, y: m.A): return 7", "tf.add(m.A(), m.A())"),
    "unary": ("@tf.experimental.dispatch_for_unary_elementwise_apis(m.A)\ndef unary(f, x): return 7", "tf.abs(m.A())"),
    "saved": (
        "registration.register_serializable(package='P', name='k')(m.A)",
        "registration.get_registered_class_name(m.A)",
    ),
}  # fmt: skip


@family("renewed")
def renewed() -> Iterator[Made]:
    """What a cell or another module has registered of a file's classes, while `%autoreload` executes the file again."""
    auto = Run("auto", "%autoreload 2", once=True)
    first = "class A:\n    pass\n"
    edits = {
        "comment": f"# a comment\n{first}",
        "constant": f"C = 1\n{first}",
        "method": f"{first}    def f(self): pass\n",
    }
    for name, (text, use) in OF_A_MODULE.items():
        for how, edited in edits.items():
            asks = ("u", f"import m\nprint('=', {use})")
            begun = [auto, *files(m=first)]
            yield f"{name}-{how}", [*begun, *cells(f"import m\n{text}", asks), *files(m=edited), *cells(asks)], {}
            yield f"{name}-{how}-module", [*begun, *files(n=f"import m\n{text}"), *cells("import n", asks), *files(m=edited), *cells(asks)], {}  # fmt: skip
        again = [*cells(f"import m\n{text}", asks), *files(m=edits["method"]), *cells(asks, f"import m\n{text}", asks)]
        yield f"{name}-again", [*begun, *again], {}
        yield f"{name}-dropped", [*begun, *again, *cells("x = 1")], {}


ONCE = "if not X.on:\n            X.on = True\n            register('P', 'a')(len)\n"
HOOKS = {
    "enter": ("__enter__(self)", "self", "with x: pass", "with x as y: pass"),
    "iter": ("__iter__(self)", "iter([1])", "for a in x: pass", "for b in x: pass"),
    "add": ("__add__(self, other)", "1", "a = x + 1", "b = x + 1"),
    "contains": ("__contains__(self, other)", "True", "a = 1 in x", "b = 1 in x"),
    "getitem": ("__getitem__(self, key)", "1", "a = x['a']", "b = x['a']"),
    "getattr": ("__getattr__(self, key)", "1", "a = x.a", "b = [x.a]"),
    "setattr": ("__setattr__(self, key, value)", "None", "x.a = 1", "x.a = 2"),
    "bool": ("__bool__(self)", "True", "if x: a = 1", "if x: b = 1"),
    "eq": ("__eq__(self, other)", "True", "a = x == 1", "b = x == 1"),
    "str": ("__str__(self)", "'x'", "a = f'{x}'", "b = f'{x}'"),
    "class": ("__class_getitem__(cls, key)", "1", "a = X[int]", "b = X[int]"),
    "subclass": ("__init_subclass__(cls)", "None", "class A(X): pass", "class B(X): pass"),
}


@family("hooks")
def hooks() -> Iterator[Made]:
    """Methods that Python calls by itself, which remember what they have done; and what asks for them says it anew."""
    probes: dict[str, Any] = {"probes": ["held('P>a')"]}
    for name, (method, result, one, two) in HOOKS.items():
        text = f"class X:\n    on = False\n    def {method}:\n        {ONCE}        return {result}\nx = X()"
        yield name, cells(("h", text), one, two), probes
        yield f"{name}-file", [*files(m=text), *cells(("h", "from m import x, X"), one, two)], probes
        yield f"{name}-dropped", cells(("h", text), one, "y = 1"), probes
    missing = "class X(dict):\n    def __missing__(self, key):\n        self[key] = register('P', key)(len)\n        return 1\nx = X()"
    last = (
        "    if key[:1] == '_': raise AttributeError(key)\n    globals()[key] = register('P', key)(len)\n    return 1"
    )
    yield "missing", cells(("h", missing), "a = x['a']", "b = x['a']"), probes
    yield "missing-other", cells(("h", missing), "a = x['a']", "a = x['b']", "a = x['a']"), {"compare": False, **probes}
    yield (
        "module",
        [*files(m=f"def __getattr__(key):\n{last}"), *cells("import m\na = m.a", "import m\nb = [m.a]")],
        probes,
    )
    yield (
        "module-dropped",
        [*files(m=f"def __getattr__(key):\n{last}"), *cells("import m\na = m.a", "import m")],
        probes,
    )


@family("elsewhere")
def elsewhere() -> Iterator[Made]:
    """A key that two modules, or a module and a cell, ask a factory for, one of which does not ask any more."""
    probes: dict[str, Any] = {"probes": ["held('P>a')"]}
    auto = Run("auto", "%autoreload 2", once=True)
    for name, text in REMEMBERING.items():
        made = {each: f"from h import get\n{each} = get('a')" for each in ("x", "y")}
        begun = [auto, *files(h=text, m=made["x"], n=made["y"])]
        dropped = [*files(m="x = 1"), *cells(("b", "z = 1"))]
        yield f"{name}-modules", [*begun, *cells("import m, n"), *dropped], probes
        yield f"{name}-module", [*begun, *cells(made["x"], ("c", "import n"), "x = 1")], probes
        yield f"{name}-cell", [*begun, *cells("import m", ("c", made["y"])), *dropped], probes
        yield (
            f"{name}-neither",
            [*begun, *cells("import m, n"), *dropped, *files(n="x = 1"), *cells(("b", "z = 2"))],
            {},
        )


BODY = "if done: return\n    done.append(1)\n    register('P', 'k')(len)\n"
REFACTORED = {
    "renamed": (f"def f():\n    {BODY}f()", f"def setup():\n    {BODY}setup()"),
    "inlined": (f"def f():\n    {BODY}f()", "if not done:\n    done.append(1)\n    register('P', 'k')(len)"),
    "function": ("if not done:\n    done.append(1)\n    register('P', 'k')(len)", f"def f():\n    {BODY}f()"),
    "method": (f"def f():\n    {BODY}f()", f"class A:\n  def f(self):\n    {BODY}A().f()"),
    "inner": (f"def f():\n    {BODY}f()", f"def main():\n  def f():\n    {BODY}  f()\nmain()"),
    "condition": ("if not done:\n    done.append(1)\n    register('P', 'k')(len)", "if len(done) == 0:\n    done.append(1)\n    register('P', 'k')(len)"),
}  # fmt: skip


@family("refactored")
def refactored() -> Iterator[Made]:
    """A guard whose state lives in another cell is written in another way; what remembers is dropped and comes back."""
    there = "\nprint('=', held('P>k'))"
    state = ("d", "done = []")
    for name, (one, two) in REFACTORED.items():
        yield name, cells(state, one + there, two + there), {}
        yield f"{name}-back", cells(state, one + there, two + there, one + there), {}
        yield f"{name}-dropped", cells(state, one + there, two + there, "x = 1"), {}
        made = [f"from state import done\n{each}" for each in (one, two)]
        auto = Run("auto", "%autoreload 2", once=True)
        yield f"{name}-file", [auto, *files(state="done = []", m=made[0]), *cells("import m"), *files(m=made[1]), *cells(("b", "x = 1"))], {"probes": ["held('P>k')"]}  # fmt: skip
    for name, (one, two) in {
        "function": ("load()", "save()"),
        "handed-on": ("load()", "x = list(map(prepare, [1]))"),
    }.items():
        begun = [("d", ENSURES), one + there]
        yield f"{name}-later", cells(*begun, f"# {one}", two + there), {}
        yield f"{name}-later-elsewhere", cells(*begun, f"# {one}", ("b", two + there)), {}
        yield (
            f"{name}-later-file",
            [*files(m=ENSURES), *cells(("d", "from m import *"), one + there, f"# {one}", two + there)],
            {},
        )

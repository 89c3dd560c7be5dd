"""Many engines: a real ipyparallel cluster on loopback, and a kernel as its client."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from clusters import Cluster
from kernels import CPU

from kreg_ipython.__main__ import enable

pytestmark = pytest.mark.needs("ipyparallel>=9")

CONTAINER = """
%%px --local
import sys, types
mod = sys.modules["mod"] = types.ModuleType("mod")  # stands for a library
mod.T = {}
"""
FLAG = "%%px\nfrom absl import flags\nflags.DEFINE_string('{}', '', '')"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster(3)
    try:
        made.run("load", "%kreg engines --load")
        prepare(made)
        yield made
    finally:
        made.close()


def prepare(cluster: Cluster) -> None:
    cluster.run("container", CONTAINER)
    cluster.run("watch", "%px %kreg watch mod:T\n%kreg watch mod:T")


@pytest.fixture
def engines(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster; afterwards nothing is registered anywhere."""
    yield cluster
    cluster.run(None, "%px %kreg clear --all\n%kreg clear --all")
    cluster.wait_for(len(cluster.kernel.value("rc.ids")))


def everywhere(keys: list[str]) -> list[list[str]]:
    return [keys] * 3


def table(cluster: Cluster) -> list[list[str]]:
    return cluster.engines("list(mod.T)")


def result(cluster: Cluster, line: str) -> dict[str, Any]:
    return json.loads(cluster.run(None, f"%kreg {line} --json").stdout)


def test_a_renamed_entry_is_swept_on_each_engine(engines):
    engines.run("flag", FLAG.format("alpha"))
    engines.run("flag", FLAG.format("beta"))
    seen = "[name for name in ('alpha', 'beta') if name in __import__('absl.flags').flags.FLAGS]"
    assert engines.engines(seen) == everywhere(["beta"])


WAYS = {
    "a cell of px": "%%px\nmod.T['KEY'] = 1",
    "a line of px": "x = 1\n%px mod.T['KEY'] = 1",
    "a view's execute": "view.execute('mod.T[\"KEY\"] = 1', block=True)",
    "a call": "def f():\n    import mod\n    mod.T['KEY'] = 1\nview.apply_sync(f)",
    "a broadcast": "rc.broadcast_view().execute('mod.T[\"KEY\"] = 1', block=True)",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_cell_that_runs_again_replaces_what_it_registered(engines, way):
    for key in ("one", "two", "two"):
        engines.run("cell", WAYS[way].replace("KEY", key))
        assert table(engines) == everywhere([key])
    engines.run("cell", "x = 1")
    assert table(engines) == everywhere([])


def test_a_load_balanced_call_is_its_cells(engines):
    cell = "def f(i):\n    import mod\n    mod.T['KEY'] = i\nrc.load_balanced_view().map_sync(f, range(20))"
    for key in ("one", "two"):
        engines.run("cell", cell.replace("KEY", key))
    assert {key for keys in table(engines) for key in keys} == {"two"}


def test_each_line_of_a_cell_is_a_piece_of_its_own(engines):
    cell = "\n".join
    for keys in (["a", "b"], ["new", "a", "c"], ["c"], []):
        engines.run("cell", cell(f"%px mod.T['{key}'] = 1" for key in keys) or "x = 1")
        assert table(engines) == everywhere(keys)


def test_autopx_sends_the_ids_too(engines):
    engines.run("switch", "%autopx")
    engines.run("cell", "mod.T['one'] = 1")
    engines.run("cell", "mod.T['two'] = 1")
    engines.run("switch", "%autopx")
    assert table(engines) == everywhere(["two"])


def test_a_local_cell_of_px_is_one_cell_in_both_places(engines):
    for key in ("one", "two"):
        engines.run("cell", f"%%px --local\nmod.T['{key}'] = 1")
    assert table(engines) == everywhere(["two"]) and engines.kernel.value("list(mod.T)") == ["two"]
    here = engines.kernel.value("get_ipython().run_line_magic('kreg', 'status').to_dict()['entries'][0]")
    there = result(engines, "engines")["engines"]["0"]["entries"][0]
    assert here["owner"] == there["owner"] and here["run"] == there["run"]


def test_all_calls_of_a_cell_are_one_run(engines):
    cell = "def f(key):\n    import mod\n    mod.T[key] = object()\nview.map_sync(f, ['a', 'b', 'c'])\nview.apply_sync(f, 'd')"
    for _ in range(2):
        engines.run("cell", cell)
        assert [*map(sorted, table(engines))] == [["a", "d"], ["b", "d"], ["c", "d"]]
    status = result(engines, "engines")["engines"].values()
    rows = [
        (row["owner"]["id"], row["state"]) for each in status for row in each["entries"] if row["registry"] == "mod:T"
    ]
    assert rows == [("cell@call", "current")] * 6


def test_what_a_call_registers_by_a_gate_goes_when_the_function_names_it_otherwise(engines):
    cell = "def f():\n    from absl import flags\n    flags.DEFINE_string('{}', '', '')\nview.apply_sync(f)"
    for name in ("gamma", "delta"):
        engines.run("cell", cell.format(name))
    rows = result(engines, "engines")["engines"]["1"]["entries"]
    current = [(row["key"], row["line"], row["owner"]["id"]) for row in rows if row["state"] == "current"]
    assert current == [("delta", 3, "cell@call")]


def test_a_run_that_fails_loses_nothing(engines):
    engines.run("cell", "%%px\nmod.T['one'] = 1")
    engines.run("cell", "%%px\n1 / 0\nmod.T['two'] = 1", fails=True)
    engines.run("cell", "view.execute('1 / 0')\nx = 1", fails=None)
    engines.run("cell", "%%px\nmod.T[", fails=True)
    assert table(engines) == everywhere(["one"])


def test_what_differs_is_said_and_the_engine_that_lags_is_brought_up(engines):
    engines.run("same", "%%px\nmod.T['same'] = 1")
    engines.run("cell", "%%px\nmod.T['one'] = 1")
    engines.run("cell", "%%px --targets 0:2\nmod.T['two'] = 1")
    found = result(engines, "engines")
    assert found["differences"] == [
        {"registry": "mod:T", "key": "two", "engines": {"0": "current", "1": "current", "2": None}},
        {"registry": "mod:T", "key": "one", "engines": {"0": None, "1": None, "2": "current"}},
    ]
    run = found["engines"]["0"]["entries"][-1]["run"]
    text = " ".join(engines.run(None, "%kreg engines").text.split())
    assert f"engine 2: not there; engines 0 and 1: current from run [{run}]" in text
    assert "on all 3 engines: " in text and " current same " in text
    text = engines.run(None, "%kreg engines --sync").text
    assert f"engine 2 has run [{run}] again" in text and "3 engines, no difference" in text
    assert table(engines) == everywhere(["same", "two"])


def test_words_are_said_on_all_engines(engines):
    engines.run("cell", "%%px\nmod.T['one'] = 1")
    entries = result(engines, "status --engines --registry mod:T")["engines"]["2"]["entries"]
    assert [entry["key"] for entry in entries] == ["one"]
    assert engines.run(None, "%kreg clear one --engines").text.startswith("all 3 engines:\n  kreg: cleared 1 entry")
    assert table(engines) == everywhere([])
    engines.run(None, "%kreg undo --engines")
    assert table(engines) == everywhere(["one"])
    assert "nothing found" in engines.run(None, "%kreg check --engines").text
    refused = engines.run(None, "%kreg clear no_such_key --engines")
    assert "on 3 engines: none of your entries has the key 'no_such_key'" in refused.stderr


def test_a_client_or_a_view_or_a_profile_names_the_cluster(engines):
    for meant in ("rc", "view", "--profile default"):
        assert [*result(engines, f"engines {meant}")["engines"]] == ["0", "1", "2"]


ASK_TO_CLEAR = """
from kreg_ipython.engines import cluster, remote
notebook = get_ipython().magics_manager.registry["KregMagics"].notebook
cluster.cluster_of(notebook).ask(remote.command, "clear one", timeout=0.5)
"""


def test_a_busy_engine_keeps_nobody_waiting(engines):
    engines.run("cell", "%%px\nmod.T['one'] = 1")
    engines.run("busy", "import time\nbusy = rc[1].apply_async(time.sleep, 600)")
    found = result(engines, "engines --timeout 0.5")
    assert found["missing"] == {"1": "busy: no answer within 0.5 s"} and [*found["engines"]] == ["0", "2"]
    engines.run("clear", ASK_TO_CLEAR)
    engines.run("end", "rc.send_signal('SIGINT', targets=1, block=True)")
    engines.run("wait", "busy.wait(600)")
    assert result(engines, "engines")["missing"] == {}
    assert table(engines) == [[], ["one"], []]  # nothing is done later that nobody waits for any more


def test_an_engine_that_joins_is_loaded_and_one_that_died_is_said(engines):
    engines.run("cell", "%%px\nmod.T['one'] = 1")
    os.kill(engines.engines("__import__('os').getpid()")[2], signal.SIGKILL)
    engines.wait_for(2)
    assert result(engines, "engines")["missing"] == {"2": "dead, or stopped"}
    engines.add()
    for key in ("two", "three"):
        engines.run("cell", f"%%px\nfrom types import SimpleNamespace\nT = {{}}\nT['{key}'] = 1")
    engines.run("flag", FLAG.format("epsilon"))
    found = result(engines, "engines")
    assert found["missing"] == {} and [*found["engines"]] == ["0", "1", "3"]
    assert [row["key"] for row in found["engines"]["3"]["entries"]] == ["epsilon"]
    prepare(engines)


def test_an_engine_has_it_without_a_cell_if_the_profile_says_so(engines):
    enable(engines.profile / "ipython_config.py")
    engines.add()
    loaded = "'KregMagics' in __import__('IPython').get_ipython().magics_manager.registry"
    assert engines.kernel.value(f"ipp.Client()[rc.ids[-1]].apply_sync(eval, {loaded!r})")  # by another client
    prepare(engines)


@pytest.mark.needs("keras>=3")
def test_a_keras_layer_is_renamed_on_an_engine_and_a_mistake_there_is_found_here(engines):
    cell = """
        %%px --targets 0
        import keras
        @keras.saving.register_keras_serializable("P")
        class {}(keras.layers.Layer): pass
        names = [name for name in keras.saving.get_custom_objects() if name[:2] == "P>"]
        """
    for name in ("Old", "New"):
        engines.run("cell", cell.format(name).strip())
    assert engines.kernel.value("rc[0].pull('names', block=True)") == ["P>New"]
    assert engines.run(None, "%kreg check --engines --strict").error is None
    model = (
        "model = keras.Sequential([keras.layers.Dense(1)])\nmodel.compile(metrics=[keras.metrics.AUC() for _ in '12'])"
    )
    engines.run("model", f"%%px --targets 0\n{model}")
    failed = engines.run(None, "%kreg check --engines --strict", fails=True)
    assert failed.error.startswith("MistakesFound: on engine 0: 1 finding: duplicate-metric: model, cell [")


def test_without_a_client_the_way_out_is_said(own_kernel):
    own_kernel.run("load", "%load_ext kreg_ipython")
    assert "rc = ipyparallel.Client() makes one" in own_kernel.run("q", "%kreg engines").stderr
    assert "'x' is no client and no view" in own_kernel.run("q", "x = 1\n%kreg engines x").stderr
    assert "no cluster of profile 'nowhere'" in own_kernel.run("q", "%kreg engines --profile nowhere").stderr


def test_ipyparallel_is_not_imported_unless_somebody_uses_it(own_kernel):
    own_kernel.run("load", "%load_ext kreg_ipython\n%kreg engines")
    assert own_kernel.value("'ipyparallel' in __import__('sys').modules") is False


AGAIN = {
    "off": ["%kreg off", "%kreg on"],
    "unload": ["%unload_ext kreg_ipython", "%load_ext kreg_ipython", "%kreg watch mod:T"],
    "reload": ["x = 1", "%reload_ext kreg_ipython"],
    "off on the engines": ["%px %kreg off", "%px %kreg on"],
    "unload on the engines": ["%px %unload_ext kreg_ipython", "%px %load_ext kreg_ipython\n%px %kreg watch mod:T"],
}
"""What ends the carrying of ids, and what begins it again."""


@pytest.mark.parametrize("again", AGAIN)
def test_the_ids_are_carried_again_when_it_is_on_again(engines, again):
    first, *then = AGAIN[again]
    cell = "%%px\ndef f(): pass\nmod.T['KEY'] = f"
    engines.run("cell", cell.replace("KEY", "one"))
    engines.run("switch", first)
    if first != "x = 1":
        engines.run("other", "%%px\nmod.T['other'] = 1")
        engines.run("other", "%%px\nmod.T['another'] = 1")
        assert {*map(tuple, table(engines))} == {("one", "other", "another")}
        engines.run("other", "%%px\nmod.T.pop('other'), mod.T.pop('another')")
    for line in then:
        engines.run("switch", line)
    engines.run("cell", cell.replace("KEY", "two"))
    assert {*map(tuple, table(engines))} == {("two",)}
    engines.run("cell", "x = 1")
    assert {*map(tuple, table(engines))} == {()}


COST = """
from kreg_ipython.report.engines import Engines
def status(engine):
    rows = [{"registry": "keras.custom_objects", "key": f"P>Layer{n}", "object": f"__main__.Layer{n}", "line": 1,
             "owner": {"kind": "cell", "id": f"c{n}", "label": f"cell [{n}]"}, "run": n if engine or n % 10 else n - 1,
             "state": "current", "note": ""} for n in range(1, 101)]
    return {"on": True, "entries": rows}
simulated = {engine: status(engine) for engine in range(64)}
def act():
    shown = Engines(simulated)
    repr(shown), shown._repr_html_(), shown.to_dict()
cost = min(cpu(act) for _ in range(3)) / calibration
"""


def test_64_engines_are_merged_and_shown_quickly(own_kernel):
    own_kernel.run("cpu", CPU)
    own_kernel.run("cost", COST)
    assert own_kernel.value("len(Engines(simulated).differences)") == 10
    assert own_kernel.value("cost") < 6  # the calibration takes some 30 ms, or more

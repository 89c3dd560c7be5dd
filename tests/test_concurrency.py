"""Two subshells and a thread that register and run again at once: nothing is lost, nothing is owned twice."""

from __future__ import annotations

import pytest
from kernels import PATIENCE
from test_tracking import wait_for_idle

ROUNDS = 25
CELL = """
def work_WHO():  # the cells share their variables
    for i in range(6):
        @keras.utils.register_keras_serializable("WHO", f"{i}_ROUND")
        def made(x): return ROUND
        tf.RegisterGradient(f"WHO{i}_ROUND")(made)
work_WHO()
keras.utils.get_custom_objects()["WHO>same"] = lambda: ROUND
"""
THREAD = """
import threading
stop = threading.Event()
def work():
    for n in range(300):
        if stop.is_set(): break
        keras.utils.register_keras_serializable("thread", f"{n}")(lambda x: n)
thread = threading.Thread(target=work); thread.start()
"""
KEYS = "sorted(k for k in keras.utils.get_custom_objects() if k.partition('>')[0] in ('a', 'b', 'thread'))"
GRADIENTS = "sorted(k for k in gradients.list() if k[0] in 'ab' and k[1].isdigit() and '_' in k)"


@pytest.mark.needs("ipykernel>=7", "tensorflow")
def test_cells_and_a_thread_that_register_at_once_for_many_rounds(own_kernel):
    client = own_kernel.client
    client.control_channel.send(client.session.msg("create_subshell_request", {}))
    subshell = client.get_control_msg(timeout=PATIENCE)["content"]["subshell_id"]
    own_kernel.run(
        "i",
        "import sys, keras, tensorflow as tf\nfrom tensorflow.python.framework.ops import gradient_registry as gradients",
    )
    # two cells that begin at once may both take `exit` out of the builtins, and IPython raises: not if it is out already
    own_kernel.run("b", "for _ in range(1_000): get_ipython().builtin_trap.__enter__()")
    own_kernel.run("l", "%load_ext kreg_ipython\nsys.setswitchinterval(1e-6)")
    own_kernel.run("t", THREAD)
    for number in range(ROUNDS):
        cells = {who: CELL.replace("WHO", who).replace("ROUND", str(number)) for who in "ab"}
        other = own_kernel.send(cells["a"], {"cellId": "a"}, subshell=subshell)
        main = own_kernel.send(cells["b"], {"cellId": "b"})
        wait_for_idle(own_kernel, {other, main})
    own_kernel.run("w", "stop.set(); thread.join()\nsys.setswitchinterval(0.005)")
    last = ROUNDS - 1
    assert own_kernel.value(GRADIENTS) == sorted(f"{who}{i}_{last}" for who in "ab" for i in range(6))
    expected = sorted([f"{who}>{i}_{last}" for who in "ab" for i in range(6)] + ["a>same", "b>same"])
    assert [key for key in own_kernel.value(KEYS) if not key.startswith("thread")] == expected
    entries = own_kernel.value("get_ipython().run_line_magic('kreg', 'status').to_dict()")
    assert entries["faults"] == {}
    owners = {}
    for entry in entries["entries"]:
        if entry["state"] in ("current", "kept", "partial"):
            owners.setdefault((entry["registry"], entry["key"]), set()).add(entry["owner"]["id"])
    assert all(len(ids) == 1 for ids in owners.values())
    assert {key.partition(">")[0] for (_, key), ids in owners.items() if ids == {"t"}} == {"thread"}
    for who in "ab":
        own_kernel.run(who, "x = 1")
    assert own_kernel.value(GRADIENTS) == []
    assert {key.partition(">")[0] for key in own_kernel.value(KEYS)} == {"thread"}
    own_kernel.run("t", "x = 1")
    assert own_kernel.value(KEYS) == []

"""Whether a wheel works where there is nothing but IPython and a kernel: ``make dist``.

It is installed into a virtual environment of its own, loaded in a real kernel there, and asked for the status.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from kernels import Kernel

ASKED = {
    "where": "__import__('kreg_ipython').__file__",
    "description": "__import__('importlib.metadata').metadata.metadata('kreg_ipython').get_payload()",
}


def main(wheel: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # a kernel takes packages from where it is started
        os.environ.pop("PYTHONPATH", None)
        subprocess.run([sys.executable, "-m", "venv", "clean"], check=True)
        python = str(Path("clean", "bin", "python").absolute())
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, str(wheel), "ipykernel"], check=True)
        kernel = Kernel(argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
        try:
            kernel.run("load", "%load_ext kreg_ipython")
            shown = kernel.run("status", "%kreg status").text
            where, description = (kernel.value(asked) for asked in ASKED.values())
        finally:
            kernel.close()
        assert where.startswith(os.path.realpath("clean")), where
        assert "none of the frameworks is imported so far" in shown, shown
        links = [link for link in re.findall(r"\]\(([^)]*)\)", description) if not link.startswith("http")]
        assert description.strip() and not links, f"links that a package index cannot follow: {links}"
    print(f"{wheel.name} loads where there is only IPython and ipykernel:\n{shown}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())

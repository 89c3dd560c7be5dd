"""How `make docs` builds these pages: every code cell is executed in a real kernel.

No network is needed. Whatever is not as it should be is a warning, and warnings are errors.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
from pathlib import Path
from unittest import mock

import nbformat
from docutils import nodes
from jupyter_client import AsyncKernelClient
from sphinx.application import Sphinx
from sphinx.util import logging

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))  # also where another checkout is installed

from kreg_ipython import __version__  # noqa: E402

project, author, copyright = "kreg_ipython", "The kreg_ipython developers", "The kreg_ipython developers"
version = release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "kreg_ipython"
html_show_copyright = False
html_static_path, html_css_files = ["_static"], ["kreg.css"]
pygments_style, pygments_dark_style = "default", "monokai"

myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_show_tb = True  # as a warning; an exception would not say which cell it was
nb_execution_timeout = 120
nb_execution_in_temp = True
nb_merge_streams = True

# -- the API, from the docstrings

autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
maximum_signature_line_length = 80
nitpick_ignore_regex = [("py:.*", r"(?!kreg_ipython\.\w+$).*")]  # other types than those of that page have no page

# -- the kernels

os.environ.update(
    TF_CPP_MIN_LOG_LEVEL="3",
    CUDA_VISIBLE_DEVICES="-1",
    TF_ENABLE_ONEDNN_OPTS="0",
    PYTHONWARNINGS="ignore",
    PYDEVD_DISABLE_FILE_VALIDATION="1",
    PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT), str(HERE), os.environ.get("PYTHONPATH")])),
    IPYTHONDIR=str(HERE / "_build" / "ipython"),  # none of the settings of whoever builds
)
PROFILE = """
c = get_config()
c.InteractiveShell.xmode = "Minimal"
c.HistoryManager.hist_file = ":memory:"
"""

send = AsyncKernelClient.execute


def send_with_cell_id(client: AsyncKernelClient, code: str, **options: object) -> str:
    """A cell that begins with ``# cell "layer"`` is sent with this id, as JupyterLab does; the others with none, as
    nbclient does."""
    named = re.match(r'# cell "(\w+)"', code)
    with_id = functools.partial(client.session.msg, metadata={"cellId": named[1]} if named else None)
    with mock.patch.object(client.session, "msg", with_id):
        return send(client, code, **options)


AsyncKernelClient.execute = send_with_cell_id


def write_profile(app: Sphinx) -> None:
    profile = HERE / "_build" / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(PROFILE)


# -- the notebooks


def copy_notebooks(app: Sphinx) -> None:
    """The repository's own notebooks are pages, too; what nbval is told by a comment Sphinx is told by a tag."""
    shutil.rmtree(HERE / "notebooks", ignore_errors=True)
    (HERE / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            tags = cell.metadata.setdefault("tags", [])
            if "# NBVAL_RAISES_EXCEPTION\n" in cell.source:
                cell.source = cell.source.replace("# NBVAL_RAISES_EXCEPTION\n", "")
                tags.append("raises-exception")
            if re.search(r"^import \w*(keras|tensorflow)|%kreg (verify|export)", cell.source, re.MULTILINE):
                tags.append("remove-stderr")  # what TensorFlow says of this machine's processor; what is being done
        nbformat.write(notebook, HERE / "notebooks" / path.name)


# -- what the builder does not check by itself


def check_errors(app: Sphinx, doctree: nodes.document) -> None:
    """A cell that is to raise does; and where it says ``# raises: …``, with this text."""
    for cell in doctree.findall(nodes.container):
        if "tag_raises-exception" in cell["classes"]:
            source, *shown = [block.astext() for block in cell.findall(nodes.literal_block)]
            error = "\n".join(shown)
            if not any("traceback" in block["classes"] for block in cell.findall(nodes.literal_block)):
                logger.warning("a cell was to raise and did not: %s", source, location=cell)
            for text in re.findall(r"# raises: (.+)", source):
                if text not in error:
                    logger.warning("a cell was to raise %r, and showed: %s", text, error, location=cell)


logger = logging.getLogger(__name__)


def number_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Show each cell's execution count: what kreg says names cells by it."""
    for cell in doctree.findall(nodes.container):
        if cell.get("exec_count") and "cell" in cell["classes"] and "tag_remove-input" not in cell["classes"]:
            cell.insert(0, nodes.paragraph("", f"[{cell['exec_count']}]", classes=["execution-count"]))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_profile)
    app.connect("builder-inited", copy_notebooks)
    app.connect("doctree-read", check_errors)
    app.connect("doctree-read", number_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Show each result of ``%kreg`` as text, as HTML and as a dict, all from one object."""

from kreg_ipython.report.done import Done
from kreg_ipython.report.life import Lives, lives
from kreg_ipython.report.log import Log
from kreg_ipython.report.render import Shown
from kreg_ipython.report.status import Selection, Status, status

__all__ = ["Done", "Lives", "Log", "Selection", "Shown", "Status", "lives", "status"]

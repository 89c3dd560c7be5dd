"""How many of the guard's mutants the fast tests have caught, by file: what `make mutants` left in ``mutants/``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ENOUGH = 0.9
SURVIVED, NO_TESTS = 0, (5, 33)


def main() -> int:
    """Print the figures; return 1 if too few are caught."""
    every = caught = 0
    for path in sorted(Path("mutants/kreg_ipython/guard").glob("*.py.meta")):
        codes = list(json.loads(path.read_text())["exit_code_by_key"].values())
        missed = sum(code in (SURVIVED, *NO_TESTS, None) for code in codes)
        every, caught = every + len(codes), caught + len(codes) - missed
        if codes:
            share = (len(codes) - missed) / len(codes)
            print(f"{path.name.removesuffix('.meta'):20} {len(codes) - missed:5} of {len(codes):5}  {share:6.1%}")
    print(f"{'all':20} {caught:5} of {every:5}  {caught / max(every, 1):6.1%}")
    return int(caught < ENOUGH * every)


if __name__ == "__main__":
    sys.exit(main())

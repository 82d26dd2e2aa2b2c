"""All findings, found by listing the folder `findings`.

To add one, write `models/diagnose/findings/<id>.py` with a pure function `find(facts: Facts) -> Finding | None`. Nothing else
names it. It may read what `Facts` holds, and stands where the figures are certain, not where they are only large.
"""

import importlib
import pkgutil
from collections.abc import Callable

from models.diagnose import findings
from models.diagnose.facts import Facts
from models.diagnose.finding import Finding

Find = Callable[[Facts], Finding | None]


def _all_findings() -> dict[str, Find]:
    names = sorted(module.name for module in pkgutil.iter_modules(findings.__path__))
    return {name: importlib.import_module(f"{findings.__name__}.{name}").find for name in names}


FINDINGS = _all_findings()
"""By id, which is the name of the file."""

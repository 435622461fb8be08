"""Users' own tests with the embedded farm: whether its workers may run them, and where they find the modules."""

from __future__ import annotations

import os

from jobs.bad_input import BadInput
from jobs.own.functions import is_allowed
from jobs.plan import Plan
from jobs.settings import Settings


def workers_environment(plan: Plan, config: Settings) -> dict[str, str]:
    """What the embedded workers' environment needs besides ours.

    Raises:
        BadInput: a test is of a module that the user's own settings don't allow.
    """
    if not plan.own_tests:
        return {}
    modules = dict.fromkeys(test.python.function.partition(":")[0] for test in plan.own_tests)
    missing = [module for module in modules if not is_allowed(module, config.test_modules)]
    if missing:
        wanted = ",".join((*config.test_modules, *missing))
        raise BadInput(
            f"{plan.name}: tests of module {missing[0]!r} may not run: BREAKWATER_TEST_MODULES "
            f"{'allows ' + ', '.join(config.test_modules) if config.test_modules else 'is not set'}; "
            f"if you trust the batch, set BREAKWATER_TEST_MODULES={wanted}"
        )
    folders = [*config.test_path_folders] or [*([plan.folder] if plan.folder else [])]
    return {"BREAKWATER_TEST_PATH": os.pathsep.join(map(str, folders))}

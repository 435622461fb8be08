"""A command as a container runs it: a user without rights, the image's seccomp profile, no new privileges.

python -m tests.confined PROFILE COMMAND...      loads the profile into this process and becomes the command
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pyseccomp

USER = 10001


def load(profile: Path) -> None:
    """Put this process, and all that it starts, under a profile in Docker's form (names only, one action)."""
    told: dict[str, Any] = json.loads(profile.read_text(encoding="utf-8"))
    assert told["defaultAction"] == "SCMP_ACT_ALLOW"
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for rule in told["syscalls"]:
        assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", errno.EPERM)
        for name in rule["names"]:
            try:
                rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
            except (OSError, ValueError):  # a call that this machine's kind never had; Docker skips it too
                continue
    rules.load()


def why_not() -> str | None:
    """Why nothing can be confined here; None: it can."""
    if os.geteuid() != 0:
        return "only root can become another user"
    missing = [tool for tool in ("unshare", "setpriv") if shutil.which(tool) is None]
    return f"no {', '.join(missing)} here" if missing else None


def within(profile: Path) -> list[str]:
    """What to put before a command. A Python that lies in a home folder is shown to the other user, and only that."""
    hidden = _hidden_above(Path(sys.base_prefix))
    show = ""
    if hidden is not None:
        base, top, view = shlex.quote(sys.base_prefix), shlex.quote(str(hidden)), "/run/bw-python"
        show = (
            f"mkdir -p {view} && mount --bind {base} {view} && mount -t tmpfs -o mode=755 none {top} && "
            f"mkdir -p {base} && mount --bind {view} {base} && "
        )
    privileges = f"--reuid={USER} --regid={USER} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
    script = f'{show}exec setpriv {privileges} "$@"'
    loader = [sys.executable, "-m", "tests.confined", str(profile)]
    return ["unshare", "--mount", "sh", "-euc", script, "sh", *loader]


def _hidden_above(path: Path) -> Path | None:
    """The outermost folder on the way to ``path`` that others can't pass."""
    for folder in reversed([path, *path.parents]):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None


if __name__ == "__main__":
    load(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is what it is for

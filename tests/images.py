"""Builds the images of docker/Dockerfile for real, without Docker, a daemon or a registry: by buildah, run by runc.

The base image stands in for Debian's own: debootstrap makes it, and it trusts the authorities that this machine trusts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from tests.farms import ROOT, Program, until
from tests.unit.fleet.images import targets

TRUST = Path("/usr/local/share/ca-certificates")
BASE = "docker.io/library/debian:12-slim"
BASE_FILE = """FROM scratch
COPY root /
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
CMD ["/bin/sh"]
"""
# Seconds. A build fetches all packages of a target, which hangs on mirrors and on what else the machine does.
BUILD_TIMEOUT = 1500


def why_not() -> str | None:
    """Why no image can be built here; None: it can."""
    if os.geteuid() != 0:
        return "only root can build images here"
    missing = [tool for tool in ("buildah", "debootstrap", "runc", "nsenter") if shutil.which(tool) is None]
    return f"no {', '.join(missing)} here: docker/install-browsers.sh images" if missing else None


class Container(Program):
    """A container of a target running what its image says, as compose.yaml would run it, on this machine's network."""

    def __init__(
        self,
        builder: Builder,
        target: str,
        folder: Path,
        env: Mapping[str, str],
        volumes: Mapping[Path, str] = MappingProxyType({}),
    ) -> None:
        """``volumes``: folders of this machine's that it may read, and where."""
        self._builder = builder
        self._init: psutil.Process | None = None
        profile = ROOT / "docker/seccomp.json"
        self.name = builder.call(
            "from", "--pull-never", "--network", "host", "--cap-drop", "ALL", "--shm-size", "1g",
            "--security-opt", f"seccomp={profile}", f"localhost/breakwater-{target}",
        )  # fmt: skip
        self.config = builder.config(target)
        options = [part for name, value in env.items() for part in ("--env", f"{name}={value}")]
        options += [part for here, there in volumes.items() for part in ("--volume", f"{here}:{there}:ro")]
        super().__init__(
            builder.command(
                "run", "--isolation", "oci", "--runtime", shutil.which("runc") or "runc", *options, self.name, "--",
                *self.config["Entrypoint"], *self.config["Cmd"],
            ),
            folder,
        )  # fmt: skip

    @property
    def init(self) -> psutil.Process:
        """The container's process 1."""
        if self._init is None:
            until(self._find_init, 60, lambda: self.output)
            assert self._init is not None
        return self._init

    def _find_init(self) -> bool:
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # what set the container up comes and goes
                if child.name() == "tini":
                    self._init = child
        return self._init is not None

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as its user."""
        user, group = self.config["User"].split(":")
        return subprocess.run(
            [
                "nsenter", "--target", str(self.init.pid), "--mount", "--pid", "--uts", "--ipc",
                "--setgid", group, "--setuid", user, "env", "-i", *self.config["Env"], *command,
            ],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    def health(self) -> tuple[int, str]:
        """Exit code and words of the image's health check."""
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        ended = self.inside(*command)
        return ended.returncode, ended.stdout + ended.stderr

    def processes(self) -> list[psutil.Process]:
        """All that run in it."""
        return [self.init, *self.init.children(recursive=True)]

    def stop(self, grace: float) -> int:
        """Stop it as ``docker stop`` does, but fail where that would kill it; returns how it ended."""
        self.init.send_signal(signal.Signals[self.config.get("StopSignal") or "SIGTERM"])
        return self.process.wait(grace)

    def end(self) -> None:
        if self.process.poll() is None:
            self.init.kill()  # and with it all that is in its PID namespace
            self.process.wait(20)
        self._builder.call("rm", self.name)


class Builder:
    """A store of images in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._built: set[str] = set()

    def command(self, *arguments: str) -> list[str]:
        store = ("--root", str(self.folder / "store"), "--runroot", str(self.folder / "run"))
        return ["buildah", *store, *arguments]

    def call(self, *arguments: str) -> str:
        """Run buildah to its end; returns what it says."""
        ended = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT, cwd=ROOT
        )
        assert ended.returncode == 0, f"buildah {arguments[0]}: {(ended.stdout + ended.stderr)[-3000:]}"
        return ended.stdout.strip()

    def make_base(self) -> None:
        """Debian's smallest system, under the name that the Dockerfile asks for."""
        root = self.folder / "root"
        # What debootstrap mounts goes with its namespace, so that removing the folder removes nothing else.
        made: Sequence[str | Path] = [
            "unshare", "--mount", "debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root,
        ]  # fmt: skip
        ended = subprocess.run(made, capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT)
        assert ended.returncode == 0, ended.stdout[-2000:]
        if TRUST.is_dir():
            shutil.copytree(TRUST, root / TRUST.relative_to("/"), dirs_exist_ok=True)
            subprocess.run(["chroot", root, "update-ca-certificates"], check=True, capture_output=True, timeout=60)
        (self.folder / "Dockerfile").write_text(BASE_FILE, encoding="utf-8")
        self._build(str(self.folder), str(self.folder / "Dockerfile"), BASE)
        shutil.rmtree(root)

    def build(self, target: str) -> None:
        """A target of ours, once, from today's packages: the snapshot archive may be out of reach."""
        assert target in targets()
        if target in self._built:
            return
        self._build(
            str(ROOT), str(ROOT / "docker/Dockerfile"), f"breakwater-{target}",
            "--layers", "--target", target, "--build-arg", "ARCHIVE=",
        )  # fmt: skip
        self._built.add(target)

    def config(self, target: str) -> dict[str, Any]:
        """What an image says about how to run it."""
        told = json.loads(self.call("inspect", "--type", "image", f"localhost/breakwater-{target}"))
        config: dict[str, Any] = told["Docker"]["config"]
        return config

    def remove(self) -> None:
        self.call("rm", "--all")
        self.call("rmi", "--all", "--force")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _build(self, context: str, file: str, tag: str, *options: str) -> None:
        self.call(
            "build", "--isolation", "chroot", "--network", "host", "--format", "docker", "--pull-never",
            *options, "--tag", tag, "--file", file, context,
        )  # fmt: skip

"""``breakwater up``: a farm on this machine, with Redis, workers and Flower, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import click

from jobs.bad_input import BadInput
from jobs.browsers.finding import installed_browsers
from jobs.cli.farms import is_named
from jobs.cli.folders import check_folder
from jobs.farm import Farm
from jobs.farm_failure import FarmFailure
from jobs.ports import free_port
from jobs.processes import OwnedProcess
from jobs.scratch import ScratchFolder
from jobs.settings import settings
from recovery import BrowserType

DEFAULT_PORT = 5555
# Seconds that Flower may take until it answers.
_FLOWER_START = 60.0
# Seconds between two looks at what runs.
_ROUND = 1.0
# Deaths of Flower after which it won't live.
_MOST_RESTARTS = 5


@click.command()
@click.option(
    "--browser",
    "browsers",
    multiple=True,
    type=click.Choice([b.value for b in BrowserType]),
    help="Workers for this browser; default: each that is installed.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Sessions a browser.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Flower's port; 0: any free one.",
)
@click.option("--log-dir", type=click.Path(path_type=Path), help="Keep the logs in this folder.")
def up(browsers: tuple[str, ...], workers: int, port: int, log_dir: Path | None) -> int:
    """Start Redis, workers and Flower on this machine; Ctrl-C ends all of them.

    Only this machine reaches them. What the farm knew ends with it.
    """
    if is_named():
        raise BadInput("up: it starts a Redis of its own, and BREAKWATER_REDIS_URL names another; unset it")
    chosen = [BrowserType(name) for name in browsers] or list(installed_browsers(settings()))
    port = port or free_port()
    _check_free(port)
    check_folder(log_dir)
    with Farm(chosen, concurrency=workers, log_dir=log_dir) as farm:
        flower = _start_flower(farm.url, port, log_dir)
        try:
            _await_answer(flower, port)
            names = ", ".join([*chosen, "simulation"])
            click.echo(
                f"Flower    http://127.0.0.1:{port}/circuits\n"
                f"workers   {names}\n"
                f"for other terminals:\n"
                f"  export BREAKWATER_REDIS_URL={farm.url}\n"
                f"Ctrl-C ends all of it"
            )
            deaths = 0
            while True:
                time.sleep(_ROUND)
                for name in farm.tend():
                    click.echo(f"the {name} died and was started again", err=True)
                if not flower.alive():
                    deaths += 1
                    if deaths > _MOST_RESTARTS:
                        raise FarmFailure(f"Flower died {deaths} times; its last words: {_last_words(flower)}")
                    flower.stop()
                    flower = _start_flower(farm.url, port, log_dir)
                    click.echo("Flower died and was started again", err=True)
        finally:
            flower.stop()


def _check_free(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BadInput(f"up: port {port} can't be had ({error.strerror}); choose another: --port 0") from error


def _start_flower(redis_url: str, port: int, log_dir: Path | None) -> OwnedProcess:
    scratch = ScratchFolder()
    config = find_spec("flowerconfig")
    assert config is not None
    assert config.origin is not None
    flower = OwnedProcess(
        [
            sys.executable, "-P", "-m", "celery", "--app", "jobs", "flower",
            f"--port={port}", "--address=127.0.0.1", f"--conf={config.origin}",
        ],
        env=os.environ | {"BREAKWATER_REDIS_URL": redis_url},
        scratch=scratch,
        cwd=scratch.path,
        log_file=log_dir / "flower.log" if log_dir else None,
    )  # fmt: skip
    flower.start()
    return flower


def _await_answer(flower: OwnedProcess, port: int) -> None:
    deadline = time.monotonic() + _FLOWER_START
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=2):
                return
        except urllib.error.HTTPError:  # it answers, be it from another path
            return
        except OSError:
            if not flower.alive() or time.monotonic() > deadline:
                raise FarmFailure(f"Flower does not start; its last words: {_last_words(flower)}") from None
            time.sleep(0.1)


def _last_words(flower: OwnedProcess) -> str:
    return (flower.log_tail(2000).strip().splitlines() or ["none"])[-1]

"""The ``breakwater`` command. Each command is a file, imported when it is asked for; this one ends them all.

Every error becomes one line and an exit code.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence

import click

from jobs.cli.lazy import Later, LazyGroup
from jobs.exit_codes import ExitCode

_COMMANDS = {
    "run": Later("jobs.cli.run:run", "Run BATCH.toml, or a built-in batch, and wait for its verdicts."),
    "enqueue": Later(
        "jobs.cli.enqueue:enqueue",
        "Publish BATCH.toml, or a built-in batch, on the farm at BREAKWATER_REDIS_URL, and print the batch's id.",
    ),
    "wait": Later("jobs.cli.wait:wait", "Wait for a batch, from anywhere, and end with its exit code."),
    "watch": Later(
        "jobs.cli.watch:watch", "Watch a batch live until it is finished, without taking part. Ends with its exit code."
    ),
    "report": Later("jobs.cli.report:report", "Print and write what is known of a batch, finished or not."),
    "cancel": Later(
        "jobs.cli.cancel:cancel",
        "Cancel a batch: its waiting tests end as cancelled, the running ones as soon as they notice.",
    ),
    "demo": Later(
        "jobs.cli.demo:demo", "Run real model tests in real browsers, break three of them, and watch them recover."
    ),
    "doctor": Later(
        "jobs.cli.doctor:doctor", "Start every browser that is here, and say what it can do and what is missing."
    ),
    "up": Later("jobs.cli.up:up", "Start Redis, workers and Flower on this machine; Ctrl-C ends all of them."),
    "circuits": Later(
        "jobs.cli.circuits:circuits",
        "Circuits of the farm at BREAKWATER_REDIS_URL: list, show, reset, force-open, disable.",
    ),
    "chaos": Later(
        "jobs.cli.chaos:chaos",
        "Start a farm, kill workers, browsers, drivers and once Redis while it works, and check every promise.",
    ),
    "e2e": Later(
        "jobs.cli.e2e:e2e", "Run tests through a farm of real browsers, with faults, and check every promise."
    ),
    "workers": Later(
        "jobs.cli.workers:workers",
        "Workers of the farm at BREAKWATER_REDIS_URL; without a further word: a list of them.",
    ),
    "recovery": Later(
        "jobs.cli.recovery:recovery", "How well recoveries do: stats of a farm, and a benchmark with real faults."
    ),
}


@click.group(
    cls=LazyGroup, later=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="breakwater", message="%(prog)s %(version)s")
def breakwater() -> None:
    """Fault-tolerant browser testing on Celery.

    Exit codes: 0 all passed, 1 a test failed or a verdict is not allowed, 2 bad input, 3 infrastructure,
    130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error is one line, and its exit code tells whose fault it is."""
    # CI systems cancel a job by SIGTERM: that is an interruption like Ctrl-C, and cleans up the same way.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        code = breakwater.main(args=arguments, prog_name="breakwater", standalone_mode=False)
    except click.ClickException as error:
        where = f"{error.ctx.command_path}: " if isinstance(error, click.UsageError) and error.ctx else "breakwater: "
        _end(ExitCode.BAD_INPUT, where + error.format_message())
    except (KeyboardInterrupt, click.Abort):
        _end(ExitCode.INTERRUPTED, "breakwater: interrupted")
    except Exception as error:
        from jobs.cli.explaining import explain  # noqa: PLC0415 - it knows the errors of every part, and loads those

        known = explain(error)
        if known is None and os.environ.get("BREAKWATER_TRACEBACK"):
            raise
        code, message = known or (
            ExitCode.INFRASTRUCTURE,
            f"{type(error).__name__}: {error} (a defect of ours; BREAKWATER_TRACEBACK=1 shows where)",
        )
        _end(code, f"breakwater: {message}")
    sys.exit(code)


def _end(code: ExitCode, message: str) -> None:
    click.echo(message.replace("\n", " "), err=True)
    sys.exit(code)

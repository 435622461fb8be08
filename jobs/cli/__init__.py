"""The ``breakwater`` command. Each command is a file; this one turns errors into one line and an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence

import click
import redis

from jobs.batches import FarmFull
from jobs.cli.cancel import cancel
from jobs.cli.chaos import chaos
from jobs.cli.circuits import circuits
from jobs.cli.demo import demo
from jobs.cli.doctor import doctor
from jobs.cli.e2e import e2e
from jobs.cli.enqueue import enqueue
from jobs.cli.recovery import recovery
from jobs.cli.report import report
from jobs.cli.run import run
from jobs.cli.up import up
from jobs.cli.wait import wait
from jobs.cli.watch import watch
from jobs.cli.workers import workers
from jobs.connections import RedisUnavailable, what_redis_refused
from jobs.exit_codes import ExitCode
from jobs.farm import FarmFailure
from jobs.plan import BadInput
from jobs.settings import WrongSettings


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="breakwater", message="%(prog)s %(version)s")
def breakwater() -> None:
    """Fault-tolerant browser testing on Celery.

    Exit codes: 0 all passed, 1 a test failed or a verdict is not allowed, 2 bad input, 3 infrastructure,
    130 interrupted.
    """


breakwater.add_command(run)
for _command in (enqueue, wait, watch, report, cancel):
    breakwater.add_command(_command)
breakwater.add_command(demo)
breakwater.add_command(doctor)
breakwater.add_command(up)
breakwater.add_command(circuits)
breakwater.add_command(chaos)
breakwater.add_command(e2e)
breakwater.add_command(workers)
breakwater.add_command(recovery)


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
    except (BadInput, WrongSettings) as error:
        _end(ExitCode.BAD_INPUT, f"breakwater: {error}")
    except (RedisUnavailable, FarmFailure, FarmFull) as error:
        _end(ExitCode.INFRASTRUCTURE, f"breakwater: {error}")
    except redis.RedisError as error:
        _end(ExitCode.INFRASTRUCTURE, f"breakwater: {what_redis_refused(error)}")
    except (KeyboardInterrupt, click.Abort):
        _end(ExitCode.INTERRUPTED, "breakwater: interrupted")
    except Exception as error:
        if os.environ.get("BREAKWATER_TRACEBACK"):
            raise
        _end(
            ExitCode.INFRASTRUCTURE,
            f"breakwater: {type(error).__name__}: {error} (a defect of ours; BREAKWATER_TRACEBACK=1 shows where)",
        )
    sys.exit(code)


def _end(code: ExitCode, message: str) -> None:
    click.echo(message.replace("\n", " "), err=True)
    sys.exit(code)

"""``breakwater doctor``: what this machine can run, seen by running it, and how to get the rest."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from typing import Any

import click
import redis
from rich.console import Console
from rich.text import Text

from jobs.browsers.doctor import Finding, examine
from jobs.browsers.protocol import Capabilities
from jobs.connections import RedisUnavailable, connect_checked, without_password
from jobs.exit_codes import ExitCode
from jobs.settings import Settings, settings

Lines = list[tuple[str, str]]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(as_json: bool) -> int:
    """Start every browser that is here, and say what it can do and what is missing.

    Exit code 0: something can run here; 3: nothing can, there is no browser that starts or no Redis.
    """
    config = settings()
    store = examine_redis(config)
    console = Console(highlight=False, soft_wrap=True)
    findings = []
    if not as_json:
        _show(console, "redis", str(store["what"]), bool(store["usable"]), [("fix", fix) for fix in store["fixes"]])
    for finding in examine(config):
        findings.append(finding)
        if not as_json:
            _show(console, finding.browser.value, _headline(finding), finding.launches, _lines(finding))
    can_run = bool(store["usable"]) and any(finding.launches for finding in findings)
    if as_json:
        told = {
            "breakwater": version("breakwater"),
            "can_run": can_run,
            "redis": store,
            "browsers": [finding.model_dump(mode="json") for finding in findings],
        }
        click.echo(json.dumps(told, indent=2))
    elif not can_run:
        console.print("[red]Nothing can run here.[/]")
    return int(0 if can_run else ExitCode.INFRASTRUCTURE)


def examine_redis(config: Settings) -> dict[str, Any]:
    """The farm's Redis if one is named, else the program for an embedded one."""
    if "redis_url" in config.model_fields_set:
        where = without_password(config.redis_url)
        try:
            with connect_checked(config.redis_url) as client:
                server = client.info("server")
        except (RedisUnavailable, redis.RedisError) as error:
            return {"usable": False, "what": str(error), "fixes": ["unset BREAKWATER_REDIS_URL"]}
        return {"usable": True, "what": f"{server.get('redis_version')} at {where}", "fixes": []}
    program = shutil.which("redis-server")
    if program is None:
        fix = "sudo apt-get install --no-install-recommends redis-server"
        return {"usable": False, "what": "no redis-server on PATH, and BREAKWATER_REDIS_URL not set", "fixes": [fix]}
    return {"usable": True, "what": f"{program}, for embedded farms", "fixes": []}


def _headline(finding: Finding) -> str:
    if finding.launches:
        return f"{finding.version}, ready in {finding.seconds:.1f} s"
    return finding.problem or "does not start"


def _lines(finding: Finding) -> Lines:
    lines: Lines = []
    if finding.binary:
        lines.append(("binary", finding.binary))
    if finding.remote:
        lines.append(("remote", finding.remote))
    if finding.driver:
        lines.append(("driver", f"{finding.driver} ({finding.driver_version or 'version unknown'})"))
    if finding.capabilities is not None:
        lines += _abilities(finding.capabilities)
    return lines + [("fix", fix) for fix in finding.fixes]


def _abilities(can: Capabilities) -> Lines:
    adapter = can.webgpu.adapter
    if adapter is None:
        gpu = f"no: {can.webgpu.missing}"
    else:
        kind = "software adapter" if adapter.software else "hardware adapter"
        names = " ".join(filter(None, (adapter.vendor, adapter.architecture, adapter.device, adapter.description)))
        gpu = f"{kind}: {names or 'unnamed'}"
    webnn = can.webnn
    if webnn.contexts:
        neural = ", ".join(f"{context.device} ({len(context.operators)} operators)" for context in webnn.contexts)
    else:
        neural = f"no: {webnn.missing.partition(';')[0]}"
    wasm = {
        "SIMD": can.wasm_simd,
        "threads": can.wasm_threads,
        "cross-origin isolation": can.cross_origin_isolated,
    }
    return [
        ("WebGPU", gpu),
        ("WebNN", neural),
        ("wasm", ", ".join(name if has else f"no {name}" for name, has in wasm.items())),
    ]


def _show(console: Console, name: str, headline: str, well: bool, lines: Lines) -> None:
    console.print(Text.assemble((f"{name:8}", "bold green" if well else "bold red"), "  ", headline))
    for label, value in lines:
        console.print(Text.assemble((f"  {label:8}", "bold yellow" if label == "fix" else "dim"), value))

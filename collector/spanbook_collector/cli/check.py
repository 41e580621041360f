"""`spanbook check`: says what is wrong with this set-up; exit code 1 when something is."""

import argparse
import asyncio
import os

from rich.console import Console
from rich.text import Text

from spanbook_collector.checkup import Finding, Level, findings
from spanbook_collector.cli.options import declare_settings, load_config
from spanbook_collector.config import Config

_COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


def declare(parser: argparse.ArgumentParser) -> None:
    declare_settings(parser, only=("data", "store", "grpc", "http", "web", "sql"))
    parser.add_argument("--key", default=os.environ.get("SPANBOOK_KEY", ""), help="API key with the scope `read`")


def run(options: argparse.Namespace) -> int:
    return asyncio.run(_run(load_config(options), options.key))


async def _run(config: Config, key: str) -> int:
    console = Console(highlight=False)
    credentials = f"default:{key}@" if key else ""
    problems = 0
    async for finding in findings(config, config.store or f"clickhouse://{credentials}{config.sql}/spanbook"):
        _show(console, finding)
        problems += finding.level is Level.PROBLEM
    return 1 if problems else 0


def _show(console: Console, finding: Finding) -> None:
    line = Text.assemble((f"{finding.level.value:<5}", _COLORS[finding.level]), f"{finding.what:<14}", finding.detail)
    console.print(line, soft_wrap=True)
    if finding.hint:
        console.print(Text(f"     {'':<14}hint: {finding.hint}", style="dim"), soft_wrap=True)

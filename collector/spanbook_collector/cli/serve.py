"""`spanbook serve`: the collector, the embedded ClickHouse and the web page, until Ctrl-C."""

import argparse
import asyncio
import signal

from rich.console import Console

from spanbook_collector.cli.options import declare_settings, load_config
from spanbook_collector.config import Config
from spanbook_collector.process import set_up_logging
from spanbook_collector.supervisor import serve
from spanbook_schemas.addresses import without_secret


def declare(parser: argparse.ArgumentParser) -> None:
    parser.usage = "spanbook serve [OPTION …]"
    declare_settings(parser)


def run(options: argparse.Namespace) -> int:
    config = load_config(options)
    set_up_logging(config.log_level)
    asyncio.run(_serve(config))
    return 0


async def _serve(config: Config) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    telling = asyncio.create_task(_tell(config, ready))
    try:
        await serve(config, stop, ready)
    finally:
        telling.cancel()


async def _tell(config: Config, ready: asyncio.Event) -> None:
    await ready.wait()
    where = {
        "OTLP/gRPC": config.grpc,
        "OTLP/HTTP": f"http://{config.http}",
        "page": f"http://{config.web}",
        "SQL": f"http://{config.sql}" if config.embedded else without_secret(config.store),
        "data": config.data,
    }
    console = Console(highlight=False)
    console.print("\n[bold]Spanbook is ready.[/bold] OTLP in, SQL out.")
    for name, place in where.items():
        console.print(f"  {name:<10} {place}")
    console.print("\n  try      [bold]spanbook demo[/bold], then [bold]spanbook sql 'SELECT * FROM traces'[/bold]")
    console.print("  stop     Ctrl-C\n")

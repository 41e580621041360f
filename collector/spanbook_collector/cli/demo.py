"""`spanbook demo`: sends a support agent's traces, feedback and an evaluation run, and waits until they can be read."""

import argparse
import logging
import os
import time

from rich.console import Console

from spanbook_collector.cli.sql import DEFAULT_STORE, ask, connect
from spanbook_collector.demo import Told, tell
from spanbook_collector.errors import SpanbookError

DEFAULT_ENDPOINT = "http://127.0.0.1:4317"
PATIENCE = 60.0  # seconds that the rows may take
QUERIES = (
    (
        "the newest traces",
        "SELECT name, duration_ms, input_tokens, cost_usd, status FROM traces ORDER BY start_time DESC",
    ),
    ("what each model cost", "SELECT request_model, count() AS calls, sum(cost_usd) AS usd FROM llm_calls GROUP BY 1"),
    ("what people and judges thought", "SELECT name, source_type, avg(score), count() FROM feedback GROUP BY 1, 2"),
    ("who calls whom", "SELECT caller, callee, calls, errors, duration_ms_p95 FROM agent_edges"),
)


def declare(parser: argparse.ArgumentParser) -> None:
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT
    parser.add_argument("--endpoint", default=endpoint, help="OTLP/gRPC (default: %(default)s)")
    parser.add_argument(
        "--store", default=os.environ.get("SPANBOOK_STORE") or DEFAULT_STORE, help="(default: %(default)s)"
    )
    parser.add_argument("--key", default=os.environ.get("SPANBOOK_KEY", ""), help="API key with `ingest` and `read`")


def run(options: argparse.Namespace) -> int:
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # its retries are told below, once
    console = Console(highlight=False)
    headers = {"authorization": f"Bearer {options.key}"} if options.key else {}
    with console.status("sending"):
        try:
            told = tell(options.endpoint, headers)
        except ConnectionError as error:
            raise SpanbookError(str(error), "start it with `spanbook serve`, or name it with --endpoint") from error
    with console.status("waiting for the rows"):
        seconds = _until_readable(told, options.store, options.key)
    console.print(f"{told.traces} traces are in the book, readable {seconds:.1f} s after they were acknowledged.\n")
    for what, query in QUERIES:
        console.print(f"[bold]# {what}[/bold]")
        console.print(f'spanbook sql "{query}"\n', soft_wrap=True)
    return 0


def _until_readable(told: Told, store: str, key: str) -> float:
    began = time.monotonic()
    query = (
        "SELECT count() FROM traces WHERE start_time > now() - INTERVAL 1 DAY AND cost_usd IS NOT NULL "
        "AND (run_id = {run:String} OR startsWith(session_id, {prefix:String}))"
    )
    client, readable = connect(store, key), 0
    while (left := began + PATIENCE - time.monotonic()) > 0:
        readable = ask(client, query, {"run": told.run_id, "prefix": told.session_prefix})[0][0]
        if readable >= told.traces:
            return time.monotonic() - began
        time.sleep(min(0.1, left))
    raise SpanbookError(
        f"only {readable} of {told.traces} traces can be read after {PATIENCE:.0f} s",
        "`spanbook check` says what holds them up",
    )

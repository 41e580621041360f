"""The receiver: OTLP in, queue on disk, answer out.

A process of its own, so that nothing that ClickHouse or a query does can keep a client from its acknowledgement; it
imports none of what they need.
"""

import asyncio
import contextlib
import logging
import resource
from collections.abc import AsyncIterator

from spanbook_collector.admission import keys_for
from spanbook_collector.config import Config
from spanbook_collector.errors import StartError
from spanbook_collector.pipeline import Pipeline
from spanbook_collector.process import run, say_ready
from spanbook_collector.queue.errors import QueueError
from spanbook_collector.queue.queue import Limits, Queue
from spanbook_collector.receivers.certificates import Certificates
from spanbook_collector.receivers.connections import FINISH_SECONDS, HttpServer
from spanbook_collector.receivers.otlp_grpc import start_grpc
from spanbook_collector.receivers.otlp_http import OtlpHttp

log = logging.getLogger("spanbook.collector")


async def receive(config: Config, stop: asyncio.Event) -> None:
    """Serve OTLP until `stop` is set, then finish what was begun. Raises StartError."""
    _allow_many_connections()
    async with listening(config):
        say_ready()
        await stop.wait()


@contextlib.asynccontextmanager
async def listening(config: Config) -> AsyncIterator[tuple[int, int]]:
    """Serve OTLP for the length of the block; gives the gRPC and HTTP ports. Raises StartError."""
    keys = keys_for(config, config.grpc, config.http, guarded=bool(config.tls.client_ca_file))
    certificates = Certificates(config.tls) if config.tls.cert_file else None
    queue = _queue(config)
    pipeline = Pipeline(queue, keys, config.receiver, config.redact)
    try:
        async with _servers(config, pipeline, certificates) as (grpc_port, http_port):
            log.info("OTLP/gRPC on %s:%d, OTLP/HTTP on %s:%d", config.grpc.host, grpc_port, config.http.host, http_port)
            yield grpc_port, http_port
            pipeline.stop()
    finally:
        await queue.close()
        log.info("receiver stopped")


@contextlib.asynccontextmanager
async def _servers(
    config: Config, pipeline: Pipeline, certificates: Certificates | None
) -> AsyncIterator[tuple[int, int]]:
    http = HttpServer(
        OtlpHttp(pipeline, config.receiver), config.http, config.receiver, certificates.http if certificates else None
    )
    await http.start()
    try:
        credentials = certificates.grpc() if certificates else None
        grpc, grpc_port = await start_grpc(pipeline, config.grpc, config.receiver, credentials)
    except StartError:
        await http.stop()
        raise
    watching = asyncio.create_task(certificates.watch()) if certificates else None
    try:
        yield grpc_port, http.port
    finally:
        if watching:
            watching.cancel()
        await asyncio.gather(grpc.stop(FINISH_SECONDS), http.stop())


def _allow_many_connections() -> None:
    """Use all the open files that the system grants: the usual soft limit is below `max_connections`."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _queue(config: Config) -> Queue:
    directory = config.data / "queue"
    try:
        return Queue.open(directory, Limits(config.queue.max_bytes, config.queue.min_free_bytes))
    except (OSError, QueueError) as error:
        raise StartError(f"cannot open the queue `{directory}`: {error}", "one collector a data directory") from error


if __name__ == "__main__":
    run(receive)

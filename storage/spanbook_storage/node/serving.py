"""The node's life: open the engine, serve, stop on a signal."""

import logging
import socket

import uvicorn

from .catalog import Catalog
from .config import NodeConfig
from .engine import Engine
from .front import Front

log = logging.getLogger("spanbook.storage")


async def serve(config: NodeConfig) -> None:
    """Serve until SIGTERM or SIGINT; prints `listening on http://HOST:PORT` when ready.

    Raises OSError for a port that is taken, NodeError for a directory that cannot be opened.
    """
    # uvicorn tells of cut connections with tracebacks; the front logs what it has to
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    listener = socket.create_server((config.host, config.port), backlog=256)
    engine = Engine(config)
    await engine.start()
    try:
        catalog = Catalog(config, engine)
        await catalog.load()
        port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(
                Front(config, engine, catalog),
                http="httptools",
                loop="none",
                lifespan="off",
                ws="none",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                limit_concurrency=512,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=5,
            )
        )
        print(f"listening on http://{config.host}:{port}", flush=True)
        await server.serve(sockets=[listener])
    finally:
        await engine.stop()

"""`python -m spanbook_storage.node`: one embedded ClickHouse node."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from .config import NodeConfig
from .errors import NodeError
from .serving import StartError, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a node; exit code 2 for what the operator has to change, 0 when it was told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = _config(arguments)
    try:
        uvloop.run(serve(config))
    except StartError as error:
        return _fail(str(error))
    except NodeError as error:
        hint = "hint: the engine's own words are above; a backup restores into an empty directory"
        return _fail(f"cannot open `{config.data}`: {error.message}\n{hint}")
    return 0


def _config(arguments: Sequence[str] | None) -> NodeConfig:
    parser = argparse.ArgumentParser(prog="python -m spanbook_storage.node", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the engine's files")
    parser.add_argument("--listen", type=_address, default="127.0.0.1:8123", help="HOST:PORT; port 0 takes a free one")
    parser.add_argument("--database", default="spanbook", help="made at start; readers see it and `<database>_…`")
    parser.add_argument("--keys", type=Path, help="file of API keys: where it exists, readers need one")
    parser.add_argument("--insecure", action="store_true", help="listen beyond loopback without keys")
    parser.add_argument("--allow-host", action="append", default=[], help="a further name to be asked under")
    parser.add_argument("--memory-mb", type=int, default=NodeConfig.memory_mb, help="what the engine may hold")
    parser.add_argument("--query-seconds", type=int, default=NodeConfig.query_seconds, help="of a reader's statement")
    parser.add_argument("--with-parent", action="store_true", help="stop when stdin closes")
    options = parser.parse_args(arguments)
    host, port = options.listen
    try:
        return NodeConfig(
            data=options.data.absolute(),
            host=host,
            port=port,
            secret=os.environ.get("SPANBOOK_NODE_SECRET", ""),
            database=options.database,
            keys=options.keys.absolute() if options.keys else None,
            insecure=options.insecure,
            allowed_hosts=tuple(options.allow_host),
            memory_mb=options.memory_mb,
            query_seconds=options.query_seconds,
            with_parent=options.with_parent,
        )
    except ValueError as error:
        parser.error(str(error))


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"`{text}` is no HOST:PORT")
    return host.strip("[]"), int(port)


def _fail(text: str) -> int:
    print(f"error: {text}", file=sys.stderr, flush=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""`python -m spanbook_storage.node`: one embedded ClickHouse node."""

import argparse
import logging
import os
import sys
from pathlib import Path

import uvloop

from .config import NodeConfig
from .errors import NodeError
from .serving import serve


def main() -> int:
    """Run a node; exit code 2 for what the operator has to change."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = _config(sys.argv[1:])
    try:
        uvloop.run(serve(config))
    except NodeError as error:
        return _fail(f"cannot open `{config.data}`: {error.message}")
    except OSError as error:
        return _fail(f"cannot listen on `{config.host}:{config.port}`: {error.strerror}")
    return 0


def _config(arguments: list[str]) -> NodeConfig:
    parser = argparse.ArgumentParser(prog="python -m spanbook_storage.node", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the engine's files")
    parser.add_argument("--listen", default="127.0.0.1:8123", help="HOST:PORT; port 0 takes a free one")
    parser.add_argument("--database", default="spanbook")
    parser.add_argument("--keys", type=Path, help="file of API keys: where it exists, readers need one")
    parser.add_argument("--allow-host", action="append", default=[], help="a further name to be asked under")
    options = parser.parse_args(arguments)
    host, _, port = options.listen.rpartition(":")
    return NodeConfig(
        data=options.data.absolute(),
        host=host.strip("[]"),
        port=int(port),
        secret=os.environ.get("SPANBOOK_NODE_SECRET", ""),
        database=options.database,
        keys=options.keys,
        allowed_hosts=tuple(options.allow_host),
    )


def _fail(text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""`spanbook keys`: makes, lists and revokes API keys."""

import argparse

from rich.console import Console
from rich.table import Table

from spanbook_collector.cli.options import declare_settings, load_config
from spanbook_collector.keys import create_key, list_keys, revoke_key
from spanbook_schemas.keys import Scope


def declare(parser: argparse.ArgumentParser) -> None:
    declare_settings(parser, only=("data",))
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key and print it; it is kept nowhere else")
    create.add_argument("--project", default="", help="the project (tenant) that the key belongs to")
    create.add_argument("--scope", action="append", choices=[*Scope], help="repeatable (default: ingest and read)")
    actions.add_parser("list", help="show the keys, without their secrets")
    revoke = actions.add_parser("revoke", help="take a key away")
    revoke.add_argument("id", help="as `spanbook keys list` shows it")


def run(options: argparse.Namespace) -> int:
    path = load_config(options).keys_file
    if options.action == "create":
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scopes = [Scope(scope) for scope in options.scope or (Scope.INGEST, Scope.READ)]
        print(create_key(path, options.project, scopes))
    elif options.action == "revoke":
        revoke_key(path, options.id)
    else:
        table = Table("id", "project", "scopes", "made", show_edge=False, pad_edge=False)
        for key in list_keys(path):
            table.add_row(key.id, key.tenant or "(default)", ", ".join(sorted(key.scopes)), key.created_at)
        Console().print(table)
    return 0

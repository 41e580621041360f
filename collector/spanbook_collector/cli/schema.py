"""`spanbook schema`: prints the tables and views, or applies them to a ClickHouse server."""

import argparse
import asyncio

from spanbook_collector.cli.options import declare_settings, load_config
from spanbook_collector.config import Config
from spanbook_collector.errors import SpanbookError
from spanbook_schemas.addresses import without_secret
from spanbook_storage import migrations
from spanbook_storage.cluster import statements
from spanbook_storage.errors import StoreError
from spanbook_storage.store import open_store


def declare(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print the DDL")
    declare_settings(show, only=("cluster",))
    apply = actions.add_parser("apply", help="bring a store's schema up to date")
    declare_settings(
        apply, only=("store", "cluster", "retention.traces_days", "retention.logs_days", "retention.metrics_days")
    )
    apply.add_argument("--dry-run", action="store_true", help="say what would be applied, and change nothing")


def run(options: argparse.Namespace) -> int:
    config = load_config(options)
    if options.action == "show":
        _show(config.cluster)
        return 0
    if not config.store:
        raise SpanbookError(
            "no store is named, and the embedded node's schema is kept by `spanbook serve`",
            "spanbook schema apply --store clickhouse://user:password@host:8443/spanbook?secure=true",
        )
    try:
        asyncio.run(_apply(config, dry_run=options.dry_run))
    except StoreError as error:
        message, _, hint = without_secret(str(error)).partition("\nhint: ")
        raise SpanbookError(message, hint) from error
    return 0


def _show(cluster: str) -> None:
    for change in (*migrations.migrations(), *migrations.views()):
        print(f"-- {change.name}\n")
        for statement in statements(change, cluster):
            print(f"{statement};\n")


async def _apply(config: Config, *, dry_run: bool) -> None:
    store = await open_store(config.store)
    try:
        if dry_run:
            changes = await store.plan()
        else:
            changes = await store.migrate(config.cluster)
            await store.keep_for(
                traces_days=config.retention.traces_days,
                logs_days=config.retention.logs_days,
                metrics_days=config.retention.metrics_days,
                cluster=config.cluster,
            )
    finally:
        await store.close()
    for change in changes:
        print(f"{'would apply' if dry_run else 'applied'} {change.name}")
    if not changes:
        print("the schema is up to date")

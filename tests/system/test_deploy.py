"""The files of deploy/: those that can be run here are, the others are at least what they say they are."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml

from reading.pages import ROOT
from running.collector import Collector
from spanbook_collector.config import Config
from spanbook_collector.settings import settings_of

DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
VARIABLES = {setting.environment for setting in settings_of(Config)}

# What the plugin makes of its macros, for the last day and all experiments.
MACROS = (
    (r"\$__timeFilter\((\w+)\)", r"\1 >= toDateTime(now() - 86400) AND \1 <= toDateTime(now() + 60)"),
    (r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)"),
    (r"\$__conditionalAll\(.*?, \$experiment\)", "1=1"),
    (r"\$__fromTime", "toDateTime(now() - 86400)"),
    (r"\$__toTime", "toDateTime(now() + 60)"),
)


def queries(dashboard: Path) -> list[Any]:
    board = json.loads(dashboard.read_text())
    found = [
        (f"{panel['title']}, {target['refId']}", target["rawSql"])
        for panel in board["panels"]
        for target in panel["targets"]
    ]
    found += [(one["name"], one["query"]["rawSql"]) for one in board["templating"]["list"] if one["type"] == "query"]
    return [pytest.param(sql, id=f"{dashboard.stem}: {title}") for title, sql in found]


@pytest.mark.parametrize("sql", [query for dashboard in DASHBOARDS for query in queries(dashboard)])
def test_a_panel_s_query_gives_rows(sql: str, told: Collector) -> None:
    for macro, meaning in MACROS:
        sql = re.sub(macro, meaning, sql)
    assert "$" not in sql
    assert told.query(sql)


def test_panels_do_not_overlap() -> None:
    for dashboard in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(dashboard.read_text())["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & taken
            assert at["x"] + at["w"] <= 24
            taken |= cells


@pytest.mark.parametrize("file", sorted(DEPLOY.rglob("*.y*ml")), ids=lambda file: file.name)
def test_yaml_can_be_read(file: Path) -> None:
    assert yaml.safe_load(file.read_text())


def test_compose_mounts_files_that_are_there_and_sets_settings_that_exist() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    for service in services.values():
        for volume in service["volumes"]:
            assert not volume.startswith(".") or (DEPLOY / volume.split(":")[0]).exists()
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert set(services["collector"]["environment"]) <= VARIABLES


def test_the_image_sets_settings_that_exist_and_copies_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert set(re.findall(r"\bSPANBOOK_[A-Z_]+(?==\S)", text)) <= VARIABLES
    copied = [word for line in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE) for word in line.split()]
    ignored = (ROOT / ".dockerignore").read_text()
    assert all((ROOT / name).exists() and f"!{name}" in ignored for name in copied)


def test_collectors_in_front_and_behind_use_only_what_they_define() -> None:
    for file in (DEPLOY / "otelcol").glob("*.yaml"):
        config = yaml.safe_load(file.read_text())
        for pipeline in config["service"]["pipelines"].values():
            for kind, names in pipeline.items():
                assert set(names) <= set(config[kind])


def test_the_server_s_settings_can_be_read() -> None:
    settings = ET.parse(DEPLOY / "clickhouse" / "config.xml").getroot()
    assert settings.tag == "clickhouse"
    assert settings.findtext("merge_tree/fsync_after_insert") == "1"


CLUSTER = """
import os, sys
from chdb.session import Session
session = Session(f"{sys.argv[1]}?config-file={sys.argv[2]}")
asked = "SELECT getMacro('shard'), uniqExact(shard_num), count() FROM system.clusters WHERE cluster = 'spanbook'"
print(session.query(asked, "TSVRaw"), end="", flush=True)
os._exit(0)
"""


def test_a_server_finds_its_place_in_the_cluster(tmp_path: Path) -> None:
    config = DEPLOY / "clickhouse" / "cluster.xml"
    shards = ET.parse(config).getroot().findall("remote_servers/spanbook/shard")
    assert all(shard.findtext("internal_replication") == "true" for shard in shards)
    done = subprocess.run(
        [sys.executable, "-c", CLUSTER, tmp_path / "data", config],
        env=os.environ | {"SHARD": "2", "REPLICA": "ch-2a", "CLUSTER_SECRET": "x"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "2\t2\t4\n", done.stderr[-2000:]


@pytest.mark.skipif(which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "systemd" / "spanbook.service").read_text()
    copy = tmp_path / "spanbook.service"
    copy.write_text(unit.replace("/opt/spanbook/bin/spanbook", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""

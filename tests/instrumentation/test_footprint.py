"""What an application pays for: the packages that come along, and what importing Spanbook loads."""

import subprocess
import sys
import textwrap
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import spanbook

SERVER_SIDE = (
    "spanbook_collector",
    "spanbook_storage",
    "grpc",
    "uvicorn",
    "orjson",
    "clickhouse_connect",
    "chdb",
    "rich",
)
LATE = ("openai", "anthropic", "opentelemetry.sdk", "opentelemetry.exporter", "wrapt", "asyncio")


def loaded_by(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program) + "\nimport sys\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_an_installed_application_gets_opentelemetry_and_wrapt_and_nothing_else() -> None:
    names = {line.split(">")[0] for line in requires("spanbook") or [] if "extra ==" not in line}
    assert names == {
        "opentelemetry-api",
        "opentelemetry-sdk",
        "opentelemetry-exporter-otlp-proto-grpc",
        "opentelemetry-exporter-otlp-proto-http",
        "wrapt",
    }


COMES_ALONG = {
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-semantic-conventions",
    "opentelemetry-proto",
    "opentelemetry-exporter-http-transport",
    "opentelemetry-exporter-otlp-common",
    "opentelemetry-exporter-otlp-proto-common",
    "opentelemetry-exporter-otlp-proto-grpc",
    "opentelemetry-exporter-otlp-proto-http",
    "typing-extensions",
    "wrapt",
    # What OTLP over gRPC and over HTTP need
    "googleapis-common-protos",
    "grpcio",
    "protobuf",
    "requests",
    "certifi",
    "charset-normalizer",
    "idna",
    "urllib3",
}


def test_what_comes_along_is_what_opentelemetrys_exporters_need() -> None:
    assert needed_by("spanbook", set()) == COMES_ALONG


def needed_by(name: str, known: set[str]) -> set[str]:
    """Everything that pip installs with a distribution, as far as the installed ones say."""
    for line in requires(name) or []:
        requirement = Requirement(line)
        dependency = canonicalize_name(requirement.name)
        if dependency not in known and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            known.add(dependency)
            needed_by(dependency, known)
    return known


def test_all_that_is_public_is_there() -> None:
    for name in spanbook.__all__:
        assert getattr(spanbook, name) is not None
    assert set(spanbook.__all__) <= set(dir(spanbook))
    assert set(spanbook._SDKS) | set(spanbook._LATER) <= set(spanbook.__all__)


def test_what_knows_about_an_sdk_is_imported_when_it_is_named() -> None:
    assert not loaded_by("import spanbook") & {
        "spanbook.openai",
        "spanbook.bedrock",
        "spanbook._gemini",
        "spanbook._reading",
    }
    loaded = loaded_by("import spanbook; assert 'openai' in dir(spanbook); spanbook.openai.unlog")
    assert "spanbook.openai" in loaded
    assert "spanbook.bedrock" not in loaded
    assert "spanbook.bedrock" in loaded_by("from spanbook import bedrock")
    with pytest.raises(AttributeError, match="no attribute 'opanai'"):
        _ = spanbook.opanai


def test_importing_the_app_side_loads_no_server_and_nothing_before_its_time() -> None:
    loaded = loaded_by("import spanbook")
    assert not loaded.intersection(SERVER_SIDE + LATE)


def test_autolog_waits_for_the_sdks() -> None:
    loaded = loaded_by("import spanbook; spanbook.autolog(); spanbook.autolog()")
    assert not loaded.intersection(("openai", "anthropic", "httpx2", *SERVER_SIDE))

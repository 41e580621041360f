"""Settings from flags, environment and file: who decides, and what a mistake is told."""

from pathlib import Path

import pytest

from spanbook_collector.config import Address, Config, dump, load, restore
from spanbook_collector.errors import ConfigError


def test_a_flag_decides_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spanbook.toml"
    file.write_text('grpc = "127.0.0.1:1"\nhttp = "127.0.0.1:1"\nweb = "127.0.0.1:1"\n')
    environment = {"SPANBOOK_GRPC": "127.0.0.1:2", "SPANBOOK_HTTP": "127.0.0.1:2"}
    config = load({"grpc": "127.0.0.1:3"}, environment, file)
    assert [address.port for address in (config.grpc, config.http, config.web)] == [3, 2, 1]


def test_variables_of_other_parts_are_no_mistakes() -> None:
    assert load({}, {"SPANBOOK_KEY": "secret", "SPANBOOK_METRICS": "true"}) == Config()


@pytest.mark.parametrize(
    ("flags", "environment", "said"),
    [
        ({"grpc": "4317"}, {}, "--grpc cannot be '4317'"),
        ({}, {"SPANBOOK_QUEUE_MAX_BYTE": "1"}, "SPANBOOK_QUEUE_MAX_BYTES"),
        ({}, {"SPANBOOK_WRITER_CONCURRENCY": "many"}, "SPANBOOK_WRITER_CONCURRENCY cannot be 'many'"),
        ({"store": "postgres://u:secret@h/d"}, {}, "`store` cannot be `postgres://u:***@h/d`"),
        ({"tls.cert_file": "x.pem"}, {}, "`tls.key_file`"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(
    flags: dict[str, str], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(flags, environment)
    assert said in f"{caught.value} {caught.value.hint}"


def test_an_unknown_key_of_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "spanbook.toml"
    file.write_text("[queue]\nmax_byte = 1\n")
    with pytest.raises(ConfigError, match=r"queue\.max_byte"):
        load({}, {}, file)


def test_the_configuration_travels_to_child_processes_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "spanbook.toml"
    file.write_text(
        """
        http = "[::1]:0"
        [node]
        allow_hosts = ["spanbook"]
        [[forward]]
        url = "grpcs://otlp.example.com"
        headers = { api-key = "k" }
        max_bytes = 1
        [[redact]]
        names = ["db.*"]
        [[redact]]
        pattern = "a,b"
        """
    )
    config = load({}, {}, file)
    assert restore(dump(config)) == config
    assert config.http == Address("::1", 0)
    assert config.forward[0].name == "grpcs-otlp.example.com"

"""Settings: where they come from, and what is said of those that cannot be."""

from pathlib import Path

import pytest

from spanbook_collector.config import Address, Config, Forward, MiB, dump, load, restore
from spanbook_collector.errors import ConfigError
from spanbook_collector.queue import QueueReader
from spanbook_schemas.addresses import without_secret
from spanbook_storage.node.config import NodeConfig


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "spanbook.toml"
    file.write_text(text)
    return file


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[queue]\nmax_bytes = 1\nmin_free_bytes = 2\n[writer]\nbatch_bytes = 3\n")
    environment = {"SPANBOOK_QUEUE_MAX_BYTES": "10", "SPANBOOK_QUEUE_MIN_FREE_BYTES": "20"}
    config = load({"queue.max_bytes": 100}, environment, file)
    assert (config.queue.max_bytes, config.queue.min_free_bytes, config.writer.batch_bytes) == (100, 20, 3)


def test_nothing_given_means_loopback_and_the_embedded_node() -> None:
    config = load({}, {})
    assert config.embedded
    assert all(address.loopback for address in (config.grpc, config.http, config.web, config.sql))


def test_a_node_may_hold_the_same_alone_as_below_a_collector() -> None:
    assert Config().node.max_memory_bytes == NodeConfig.memory_mb * MiB


def test_a_child_process_gets_the_same_configuration(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        http = "[::1]:4318"
        redact = ["[0-9]{16}", {names = ["user.*"], replacement = "-"}]
        [[forward]]
        url = "https://example.com/otlp"
        headers = {authorization = "Bearer x"}
        """,
    )
    config = load({"data": "/tmp/elsewhere", "forward": None}, {}, file)
    assert restore(dump(config)) == config
    assert config.http == Address("::1", 4318)


@pytest.mark.parametrize(
    ("environment", "text", "said"),
    [
        ({"SPANBOOK_GRPC": "4317"}, "", "SPANBOOK_GRPC cannot be '4317'"),
        ({"SPANBOOK_QUEUE_MAX_BYTS": "1"}, "", "unknown environment variable: `SPANBOOK_QUEUE_MAX_BYTS`"),
        ({}, "[queue]\nmax_byte = 1", "unknown key in the configuration file: `queue.max_byte`"),
        ({}, "[queue]\nmax_bytes = 'much'", "key `queue.max_bytes` cannot be 'much'"),
        ({}, "insecure = 'perhaps'", "key `insecure` cannot be 'perhaps'"),
        ({}, "queue =", "is not TOML"),
        ({}, "forward = ['ftp://x']", "key `forward` cannot be ['ftp://x']"),
        ({}, "redact = ['(']", "key `redact` cannot be ['(']"),
        ({}, "store = 'mysql://u:secret@h/db'", "`store` cannot be `mysql://u:***@h/db`"),
        ({}, "log_level = 'LOUD'", "`log_level` cannot be `LOUD`"),
        ({}, "[tls]\ncert_file = 'a.pem'", "TLS needs both"),
        ({}, 'store = "clickhouse://u:secret@host:99999/db"', "`store` cannot be `clickhouse://u:***@host:99999/db`"),
        ({}, 'forward = ["grpc://host:99999"]', "key `forward` cannot be ['grpc://host:99999']: Port out of range"),
        ({}, "[writer]\nconcurrency = 0", "`writer.concurrency` cannot be 0"),
        ({"SPANBOOK_CLUSTER": "c"}, 'shards = ["mysql://u:secret@h/db"]', "`shards` cannot be `mysql://u:***@h/db`"),
        ({"SPANBOOK_SHARDS": "clickhouse://u:secret@a/db,clickhouse://b/db"}, "", "`shards` are those of a cluster"),
    ],
)
def test_what_cannot_be_is_named_with_its_place(
    tmp_path: Path, environment: dict[str, str], text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load({}, environment, written(tmp_path, text))
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_misspelt_name_gets_the_right_one_as_a_hint() -> None:
    with pytest.raises(ConfigError) as caught:
        load({}, {"SPANBOOK_QUEUE_MAX_BYTS": "1"})
    assert caught.value.hint == "did you mean `SPANBOOK_QUEUE_MAX_BYTES`?"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration file"):
        load({}, {}, tmp_path / "nowhere.toml")


def test_a_forward_s_name_holds_nothing_secret() -> None:
    assert Forward.parse("https://user:secret@Example.com:4318/otlp").name == "https-example.com-4318-otlp"
    assert without_secret("https://user:secret@example.com") == "https://user:***@example.com"
    assert without_secret("at clickhouse://user:p:s@ss@host:8443/db now") == "at clickhouse://user:***@host:8443/db now"


@pytest.mark.parametrize("url", ["https://example.com/Ingest/OTLP_v1", f"https://example.com/{'long' * 50}"])
def test_a_forward_s_name_is_fit_for_a_cursor(tmp_path: Path, url: str) -> None:
    assert QueueReader.open(tmp_path, Forward.parse(url).name).cursor.place.seq == 0


def test_two_forwards_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"both named `https-example\.com-otlp`"):
        load({"forward": ["https://example.com/otlp", "https://example.com/otlp/"]}, {})


def test_every_setting_has_a_default() -> None:
    assert load({}, {}) == Config()

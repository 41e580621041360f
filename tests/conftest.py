"""What holds for all tests: the same examples in every run, so that red means a change; `make soak` looks further."""

import gc
import os
from pathlib import Path

import certifi
import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
if not os.environ.get("SPANBOOK_SOAK"):
    settings.load_profile("steady")


def pytest_collection_finish() -> None:
    """What was imported, a dozen SDKs among it, stays to the end: no collection of garbage looks through it again."""
    gc.freeze()


@pytest.fixture(scope="session")
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the first certificate of the usual ones."""
    file = tmp_path_factory.mktemp("authorities") / "one.pem"
    first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----\n")
    file.write_text(first + end)
    return file


@pytest.fixture
def without_tls(_one_authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For clients that never speak TLS: to read whom they would trust takes each of them longer than a call."""
    monkeypatch.setenv("SSL_CERT_FILE", str(_one_authority))

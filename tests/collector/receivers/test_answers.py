import json

import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo

from clients.otlp import RESPONSES, Code
from spanbook_collector.receivers.answers import (
    LONGEST_MESSAGE,
    Reason,
    Refusal,
    accepted,
    accepted_json,
    retry_delay,
    status,
    status_json,
)
from spanbook_schemas.signals import Signal


@pytest.mark.parametrize("signal", Signal)
def test_each_signal_counts_what_was_rejected_under_its_own_name(signal: Signal) -> None:
    response, field = RESPONSES[signal]
    partial = response.FromString(accepted(signal, 3, "too odd")).partial_success
    assert (getattr(partial, field), partial.error_message) == (3, "too odd")
    first, *rest = field.split("_")
    camel = first + "".join(word.title() for word in rest)
    assert json.loads(accepted_json(signal, accepted(signal, 3, "too odd"))) == {
        "partialSuccess": {camel: "3", "errorMessage": "too odd"}
    }


@pytest.mark.parametrize("signal", Signal)
def test_full_success_says_nothing(signal: Signal) -> None:
    assert accepted(signal) == b""
    assert accepted_json(signal, b"") == b"{}"


def test_a_warning_has_a_message_and_rejects_nothing() -> None:
    assert json.loads(accepted_json(Signal.TRACES, accepted(Signal.TRACES, 0, "repaired"))) == {
        "partialSuccess": {"errorMessage": "repaired"}
    }


def test_answers_stay_small_whatever_there_is_to_say() -> None:
    assert len(accepted(Signal.TRACES, 1, "é" * 10_000_000)) <= 2 * LONGEST_MESSAGE + 20
    assert len(status(Refusal(Reason.BAD_DATA, "é" * 10_000_000)).SerializeToString()) < 5 * LONGEST_MESSAGE


@pytest.mark.parametrize("reason", Reason)
def test_no_refusal_is_one_that_clients_take_for_final_by_mistake(reason: Reason) -> None:
    assert reason.code not in (Code.INTERNAL, Code.UNKNOWN, Code.OK)
    assert reason.http_status not in (500, 200)
    assert reason.retryable == (reason.http_status in (503, 429))
    assert (reason.code == Code.UNAVAILABLE) == (reason.http_status == 503)
    assert (reason.code == Code.RESOURCE_EXHAUSTED) == (reason in (Reason.TOO_LARGE, Reason.OVER_QUOTA))


def test_delays_are_jittered_within_the_patience_of_the_sdks() -> None:
    delays = {retry_delay().retry_delay.ToTimedelta().total_seconds() for _ in range(200)}
    assert len(delays) > 100
    assert min(delays) >= 1.5
    assert max(delays) <= 1.9


def test_details_say_what_to_do() -> None:
    bad = status(Refusal(Reason.BAD_DATA, "no protobuf"))
    found = BadRequest()
    assert bad.details[0].Unpack(found)
    assert found.field_violations[0].description == "no protobuf"
    busy = status(Refusal(Reason.BUSY, "later"), retry_delay())
    assert busy.details[0].Is(RetryInfo.DESCRIPTOR)
    assert json.loads(status_json(busy))["details"][0]["retryDelay"].endswith("s")

"""Amazon Bedrock through boto3: converse, invoke-model, hosted agents and knowledge bases, whole and streamed.

The one method that every call of every AWS client goes through is hooked, so that clients which were there before are
seen too. What comes back is the SDK's own: a stream reads watched events, a body tells what the application reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from spanbook_schemas import gen_ai

from ._bedrock_agents import AGENT, INLINE_AGENT, RETRIEVE, RETRIEVE_AND_GENERATE
from ._bedrock_api import CONVERSE, family_of
from ._call import Call
from ._fields import field, integer
from ._guard import failed, harmless
from ._hosts import server_at
from ._readers import Attributes, Reader
from ._sdk import Patch, Sdk, wrapped_by

_COUNTS = {
    "x-amzn-bedrock-input-token-count": gen_ai.USAGE_INPUT_TOKENS,
    "x-amzn-bedrock-output-token-count": gen_ai.USAGE_OUTPUT_TOKENS,
    "x-amzn-bedrock-cache-read-input-token-count": gen_ai.USAGE_CACHE_READ_INPUT_TOKENS,
    "x-amzn-bedrock-cache-write-input-token-count": gen_ai.USAGE_CACHE_WRITE_INPUT_TOKENS,
}
# Operation -> its reader by the request's parameters, and the key of its stream or body in the result.
_OPERATIONS: dict[str, tuple[Callable[[Mapping[str, Any]], Reader], str]] = {
    "Converse": (lambda params: CONVERSE, ""),
    "ConverseStream": (lambda params: CONVERSE, "stream"),
    "InvokeModel": (family_of, "body"),
    "InvokeModelWithResponseStream": (family_of, "body"),
    "InvokeAgent": (lambda params: AGENT, "completion"),
    "InvokeInlineAgent": (lambda params: INLINE_AGENT, "completion"),
    "Retrieve": (lambda params: RETRIEVE, ""),
    "RetrieveAndGenerate": (lambda params: RETRIEVE_AND_GENERATE, ""),
    "RetrieveAndGenerateStream": (lambda params: RETRIEVE_AND_GENERATE, "stream"),
}
_SERVICES = ("bedrock-runtime", "bedrock-agent-runtime")


def _calls(sdk: Sdk, original: Any) -> Any:
    def around(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        if not sdk.enabled or client.meta.service_model.service_name not in _SERVICES:
            return wrapped(*args, **kwargs)
        call = _begun(sdk, client, *args, **kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        call.attach()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            harmless(_note_retries, call, getattr(error, "response", None))
            call.fail(error)
            raise
        finally:
            call.detach()
        _settle(call, result, *args, **kwargs)
        return result

    return wrapped_by(original, around)


def _begun(sdk: Sdk, client: Any, operation_name: str, api_params: Mapping[str, Any]) -> Call | None:
    if operation_name not in _OPERATIONS:
        return None
    try:
        reader_of, _ = _OPERATIONS[operation_name]
        attributes: Attributes = {gen_ai.PROVIDER_NAME: sdk.provider, **server_at(client.meta.endpoint_url)}
        if operation_name.endswith(("Stream", "Agent")):
            attributes[gen_ai.REQUEST_STREAM] = True
        return Call.begin(reader_of(api_params), api_params, attributes)
    except Exception as error:
        failed("bedrock.begun", error)
        return None


def _settle(call: Call, result: Any, operation_name: str, api_params: Mapping[str, Any]) -> None:
    """End *call* now, or see to it that it ends when the result has been read."""
    try:
        _note_retries(call, result)
        _, key = _OPERATIONS[operation_name]
        if not key:
            call.finish(result)
            return
        if operation_name == "InvokeModel":
            call.set(_counts(result, call.operation))
            _watch_body(result[key], call)
        else:
            _watch_events(result[key], call)
    except Exception as error:
        failed("bedrock.settle", error)
        call.finish()


def _note_retries(call: Call, response: Any) -> None:
    """Tell what the answer tells of them, or that of an error; where no answer came, nobody does."""
    resent = integer(field(field(response, "ResponseMetadata"), "RetryAttempts"))
    call.set({gen_ai.HTTP_REQUEST_RESEND_COUNT: resent or None})


def _counts(result: Mapping[str, Any], operation: str) -> Attributes:
    """Read the token counts of the headers; the body of some models has none."""
    headers = result["ResponseMetadata"]["HTTPHeaders"]
    counted = {name: int(headers[header]) for header, name in _COUNTS.items() if str(headers.get(header)).isdigit()}
    cached = (gen_ai.USAGE_CACHE_READ_INPUT_TOKENS, gen_ai.USAGE_CACHE_WRITE_INPUT_TOKENS)
    if gen_ai.USAGE_INPUT_TOKENS in counted:
        counted[gen_ai.USAGE_INPUT_TOKENS] += sum(counted.get(name, 0) for name in cached)
    if operation == gen_ai.EMBEDDINGS:
        counted.pop(gen_ai.USAGE_OUTPUT_TOKENS, None)
    return dict(counted)


def _watch_events(stream: Any, call: Call) -> None:
    # The twin does what the stream did: a stream that is part of a circle would not end with its last reference.
    twin = object.__new__(type(stream))
    twin.__dict__.update(stream.__dict__)

    def parse_event(event: Any) -> Any:
        try:
            parsed = twin._parse_event(event)
        except BaseException as error:
            call.fail(error)
            raise
        if parsed:
            call.chunk(parsed)
        return parsed

    def close() -> None:
        try:
            twin.close()
        finally:
            call.finish(abandoned=True)

    stream._event_generator = _events(stream._event_generator, call)
    stream._parse_event = parse_event
    stream.close = close


def _events(events: Iterator[Any], call: Call) -> Iterator[Any]:
    try:
        yield from events
    except BaseException as error:
        call.fail(error)
        raise
    call.finish()


def _watch_body(body: Any, call: Call) -> None:
    from ._bodies import Tee

    length = body._content_length
    body._raw_stream = Tee(body._raw_stream, call, int(length) if str(length).isdigit() else None)


_sdk = Sdk(
    provider="aws.bedrock",
    requires="boto3>=1.35",
    hooks=(Patch("botocore.client", "BaseClient._make_api_call", _calls),),
)
autolog = _sdk.autolog
unlog = _sdk.unlog

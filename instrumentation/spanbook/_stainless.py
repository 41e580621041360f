"""The SDKs that Stainless generates: openai, anthropic, groq, together, fireworks.

All their methods, helpers and client variants end in one method, `request` of `_base_client`. Hooking it sees chat,
parse, stream helpers, raw responses and the cloud variants alike, with the body as it will be sent. The SDK's objects
are returned as they are: a stream gets its own iterator replaced, a raw response its `iter_bytes` and `close`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from spanbook_schemas import gen_ai

from . import _unknown_endpoints
from ._call import Call
from ._guard import failed, harmless
from ._raw_responses import read_raw
from ._readers import Attributes, Reader
from ._sdk import Patch, Sdk, counting_retries, wrapped_by
from ._streams import watch_within

# Finds the reader of a request by its method and path; None leaves it untraced.
Route = Callable[[str, str], Reader | None]
Target = Callable[[Any, Attributes], None]

_CLIENTS = 256  # whose destinations are remembered
_RAW_HEADER = "X-Stainless-Raw-Response"


def hooks(package: str, route: Route, target: Target | None = None, *, unknown_too: bool = True) -> tuple[Patch, ...]:
    """Return the patches of one Stainless SDK; *target* adds to the attributes what the client tells.

    *unknown_too*: what `route` knows no reader of is a span all the same when its answer counts tokens.
    """
    module = f"{package}._base_client"

    def request(sdk: Sdk, original: Any) -> Any:
        return wrapped_by(original, _around(sdk, original, route, target, unknown_too))

    return (
        Patch(module, "SyncAPIClient.request", request),
        Patch(module, "AsyncAPIClient.request", request),
        Patch(module, "SyncAPIClient._sleep_for_retry", counting_retries),
        Patch(module, "AsyncAPIClient._sleep_for_retry", counting_retries),
    )


def server(client: Any, attributes: Attributes) -> None:
    """Add where the client's requests go."""
    url = client._base_url
    attributes[gen_ai.SERVER_ADDRESS] = url.host
    attributes[gen_ai.SERVER_PORT] = url.port or (80 if url.scheme == "http" else 443)


def _around(sdk: Sdk, original: Any, route: Route, target: Target | None, unknown_too: bool) -> Any:
    served: dict[int, tuple[Any, type, Attributes]] = {}  # by the identity of the URL, which is held

    def destination(client: Any) -> Attributes:
        """What a client's class and URL tell, read once: properties of URLs are slow."""
        url, kind = client._base_url, type(client)
        held = served.get(id(url))
        if held is None or held[1] is not kind:
            told: Attributes = {gen_ai.PROVIDER_NAME: sdk.provider}
            server(client, told)
            if target is not None:
                target(client, told)
            if len(served) >= _CLIENTS:
                served.clear()
            held = served[id(url)] = url, kind, told
        return held[2].copy()

    def begin(client: Any, options: Any) -> Call | None:
        try:
            reader = route(options.method, options.url)
            if reader is None and not (unknown_too and _names_a_model(options)):
                return None
            attributes = destination(client)
            if reader is None:
                return _unknown_endpoints.begin(_body(options), attributes)
            call = Call.begin(reader, _body(options), attributes)
            if call is not None and callable(parse := options.post_parser):
                options.post_parser = partial(_parsed, call, reader, parse)
            return call
        except Exception as error:
            failed(f"{sdk.package}.request", error)
            return None

    async def later(wrapped: Any, client: Any, options: Any, args: Any, kwargs: Any) -> Any:
        call = begin(client, options)
        if call is None:
            return await wrapped(*args, **kwargs)
        call.attach()
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            call.detach()
        return _settled(call, options, kwargs.get("stream"), result)

    def around(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        if not sdk.enabled:
            return wrapped(*args, **kwargs)
        options = args[1] if len(args) > 1 else kwargs.get("options")
        if is_coroutine_function:
            return later(wrapped, client, options, args, kwargs)
        call = begin(client, options)
        if call is None:
            return wrapped(*args, **kwargs)
        call.attach()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            call.detach()
        return _settled(call, options, kwargs.get("stream"), result)

    is_coroutine_function = inspect.iscoroutinefunction(original)
    return around


def _names_a_model(options: Any) -> bool:
    """Tell whether a request may be a model's: what is fetched or changed was counted when it was made."""
    body = options.json_data
    return options.method.lower() == "post" and isinstance(body, Mapping) and isinstance(body.get("model"), str)


def _body(options: Any) -> Mapping[str, Any]:
    """The request's fields as they will be sent; of a GET, its query and its path, which name what is fetched."""
    body = options.json_data
    fields: Mapping[str, Any] = body if type(body) is dict or isinstance(body, Mapping) else {}
    if extra := options.extra_json:
        fields = {**fields, **extra}
    return fields if options.method.lower() != "get" else {**fields, **(options.params or {}), "path": options.url}


def _settled(call: Call, options: Any, stream: Any, result: Any) -> Any:
    """End *call* with *result*, or see to it that it ends when the result has been read."""
    try:
        headers = options.headers
        if headers and isinstance(headers, Mapping) and _RAW_HEADER in headers:
            read_raw(call, result.http_response)
        elif stream and hasattr(result, "_iterator"):
            _watch(call, result)
        else:
            call.finish(result)
    except Exception as error:
        failed("stainless.settled", error)
        call.finish()
    return result


def _parsed(call: Call, reader: Reader, parse: Callable[[Any], Any], response: Any) -> Any:
    """Make the application's own type of a response; where that fails, its tokens count all the same."""
    try:
        return parse(response)
    except BaseException:
        harmless(_read, call, reader, response)
        raise


def _read(call: Call, reader: Reader, response: Any) -> None:
    call.set(reader.response(response))
    if call.captures_content:
        call.set(reader.response_content(response))


def _watch(call: Call, stream: Any) -> None:
    # Iterating a twin: a generator that refers to the stream which holds it would leave a dropped stream to the
    # garbage collector, and its span open until then.
    twin = object.__new__(type(stream))
    twin.__dict__.update(stream.__dict__)
    twin.__dict__.pop("_iterator", None)
    watch_within(stream, "_iterator", twin.__stream__(), call)

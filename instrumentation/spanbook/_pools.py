"""Work in thread pools stays below the span that handed it over: a pool's threads have contexts of their own.

Only pools, whose work begins when it is handed over; a thread that is started outlives the span it was started in. In
force while any SDK is traced. `loop.run_in_executor` ends here too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context, attach, detach, get_current

_MODULE = "concurrent.futures.thread"

_wanting: set[int] = set()  # the SDKs that are traced
_replaced: tuple[Any, Any, Any] | None = None  # the class, its method, and what stands there instead
_awaited = False


def keep_parents(sdk: object) -> None:
    """Give work the context of whoever hands it to a pool, as long as *sdk* or another is traced."""
    global _awaited
    _wanting.add(id(sdk))
    if not _awaited:
        import wrapt

        _awaited = True
        wrapt.register_post_import_hook(lambda module: _replace(module.ThreadPoolExecutor), _MODULE)
    elif _replaced is None:
        import sys

        if (module := sys.modules.get(_MODULE)) is not None:
            _replace(module.ThreadPoolExecutor)


def let_go(sdk: object) -> None:
    """Put the pools back as they were when *sdk* was the last that is traced."""
    global _replaced
    _wanting.discard(id(sdk))
    if _wanting or _replaced is None:
        return
    pools, original, replacement = _replaced
    if pools.submit is replacement:  # whoever patched after us keeps their patch; ours only passes on
        pools.submit = original
        _replaced = None


def _replace(pools: Any) -> None:
    global _replaced
    if not _wanting or _replaced is not None:
        return
    original = pools.submit

    @functools.wraps(original)
    def submit(*args: Any, **kwargs: Any) -> Any:
        context = get_current()
        if not _wanting or not context or len(args) < 2:
            return original(*args, **kwargs)
        pool, work, *given = args
        return original(pool, _within, context, work, *given, **kwargs)

    pools.submit = submit
    _replaced = pools, original, submit


def _within(context: Context, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    token = attach(context)
    try:
        return work(*args, **kwargs)
    finally:
        detach(token)

"""Prices of model requests: the list that `genai-prices` ships, and which of them a model name on a span means.

Names are matched once for every pair of provider and model, never for a span: those that the list itself spells when
the schema is applied, so that their first request has its cost at once, others when they are first used. Whatever
changes, a price or what a name means, the requests that it touches are computed anew, so a cost never depends on when a
price became known.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanbook_storage.store import Store

SOURCE = "genai-prices"
PRICE_LIST = f"prices/{SOURCE}"  # among what was applied to a store
TRACES_AT_ONCE = 10_000
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
# Providers that the conventions spell so that genai-prices finds none, or another one.
_PROVIDERS = {
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gen_ai": "google",
    "x_ai": "x-ai",
}
# Providers of the price list as the conventions spell them.
_SPELLINGS = {
    "aws": ("aws.bedrock",),
    "azure": ("azure.ai.inference", "azure.ai.openai"),
    "google": ("gcp.gemini", "gcp.gen_ai", "gcp.vertex_ai"),
    "mistral": ("mistral_ai",),
    "moonshotai": ("moonshot_ai",),
    "x-ai": ("x_ai",),
}
_UNITS = {
    "input_price": "input_mtok",
    "output_price": "output_mtok",
    "cache_read_price": "cache_read_mtok",
    "cache_write_price": "cache_write_mtok",
    "reasoning_price": "output_reasoning_mtok",
}


@dataclass(frozen=True)
class Price:
    """What a million tokens cost in US dollars, from a date on and above a number of input tokens."""

    price_key: str
    effective_from: int  # seconds since the epoch
    min_input_tokens: int
    input_price: float | None
    output_price: float | None
    cache_read_price: float | None
    cache_write_price: float | None
    reasoning_price: float | None
    source: str = SOURCE


def price_list_version() -> str:
    """Return the version of the price list that is installed."""
    return version(SOURCE)


@cache
def shipped_prices() -> tuple[Price, ...]:
    """Return the price list of the installed `genai-prices`; prices by the time of day are taken at their base."""
    from genai_prices.data import providers  # 60 ms and some megabytes, wanted once

    prices: dict[tuple[str, int, int], Price] = {}
    for provider in providers:
        for model in provider.models:
            for price in _prices(f"{provider.id}/{model.id}", model.prices):
                prices[price.price_key, price.effective_from, price.min_input_tokens] = price
    return tuple(prices.values())


@cache
def shipped_aliases() -> dict[tuple[str, str], str]:
    """Return the key in the price list for every pair of provider and model that the list spells itself.

    Providers are spelled as the conventions do and as the list does; a model needs none where its name says enough.
    """
    from genai_prices.data import providers

    priced = {price.price_key for price in shipped_prices()}
    names = {
        provider.id: {name for model in provider.models for name in (model.id, *_literals(model.match))}
        for provider in providers
    }
    found: dict[tuple[str, str], str] = {}
    for provider in providers:
        resold = (names[other] for other in provider.fallback_model_providers or ())
        named = [("", name) for name in names[provider.id]] if provider.model_match else []
        named += [(provider.id, name) for name in names[provider.id].union(*resold)]
        for spelling, name in named:
            if (key := price_key(spelling, name)) in priced:
                others = _SPELLINGS.get(spelling, ())
                found |= dict.fromkeys(((one, name) for one in (spelling, *others)), key)
    return found


@cache
def price_key(provider: str, model: str) -> str:
    """Return the key in the price list for names as a span has them; empty when no price is known.

    A provider that is named but unknown has no price: the same model run elsewhere may cost nothing.
    """
    from genai_prices.data_snapshot import get_snapshot

    try:
        found, priced = get_snapshot().find_provider_model(
            model, None, _PROVIDERS.get(provider, provider) or None, None
        )
    except LookupError:
        return ""
    # A model of another provider is found when this one resells it; its key is that of its owner.
    owner = found if any(priced is own for own in found.models) else _owner(priced)
    return f"{owner.id}/{priced.id}"


async def load_prices(store: "Store") -> int:
    """Bring the shipped price list and its names into the store; returns how many prices are new.

    The operator's own prices stay.
    """
    rows = await store.query("list_prices")
    held = {
        (str(key), int(date), int(least)): (tuple(values), str(source)) for key, date, least, *values, source in rows
    }
    new = [price for price in shipped_prices() if _differs(price, held)]
    if new:
        await store.insert_rows("model_price_rows", [asdict(price) for price in new])
    named = {(str(row[0]), str(row[1])): str(row[2]) for row in await store.query("list_aliases")}
    aliases = [
        {"provider": provider, "model": model, "price_key": key}
        for (provider, model), key in shipped_aliases().items()
        if named.get((provider, model)) != key
    ]
    if aliases:
        await store.insert_rows("model_aliases", aliases)
    if new or aliases:
        await store.command("save_priced_models")
    return len(new)


async def resolve_aliases(store: "Store") -> int:
    """Say for every new pair of provider and model in use which price it means; returns how many were new."""
    pairs = [(str(provider), str(model)) for provider, model in await store.query("list_new_models")]
    if pairs:
        await store.insert_rows(
            "model_aliases",
            [
                {"provider": provider, "model": model, "price_key": price_key(provider, model)}
                for provider, model in pairs
            ],
        )
    return len(pairs)


async def set_price(store: "Store", price: Price) -> None:
    """Add or replace a price; with `source="user"` no later price list overwrites it. Costs follow within seconds."""
    await store.insert_rows("model_price_rows", [asdict(price)])


async def refeed_repriced(store: "Store", seen: int) -> int:
    """Send the traces through the views again whose costs changed since `seen` (microseconds); returns how many."""
    total = 0
    for bucket, models in await store.query("list_repriced_buckets", {"seen": seen}):
        touched = {"bucket": int(bucket), "models": [(str(provider), str(model)) for provider, model in models]}
        traces = int((await store.query("count_repriced_traces", touched))[0][0])
        shares = -(-traces // TRACES_AT_ONCE) or 1
        for share in range(shares):
            await store.command("refeed_traces", touched | {"shares": shares, "share": share})
        total += traces
    return total


def _differs(price: Price, held: dict[tuple[str, int, int], tuple[tuple[Any, ...], str]]) -> bool:
    values, source = held.get((price.price_key, price.effective_from, price.min_input_tokens), ((), SOURCE))
    return source == SOURCE and values != tuple(getattr(price, name) for name in _UNITS)


def _prices(key: str, prices: Any) -> Iterator[Price]:
    """Yield a price for each date and tier of a model; those without token prices are none of ours."""
    dated = (
        [(_ALWAYS, prices)]
        if not isinstance(prices, list)
        else [(_start(conditional.constraint), conditional.prices) for conditional in prices]
    )
    for start, price in dated:
        if start is None:
            continue
        values = {name: getattr(price, unit) for name, unit in _UNITS.items()}
        if values["input_price"] is None and values["output_price"] is None:
            continue
        if price.requests_kcount is not None:  # a fee for each request besides: tokens alone would say too little
            continue
        for least in sorted({0, *(tier.start for value in values.values() for tier in getattr(value, "tiers", ()))}):
            at = {name: _at(value, least) for name, value in values.items()}
            yield Price(
                price_key=key,
                effective_from=int(start.timestamp()),
                min_input_tokens=least,
                input_price=at["input_price"],
                output_price=at["output_price"],
                cache_read_price=at["cache_read_price"],
                cache_write_price=at["cache_write_price"],
                reasoning_price=at["reasoning_price"],
            )


def _start(constraint: Any) -> datetime | None:
    """Return when a price begins: always without a constraint, None for one that is not a date.

    Prices by the time of day (DeepSeek has them) are left out: the one without a constraint holds all day.
    """
    if constraint is None:
        return _ALWAYS
    date = getattr(constraint, "start_date", None)
    return None if date is None else datetime(date.year, date.month, date.day, tzinfo=UTC)


def _at(value: Any, least: int) -> float | None:
    """Return the price in force above `least` input tokens."""
    if value is None:
        return None
    base = getattr(value, "base", value)
    fitting = [tier.price for tier in getattr(value, "tiers", ()) if tier.start <= least and least > 0]
    return float(fitting[-1] if fitting else base)


def _literals(clause: Any) -> Iterator[str]:
    """Yield the names that a clause of the price list accepts as they stand."""
    if equals := getattr(clause, "equals", ""):
        yield equals
    for part in getattr(clause, "or_", ()):
        yield from _literals(part)


def _owner(model: Any) -> Any:
    from genai_prices.data import providers

    return next(provider for provider in providers if any(model is own for own in provider.models))

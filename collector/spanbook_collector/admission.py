"""Who is let in: on loopback anybody, elsewhere nobody until there are API keys.

Every port has to ask here before it listens; what is open to strangers by an oversight stays unnoticed.
"""

from spanbook_collector.config import Address, Config
from spanbook_collector.errors import StartError
from spanbook_schemas.keys import KeyRing


def keys_for(config: Config, *addresses: Address, guarded: bool = False) -> KeyRing:
    """Return the keys of what listens at these addresses; `guarded`: something else keeps strangers out.

    Raises StartError when strangers could come in: no keys, and an address that is not loopback.
    """
    try:
        keys = KeyRing(config.keys_file)
    except (OSError, ValueError) as error:
        raise StartError(f"cannot read the API keys: {error}", "restore the file, or move it away") from error
    for address in addresses:
        if not (keys.closed or guarded or config.insecure or address.loopback):
            raise StartError(
                f"`{address}` can be reached from other machines, and there are no API keys",
                "make one with `spanbook keys create`, or say `--insecure`",
            )
    return keys

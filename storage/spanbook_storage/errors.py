"""What can go wrong with the store, as the writer has to know it: try again, set the data aside, or call the operator.

The codes are ClickHouse's. One that is not listed, or that means now the one and now the other, is puzzling: only what
becomes of other requests tells, so that nothing is dropped for a reason nobody thought of.
"""


class StoreError(Exception):
    """The store did not do what it was asked; `code` is ClickHouse's, None when it did not answer."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code

    @property
    def brief(self) -> str:
        """What a log may hold of it, in one line."""
        return f"{type(self).__name__} {self.code or ''} {unquoted(str(self))}".replace("\n", " ")


class Retryable(StoreError):
    """The same bytes with the same token may succeed later: wait and send them again."""


class Puzzling(Retryable):
    """Data or store may be to blame: worth some tries, and poison where others of its kind are stored meanwhile."""


class Poison(StoreError):
    """ClickHouse cannot read or hold something in these bytes: halve the batch until it stands alone."""


class Misconfigured(StoreError):
    """Schema, rights or address are wrong: hold everything and tell the operator."""


class SchemaChanged(Misconfigured):
    """An applied migration no longer has the text that was applied, or the store is newer than this program."""


# Unparsable or unsuitable data: ATTEMPT_TO_READ_AFTER_EOF, CANNOT_PARSE_*, INCORRECT_DATA, TYPE_MISMATCH,
# VALUE_IS_OUT_OF_RANGE, TOO_LARGE_STRING_SIZE, UNKNOWN_PROTOBUF_FORMAT, CANNOT_LOAD_DATA and their like.
_POISON = frozenset({6, 26, 27, 32, 33, 34, 38, 41, 43, 53, 69, 70, 72, 117, 131, 190, 321, 349, 407, 444, 484})

# Identifiers, columns, tables, databases, settings, rights, schema files, migrations. Not BAD_ARGUMENTS (36) and
# SYNTAX_ERROR (62), which functions also say of a value that they are given.
_MISCONFIGURED = frozenset({16, 47, 57, 60, 81, 115, 164, 192, 193, 194, 434, 497, 516})

# Time-outs, limits, too many parts or queries, memory, disk, Keeper, replicas, shutting down, read-only: they pass.
_PASSING = frozenset(
    {3, 74, 76, 101, 159, 198, 201, 202, 203, 209, 210, 225, 236, 241, 242, 243, 244, 252, 254, 265, 279, 285, 286, 289}
    | {307, 319, 369, 394, 425, 439, 499, 517, 571, 574, 630, 700, 722, 735, 999}
)

# What C++'s library throws, of which the file system's is no fault of the data: a directory for which there is no room.
_STD_EXCEPTION, _OF_FILES = 1001, "filesystem error"


def from_code(code: int | None, message: str) -> StoreError:
    """Return the error that ClickHouse's `code` means; without a code nobody answered, which passes."""
    if code in _POISON:
        return Poison(message, code)
    if code in _MISCONFIGURED:
        return Misconfigured(message, code)
    if code is None or code in _PASSING or (code == _STD_EXCEPTION and _OF_FILES in message):
        return Retryable(message, code)
    return Puzzling(message, code)


def unquoted(text: str) -> str:
    """Return the start of what ClickHouse says, without the data that it quotes, in quotes or behind these words."""
    return text.split("(while reading", 1)[0].split("while parsing", 1)[0].split("'", 1)[0][:200]

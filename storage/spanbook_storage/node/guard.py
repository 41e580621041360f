"""The judge of readers' statements: what cannot leave the database may run, in the engine's own words.

The engine judges itself, since a second parser would disagree with it some day: the text goes in as a value and comes
back as one canonical statement, whose tree is looked at with parameters bound. The canonical text is what runs. What
the tree does not show is looked for in that text.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import counts, literals, syntax, vocabulary
from .config import NodeConfig
from .engine import Handle
from .errors import NodeError, access_denied, readonly, syntax_error

_REMEMBERED = 1024
_REMEMBERED_BYTES = 16_384

_SHOWS = frozenset(("ShowTables", "ShowColumns", "ShowIndexes", "ShowFunctions", "ShowEngineQuery", "ShowSetting"))
_NAMES_TABLE = frozenset(
    ("ExistsTableQuery", "ExistsViewQuery", "ExistsDictionaryQuery", "ShowCreateTableQuery", "ShowCreateViewQuery")
)
_NAMES_DATABASE = frozenset(("ExistsDatabaseQuery", "ShowCreateDatabaseQuery"))
_EXPLAINS = frozenset(
    (
        "EXPLAIN",
        "EXPLAIN AST",
        "EXPLAIN SYNTAX",
        "EXPLAIN QUERY TREE",
        "EXPLAIN PLAN",
        "EXPLAIN PIPELINE",
        "EXPLAIN ESTIMATE",
    )
)
# These tell how much there is to read of the tables.
_EXPLAINS_THAT_COUNT = frozenset(("EXPLAIN", "EXPLAIN PLAN", "EXPLAIN PIPELINE", "EXPLAIN ESTIMATE"))
_EXPRESSIONS = frozenset(
    """
    ArrayJoin Asterisk ColumnsApplyTransformer ColumnsExceptTransformer ColumnsListMatcher
    ColumnsRegexpMatcher ColumnsReplaceTransformer ColumnsReplaceTransformer::Replacement
    ColumnsTransformerList ExpressionList Function Identifier InterpolateElement Literal OrderByElement
    QualifiedAsterisk QualifiedColumnsListMatcher QualifiedColumnsRegexpMatcher SampleRatio
    SelectIntersectExceptQuery SelectQuery SelectWithUnionQuery Set Subquery TableExpression TableIdentifier
    TableJoin TablesInSelectQuery TablesInSelectQueryElement WindowDefinition WindowListElement WithElement
    DataType NameTypePair
    """.split()  # noqa: SIM905
)
_OUTFILE = re.compile(r"\bINTO OUTFILE\b")
_PREWHERE = re.compile(r"\bPREWHERE\b")
_CALL = re.compile(r"(\w+)\s*\(")
_WORD = re.compile(r"\w+")
_PLAIN_WHERE = re.compile(r"[\w\s=<>!'%]*")
_IDENTIFIER_PARAMETER = re.compile(r"\{(\w+):\s*Identifier\}")
_IN = re.compile(r"(?:global)?(?:not)?(?:null)?in(?:ignoreset)?", re.IGNORECASE)
_KILL = re.compile(r"KILL QUERY WHERE query_id (?:= |IN \()'((?:[^'\\]|\\.)*)'\)?(?: (?:SYNC|ASYNC|TEST))?")


@dataclass(frozen=True)
class Sight:
    """What a reader must not see, beyond what nobody sees."""

    keyed: bool = False  # they have a tenant: nothing that counts everybody's rows
    foreign_databases: frozenset[str] = frozenset()  # in lower case; `x IN name` would read their tables


@dataclass(frozen=True)
class Judged:
    """A statement that may run."""

    sql: str
    format: str = ""  # that it asks for itself
    settings: Mapping[str, str] | None = None  # that it brought
    streams: bool = False  # a SELECT, whose result may be large
    kills: str = ""  # the query id that a KILL QUERY names: nothing for the engine
    changes_tables: bool = False  # not rows alone
    only_settings: bool = False  # it reads system.settings, which tells clients what they may change


_Asked = tuple[str, tuple[tuple[str, str], ...], Sight | None]  # text, parameters, and who must not see what


class Guard:
    """Judges statements of readers, and gives those of the writer the shape that the front needs."""

    def __init__(self, config: NodeConfig, functions: frozenset[str], table_functions: frozenset[str]) -> None:
        """The names are those that this engine has, in lower case."""
        self._config = config
        self._unreviewed = functions - vocabulary.reviewed_functions()
        self._table_functions = table_functions
        self._lock = threading.Lock()
        self._known: OrderedDict[_Asked, Judged] = OrderedDict()

    def judge(self, handle: Handle, text: str, params: Mapping[str, str], sight: Sight) -> Judged:
        """What of a reader's statement runs.

        Raises NodeError: what the engine says of bad syntax, 497 for what leaves the database, 164 for what writes.
        """
        asked = (text, tuple(sorted(params.items())), sight)
        return self._remembered(asked, lambda: self._judged(handle, text, params, sight))

    def shape(self, handle: Handle, text: str) -> Judged:
        """The writer's statement: one, and whatever it is; SELECT in canonical form, so that its result can stream."""
        return self._remembered((text, (), None), lambda: self._shaped(handle, text))

    def _remembered(self, asked: _Asked, judge: Callable[[], Judged]) -> Judged:
        with self._lock:
            if known := self._known.get(asked):
                self._known.move_to_end(asked)
                return known
        judged = judge()
        text, params, _ = asked
        if len(text) + sum(len(value) for _, value in params) < _REMEMBERED_BYTES:
            with self._lock:
                self._known[asked] = judged
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return judged

    def _shaped(self, handle: Handle, text: str) -> Judged:
        canonical = _canonical(handle, text)
        ending = syntax.tail(canonical)
        if kill := _KILL.fullmatch(ending.body):
            return Judged(text, ending.format, kills=kill[1])
        if re.match(r"\(*(?:SELECT|WITH)\b", canonical):
            return Judged(ending.body, ending.format, ending.settings, streams=True)
        return Judged(text, changes_tables=not re.match(r"(?:INSERT|DELETE)\b", canonical))

    def _judged(self, handle: Handle, text: str, params: Mapping[str, str], sight: Sight) -> Judged:
        canonical = _canonical(handle, text)
        covered = literals.covered(canonical)
        if _OUTFILE.search(covered):
            raise access_denied("readers cannot write files: INTO OUTFILE")
        if sight.keyed and _PREWHERE.search(covered):
            raise access_denied("PREWHERE would see rows of others\nhint: WHERE finds the same rows")
        self._refuse_broken_names(canonical, params)
        ending = syntax.tail(canonical)
        if kill := _KILL.fullmatch(ending.body):
            return Judged("", ending.format, kills=kill[1])
        root = _tree(handle, ending.body, params)
        self._refuse_calls(literals.covered(ending.body), root)
        tables = self._check(root, literals.covered(ending.body), sight)
        sql = ending.body
        if sight.keyed and root.kind != "DescribeQuery" and any(map(counts.is_counted, tables)):
            sql = counts.blanked(sql, lambda text: _tree(handle, text, params))
        return Judged(
            sql,
            ending.format,
            ending.settings,
            streams=root.kind == "SelectWithUnionQuery",
            only_settings=tables == {"system.settings"},
        )

    def _check(self, root: syntax.Node, covered: str, sight: Sight) -> set[str]:
        kind = root.kind
        if kind == "SelectWithUnionQuery":
            if any(child.kind == "Literal" for child in root.children):
                raise access_denied("readers cannot write files: INTO OUTFILE")
            return self._check_tree(root, sight=sight)
        if kind == "DescribeQuery":
            return self._check_tree(*root.children, sight=sight)
        if kind == "Explain" and root.name in _EXPLAINS:
            if sight.keyed and root.name in _EXPLAINS_THAT_COUNT:
                raise access_denied(
                    f"{root.name} counts rows of others\nhint: EXPLAIN SYNTAX, AST and QUERY TREE do not"
                )
            inner = [child for child in root.children if child.kind != "Set"]
            if all(child.kind == "SelectWithUnionQuery" for child in inner):
                return self._check_tree(*inner, sight=sight)
        if kind in _SHOWS:
            return self._check_show(root, covered, sight)
        if kind in _NAMES_TABLE or kind in _NAMES_DATABASE:
            names = [child.name for child in root.children if child.kind == "Identifier"]
            if kind in _NAMES_DATABASE or len(names) > 1:
                self._refuse_database(names[0])
            return set()
        raise readonly(f"readers may SELECT, DESCRIBE, SHOW, EXISTS and EXPLAIN, not {kind.removesuffix('Query')}")

    def _check_tree(self, *nodes: syntax.Node, sight: Sight) -> set[str]:
        tables = set[str]()
        for node in (below for root in nodes for below in root.walk()):
            if node.kind not in _EXPRESSIONS:
                raise access_denied(f"{node.kind} is not read here")
            if node.kind == "Set":
                raise access_denied("SETTINGS stand at the end of a statement only, and are no arrays or maps")
            if node.kind == "TableIdentifier":
                tables.add(self._check_table(node.name, sight))
            elif node.kind == "Function":
                self._check_function(node)
            elif node.kind == "Identifier" and _is_set(node):
                # `x IN name` reads a table of that name
                self._check_set(node.name, sight)
        return tables

    def _check_table(self, name: str, sight: Sight) -> str:
        database, dot, table = name.partition(".")
        if sight.keyed and (table or name) in vocabulary.KEYLESS_TABLES:
            raise access_denied(f"table `{name}` holds what all tenants use and is not read with a key")
        if not dot or self._config.owns(database) or database.lower() == "information_schema":
            return name
        if database != "system":
            raise access_denied(f"database `{database}` is not read here, `{self._config.database}` is")
        if table in vocabulary.OPEN_SYSTEM_TABLES:
            return name
        if table in vocabulary.FILTERED_SYSTEM_TABLES and not (
            sight.keyed and table in vocabulary.KEYLESS_SYSTEM_TABLES
        ):
            return name
        raise access_denied(f"table `{name}` is not read here")

    def _check_set(self, name: str, sight: Sight) -> None:
        database, _, table = name.partition(".")
        if sight.keyed and counts.is_counted(name):
            raise access_denied(f"table `{name}` is read in FROM or JOIN")
        if database.lower() in sight.foreign_databases or (table or name) in vocabulary.KEYLESS_TABLES:
            self._check_table(name, sight)

    def _check_function(self, node: syntax.Node) -> None:
        if node.parent and node.parent.kind == "TableExpression":
            name = node.name.lower()
            if name in vocabulary.TABLE_FUNCTIONS:
                return
            if name in self._table_functions:
                raise access_denied(f"table function `{node.name}` leaves the database")
            if "." in node.name:
                self._refuse_database(node.name.partition(".")[0])
        elif self._is_refused(node.name):
            raise access_denied(f"function `{node.name}` leaves the database")

    def _check_show(self, root: syntax.Node, covered: str, sight: Sight) -> set[str]:
        for child in root.children:
            if child.kind == "Identifier":
                self._refuse_database(child.name)
        _, where, condition = covered.partition(" WHERE ")
        if where and (not _PLAIN_WHERE.fullmatch(condition) or (sight.keyed and counts.asks(condition))):
            raise access_denied(
                "SHOW … WHERE takes plain comparisons\nhint: SELECT from system.tables or system.columns"
            )
        return {"system.settings"} if root.kind == "ShowSetting" else set()

    def _refuse_database(self, name: str) -> None:
        if not self._config.owns(name) and name.lower() not in ("system", "information_schema"):
            raise access_denied(f"database `{name}` is not read here, `{self._config.database}` is")

    def _refuse_broken_names(self, canonical: str, params: Mapping[str, str]) -> None:
        """A line end in a name would put lines of a reader's own into the tree."""
        bound = [params.get(name, "") for name in _IDENTIFIER_PARAMETER.findall(canonical)]
        if any("\\" in name or not name.isprintable() for name in (*literals.names(canonical), *bound)):
            raise access_denied("names with control characters are not read here")

    def _refuse_calls(self, covered: str, root: syntax.Node) -> None:
        """What the tree hides: the functions of `* APPLY f`, and whatever a later engine forgets to print."""
        hides = any(node.kind == "ColumnsApplyTransformer" for node in root.walk())
        for name in (_WORD if hides else _CALL).findall(covered):
            if self._is_refused(name):
                raise access_denied(f"function `{name}` leaves the database")

    def _is_refused(self, name: str) -> bool:
        return name.lower() in self._unreviewed


def _canonical(handle: Handle, text: str) -> str:
    """The one statement that a text holds, as the engine writes it."""
    if not text.strip():
        raise syntax_error("Empty query")
    sql = "SELECT formatQuerySingleLine({q:String})"
    try:
        return handle.value(sql, {"q": literals.escaped(text)}).removesuffix("\n")
    except NodeError as error:
        # the engine quotes its own question behind the reader's mistake
        error.message = error.message.partition(": In scope SELECT formatQuery")[0].removesuffix(": while executing")
        raise


def _tree(handle: Handle, sql: str, params: Mapping[str, str]) -> syntax.Node:
    return syntax.tree(handle.value(f"EXPLAIN AST {sql}", params))


def _is_set(node: syntax.Node) -> bool:
    function = node.parent.parent if node.parent else None
    return bool(function and function.kind == "Function" and _IN.fullmatch(function.name))

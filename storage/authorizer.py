"""What an actor's own SQL may do.

SQLite asks an authorizer about each thing a statement would do, while it compiles it. User SQL
runs inside the transaction of its turn, in one file with our tables; so it may not end or nest
that transaction, touch our tables, reach other files or temporary ones, or change how the file
is written.

*Promise*: no statement compiled while ``enforcing`` is True gets around these rules. The
lists are allow-lists: what a later SQLite brings is refused until somebody looked at it.
*Assumes*: our own SQL and the user's never share a compiled statement; storage/statements.py
gives its own prepare flag to the user's, which is part of the key in apsw's statement cache.
*Rules for editing*: tests/storage/test_authorizer.py has a statement for each rule, allowed and
refused. The answers are workerd's (util/sqlite.c++, and questions put to it).
*Considered and refused*: a look at the text of the query. It sees neither what a view or a
trigger does, nor through quotes and comments. The one exception is the new name in ALTER TABLE
... RENAME TO, which SQLite does not tell an authorizer.
"""

import re

import apsw

TRANSACTION_REFUSAL = (
    "To execute a transaction, please use the ctx.storage.transaction() or "
    "ctx.storage.transaction_sync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT "
    "statements. The Python API is safer because it will automatically roll back on exceptions, "
    "and because it interacts correctly with Durable Objects' automatic atomic write coalescing."
)

RESERVED_PREFIX = "_cf_"
_RENAME_TO_RESERVED = re.compile("rename.*_cf_", re.IGNORECASE | re.DOTALL)

MODULES = frozenset({"fts5", "fts5vocab", "rtree", "rtree_i32"})
# Tables that exist without being created and tell what is none of the user's business. carray
# takes addresses of memory. (The pragma_ ones are judged as the pragmas they are.)
_REFUSED_TABLES = frozenset({"dbstat", "carray", "sqlite_dbpage", "sqlite_stmt", "fts3tokenize"})

# Where they are described, and their names.
_FUNCTIONS = {
    # Not load_extension, and nothing that tells how SQLite was built.
    "https://www.sqlite.org/lang_corefunc.html": """
        abs changes char coalesce concat concat_ws format glob hex if ifnull iif instr
        last_insert_rowid length like likelihood likely lower ltrim max min nullif octet_length
        printf quote random randomblob replace round rtrim sign soundex substr substring subtype
        total_changes trim typeof unhex unicode unistr unistr_quote unlikely upper zeroblob
    """,
    "https://www.sqlite.org/lang_datefunc.html": """
        current_date current_time current_timestamp date datetime julianday strftime time
        timediff unixepoch
    """,
    "https://www.sqlite.org/lang_aggfunc.html": """
        avg count group_concat median percentile percentile_cont percentile_disc string_agg sum
        total
    """,
    "https://www.sqlite.org/windowfunctions.html": """
        cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank
        row_number
    """,
    "https://www.sqlite.org/lang_mathfunc.html": """
        acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log
        log10 log2 mod pi pow power radians sin sinh sqrt tan tanh trunc
    """,
    "https://www.sqlite.org/json1.html": """
        -> ->> json json_array json_array_insert json_array_length json_each json_error_position
        json_extract json_group_array json_group_object json_insert json_object json_patch
        json_pretty json_quote json_remove json_replace json_set json_tree json_type json_valid
        jsonb jsonb_array jsonb_array_insert jsonb_each jsonb_extract jsonb_group_array
        jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace
        jsonb_set jsonb_tree
    """,
    "https://www.sqlite.org/fts5.html": """
        bm25 fts5_get_locale fts5_insttoken fts5_locale highlight match snippet
    """,
    "https://www.sqlite.org/rtree.html": "rtreecheck rtreedepth rtreenode",
    # ALTER TABLE calls these in statements of its own (src/alter.c).
    "https://www.sqlite.org/lang_altertable.html": """
        sqlite_add_constraint sqlite_drop_column sqlite_drop_constraint sqlite_fail
        sqlite_find_constraint sqlite_rename_column sqlite_rename_quotefix sqlite_rename_table
        sqlite_rename_test
    """,
}
FUNCTIONS = frozenset(name for names in _FUNCTIONS.values() for name in names.split())

_NO_ARGUMENT = re.compile("(?!)")  # matches nothing: the pragma is read, never set
_BOOLEAN = re.compile(r"""(['"]?)(true|false|yes|no|on|off|1|0)\1""", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+|0x[0-9a-f]+", re.IGNORECASE)
_NAME = re.compile(f"(?!{RESERVED_PREFIX}).*", re.IGNORECASE | re.DOTALL)

# What may stand behind a pragma's "=" or in its parentheses; with nothing there it is a question.
PRAGMAS: dict[str, re.Pattern[str]] = {
    "data_version": _NO_ARGUMENT,
    "page_size": _NO_ARGUMENT,
    "case_sensitive_like": _BOOLEAN,
    "defer_foreign_keys": _BOOLEAN,
    "foreign_keys": _BOOLEAN,  # without effect: a transaction is always open
    "ignore_check_constraints": _BOOLEAN,
    "legacy_alter_table": _BOOLEAN,
    "recursive_triggers": _BOOLEAN,
    "reverse_unordered_selects": _BOOLEAN,
    "foreign_key_check": _NAME,
    "foreign_key_list": _NAME,
    "index_info": _NAME,
    "index_list": _NAME,
    "index_xinfo": _NAME,
    "table_info": _NAME,
    "table_list": _NAME,
    "table_xinfo": _NAME,
    "quick_check": _NAME,  # a number fits this too
    "optimize": _NUMBER,
}

# Actions that are fine unless they concern a reserved name, in either of their arguments.
_OF_NAMES = frozenset(
    {
        apsw.SQLITE_ANALYZE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_DELETE,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_INSERT,
        apsw.SQLITE_REINDEX,
        apsw.SQLITE_UPDATE,
    }
)
# What a pragma may be asked with where nothing may be changed: names of things, or nothing.
_PRAGMAS_THAT_TELL = frozenset(name for name, form in PRAGMAS.items() if form is _NAME)
_OF_MODULES = frozenset({apsw.SQLITE_CREATE_VTABLE, apsw.SQLITE_DROP_VTABLE})
_OF_TRANSACTIONS = frozenset({apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT})
_ALWAYS_FINE = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE})


class Authorizer:
    """The authorizer of one connection.

    Attributes:
        compiled: Differs from what it was once a statement of the user's has been compiled since.
        enforcing: The statements being compiled are the user's; ours are free.
        only_reads: And they may set nothing: what SQLite calls read-only may still be a pragma
            that changes how the connection works. (Writes are storage/reader.py's to refuse:
            a spatial index compiles some when it is first read.)
        refusal: What to tell the user about the last refusal, where SQLite's text is too little.
    """

    __slots__ = ("_query", "compiled", "enforcing", "only_reads", "refusal")

    def __init__(self) -> None:
        self.compiled = 0
        self.enforcing = False
        self.only_reads = False
        self.refusal: str | None = None
        self._query = ""

    def expect(self, query: str) -> None:
        """Enforce the rules from now on; what is compiled next is ``query``."""
        self.enforcing = True
        self.refusal = None
        self._query = query

    def __call__(
        self,
        action: int,
        first: str | None,
        second: str | None,
        database: str | None,
        inside: str | None,
    ) -> int:
        del inside  # a trigger's or a view's name; what it does is judged as if it stood outside
        if not self.enforcing:
            return apsw.SQLITE_OK
        self.compiled += 1
        if action == apsw.SQLITE_ANALYZE and _is_reserved(first or ""):
            return apsw.SQLITE_IGNORE  # ANALYZE without a name means all tables but ours
        if action == apsw.SQLITE_PRAGMA:
            name = (first or "").lower()
            is_allowed = _may_use_pragma(name, second)
            tells = name in _PRAGMAS_THAT_TELL or (second is None and name != "optimize")
            if self.only_reads and not tells:
                is_allowed = False
        else:
            is_allowed = self._is_allowed(action, first or "", second or "", database)
        return apsw.SQLITE_OK if is_allowed else apsw.SQLITE_DENY

    def _is_allowed(self, action: int, first: str, second: str, database: str | None) -> bool:
        if database == "temp":  # ALTER TABLE looks there, and at nothing but the schema
            is_schema = first.lower() in {"sqlite_temp_master", "sqlite_temp_schema"}
            return is_schema and action in {apsw.SQLITE_READ, apsw.SQLITE_UPDATE}
        if action == apsw.SQLITE_READ:
            return _may_read(first.lower())
        if action in _OF_NAMES:
            return not (_is_reserved(first) or _is_reserved(second))
        if action in _ALWAYS_FINE:
            return True
        if action == apsw.SQLITE_FUNCTION:
            return second.lower() in FUNCTIONS
        if action == apsw.SQLITE_ALTER_TABLE:  # of a database (first), a table (second)
            return not (_is_reserved(second) or _RENAME_TO_RESERVED.search(self._query))
        if action in _OF_MODULES:
            return second.lower() in MODULES and not _is_reserved(first)
        if action in _OF_TRANSACTIONS:
            self.refusal = TRANSACTION_REFUSAL
        return False  # ATTACH, DETACH, temporary things, and whatever SQLite may add


def _is_reserved(name: str) -> bool:
    return name[: len(RESERVED_PREFIX)].lower() == RESERVED_PREFIX


def _may_read(table: str) -> bool:
    if table.startswith("pragma_"):
        return table.removeprefix("pragma_") in PRAGMAS
    return not (_is_reserved(table) or table in _REFUSED_TABLES)


def _may_use_pragma(name: str, argument: str | None) -> bool:
    form = PRAGMAS.get(name)
    return form is not None and (argument is None or form.fullmatch(argument) is not None)

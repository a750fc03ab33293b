"""Limits of storage, each overridable in ``[perdure.limits]``; the defaults are documented ones."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """What one actor may store. Sources: the Durable Objects limits page, and SQLite's own.

    The size of a value is that of its bytes as stored. ``sql_time_budget_s`` is how long one
    SQL statement may hold up all actors of its process; the figure is the documented limit of
    CPU time for one event.
    """

    key_size_bytes_max: int = 2048
    value_size_bytes_max: int = 2_000_000
    keys_per_batch_max: int = 128
    sql_statement_size_bytes_max: int = 100_000
    sql_columns_max: int = 100
    sql_variables_max: int = 100
    sql_function_arguments_max: int = 127
    sql_like_pattern_size_bytes_max: int = 50
    sql_row_size_bytes_max: int = 2_000_000
    sql_time_budget_s: float = 30.0
    database_size_bytes_max: int = 10 * 2**30

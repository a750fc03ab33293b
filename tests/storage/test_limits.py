"""The defaults are the documented figures."""

from perdure.storage.limits import StorageLimits


def test_defaults_are_those_of_the_limits_page() -> None:
    limits = StorageLimits()
    assert limits.key_size_bytes_max == 2048
    assert limits.value_size_bytes_max == 2_000_000
    assert limits.keys_per_batch_max == 128
    assert limits.sql_statement_size_bytes_max == 100_000
    assert limits.sql_columns_max == 100
    assert limits.sql_variables_max == 100
    assert limits.sql_like_pattern_size_bytes_max == 50
    assert limits.sql_row_size_bytes_max == 2_000_000
    assert limits.database_size_bytes_max == 10 * 2**30

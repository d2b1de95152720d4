"""Cells for columns of types that only other databases have, and for all the numbers that fit."""

import datetime
import decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Column, DateTime, Integer, Numeric
from sqlalchemy.dialects import mssql, mysql

from scenarist.domain.errors import InvalidError
from scenarist.storage.external.columns import find_converter


def convert(cell: object, kind: Any, **options: bool) -> Any:
    return find_converter(Column("c", kind), **options)(cell)


@pytest.mark.parametrize("kind", [mysql.TINYINT(), mssql.TINYINT()], ids=["mysql", "mssql"])
def test_a_column_of_tiny_integers_keeps_truth_values_and_whole_numbers(kind: Any) -> None:
    assert convert(True, kind) is True
    assert convert(7.0, kind) == 7
    for cell in (1.5, "1", b"1"):
        with pytest.raises(InvalidError, match="column 'c' cannot hold"):
            convert(cell, kind)


@pytest.mark.parametrize("cell", [{"a"}, ["a", "b"], "a,b"])
def test_a_set_of_mysql_is_written_as_it_was_read(cell: object) -> None:
    assert convert(cell, mysql.SET("a", "b")) == cell


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "NaN"])
def test_a_decimal_without_a_value_is_not_a_whole_number(text: str) -> None:
    with pytest.raises(InvalidError, match="it is not a whole number"):
        convert(decimal.Decimal(text), Integer())


@pytest.mark.parametrize("text", ["1E+999999999", "-1E+999999999", "1E-999999999"])
@pytest.mark.parametrize("kind", [Integer(), Numeric(), Numeric(40, 2)], ids=str)
def test_a_decimal_that_is_too_long_to_write_out_is_refused_at_once(text: str, kind: Any) -> None:
    with pytest.raises(InvalidError, match="more digits than any database keeps"):
        convert(decimal.Decimal(text), kind)


@pytest.mark.parametrize("is_float", [True, False])
def test_decimals_of_many_digits_are_kept(is_float: bool) -> None:
    number = decimal.Decimal("1E+30")

    assert convert(number, Integer()) == 10**30
    assert convert(number, Numeric(40, 2), is_float=is_float) == number
    with pytest.raises(InvalidError, match="the column keeps 2 decimal places"):
        convert(decimal.Decimal("1000000000000000000000000000000.125"), Numeric(40, 2))


def test_a_timestamp_of_numpy_is_no_number_of_nanoseconds() -> None:
    moment = np.datetime64("2026-07-01T12:00", "ns")

    assert convert(moment, DateTime()) == datetime.datetime(2026, 7, 1, 12)  # noqa: DTZ001
    with pytest.raises(InvalidError, match="it is datetime, not a number"):
        convert(moment, Integer())

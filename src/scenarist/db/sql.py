"""Statements that are compiled once, and executed by the driver without SQLAlchemy.

For each look-up by key SQLAlchemy takes 18 microseconds beside the 5 of SQLite (decision 101).
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, NoReturn

from sqlalchemy import JSON, Connection, Delete, Dialect, Insert, Update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.types import TypeEngine

from scenarist.db.json_columns import DecodedJson
from scenarist.domain.short_reads import find_row_limit, spend
from scenarist.system.json_decoding import decode_json, make_text_decoder

TRANSLATE_ERROR = "scenarist_translate_error"
"""Name of the execution option with the function that turns an error of the driver into ours.

It gets the connection and the error, and returns the exception to raise.
"""

_NO_PARAMETERS: Mapping[str, Any] = {}
_Converter = Callable[[Any], Any]


class Query:
    """A statement that returns rows, compiled once for each dialect; a module constant.

    Values of parameters and of columns are converted as SQLAlchemy would. The text of the statement
    must not depend on the parameters.
    """

    def __init__(self, statement: SelectBase | Update | Delete) -> None:
        self.statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def fetch(
        self, connection: Connection, parameters: Mapping[str, Any] = _NO_PARAMETERS
    ) -> Sequence[Any]:
        """Return all rows; their values are also attributes, by the names of the columns."""
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            names = None if isinstance(self.statement, SelectBase) else tuple(parameters)
            compiled = _Compiled(self.statement, dialect, names)
            self._compiled[dialect.name] = compiled
        return compiled.fetch(connection, parameters)

    def fetch_first(
        self, connection: Connection, parameters: Mapping[str, Any] = _NO_PARAMETERS
    ) -> Any | None:
        """Return the first row, or None; for queries that have not many more."""
        rows = self.fetch(connection, parameters)
        return rows[0] if rows else None


def execute_for_rows(
    connection: Connection, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute a statement that returns nothing for each of some rows, all with the same keys.

    Raises:
        IntegrityError: A row violates a constraint (SQLAlchemy's exception).
    """
    compiled = _compile(statement, connection.dialect, tuple(rows[0]))
    compiled.execute(connection, rows)


class _Compiled:
    """The text of a statement in one dialect, and how its values are converted.

    Args:
        names: The names of the parameters of an insert, update or delete.
    """

    def __init__(
        self,
        statement: SelectBase | Insert | Update | Delete,
        dialect: Dialect,
        names: Sequence[str] | None = None,
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        self._text = str(compiled)
        self._dialect = dialect
        self._error: type[Exception] = dialect.loaded_dbapi.Error
        self._is_positional = compiled.positional
        binds = {name: compiled.binds[name] for name in compiled.params}
        self._defaults = {
            name: value for name, value in compiled.params.items() if not binds[name].required
        }
        self._parameters = [
            (name, binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or binds
        ]
        self._types = [column.type for column in statement.exported_columns]
        self._json_places = [
            place
            for place, type_ in enumerate(self._types)
            if isinstance(type_, JSON | DecodedJson)
        ]
        # Set with the first row: how a type is converted may depend on what the driver returns.
        self._converters: list[tuple[int, _Converter]] = []
        self._make_row: Callable[[Iterable[Any]], Any] | None = None

    def fetch(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Any]:
        limit = find_row_limit()
        try:
            cursor = execute_on_driver(connection, self._text, self._bind(parameters))
            rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
        except self._error as error:
            self._raise(connection, error)
        if limit is not None:
            cursor.close()
            spend(len(rows), self._measure(rows))
        if not rows:
            return []
        make_row = self._make_row
        if make_row is None:
            make_row = self._prepare_rows(cursor.description)
        if not self._converters:
            return [make_row(row) for row in rows]
        return [make_row(self._convert(row)) for row in rows]

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        bound = [self._bind(row) for row in rows]
        is_one = len(bound) == 1
        try:
            execute_on_driver(
                connection, self._text, bound[0] if is_one else bound, is_many=not is_one
            )
        except self._error as error:
            self._raise(connection, error)

    def _bind(self, parameters: Mapping[str, Any]) -> Sequence[Any] | Mapping[str, Any]:
        given = {**self._defaults, **parameters}
        bound = [
            given[name] if convert is None else convert(given[name])
            for name, convert in self._parameters
        ]
        if self._is_positional:
            return tuple(bound)
        return {name: value for (name, _), value in zip(self._parameters, bound, strict=True)}

    def _raise(self, connection: Connection, error: Exception) -> NoReturn:
        if isinstance(error, self._dialect.loaded_dbapi.IntegrityError):
            raise IntegrityError(self._text, None, error) from error
        translate = connection.get_execution_options()[TRANSLATE_ERROR]
        translated: BaseException = translate(connection, error)
        if translated is error:
            raise error
        raise translated from error

    def _measure(self, rows: Sequence[Any]) -> int:
        """Return the size of what has to be decoded."""
        return sum(
            sum(map(len, filter(None, map(itemgetter(place), rows)))) for place in self._json_places
        )

    def _prepare_rows(self, description: Sequence[Any]) -> Callable[[Iterable[Any]], Any]:
        """Find out how to convert rows, from the names and types that the driver gives."""
        self._converters = [
            (place, convert)
            for place, (type_, column) in enumerate(zip(self._types, description, strict=True))
            if (convert := _find_converter(type_, self._dialect, column[1])) is not None
        ]
        self._make_row = _make_row_type([column[0] for column in description])
        return self._make_row

    def _convert(self, row: Iterable[Any]) -> list[Any]:
        values = list(row)
        for place, convert in self._converters:
            value = values[place]
            if value is not None:
                values[place] = convert(value)
        return values


def _make_row_type(names: Sequence[str]) -> Callable[[Iterable[Any]], Any]:
    """Return a function that names the values of a row."""
    row_type: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    return partial(tuple.__new__, row_type)


def _find_converter(type_: TypeEngine[Any], dialect: Dialect, of_driver: Any) -> _Converter | None:
    if isinstance(type_, JSON) and dialect.name == "sqlite":
        return decode_json  # instead of functions that call it
    if isinstance(type_, DecodedJson):
        return make_text_decoder(type_.as_type)
    return type_.dialect_impl(dialect).result_processor(dialect, of_driver)


@lru_cache(maxsize=512)
def _compile(statement: Insert | Update, dialect: Dialect, names: tuple[str, ...]) -> _Compiled:
    return _Compiled(statement, dialect, names)


def execute_on_driver(
    connection: Connection, statement: str, parameters: Any, *, is_many: bool = False
) -> Any:
    """Execute a statement without SQLAlchemy and its events; return the cursor of the driver.

    Args:
        is_many: Whether it is executed for each of several parameters.
    """
    driver: Any = connection.connection.driver_connection
    return (driver.executemany if is_many else driver.execute)(statement, parameters)

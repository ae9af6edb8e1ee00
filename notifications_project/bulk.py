"""Bulk inserts and updates bypass the model layer where thousands of rows a second are written.

Django's `bulk_create` makes an object of each row and prepares each value by itself. Here a value that many rows
share, such as an organization, a time or the reasons of a hook's deliveries, is prepared once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

from django.db import connection, connections, models, transaction

CHUNK = 500  # ids in one statement: what every database takes, and soon done
_BATCH = 2_000  # rows in one statement

_NATIVE = {
    models.UUIDField, models.DateTimeField, models.TextField, models.CharField, models.BooleanField,
    models.BigAutoField, models.FloatField, models.PositiveSmallIntegerField, models.PositiveIntegerField,
}  # fmt: skip

_Prepare = Callable[[Any], Any]
_Model = TypeVar("_Model", bound=models.Model)
Row = TypeVar("Row")
Value = TypeVar("Value")


def split_into_chunks(values: Sequence[Value], size: int | None = None) -> Iterator[Sequence[Value]]:
    """Split what is too much for one statement, or for one transaction."""
    size = size or CHUNK
    return (values[start : start + size] for start in range(0, len(values), size))


def find_rows(rows: models.QuerySet[_Model, Row], column: str, values: Collection[Any]) -> Iterator[Row]:
    """The rows in which a column has one of many values; SQLite takes only so many of them in one statement."""
    size = CHUNK if connection.features.max_query_params else 5_000
    for some in split_into_chunks(list(dict.fromkeys(values)), size):
        yield from rows.filter(**{f"{column}__in": some})


def insert(
    model: type[models.Model], fields: Sequence[str], rows: Sequence[Sequence[Any]], *, ignore_conflicts: bool = False
) -> None:
    """Insert `rows`, all or none, each with its values in the order of `fields`; related objects are given by key.

    Fields that are not named must have a default in the database, or be an identity. A row that collides with
    another raises IntegrityError; with `ignore_conflicts` it is left out. The caller must not change a value that
    several rows share until the call returns. No signal is sent, and the keys that the database makes are not returned.
    """
    if not rows:
        return
    wanted = _get_fields(model, fields)
    table = connection.ops.quote_name(model._meta.db_table)
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in wanted)
    with transaction.atomic(savepoint=False):
        if connection.vendor != "postgresql":
            _insert_many(f"{table} ({names})", wanted, rows, ignore_conflicts)
        elif ignore_conflicts:
            _insert_by_unnest(f"{table} ({names})", wanted, rows)
        else:
            _insert_by_copy(f"{table} ({names})", wanted, rows)


def update(model: type[models.Model], fields: Sequence[str], objects: Sequence[models.Model]) -> None:
    """Save these fields of many objects, with one short UPDATE for each object.

    Django's `bulk_update` writes a CASE for each field with a condition for each object. PostgreSQL gets all the
    statements in one round trip.
    """
    if not objects:
        return
    quote, key = connection.ops.quote_name, model._meta.pk
    columns = [*_get_fields(model, fields), key]
    *sets, where = [f"{quote(str(field.column))} = %s" for field in columns]
    statement = f"UPDATE {quote(model._meta.db_table)} SET {', '.join(sets)} WHERE {where}"  # noqa: S608  (names)
    rows = [[getattr(each, field.attname) for field in columns] for each in objects]
    prepared = _prepare_columns(columns, rows, [_choose_preparation(field) for field in columns])
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(zip(*prepared, strict=True)))


def _get_fields(model: type[models.Model], names: Sequence[str]) -> list[models.Field[Any, Any]]:
    return [model._meta.get_field(name) for name in names]  # type: ignore[misc]


def _insert_many(into: str, fields: list[models.Field[Any, Any]], rows: Sequence[Sequence[Any]], ignore: bool) -> None:
    conflicts = "ON CONFLICT DO NOTHING" if ignore else ""
    statement = f"INSERT INTO {into} VALUES ({', '.join(['%s'] * len(fields))}) {conflicts}"  # noqa: S608  (names)
    prepared = _prepare_columns(fields, rows, [_choose_preparation(field) for field in fields])
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(zip(*prepared, strict=True)))


def _insert_by_copy(into: str, fields: list[models.Field[Any, Any]], rows: Sequence[Sequence[Any]]) -> None:
    columns = _prepare_columns(fields, rows, [_choose_preparation(field) for field in fields])
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in zip(*columns, strict=True):
            copy.write_row(row)


def _insert_by_unnest(into: str, fields: list[models.Field[Any, Any]], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows and ignore conflicts, which COPY cannot: each column is sent as one array in its text form."""
    types = [str(field.db_type(connection)).partition("(")[0] for field in fields]
    arrays = ", ".join(f"%s::{type}[]" for type in types)
    statement = f"INSERT INTO {into} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608  (names)
    columns = _prepare_columns(fields, rows, _list_preparations(fields))
    with connection.cursor() as cursor:
        for some in split_into_chunks(list(zip(*columns, strict=True)), _BATCH):
            cursor.execute(statement, [f"{{{','.join(column)}}}" for column in zip(*some, strict=True)])


def _prepare_columns(
    fields: list[models.Field[Any, Any]], rows: Sequence[Sequence[Any]], prepare: Sequence[_Prepare | None]
) -> list[Sequence[Any]]:
    """Return the prepared values by column."""
    columns = list(zip(*rows, strict=True))
    if len(columns) != len(fields):
        raise ValueError(f"{len(fields)} fields, but {len(columns)} values in each row")
    return [_prepare_once(how, column) for how, column in zip(prepare, columns, strict=True)]


def _prepare_once(prepare: _Prepare | None, values: Sequence[Any]) -> Sequence[Any]:
    """Return the prepared values; an object that comes more than once is prepared once.

    Objects are told apart by identity: many are lists and dicts, which have no hash. `values` keeps all of them alive.
    """
    if prepare is None:
        return values
    known: dict[int, Any] = {}
    prepared = []
    for value in values:
        key = id(value)
        if key not in known:
            known[key] = prepare(value)
        prepared.append(known[key])
    return prepared


def _choose_preparation(field: models.Field[Any, Any]) -> _Prepare | None:
    """Return the function that prepares a value for the database; None if the driver takes the value as it is."""
    database = connections[connection.alias]  # not the proxy, which looks the connection up for each value
    stored = field.target_field if isinstance(field, models.ForeignKey) else field
    if database.vendor == "postgresql" and type(stored) in _NATIVE:
        return None

    def prepare(value: Any) -> Any:
        return field.get_db_prep_save(value, connection=database)

    return prepare


def _list_preparations(fields: list[models.Field[Any, Any]]) -> list[_Prepare]:
    """Return the functions that write each field's values in the text form of an array."""
    from psycopg.adapt import PyFormat, Transformer

    transformer = Transformer(connection.connection)

    def make_preparation(field: models.Field[Any, Any]) -> _Prepare:
        save = _choose_preparation(field)

        def prepare(value: Any) -> str:
            value = save(value) if save else value
            if value is None:
                return "NULL"
            dumped = transformer.get_dumper(value, PyFormat.TEXT).dump(value)
            text = bytes(dumped or b"").decode()
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

        return prepare

    return [make_preparation(field) for field in fields]

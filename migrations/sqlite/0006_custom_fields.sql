-- Custom fields of entities that keep them as definitions and values (`custom_fields: eav`). Values are found by their
-- row's key; an application that searches by value adds an index of its own, e.g.
-- `create index custom_field_values_found on custom_field_values (definition_id, value)`.
create table custom_field_definitions (
    id            integer primary key,
    tenant_id     text    not null default '',
    connection_id text    not null,
    entity        text    not null,
    -- As the CRM spells it.
    name          text    not null,
    -- What its last value was: bool, int, decimal, text, date, instant or json; null while every one was empty.
    kind          text,
    first_seen_at text    not null,
    unique (tenant_id, connection_id, entity, name)
) strict;

-- One line per record and field. The value is a whole number for `bool` and `int`, otherwise text, null for `null`, a
-- field that was sent as empty.
create table custom_field_values (
    -- The `id` of a row of the entity's table. No foreign key, for it would have to name one table; the trigger of
    -- that table removes the values of rows that are removed:
    -- create trigger NAME_custom_values after delete on NAME
    --     begin delete from custom_field_values where row_id = old.id; end;
    row_id        text    not null,
    definition_id integer not null references custom_field_definitions (id) on delete cascade,
    kind          text    not null,
    value         any,
    primary key (row_id, definition_id)
) strict, without rowid;

-- Custom fields of entities that keep them as definitions and values (`custom_fields: eav`). Values are found by their
-- row's key; an application that searches by value adds an index of its own, e.g.
-- `create index on custom_field_values (definition_id, text_value)`.
create table custom_field_definitions (
    id            bigint      generated always as identity primary key,
    tenant_id     text        not null default '',
    connection_id text        not null,
    entity        text        not null,
    -- As the CRM spells it.
    name          text        not null,
    -- What its last value was: bool, int, decimal, text, date, instant or json; null while every one was empty.
    kind          text,
    first_seen_at timestamptz not null,
    unique (tenant_id, connection_id, entity, name)
);

-- One line per record and field. `kind` says which column holds the value: bool_value, number_value (int and decimal),
-- text_value, date_value, instant_value, json_value; none of them for `null`, a field that was sent as empty.
create table custom_field_values (
    -- The `id` of a row of the entity's table. No foreign key, for it would have to name one table; the trigger of
    -- that table removes the values of rows that are removed.
    row_id        uuid    not null,
    -- No foreign key either: checking it took as long again as writing the values. A trigger removes the values of
    -- definitions that are removed.
    definition_id bigint  not null,
    kind          text    not null,
    bool_value    boolean,
    number_value  numeric,
    text_value    text,
    date_value    date,
    instant_value timestamptz,
    json_value    jsonb,
    primary key (row_id, definition_id)
);

-- For each entity's table:
-- create trigger NAME_custom_values after delete on NAME
--     referencing old table as removed for each statement execute function sync_remove_custom_values();
create function sync_remove_custom_values() returns trigger language plpgsql set search_path from current as $$
begin
    delete from custom_field_values where row_id in (select id from removed);
    return null;
end
$$;

create function sync_remove_custom_field() returns trigger language plpgsql set search_path from current as $$
begin
    delete from custom_field_values where definition_id in (select id from removed);
    return null;
end
$$;

create trigger custom_field_definitions_values after delete on custom_field_definitions
    referencing old table as removed for each statement execute function sync_remove_custom_field();

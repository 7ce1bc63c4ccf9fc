-- What the engine keeps beside an application's own tables. Tables and columns are those of PostgreSQL.
--
-- UUIDs, decimals, JSON and instants are text. Instants are RFC 3339 in UTC with six decimals, so that their
-- order as text is their order in time. `tenant_id` is '' where tenants are not told apart, so that unique keys
-- hold without one. Every instant is given by the caller: no column has a default that reads a clock.

create table sync_subscriptions (
    id            text    not null primary key,
    tenant_id     text    not null default '',
    connection_id text    not null,
    adapter       text    not null,
    domain        text    not null,
    external_ref  text,
    paused        integer not null default 0,
    cursor        text,
    created_at    text    not null,
    updated_at    text    not null
) strict;

create unique index sync_subscriptions_key
    on sync_subscriptions (tenant_id, connection_id, adapter, domain, coalesce(external_ref, ''));

create table sync_runs (
    id              text    not null unique,
    -- The order of runs: ids follow a clock, and clocks may jump. Never used twice, also when the last is removed.
    number          integer primary key autoincrement,
    tenant_id       text    not null default '',
    subscription_id text    not null references sync_subscriptions (id),
    connection_id   text    not null,
    provider        text    not null,
    entity          text    not null,
    user_id         text    not null,
    direction       text    not null,
    action          text    not null,
    status          text    not null,
    found           integer not null default 0,
    created         integer not null default 0,
    updated         integer not null default 0,
    deleted         integer not null default 0,
    restored        integer not null default 0,
    noop            integer not null default 0,
    skipped         integer not null default 0,
    parked          integer not null default 0,
    -- The last batch that was committed.
    batches         integer not null default 0,
    cursor_before   text,
    cursor_after    text,
    started_at      text    not null,
    finished_at     text,
    duration_ms     integer,
    error           text
) strict;

create index sync_runs_by_subscription on sync_runs (subscription_id, number desc);
create index sync_runs_running on sync_runs (subscription_id) where status = 'running';

-- The bulk of what is written. No foreign key to sync_runs: items are written by the run's own transactions only.
-- `changed_fields` is null where nothing changed, which takes no room at all.
create table sync_run_items (
    run_id         text    not null,
    seq            integer not null,
    tenant_id      text    not null default '',
    external_id    text    not null,
    operation      text    not null,
    status         text    not null,
    local_id       text,
    changed_fields text,
    title          text,
    error          text,
    reason         text,
    last_image     text,
    recorded_at    text    not null,
    primary key (run_id, seq)
) strict;

-- History of a record: applied changes only, so that a sync that finds nothing new pays nothing here.
create index sync_run_items_history
    on sync_run_items (external_id) where status = 'success' and operation <> 'noop';

create table sync_dead_letters (
    id              text    not null primary key,
    tenant_id       text    not null default '',
    subscription_id text    not null,
    external_id     text    not null,
    payload         text    not null,
    version         integer,
    error_class     text    not null,
    error           text    not null,
    attempts        integer not null,
    run_id          text    not null,
    parked_at       text    not null,
    next_attempt_at text    not null,
    resolved_at     text,
    resolution      text
) strict;

create unique index sync_dead_letters_open
    on sync_dead_letters (subscription_id, external_id) where resolved_at is null;

create table sync_leases (
    subscription_id text    not null primary key,
    tenant_id       text    not null default '',
    holder          text    not null,
    -- Grows with every new holder.
    token           integer not null,
    -- Null when it was given up.
    expires_at      text
) strict;

create table sync_outbox (
    id              text    not null unique,
    -- The order of publishing.
    position        integer primary key autoincrement,
    tenant_id       text    not null default '',
    subscription_id text    not null,
    kind            text    not null,
    external_id     text    not null,
    local_id        text    not null,
    operation       text    not null,
    changed_fields  text    not null,
    run_id          text    not null,
    source          text    not null,
    at              text    not null,
    published_at    text
) strict;

create index sync_outbox_waiting on sync_outbox (position) where published_at is null;

-- Links whose parent has not arrived. A parent's sink looks here for the records it creates, and binds the
-- rows that wait, without knowing which tables link to it.
create table sync_pending_links (
    tenant_id          text not null default '',
    connection_id      text not null,
    parent_entity      text not null,
    parent_external_id text not null,
    child_table        text not null,
    link               text not null,
    child_id           text not null,
    primary key (tenant_id, connection_id, parent_entity, parent_external_id, child_table, link, child_id)
) strict, without rowid;

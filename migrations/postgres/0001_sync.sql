-- What the engine keeps beside an application's own tables.
--
-- `tenant_id` is '' where tenants are not told apart, so that unique keys hold without one.
-- Every instant is given by the caller: no column has a default that reads the server's clock.

create table sync_subscriptions (
    id            uuid        primary key,
    tenant_id     text        not null default '',
    connection_id text        not null,
    adapter       text        not null,
    domain        text        not null,
    external_ref  text,
    paused        boolean     not null default false,
    cursor        text,
    created_at    timestamptz not null,
    updated_at    timestamptz not null
);

create unique index sync_subscriptions_key
    on sync_subscriptions (tenant_id, connection_id, adapter, domain, coalesce(external_ref, ''));

create table sync_runs (
    id              uuid        primary key,
    -- The order of runs: ids follow a clock, and clocks may jump.
    number          bigint      generated always as identity,
    tenant_id       text        not null default '',
    subscription_id uuid        not null references sync_subscriptions (id),
    connection_id   text        not null,
    provider        text        not null,
    entity          text        not null,
    user_id         text        not null,
    direction       text        not null,
    action          text        not null,
    status          text        not null,
    found           bigint      not null default 0,
    created         bigint      not null default 0,
    updated         bigint      not null default 0,
    deleted         bigint      not null default 0,
    restored        bigint      not null default 0,
    noop            bigint      not null default 0,
    skipped         bigint      not null default 0,
    parked          bigint      not null default 0,
    -- The last batch that was committed.
    batches         bigint      not null default 0,
    cursor_before   text,
    cursor_after    text,
    started_at      timestamptz not null,
    finished_at     timestamptz,
    duration_ms     bigint,
    error           text
);

create index sync_runs_by_subscription on sync_runs (subscription_id, number desc);
create index sync_runs_running on sync_runs (subscription_id) where status = 'running';

-- The bulk of what is written. No foreign key to sync_runs: it cost up to a quarter of a load, and items are
-- written by the run's own transactions only. `changed_fields` is null where nothing changed, which takes no
-- room at all. JSON is kept as `json`: it keeps the order of the fields, and takes in a load faster than jsonb.
create table sync_run_items (
    run_id         uuid        not null,
    seq            bigint      not null,
    tenant_id      text        not null default '',
    external_id    text        not null,
    operation      text        not null,
    status         text        not null,
    local_id       text,
    changed_fields json,
    title          text,
    error          text,
    reason         text,
    last_image     json,
    recorded_at    timestamptz not null,
    primary key (run_id, seq)
);

-- History of a record: applied changes only, so that a sync that finds nothing new pays nothing here.
create index sync_run_items_history
    on sync_run_items (external_id) where status = 'success' and operation <> 'noop';

create table sync_dead_letters (
    id              uuid        primary key,
    tenant_id       text        not null default '',
    subscription_id uuid        not null,
    external_id     text        not null,
    -- JSON as text: a payload may hold characters that jsonb can't, and is most often parked because of them.
    payload         text        not null,
    version         bigint,
    error_class     text        not null,
    error           text        not null,
    attempts        integer     not null,
    run_id          uuid        not null,
    parked_at       timestamptz not null,
    next_attempt_at timestamptz not null,
    resolved_at     timestamptz,
    resolution      text
);

create unique index sync_dead_letters_open
    on sync_dead_letters (subscription_id, external_id) where resolved_at is null;

create table sync_leases (
    subscription_id uuid        primary key,
    tenant_id       text        not null default '',
    holder          text        not null,
    -- Grows with every new holder.
    token           bigint      not null,
    -- Null when it was given up.
    expires_at      timestamptz
);

create table sync_outbox (
    id              uuid        primary key,
    -- The order of publishing.
    position        bigint      generated always as identity,
    tenant_id       text        not null default '',
    subscription_id uuid        not null,
    kind            text        not null,
    external_id     text        not null,
    local_id        text        not null,
    operation       text        not null,
    changed_fields  json        not null,
    run_id          uuid        not null,
    source          text        not null,
    at              timestamptz not null,
    published_at    timestamptz
);

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
    child_id           uuid not null,
    primary key (tenant_id, connection_id, parent_entity, parent_external_id, child_table, link, child_id)
);

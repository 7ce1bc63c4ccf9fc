-- What providers' calls said of records: staged before a call is answered, settled with the batch that applied it.
-- A settled notice stays for a while, so that a repeat of it is told.

create table sync_webhook_inbox (
    -- The order of staging.
    position        bigint      generated always as identity primary key,
    tenant_id       text        not null default '',
    connection_id   text        not null,
    subscription_id uuid        not null,
    dedup_key       text        not null,
    external_id     text        not null,
    kind            text        not null,
    merged_into     text,
    occurred_at     timestamptz not null,
    received_at     timestamptz not null,
    -- The fields that the call carried, as JSON text: null where there are none, and once it is settled.
    body            text,
    settled_at      timestamptz
);

create unique index sync_webhook_inbox_key
    on sync_webhook_inbox (tenant_id, connection_id, subscription_id, dedup_key);

create index sync_webhook_inbox_waiting
    on sync_webhook_inbox (tenant_id, subscription_id, position) where settled_at is null;

create index sync_webhook_inbox_settled
    on sync_webhook_inbox (tenant_id, settled_at) where settled_at is not null;

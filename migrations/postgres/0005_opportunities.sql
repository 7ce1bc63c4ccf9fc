-- Opportunities, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table opportunities (
    id uuid primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version bigint,
    name text,
    stage text,
    amount numeric,
    probability numeric,
    close_date date,
    closed boolean,
    won boolean,
    kind text,
    lead_source text,
    next_step text,
    account_external_id text,
    account_id uuid references accounts (id) on delete set null,
    owner_external_id text,
    owner_id uuid references users (id) on delete set null,
    custom_fields jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    unique (tenant_id, connection_id, external_id)
);
create index opportunities_account on opportunities (account_id);
create index opportunities_owner on opportunities (owner_id);

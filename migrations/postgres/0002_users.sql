-- Users, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table users (
    id uuid primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version bigint,
    name text,
    email text,
    username text,
    title text,
    department text,
    active boolean,
    time_zone text,
    manager_external_id text,
    manager_id uuid references users (id) on delete set null,
    custom_fields jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    unique (tenant_id, connection_id, external_id)
);
create index users_manager on users (manager_id);

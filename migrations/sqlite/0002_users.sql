-- Users, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table users (
    id text primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version integer,
    name text,
    email text,
    username text,
    title text,
    department text,
    active integer,
    time_zone text,
    manager_external_id text,
    manager_id text references users (id) on delete set null,
    custom_fields text not null default '{}',
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    unique (tenant_id, connection_id, external_id)
) strict;
create index users_manager on users (manager_id);

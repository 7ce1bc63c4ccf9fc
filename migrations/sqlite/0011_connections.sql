-- Connected accounts. Their secrets are sealed before they come here: no key is in the database.

create table sync_connections (
    tenant_id        text        not null default '',
    connection_id    text        not null,
    provider         text        not null,
    account_id       text,
    account_label    text,
    grantor_id       text,
    grantor_label    text,
    instance_url     text,
    client_id        text,
    scopes           text        not null default '',
    status           text        not null,
    end_cause        text,
    end_code         text,
    end_detail       text,
    ended_at         text,
    key_id           text,
    secrets          blob,
    -- Grows with every change of the secrets' content.
    generation       integer      not null default 0,
    expires_at       text,
    granted_at       text,
    -- The right to refresh: the token grows with every holder, so that a stale one is told apart.
    refresh_holder   text,
    refresh_token_no integer      not null default 0,
    refresh_until    text,
    unresolved_since text,
    created_at       text not null,
    updated_at       text not null,
    primary key (tenant_id, connection_id)
) strict;

create index sync_connections_by_account on sync_connections (provider, account_id);

-- Every grant ever kept: providers keep only so many per user and app.
create table sync_grants (
    id            integer primary key autoincrement,
    tenant_id     text        not null default '',
    connection_id text        not null,
    provider      text        not null,
    client_id     text        not null,
    account_id    text        not null,
    grantor_id    text        not null,
    granted_at    text not null
) strict;

create index sync_grants_by_grantor on sync_grants (provider, client_id, account_id, grantor_id, granted_at);
create index sync_grants_by_connection on sync_grants (tenant_id, connection_id);

-- Authorisations begun in a browser.
create table sync_authorisations (
    tenant_id     text        not null default '',
    connection_id text        not null,
    -- The digest of the state; the state itself is kept nowhere.
    state_hash    blob       not null,
    provider      text        not null,
    user_id       text        not null,
    binding_hash  blob       not null,
    key_id        text        not null,
    secrets       blob       not null,
    return_to     text        not null,
    created_at    text not null,
    expires_at    text not null,
    used_at       text,
    primary key (tenant_id, state_hash)
) strict;

create index sync_authorisations_by_end on sync_authorisations (tenant_id, expires_at);

-- Records that were merged into others. Links that name the loser lead to the winner's row.
create table sync_redirects (
    tenant_id          text        not null default '',
    connection_id      text        not null,
    entity             text        not null,
    loser_external_id  text        not null,
    -- As the CRM said.
    merged_into        text        not null,
    -- The end of the chain.
    winner_external_id text        not null,
    merged_at          timestamptz not null,
    primary key (tenant_id, connection_id, entity, loser_external_id)
);

create index sync_redirects_by_winner on sync_redirects (tenant_id, connection_id, entity, winner_external_id);

-- Opportunity contacts, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table opportunity_contacts (
    id text primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version integer,
    role text,
    is_primary integer,
    opportunity_external_id text,
    opportunity_id text references opportunities (id) on delete set null,
    contact_external_id text,
    contact_id text references contacts (id) on delete set null,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    unique (tenant_id, connection_id, external_id)
) strict;
create index opportunity_contacts_opportunity on opportunity_contacts (opportunity_id);
create index opportunity_contacts_contact on opportunity_contacts (contact_id);

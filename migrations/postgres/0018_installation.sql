-- Which installation this is: what it keeps in a server that it shares with others, as fingerprints in Redis, bears this
-- id. A copy of the database is the same installation until the row is replaced.
create table sync_installation (
    id uuid primary key default gen_random_uuid()
);

insert into sync_installation default values;

-- It belongs to no tenant: everybody may read it, and only work across tenants changes it.
create policy hexsync_tenant on sync_installation for select using (true);
create policy hexsync_installation on sync_installation
    using ((select current_setting('hexsync.across_tenants', true)) = 'on');

-- What a run had to do without, where that made nothing wrong.
alter table sync_runs add column degraded text;

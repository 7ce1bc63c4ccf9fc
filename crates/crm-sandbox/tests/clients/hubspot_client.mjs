// Drives the simulated account with @hubspot/api-client and prints one JSON object of what it saw.
// Arguments: base URL, client id, client secret, refresh token, module folder.
import { createRequire } from "node:module";

const [basePath, clientId, clientSecret, refreshToken, modules] = process.argv.slice(2);
const { Client } = createRequire(`${modules}/`)("@hubspot/api-client");
const seen = {};
// The client says on the console that it retries.
const retries = [];
console.error = (text) => retries.push(/\[(\d+)\]/.exec(text)?.[1]);

const hub = new Client({ accessToken: "expired", basePath, numberOfApiCallRetries: 3 });
const status = (promise) => promise.then(() => 200, (error) => error.code);
seen.expired = await status(hub.crm.deals.basicApi.getPage());
const grant = await hub.oauth.tokensApi.create(
  "refresh_token", undefined, undefined, clientId, clientSecret, refreshToken);
seen.expiresIn = grant.expiresIn;
hub.setAccessToken(grant.accessToken);

const deals = hub.crm.deals;
const all = await deals.getAll(undefined, undefined, ["dealname", "amount"], undefined, ["companies"]);
seen.allDeals = { rows: all.length, distinct: new Set(all.map((deal) => deal.id)).size };
const ids = new Set();
let found;
let after = "0";
do {
  found = await deals.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: "hs_lastmodifieddate", operator: "GTE", value: "1700000000000" }] }],
    sorts: ["hs_object_id"],
    properties: ["dealname"],
    limit: 200,
    after,
  });
  found.results.forEach((deal) => ids.add(deal.id));
  after = found.paging?.next?.after;
} while (after);
seen.searched = { total: found.total, distinct: ids.size };

// The account is told to refuse some calls: see which of them the client tries again.
const fault = (kind, on, times) => fetch(`${basePath}/_sandbox/faults`, {
  method: "POST",
  body: JSON.stringify({ fault: { kind }, on: [on], times }),
});
const calm = () => fetch(`${basePath}/_sandbox/faults`, { method: "DELETE" });
await fault("internal_error", "list", 2);
seen.after500 = await status(deals.basicApi.getPage());
await calm();
await fault("search_limit", "search", 1);
seen.after429OfSearch = await status(deals.searchApi.doSearch({ limit: 1 }));
await calm();
await fault("burst_limit", "read", 1);
seen.after429 = await status(deals.basicApi.getById(all[0].id));
await calm();
await fault("daily_limit", "read", 1);
seen.afterDaily = await status(deals.basicApi.getById(all[0].id));
await calm();
seen.retries = retries;

const properties = (await hub.crm.properties.coreApi.getAll("deals")).results;
seen.amount = properties.find((one) => one.name === "amount").type;
seen.pipelines = (await hub.crm.pipelines.pipelinesApi.getAll("deals")).results.map((one) => one.label);
seen.owners = (await hub.crm.owners.ownersApi.getPage()).results.length;
seen.schemas = (await hub.crm.schemas.coreApi.getAll()).results.map((schema) => schema.labels.plural);

const contacts = hub.crm.contacts;
const first = await contacts.basicApi.create({ properties: { email: "zolw@example.test", lastname: "Żółw" } });
seen.created = first.properties.lastname;
seen.conflict = await status(contacts.basicApi.create({ properties: { email: "zolw@example.test" } }));
await contacts.basicApi.update(first.id, { properties: { phone: "1" } });
const row = await contacts.basicApi.getById(first.id, ["phone"]);
seen.row = { phone: row.properties.phone, created: row.createdAt instanceof Date };
const batch = await contacts.batchApi.read({
  inputs: [{ id: first.id }, { id: "1" }], properties: ["email"], propertiesWithHistory: [],
});
seen.read = { rows: batch.results.length, errors: batch.numErrors, ids: batch.errors[0].context.ids };
const many = await contacts.batchApi.create({
  inputs: [
    { properties: { email: "m1@example.test" }, associations: [], objectWriteTraceId: "a" },
    { properties: { email: "nonsense" }, associations: [], objectWriteTraceId: "b" },
  ],
});
seen.many = { rows: many.results.length, trace: many.errors[0].context.objectWriteTraceId };
const second = await contacts.basicApi.create({ properties: { email: "second@example.test" } });
await contacts.basicApi.merge({ primaryObjectId: first.id, objectIdToMerge: second.id });
seen.merged = (await contacts.basicApi.getById(second.id)).id === first.id;
const company = await hub.crm.companies.basicApi.create({ properties: { name: "Söhne & Co" } });
const links = hub.crm.associations.v4;
await links.basicApi.create("contacts", first.id, "companies", company.id,
  [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: 1 }]);
const linked = await links.batchApi.getPage("contacts", "companies", { inputs: [{ id: first.id }, { id: "1" }] });
seen.linked = {
  labels: linked.results[0].to[0].associationTypes.map((kind) => kind.label).sort(),
  same: String(linked.results[0].to[0].toObjectId) === company.id,
  without: linked.numErrors,
};
await contacts.basicApi.archive(first.id);
seen.afterArchive = await status(contacts.basicApi.getById(first.id));
console.log(JSON.stringify(seen));

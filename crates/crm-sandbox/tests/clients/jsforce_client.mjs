// Drives the simulated org with jsforce and prints one JSON object of what it saw.
// Arguments: base URL, client id, client secret, refresh token, module folder.
import { createRequire } from "node:module";

const [baseUrl, clientId, clientSecret, refreshToken, modules] = process.argv.slice(2);
const jsforce = createRequire(`${modules}/`)("jsforce");
const seen = {};

// No access token: the first call has to refresh.
let refreshes = 0;
const org = new jsforce.Connection({
  version: "66.0",
  instanceUrl: baseUrl,
  loginUrl: baseUrl,
  oauth2: { loginUrl: baseUrl, clientId, clientSecret },
  accessToken: "expired",
  refreshToken,
});
org.on("refresh", () => { refreshes += 1; });

const soql = "SELECT Id, Name, Amount, Account.Name FROM Opportunity ORDER BY Id";
const ids = new Set();
let page = await org.query(soql);
seen.total = page.totalSize;
for (;;) {
  page.records.forEach((record) => ids.add(record.Id));
  if (page.done) break;
  page = await org.queryMore(page.nextRecordsUrl);
}
seen.distinct = ids.size;
seen.fetched = (await org.query(soql, { autoFetch: true, maxFetch: 100000 })).records.length;
seen.refreshes = refreshes;

seen.objects = (await org.describeGlobal()).sobjects.map((object) => object.name).sort();
const fields = (await org.sobject("Opportunity").describe()).fields;
seen.amountType = fields.find((field) => field.name === "Amount").type;

const accounts = org.sobject("Account");
const created = await accounts.create({ Name: "Żółw & Co", Ext__c: "js-1" });
seen.created = created.success;
seen.updated = (await accounts.update({ Id: created.id, Phone: "1" })).success;
const row = await accounts.retrieve(created.id);
seen.row = { name: row.Name, phone: row.Phone };
const upserted = await accounts.upsert({ Ext__c: "js-1", Name: "Renamed" }, "Ext__c");
seen.upserted = { success: upserted.success, created: upserted.created };
const many = await accounts.create([{ Name: "A" }, { Phone: "no name" }, { Name: "C" }]);
seen.many = many.map((one) => one.success);
const read = await accounts.retrieve([many[0].id, many[2].id]);
seen.read = read.map((one) => one.Name);
seen.manyUpserted = (await accounts.upsert([{ Ext__c: "js-1", Name: "X" }, { Ext__c: "js-2", Name: "Y" }], "Ext__c"))
  .map((one) => one.created);
// One call made of four: each part has its own condition, and may name what an earlier one made.
const rows = `/services/data/v66.0/sobjects`;
const stamp = new Date((await accounts.retrieve(created.id)).SystemModstamp).toUTCString();
const guarded = (referenceId, since) => ({
  method: "PATCH", url: `${rows}/Account/${created.id}`, referenceId, body: { Phone: referenceId },
  httpHeaders: { "If-Unmodified-Since": since },
});
const composite = await org.requestPost("/services/data/v66.0/composite", {
  allOrNone: false,
  compositeRequest: [
    guarded("fresh", stamp),
    guarded("stale", "Thu, 01 Jan 2015 00:00:00 GMT"),
    { method: "POST", url: `${rows}/Account`, referenceId: "parent", body: { Name: "Parent" } },
    { method: "POST", url: `${rows}/Contact`, referenceId: "child", body: { LastName: "Roe", AccountId: "@{parent.id}" } },
  ],
});
seen.composite = composite.compositeResponse.map((one) => [one.referenceId, one.httpStatusCode]);
seen.guarded = (await accounts.retrieve(created.id)).Phone;
seen.deleted = (await accounts.destroy(created.id)).success;
try {
  await accounts.retrieve(created.id);
} catch (error) {
  seen.afterDelete = error.errorCode;
}
try {
  await org.query("SELECT Nope FROM Account");
} catch (error) {
  seen.badQuery = error.errorCode;
}
const hour = 3600 * 1000;
const now = Date.UTC(2026, 0, 5, 8);
seen.deletions = (await accounts.deleted(new Date(now - hour), new Date(now + hour))).deletedRecords.length;
seen.identity = (await org.identity()).username;
seen.limit = (await org.limits()).DailyApiRequests.Max;
seen.usage = org.limitInfo.apiUsage.limit;

// A user connects an app with PKCE: jsforce makes the verifier, the form of the page is sent by hand.
const oauth2 = new jsforce.OAuth2({
  loginUrl: baseUrl, clientId, clientSecret, redirectUri: "http://localhost/oauth-callback", useVerifier: true,
});
const asking = new URL(oauth2.getAuthorizationUrl({ scope: "api id refresh_token", state: "here" }));
const consent = async () => {
  const form = new URLSearchParams(asking.searchParams);
  form.set("decision", "allow");
  const answer = await fetch(asking.origin + asking.pathname, { method: "POST", body: form, redirect: "manual" });
  return new URL(answer.headers.get("location")).searchParams.get("code");
};
const connected = new jsforce.Connection({ version: "66.0", oauth2 });
const code = await consent();
await connected.authorize(code, { code_verifier: oauth2.codeVerifier });
let again = 0;
connected.on("refresh", () => { again += 1; });
await fetch(`${baseUrl}/_sandbox/sessions/expire`, { method: "POST" });
seen.authorized = {
  user: (await connected.identity()).username, refreshes: again, verified: asking.searchParams.has("code_challenge"),
};
try {
  await new jsforce.Connection({ version: "66.0", oauth2 }).authorize(code, { code_verifier: oauth2.codeVerifier });
} catch (error) {
  seen.reused = error.name;
}
await connected.logout(true);
seen.revoked = (await fetch(`${baseUrl}/services/oauth2/userinfo`, {
  headers: { authorization: `Bearer ${connected.accessToken}` },
})).status;
console.log(JSON.stringify(seen));

// Checks signed deliveries with @hubspot/api-client and prints which of them hold.
// Arguments: secret, deliveries (JSON), module folder.
import { createRequire } from "node:module";

const [clientSecret, deliveries, modules] = process.argv.slice(2);
const { Signature } = createRequire(`${modules}/`)("@hubspot/api-client");
const seen = {};
for (const { headers: list, body, url } of JSON.parse(deliveries)) {
  const headers = Object.fromEntries(list);
  const checks = [];
  if (headers["x-hubspot-signature"]) {
    checks.push([headers["x-hubspot-signature-version"], headers["x-hubspot-signature"], undefined]);
  }
  if (headers["x-hubspot-signature-v3"]) {
    checks.push(["v3", headers["x-hubspot-signature-v3"], Number(headers["x-hubspot-request-timestamp"])]);
  }
  for (const [signatureVersion, signature, timestamp] of checks) {
    for (const [what, requestBody] of [["good", body], ["forged", `${body} `]]) {
      seen[`${signatureVersion} ${what}`] = Signature.isValid({
        signature, clientSecret, requestBody, signatureVersion, url, method: "POST", timestamp,
      });
    }
  }
}
console.log(JSON.stringify(seen));

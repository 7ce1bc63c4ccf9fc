"""Checks signed deliveries with hubspot-api-client and prints which of them hold. Arguments: secret, deliveries (JSON)."""

import json
import sys

from hubspot.utils.signature import Signature


def main(secret, deliveries):
    seen = {}
    for one in json.loads(deliveries):
        headers = dict(one["headers"])
        checks = []
        if "x-hubspot-signature" in headers:
            checks.append((headers["x-hubspot-signature-version"], headers["x-hubspot-signature"], None))
        if "x-hubspot-signature-v3" in headers:
            checks.append(("v3", headers["x-hubspot-signature-v3"], headers["x-hubspot-request-timestamp"]))
        for version, signature, timestamp in checks:
            for what, body in (("good", one["body"]), ("forged", one["body"] + " ")):
                held = Signature.is_valid(
                    signature, secret, body, one["url"], signature_version=version, timestamp=timestamp
                )
                seen[f"{version} {what}"] = held
    print(json.dumps(seen))


main(*sys.argv[1:])

"""Drives the simulated org with simple-salesforce and prints one JSON object of what it saw.

Arguments: base URL, access token. The library always builds https:// URLs, so an adapter rewrites the scheme.
"""

import json
import sys

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound


class PlainHttp(HTTPAdapter):
    """Sends https://127.0.0.1 requests over plain http."""

    def send(self, request, **kwargs):
        request.url = request.url.replace("https://127.0.0.1", "http://127.0.0.1", 1)
        return super().send(request, **kwargs)


def main(base_url, token):
    session = requests.Session()
    session.mount("https://127.0.0.1", PlainHttp())
    org = Salesforce(
        instance_url=base_url.replace("http://", "https://"), session_id=token, version="66.0", session=session
    )
    seen = {}

    soql = "SELECT Id, Name, Amount, Account.Name FROM Opportunity ORDER BY Id"
    everything = org.query_all(soql)
    ids = [record["Id"] for record in everything["records"]]
    seen["queried"] = {"total": everything["totalSize"], "rows": len(ids), "distinct": len(set(ids))}
    seen["iterated"] = sum(1 for _ in org.query_all_iter(soql))
    seen["with_deleted"] = org.query("SELECT COUNT() FROM Opportunity", include_deleted=True)["totalSize"]

    seen["objects"] = sorted(item["name"] for item in org.describe()["sobjects"])
    fields = {field["name"]: field for field in org.Opportunity.describe()["fields"]}
    seen["amount_type"] = fields["Amount"]["type"]

    created = org.Account.create({"Name": "Päivi & Söhne", "Ext__c": "py-1"})
    seen["created"] = created["success"]
    account = created["id"]
    seen["updated"] = org.Account.update(account, {"Phone": "+49 30 1"})
    row = org.Account.get(account)
    seen["row"] = {"name": row["Name"], "phone": row["Phone"]}
    seen["by_key"] = org.Account.get_by_custom_id("Ext__c", "py-1")["Id"] == account
    seen["upsert_update"] = org.Account.upsert("Ext__c/py-1", {"Name": "Renamed"})
    seen["upsert_insert"] = org.Account.upsert("Ext__c/py-2", {"Name": "Second"})
    # One call made of two: a part that is refused holds up no other.
    parts = [("missing", {"Name": None}), ("fine", {"Phone": "2"})]
    composite = org.restful("composite", method="POST", json={"allOrNone": False, "compositeRequest": [
        {"method": "PATCH", "url": f"/services/data/v66.0/sobjects/Account/{account}", "referenceId": name, "body": body}
        for name, body in parts
    ]})
    seen["composite"] = [[one["referenceId"], one["httpStatusCode"]] for one in composite["compositeResponse"]]
    seen["deleted"] = org.Account.delete(account)
    try:
        org.Account.get(account)
    except SalesforceResourceNotFound as error:
        seen["after_delete"] = error.content[0]["errorCode"]
    try:
        org.query("SELECT Nope FROM Account")
    except SalesforceMalformedRequest as error:
        seen["bad_query"] = error.content[0]["errorCode"]

    import datetime

    day = datetime.timedelta(hours=1)
    now = datetime.datetime(2026, 1, 5, 8, 0, tzinfo=datetime.timezone.utc)
    seen["deletions"] = len(org.Account.deleted(now - day, now + day)["deletedRecords"])
    seen["changes"] = len(org.Account.updated(now - day, now + day)["ids"]) >= 1

    seen["limit"] = org.limits()["DailyApiRequests"]["Max"]
    seen["usage"] = org.api_usage["api-usage"].total
    print(json.dumps(seen))


main(*sys.argv[1:])

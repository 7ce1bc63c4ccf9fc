"""Drives the simulated account with hubspot-api-client and prints one JSON object of what it saw.

Arguments: base URL, client id, client secret, refresh token.
"""

import json
import sys

from hubspot import HubSpot
from hubspot.crm.associations.v4 import AssociationSpec, BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.associations.v4 import PublicFetchAssociationsBatchRequest
from hubspot.crm.companies import SimplePublicObjectInputForCreate as NewCompany
from hubspot.crm.contacts import BatchInputSimplePublicObjectBatchInputForCreate, PublicMergeInput
from hubspot.crm.contacts import BatchInputSimplePublicObjectBatchInputUpsert, BatchReadInputSimplePublicObjectId
from hubspot.crm.contacts import PublicGdprDeleteInput, SimplePublicObjectBatchInputForCreate
from hubspot.crm.contacts import SimplePublicObjectBatchInputUpsert, SimplePublicObjectId
from hubspot.crm.contacts import SimplePublicObjectInput, SimplePublicObjectInputForCreate
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.deals import Filter, FilterGroup, PublicObjectSearchRequest
from hubspot.crm.properties import PropertyCreate


def main(base_url, client_id, client_secret, refresh_token):
    seen = {}
    # The stored token is dead: a refresh comes first.
    hub = HubSpot(access_token="expired", host=base_url)
    try:
        hub.crm.deals.basic_api.get_page()
    except Exception as error:
        seen["expired"] = error.status
    grant = hub.oauth.tokens_api.create(
        grant_type="refresh_token", client_id=client_id, client_secret=client_secret, refresh_token=refresh_token
    )
    seen["expires_in"] = grant.expires_in
    hub.access_token = grant.access_token
    seen["token_of"] = hub.oauth.access_tokens_api.get(grant.access_token).token_type

    reads(hub, seen)
    metadata(hub, seen)
    writes(hub, seen)
    print(json.dumps(seen))


def reads(hub, seen):
    deals = hub.crm.deals
    everything = deals.get_all(properties=["dealname", "amount"], associations=["companies"])
    seen["all_deals"] = {"rows": len(everything), "distinct": len({deal.id for deal in everything})}
    seen["archived_deals"] = len(deals.get_all(archived=True))
    page = deals.basic_api.get_page(limit=100)
    seen["page"] = {"rows": len(page.results), "more": page.paging is not None}
    ids, after = set(), None
    while True:
        filters = [Filter(property_name="hs_lastmodifieddate", operator="GTE", value="1700000000000")]
        request = PublicObjectSearchRequest(
            filter_groups=[FilterGroup(filters=filters)],
            sorts=["hs_object_id"],
            properties=["dealname"],
            limit=200,
            after=after,
        )
        found = deals.search_api.do_search(public_object_search_request=request)
        ids.update(deal.id for deal in found.results)
        if found.paging is None:
            break
        after = found.paging.next.after
    seen["searched"] = {"total": found.total, "distinct": len(ids)}
    # Deals without a company are told as errors.
    inputs = [PublicFetchAssociationsBatchRequest(id=deal.id) for deal in everything[:40]]
    linked = hub.crm.associations.v4.batch_api.get_page(
        "deals", "companies", BatchInputPublicFetchAssociationsBatchRequest(inputs=inputs)
    )
    seen["linked"] = {"with": len(linked.results), "without": linked.num_errors, "labels": labels_of(linked)}
    projects = hub.crm.objects.get_all("projects", properties=["name", "code"])
    seen["projects"] = len(projects)


def labels_of(linked):
    types = [kind for row in linked.results for to in row.to for kind in to.association_types]
    return sorted({kind.label or "" for kind in types})


def metadata(hub, seen):
    properties = {one.name: one for one in hub.crm.properties.core_api.get_all("deals").results}
    seen["amount"] = properties["amount"].type
    seen["calculated"] = properties["company_tier"].calculated
    seen["own_property"] = properties["region"].hubspot_defined
    made = hub.crm.properties.core_api.create(
        "deals",
        PropertyCreate(name="py_field", label="Py", type="number", field_type="number", group_name="dealinformation"),
    )
    seen["made_property"] = made.type
    seen["pipelines"] = [one.label for one in hub.crm.pipelines.pipelines_api.get_all("deals").results]
    seen["owners"] = len(hub.crm.owners.get_all())
    seen["archived_owners"] = [owner.user_id for owner in hub.crm.owners.owners_api.get_page(archived=True).results]
    seen["schemas"] = [schema.labels.plural for schema in hub.crm.schemas.core_api.get_all().results]


def writes(hub, seen):
    contacts = hub.crm.contacts
    new = SimplePublicObjectInputForCreate(properties={"email": "Päivi@Example.test", "lastname": "Söhne"})
    first = contacts.basic_api.create(simple_public_object_input_for_create=new)
    try:
        contacts.basic_api.create(simple_public_object_input_for_create=new)
    except ApiException as error:
        seen["conflict"] = [error.status, json.loads(error.body)["message"].endswith(first.id)]
    contacts.basic_api.update(first.id, SimplePublicObjectInput(properties={"phone": "+49 30 1"}))
    row = contacts.basic_api.get_by_id("päivi@example.test", id_property="email", properties=["phone"])
    seen["row"] = row.properties["phone"]
    seen["read"] = batch_read(contacts, first.id)
    seen["created"] = batch_create(contacts)
    seen["upserted"] = batch_upsert(contacts)
    other = contacts.basic_api.create(
        SimplePublicObjectInputForCreate(properties={"email": "other@example.test", "jobtitle": "CFO"})
    )
    merge = PublicMergeInput(primary_object_id=first.id, object_id_to_merge=other.id)
    contacts.basic_api.merge(public_merge_input=merge)
    survivor = contacts.basic_api.get_by_id(other.id, properties=["jobtitle", "hs_merged_object_ids"])
    seen["merged"] = [survivor.id == first.id, survivor.properties["hs_merged_object_ids"] == other.id]
    company = hub.crm.companies.basic_api.create(NewCompany(properties={"name": "Żółw & Co"}))
    links = hub.crm.associations.v4.basic_api
    spec = [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)]
    links.create("contacts", first.id, "companies", company.id, spec)
    page = links.get_page("contacts", first.id, "companies")
    seen["linked_to"] = [str(one.to_object_id) == company.id for one in page.results]
    contacts.basic_api.archive(first.id)
    try:
        contacts.basic_api.get_by_id(first.id)
    except ApiException as error:
        seen["after_archive"] = error.status
    seen["in_archive"] = contacts.basic_api.get_by_id(first.id, archived=True).archived
    contacts.basic_api.purge(PublicGdprDeleteInput(object_id=first.id))
    try:
        contacts.basic_api.get_by_id(first.id, archived=True)
    except ApiException as error:
        seen["after_purge"] = error.status


def batch_read(contacts, known):
    inputs = [SimplePublicObjectId(id=known), SimplePublicObjectId(id="1")]
    request = BatchReadInputSimplePublicObjectId(inputs=inputs, properties=["email"], properties_with_history=[])
    answer = contacts.batch_api.read(batch_read_input_simple_public_object_id=request)
    return [len(answer.results), answer.num_errors, answer.errors[0].context["ids"]]


def batch_create(contacts):
    rows = [("a", "batch1@example.test"), ("b", "not an address"), ("c", "batch2@example.test")]
    inputs = [
        SimplePublicObjectBatchInputForCreate(
            properties={"email": email}, associations=[], object_write_trace_id=trace
        )
        for trace, email in rows
    ]
    answer = contacts.batch_api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    return [len(answer.results), answer.errors[0].context["objectWriteTraceId"]]


def batch_upsert(contacts):
    inputs = [
        SimplePublicObjectBatchInputUpsert(id=key, id_property="ext_key", properties={"lastname": key})
        for key in ["up-1", "up-2"]
    ]
    first = contacts.batch_api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))
    again = contacts.batch_api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))
    return [[row.new for row in answer.results] for answer in (first, again)]


main(*sys.argv[1:])

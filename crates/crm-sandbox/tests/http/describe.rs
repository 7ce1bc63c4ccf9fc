//! Versions, describe-global, describe, and schema changes.

use crm_sandbox::salesforce::model::FieldType;
use crm_sandbox::salesforce::schema::FieldSpec;
use reqwest::Method;

use crate::support::{Json, V, World, code, json};

async fn fields(world: &World, object: &str) -> Vec<Json> {
    let (status, body) = world.get(&format!("{V}/sobjects/{object}/describe/")).await;
    assert_eq!(status, 200);
    body["fields"].as_array().unwrap().clone()
}

fn field<'a>(fields: &'a [Json], name: &str) -> Option<&'a Json> {
    fields.iter().find(|field| field["name"] == name)
}

#[tokio::test]
async fn versions_need_no_token() {
    let world = World::empty().await;
    let answer = world.http.get(format!("{}/services/data/", world.running.base_url())).send().await.unwrap();
    let versions: Vec<Json> = answer.json().await.unwrap();
    let expected = json!({"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"});
    assert!(versions.contains(&expected));
    let (status, body) = world.get("/services/data/v99.0/limits").await;
    assert_eq!((status, code(&body)), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn global_describe_lists_the_objects() {
    let world = World::empty().await;
    for path in ["sobjects", "sobjects/"] {
        let (_, body) = world.get(&format!("{V}/{path}")).await;
        let objects = body["sobjects"].as_array().unwrap();
        let account = objects.iter().find(|object| object["name"] == "Account").unwrap();
        assert_eq!((&account["keyPrefix"], &account["replicateable"]), (&json!("001"), &json!(true)));
        assert_eq!(account["urls"]["describe"], format!("{V}/sobjects/Account/describe"));
    }
}

#[tokio::test]
async fn describe_tells_what_can_be_written_and_asked() {
    let world = World::empty().await;
    let fields = fields(&world, "opportunity").await;
    let stage = field(&fields, "StageName").unwrap();
    assert_eq!((&stage["type"], &stage["nillable"]), (&json!("picklist"), &json!(false)));
    assert!(stage["picklistValues"].as_array().unwrap().iter().any(|value| value["value"] == "Closed Won"));
    let weighted = field(&fields, "Weighted__c").unwrap();
    assert_eq!((&weighted["calculated"], &weighted["updateable"]), (&json!(true), &json!(false)));
    let account = field(&fields, "AccountId").unwrap();
    assert_eq!(
        (&account["referenceTo"], &account["relationshipName"]),
        (&json!(["Account"]), &json!("Account"))
    );
    assert_eq!(field(&fields, "Description").unwrap()["filterable"], false);
    assert_eq!(field(&fields, "Ext__c").unwrap()["externalId"], true);
    assert_eq!(field(&fields, "Amount").unwrap()["scale"], 2);
}

#[tokio::test]
async fn roles_cases_and_a_custom_object_are_described() {
    let world = World::empty().await;
    let roles = fields(&world, "OpportunityContactRole").await;
    let deal = field(&roles, "OpportunityId").unwrap();
    assert_eq!(
        (&deal["createable"], &deal["updateable"], &deal["nillable"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert_eq!(field(&roles, "Role").unwrap()["type"], "picklist");
    let cases = fields(&world, "Case").await;
    assert_eq!(field(&cases, "CaseNumber").unwrap()["autoNumber"], true);
    assert_eq!(field(&cases, "ClosedDate").unwrap()["updateable"], false);
    let (_, project) = world.get(&format!("{V}/sobjects/Project__c/describe")).await;
    assert_eq!(
        (&project["custom"], &project["keyPrefix"], &project["label"]),
        (&json!(true), &json!("a01"), &json!("Project"))
    );
    let code = field(project["fields"].as_array().unwrap(), "Code__c").unwrap().clone();
    assert_eq!((&code["externalId"], &code["unique"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn parents_list_their_children() {
    let world = World::empty().await;
    let (_, body) = world.get(&format!("{V}/sobjects/Account/describe")).await;
    let children = body["childRelationships"].as_array().unwrap();
    let named = |name: &str| children.iter().find(|child| child["relationshipName"] == name).unwrap();
    assert_eq!(named("Opportunities")["childSObject"], "Opportunity");
    assert_eq!(named("Contacts")["cascadeDelete"], true);
    assert_eq!(world.get(&format!("{V}/sobjects/Nothing/describe")).await.0, 404);
}

#[tokio::test]
async fn unchanged_schema_is_a_304_until_a_field_is_added() {
    let world = World::empty().await;
    let path = format!("{V}/sobjects/Account/describe");
    let since = |date: String| world.request(Method::GET, &path).header("If-Modified-Since", date).send();
    let first = world.request(Method::GET, &path).send().await.unwrap();
    let date = first.headers()["last-modified"].to_str().unwrap().to_owned();
    let again = since(date.clone()).await.unwrap();
    assert_eq!(again.status(), 304);
    assert!(again.bytes().await.unwrap().is_empty());
    world.control().add_field("Account", &FieldSpec::new("Tier__c", FieldType::Picklist)).unwrap();
    assert_eq!(since(date).await.unwrap().status(), 200);
}

#[tokio::test]
async fn fields_come_change_and_go_while_the_org_runs() {
    let world = World::empty().await;
    let id = world.create("Account", json!({"Name": "A"})).await;
    let stamp =
        async || world.records("SELECT SystemModstamp FROM Account").await[0]["SystemModstamp"].clone();
    let before = stamp().await;
    world.control().advance(std::time::Duration::from_secs(60));
    world.control().add_field("Account", &FieldSpec::new("Size__c", FieldType::String)).unwrap();
    assert_eq!(world.records("SELECT Size__c FROM Account").await[0]["Size__c"], Json::Null);
    assert_eq!(stamp().await, before, "schema changes move no stamp");
    world.patch(&format!("{V}/sobjects/Account/{id}"), json!({"Size__c": "12.5"})).await;
    world.control().retype_field("Account", &FieldSpec::new("Size__c", FieldType::Double)).unwrap();
    assert_eq!(world.records("SELECT Size__c FROM Account").await[0]["Size__c"], json!(12.5));
    assert_eq!(field(&fields(&world, "Account").await, "Size__c").unwrap()["type"], "double");
    world.control().remove_field("Account", "Size__c").unwrap();
    assert_eq!(code(&world.query("SELECT Size__c FROM Account").await.1), "INVALID_FIELD");
    assert!(field(&fields(&world, "Account").await, "Size__c").is_none());
    assert!(world.control().remove_field("Account", "Name").is_err(), "standard fields stay");
}

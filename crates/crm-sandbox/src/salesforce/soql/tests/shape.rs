//! The JSON of answers.

use super::super::{execute, parse, render_page};
use super::fixture::{TODAY, add, id, org, records, run, text};
use crate::salesforce::model::{SYSTEM_MODSTAMP, Value};

#[test]
fn records_are_written_as_the_provider_writes_them() {
    let org = org();
    let soql = "SELECT Id, Name, Amount, CloseDate, IsDeleted, SystemModstamp, NextStep, account.name, Account.Owner.LastName \
                FROM opportunity WHERE Name = 'Renewal'";
    let (opportunity, account, user) = (id("006", 1), id("001", 1), id("005", 2));
    let base = "/services/data/v66.0/sobjects";
    let expected = format!(
        "{{\"totalSize\":1,\"done\":true,\"records\":[{{\"attributes\":{{\"type\":\"Opportunity\",\"url\":\"{base}/Opportunity/{opportunity}\"}},\
         \"Id\":\"{opportunity}\",\"Name\":\"Renewal\",\"Amount\":12500.0,\"CloseDate\":\"2026-03-31\",\"IsDeleted\":false,\
         \"SystemModstamp\":\"2026-01-05T00:00:00.000+0000\",\"NextStep\":null,\
         \"Account\":{{\"attributes\":{{\"type\":\"Account\",\"url\":\"{base}/Account/{account}\"}},\"Name\":\"Acme\",\
         \"Owner\":{{\"attributes\":{{\"type\":\"User\",\"url\":\"{base}/User/{user}\"}},\"LastName\":\"Rep\"}}}}}}]}}"
    );
    assert_eq!(run(&org, soql).unwrap(), expected);
}

#[test]
fn a_missing_parent_is_null() {
    let rows = records(&org(), "SELECT Id, Account.Name FROM Opportunity WHERE Name = 'Lonely'");
    assert!(rows[0]["Account"].is_null() && rows[0].get("Account").is_some());
}

#[test]
fn an_unset_boolean_is_false() {
    let rows = records(&org(), "SELECT Open__c FROM Visit__c WHERE Name = 'V1'");
    assert_eq!(rows[0]["Open__c"], false);
}

#[test]
fn compounds_and_calculated_fields_are_read() {
    let rows = records(&org(), "SELECT BillingAddress FROM Account WHERE Name = 'Acme'");
    assert_eq!(rows[0]["BillingAddress"]["city"], "Bonn");
    assert!(rows[0]["BillingAddress"]["street"].is_null());
    let rows = records(&org(), "SELECT IsWon FROM Opportunity WHERE Name = 'Renewal'");
    assert_eq!(rows[0]["IsWon"], true);
}

#[test]
fn polymorphic_parents_say_what_they_are() {
    let rows = records(&org(), "SELECT What.Name, What.Type, What.StageName FROM Visit__c ORDER BY Id");
    assert_eq!(rows[0]["What"]["attributes"]["type"], "Account");
    assert_eq!(rows[0]["What"]["Type"], "Account");
    assert!(rows[0]["What"]["StageName"].is_null());
    assert_eq!(rows[1]["What"]["attributes"]["type"], "Opportunity");
    assert_eq!(rows[1]["What"]["StageName"], "Closed Won");
    assert!(rows[2]["What"].is_null());
}

#[test]
fn subqueries_are_objects_or_null() {
    let org = org();
    let soql = "SELECT Name, (SELECT LastName, Account.Name FROM contacts ORDER BY LastName DESC LIMIT 1) FROM Account ORDER BY Id";
    let rows = records(&org, soql);
    assert_eq!(rows[0]["Contacts"]["totalSize"], 1);
    assert_eq!(rows[0]["Contacts"]["done"], true);
    assert_eq!(rows[0]["Contacts"]["records"][0]["attributes"]["type"], "Contact");
    assert_eq!(rows[0]["Contacts"]["records"][0]["LastName"], "Bob");
    assert_eq!(rows[0]["Contacts"]["records"][0]["Account"]["Name"], "Acme");
    assert!(rows[1].get("Contacts").is_some_and(serde_json::Value::is_null));
    let rows = records(&org, "SELECT Name, (SELECT Id FROM Contacts) FROM Account WHERE Name = 'Acme'");
    assert_eq!(rows[0]["Contacts"]["totalSize"], 2, "the deleted one stays out");
}

#[test]
fn fields_functions_select_what_describe_shows() {
    let org = org();
    let keys = |soql: &str| -> Vec<String> {
        records(&org, soql)[0]
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| *key != "attributes")
            .cloned()
            .collect()
    };
    let all = keys("SELECT FIELDS(ALL) FROM Visit__c LIMIT 200");
    let standard = keys("SELECT FIELDS(STANDARD) FROM Visit__c");
    let custom = keys("SELECT FIELDS(CUSTOM) FROM Visit__c LIMIT 1");
    assert!(
        standard.contains(&"SystemModstamp".to_owned()) && !standard.iter().any(|name| name.ends_with("__c"))
    );
    assert_eq!(custom.len(), 4);
    assert!(!all.contains(&"Gone__c".to_owned()));
    assert_eq!(all.len(), standard.len() + custom.len());
}

#[test]
fn pages_say_where_to_go_on() {
    let org = org();
    let set = execute(&org, &parse("SELECT Name FROM Account ORDER BY Id").unwrap(), false).unwrap();
    assert_eq!((set.total_size(), set.n_records()), (5, 5));
    let page = |range, next| {
        let mut buf = Vec::new();
        render_page(&org, &set, range, next, &mut buf);
        String::from_utf8(buf).unwrap()
    };
    let first = page(0..2, Some("/services/data/v66.0/query/01gX-2"));
    let head =
        r#"{"totalSize":5,"done":false,"nextRecordsUrl":"/services/data/v66.0/query/01gX-2","records":[{"#;
    assert!(first.starts_with(head), "{first}");
    assert_eq!(first.matches("\"Name\"").count(), 2);
    let last = page(4..99, None);
    assert!(last.starts_with(r#"{"totalSize":5,"done":true,"records":[{"#), "{last}");
    assert!(last.contains("Zeta"));
    assert_eq!(page(7..9, None), r#"{"totalSize":5,"done":true,"records":[]}"#);
}

#[test]
fn pages_show_rows_as_they_are_now_and_leave_purged_ones_out() {
    let mut org = org();
    let soql = "SELECT Name, (SELECT LastName FROM Contacts) FROM Account ORDER BY Id";
    let set = execute(&org, &parse(soql).unwrap(), false).unwrap();
    add(&mut org, "Account", id("001", 1), 0, &[("Name", text("Renamed"))]);
    org.table_mut("Account").unwrap().purge(&id("001", 2));
    org.table_mut("Contact").unwrap().purge(&id("003", 1));
    let mut buf = Vec::new();
    render_page(&org, &set, 0..3, None, &mut buf);
    let answer: serde_json::Value = serde_json::from_slice(&buf).unwrap();
    let names: Vec<_> = answer["records"].as_array().unwrap().iter().map(|row| row["Name"].clone()).collect();
    assert_eq!(names, ["Renamed", "Größe_1"]);
    assert_eq!(answer["records"][0]["Contacts"]["totalSize"], 1);
    assert_eq!(answer["totalSize"], 5);
}

#[test]
fn late_rows_appear_when_their_time_comes() {
    let mut org = org();
    let key = id("001", 9);
    let mut row = org.table("Account").unwrap().newest(&id("001", 1)).unwrap().clone();
    row.set(0, Value::Id(key));
    row.set(SYSTEM_MODSTAMP, Value::DateTime(TODAY));
    let visible_from = org.now_ms() + 60_000;
    org.table_mut("Account").unwrap().put(key, row, Some(visible_from));
    let soql = "SELECT COUNT() FROM Account WHERE SystemModstamp = 2026-01-05T00:00:00Z";
    assert!(run(&org, soql).unwrap().contains("\"totalSize\":1,"));
    org.clock.advance(std::time::Duration::from_secs(60));
    assert!(run(&org, soql).unwrap().contains("\"totalSize\":2,"));
}

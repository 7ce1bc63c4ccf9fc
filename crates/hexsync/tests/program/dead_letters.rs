//! Records that can't be applied: listed, tried again, applied once they can be.

use serde_json::json;

use crate::support::{Installation, SMALL};

/// R11: a record the program can't take is set aside; its neighbours land; a replay applies it once it is mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfit_record_is_set_aside_and_replayed() {
    let this = Installation::ready(SMALL).await;
    let control = this.org().control();
    let id = this.live("Opportunity")[3];
    let unfit = json!({"Amount": {"$raw": "1e30"}});
    control.update(id, unfit.as_object().unwrap()).unwrap();
    control.advance(std::time::Duration::from_secs(5));

    let said = this.run(&["run", "main/opportunity", "--json"]).await;
    assert_eq!(said.code, Some(3), "{}{}", said.stdout, said.stderr);
    let round: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(round["runs"][0]["counts"]["parked"], 1, "{round}");
    assert_eq!(round["runs"][0]["counts"]["created"], 49, "{round}");

    let listed = this.json(&["dead-letters", "list"]).await;
    let letter = &listed["dead_letters"][0];
    assert_eq!((&letter["external_id"], &letter["name"]), (&json!(id.as_str()), &json!("main/opportunity")));
    let class = letter["error_class"].as_str().unwrap().to_owned();
    let run = round["runs"][0]["run"].as_str().unwrap();
    let failed = this.json(&["items", run, "--failed"]).await;
    assert_eq!(failed["items"].as_array().unwrap().len(), 1);
    assert!(
        this.json(&["dead-letters", "list", "--class", "other"]).await["dead_letters"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    // Still unfit: tried again, failed again.
    let said = this.run(&["dead-letters", "replay", "--class", &class, "--json"]).await;
    assert_eq!(said.code, Some(3), "{}{}", said.stdout, said.stderr);
    assert_eq!(this.json(&["dead-letters", "list"]).await["dead_letters"][0]["attempts"], 2);

    // Mended upstream: the replay fetches it anew and applies it, and reads nothing else.
    control.update(id, json!({"Amount": 12.5}).as_object().unwrap()).unwrap();
    let round = this.json(&["dead-letters", "replay", "--record", id.as_str()]).await;
    assert_eq!(round["runs"][0]["counts"]["created"], 1, "{round}");
    assert_eq!(round["runs"][0]["counts"]["found"], 1, "{round}");
    assert_eq!(this.json(&["dead-letters", "list"]).await, json!({"dead_letters": []}));
    let history = this.json(&["history", "opportunity", id.as_str()]).await;
    assert_eq!(history["records"][0]["state"]["fields"]["amount"].to_string().trim_matches('"'), "12.5");
    assert_eq!(this.json(&["runs", "--limit", "1"]).await["runs"][0]["action"], "replay");
}

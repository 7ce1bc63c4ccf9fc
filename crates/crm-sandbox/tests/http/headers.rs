//! What every answer carries, and the daily allowance.

use std::io::{Read as _, Write as _};

use crm_sandbox::SalesforceSandbox;
use crm_sandbox::salesforce::SalesforceSettings;
use crm_sandbox::salesforce::generate::OrgSpec;
use reqwest::Method;

use crate::support::{Json, V, World, code, json, read};

#[tokio::test]
async fn answers_carry_usage_simulated_date_and_type() {
    let world = World::empty().await;
    for n in 1..=3 {
        let answer = world.request(Method::GET, &format!("{V}/limits/")).send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("sforce-limit-info"), format!("api-usage={n}/15000"));
        assert_eq!(header("date"), "Mon, 05 Jan 2026 08:00:00 GMT");
        assert_eq!(header("content-type"), "application/json;charset=UTF-8");
    }
    world.control().edit_settings(|settings| settings.per_app_usage = true);
    let answer = world.request(Method::GET, &format!("{V}/sobjects/Nothing")).send().await.unwrap();
    let info = answer.headers()["sforce-limit-info"].to_str().unwrap();
    assert_eq!(
        info, "api-usage=4/15000; per-app-api-usage=4/15000(appName=sandbox-app)",
        "errors carry it too"
    );
}

#[tokio::test]
async fn used_up_allowance_is_a_403_until_the_window_moves_on() {
    let world = World::empty().await;
    world.control().set_api_limit(14_999, 15_000);
    assert_eq!(world.get(&format!("{V}/limits")).await.1["DailyApiRequests"]["Remaining"], 0);
    let (status, body) = world.get(&format!("{V}/limits")).await;
    assert_eq!((status, code(&body)), (403, "REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(body[0]["message"], "TotalRequests Limit exceeded.");
    world.control().set_api_limit(0, 2);
    for expected in [200, 200, 403] {
        assert_eq!(world.get(&format!("{V}/limits")).await.0, expected);
    }
    world
        .control()
        .edit_settings(|settings| settings.session_timeout = std::time::Duration::from_secs(1 << 30));
    world.control().advance(std::time::Duration::from_secs(24 * 3600));
    assert_eq!(world.get(&format!("{V}/limits")).await.0, 200);
}

#[tokio::test]
async fn gzip_only_when_asked_and_allowed() {
    let spec = OrgSpec { opportunities: 300, ..OrgSpec::default() };
    let world = World::with(spec).await;
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    let size = async |encoding: &str| {
        let url = format!("{}{V}/query?q=SELECT+Id,Name+FROM+Opportunity", world.running.base_url());
        let request = plain.get(url).bearer_auth(&world.token).header("accept-encoding", encoding);
        let answer = request.send().await.unwrap();
        let encoded = answer.headers().contains_key("content-encoding");
        (encoded, answer.bytes().await.unwrap().len())
    };
    let (no, full) = size("identity").await;
    let (yes, packed) = size("gzip, deflate").await;
    assert!(!no && yes && packed * 3 < full, "{packed} of {full}");
    world.control().edit_settings(|settings| settings.gzip = false);
    assert_eq!(size("gzip").await, (false, full));
}

#[tokio::test]
async fn packed_request_bodies_are_read() {
    let world = World::empty().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(json!({"Name": "Packed"}).to_string().as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let post =
        || world.request(Method::POST, &format!("{V}/sobjects/Account")).header("content-encoding", "gzip");
    assert_eq!(post().body(packed).send().await.unwrap().status(), 201);
    let (status, body) = read(post().body("not gzip").send().await.unwrap()).await;
    assert_eq!((status, code(&body)), (400, "JSON_PARSER_ERROR"));
}

#[tokio::test]
async fn pretty_print_changes_only_the_looks() {
    let world = World::empty().await;
    let path = format!("{V}/limits");
    let pretty = world.request(Method::GET, &path).header("X-PrettyPrint", "1").send().await.unwrap();
    let pretty = pretty.text().await.unwrap();
    assert!(pretty.contains("\n  \"DailyApiRequests\" : {"), "{pretty}");
    assert!(serde_json::from_str::<Json>(&pretty).is_ok());
}

#[tokio::test]
async fn old_versions_come_with_a_warning() {
    let world = World::empty().await;
    let answer = world.request(Method::GET, "/services/data/v21.0/limits").send().await.unwrap();
    assert!(answer.headers()["warning"].to_str().unwrap().starts_with("299 - "));
    let answer = world.request(Method::GET, &format!("{V}/limits")).send().await.unwrap();
    assert!(!answer.headers().contains_key("warning"));
}

#[tokio::test]
async fn unknown_paths_are_404_in_the_api_s_form() {
    let world = World::empty().await;
    for path in ["/", "/services", "/services/data/v66.0/nothing", "/services/data/v66.0//query", "/%ff%00"] {
        let (status, body) = world.get(path).await;
        assert_eq!((status, code(&body)), (404, "NOT_FOUND"), "{path}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_http_leave_the_server_standing() {
    let world = World::empty().await;
    let address = world.running.base_url().trim_start_matches("http://").to_owned();
    let answered = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"\x16\x03\x01 nonsense\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map(|_| answer)
    });
    drop(answered.await.unwrap());
    assert_eq!(world.get(&format!("{V}/limits")).await.0, 200);
}

#[tokio::test]
async fn control_api_can_be_switched_off() {
    let settings = SalesforceSettings { control_api: false, ..SalesforceSettings::default() };
    let world = World::start(SalesforceSandbox::builder().settings(settings)).await;
    assert_eq!(world.get("/_sandbox/credentials").await.0, 404);
}

#[tokio::test]
async fn shut_down_org_closes_its_port() {
    let world = World::empty().await;
    let url = format!("{}/services/data", world.running.base_url());
    assert_eq!(world.http.get(&url).send().await.unwrap().status(), 200);
    world.running.shutdown().await;
    assert!(reqwest::get(&url).await.is_err());
}

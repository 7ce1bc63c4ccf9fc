//! Serves one simulated CRM until its standard input ends: `serve salesforce` or `serve hubspot`.
//!
//! The first line it prints is its address, the second an access token.

use std::io::Read as _;

use crm_sandbox::{HubspotSandbox, SalesforceSandbox};

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wait = || tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    match std::env::args().nth(1).as_deref() {
        Some("salesforce") => {
            let org = SalesforceSandbox::builder().start().await?;
            println!("{}\n{}", org.base_url(), org.control().open_session());
            wait().await??;
        }
        Some("hubspot") => {
            let account = HubspotSandbox::builder().start().await?;
            println!("{}\n{}", account.base_url(), account.control().open_session());
            wait().await??;
        }
        _ => return Err("which CRM? salesforce or hubspot".into()),
    }
    Ok(())
}

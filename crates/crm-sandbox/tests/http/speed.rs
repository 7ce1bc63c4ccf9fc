//! The org is quick enough to feed benchmarks on the same machine. Only a release build says anything about that.

use std::time::{Duration, Instant};

use crm_sandbox::SimClock;
use crm_sandbox::salesforce::generate::{OrgSpec, generate};
use reqwest::Method;

use crate::support::{V, World};

const PAGES: u32 = 100;
/// What one page of 2,000 rows and 17 columns may cost in processor time, with the client that reads it.
const PAGE_BUDGET: Duration = Duration::from_millis(4);
/// What making 100,000 opportunities may take.
const GENERATION_BUDGET: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_page_of_2000_rows_costs_less_than_4_ms() {
    if cfg!(debug_assertions) || !cfg!(target_os = "linux") {
        eprintln!("skipped: speed is only measured in release builds on linux");
        return;
    }
    let start = Instant::now();
    let spec = OrgSpec { users: 20, accounts: 2_000, contacts: 0, opportunities: 100_000 };
    let world = World::with(spec).await;
    assert!(start.elapsed() < GENERATION_BUDGET, "{:?}", start.elapsed());
    world.control().edit_settings(|settings| settings.gzip = false);
    let soql = "SELECT Id, Name, AccountId, OwnerId, Amount, StageName, CloseDate, NextStep, LeadSource, Region__c, \
                Score__c, Renewal_Date__c, Priority__c, Weighted__c, CreatedDate, IsDeleted, SystemModstamp \
                FROM Opportunity WHERE SystemModstamp > 2025-06-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 2000";
    let before = cpu_time();
    for _ in 0..PAGES {
        let request = world.request(Method::GET, &format!("{V}/query")).query(&[("q", soql)]);
        let body = request.send().await.unwrap().bytes().await.unwrap();
        assert!(body.len() > 500_000, "{}", body.len());
    }
    let per_page = (cpu_time() - before) / PAGES;
    eprintln!("{per_page:?} of processor time per page, the client's included");
    assert!(per_page < PAGE_BUDGET, "{per_page:?}");
}

#[test]
fn a_million_opportunities_fit_in_about_1_gb() {
    if cfg!(debug_assertions) || !cfg!(target_os = "linux") {
        eprintln!("skipped: size is only measured in release builds on linux");
        return;
    }
    let (before, start) = (resident_mb(), Instant::now());
    let spec = OrgSpec { users: 100, accounts: 10_000, contacts: 0, opportunities: 1_000_000 };
    let org = generate(1, &spec, SimClock::default());
    let (grown, took) = (resident_mb() - before, start.elapsed());
    eprintln!("{grown} MB, {took:?}");
    assert_eq!(org.table("Opportunity").unwrap().len(), 1_000_000);
    assert!(grown < 1_250, "{grown} MB");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// Memory of this process.
fn resident_mb() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4 / 1024
}

/// Processor time of this process so far, whatever else the machine does; counted in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Fields after the program's name, which may hold blanks: user and system time are the 12th and 13th of them.
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

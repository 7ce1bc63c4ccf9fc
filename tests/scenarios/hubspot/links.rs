//! Associations as records: who works where.

use crm_sandbox::hubspot::LinkSpec;

use super::hexsync::Hexsync;
use super::naive::Naive;
use super::{Habits, Object, OnHubspot, Stage, live};
use crate::contender::{Said, scenarios};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 11: associations come and go without a new modification date on either side.
    hexsync_survives_links_added_later, naive_poller_fails_links_added_later = links_added_later => Missing;
    /// 12: the modification date of contacts, through which their links are read, has a name of its own.
    hexsync_survives_the_stamp_of_contacts, naive_poller_fails_the_stamp_of_contacts = stamp_of_contacts => Silent;
}

async fn links_added_later<C: OnHubspot>() -> Verdict {
    let mut contender = C::enter(Stage { objects: &[Object::Employments], ..Stage::contacts(200) }).await;
    contender.sync().await;
    contender.later(60);
    let (contacts, companies) = (live(contender.crm(), "contacts"), live(contender.crm(), "companies"));
    for (contact, company) in contacts.iter().zip(companies.iter().cycle()).step_by(10) {
        let link = LinkSpec::new(("contacts", *contact), ("companies", *company)).label("Consultant");
        contender.crm().associate(link).unwrap();
    }
    let (contact, company, _) = contender.crm().associations("contacts", "companies")[3].clone();
    let link = LinkSpec::new(("contacts", contact), ("companies", company));
    contender.crm().disassociate(link).unwrap();
    contender.later(60);
    contender.sync().await;
    contender.tend().await;
    contender.verdict().await
}

async fn stamp_of_contacts<C: OnHubspot>() -> Verdict {
    let habits = Habits { one_stamp_for_all: true, ..Habits::default() };
    let mut contender =
        C::enter(Stage { objects: &[Object::Employments], habits, ..Stage::contacts(200) }).await;
    let said = contender.sync().await;
    let nothing = contender.rows().await.is_empty();
    let silent = (said == Said::Well && nothing)
        .then(|| Finding::Silent("all is well, and not one of many records was read".to_owned()));
    contender.verdict().await.and(silent)
}

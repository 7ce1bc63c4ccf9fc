//! Pipelines of a new account.

use crate::hubspot::model::{Pipeline, Stage};

/// Stage id, label, closed, probability.
type StagePlan = (&'static str, &'static str, bool, &'static str);

const SALES: &[StagePlan] = &[
    ("appointmentscheduled", "Appointment Scheduled", false, "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", false, "0.4"),
    ("presentationscheduled", "Presentation Scheduled", false, "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", false, "0.8"),
    ("contractsent", "Contract Sent", false, "0.9"),
    ("closedwon", "Closed Won", true, "1.0"),
    ("closedlost", "Closed Lost", true, "0.0"),
];

/// Stages that the customer made have numbers for ids.
const RENEWALS: &[StagePlan] = &[
    ("1052001", "Verlängerung offen", false, "0.5"),
    ("1052002", "Negotiation", false, "0.7"),
    ("1052003", "Renewed", true, "1.0"),
    ("1052004", "Churned", true, "0.0"),
];

const SUPPORT: &[(&str, &str, &str)] = &[
    ("1", "New", "OPEN"),
    ("2", "Waiting on contact", "OPEN"),
    ("3", "Waiting on us", "OPEN"),
    ("4", "Closed", "CLOSED"),
];

/// Stage id, label, metadata.
type StageParts = (&'static str, &'static str, Vec<(&'static str, String)>);

/// Pipelines of deals, and those of tickets.
pub(crate) fn standard_pipelines(made_at: i64) -> (Vec<Pipeline>, Vec<Pipeline>) {
    let deal_stages = |plans: &[StagePlan]| {
        let stages = plans.iter().map(|(id, label, closed, probability)| {
            (*id, *label, vec![("isClosed", closed.to_string()), ("probability", (*probability).to_owned())])
        });
        stages.collect::<Vec<_>>()
    };
    let ticket_stages = SUPPORT.iter().map(|(id, label, state)| {
        (
            *id,
            *label,
            vec![("ticketState", (*state).to_owned()), ("isClosed", (*state == "CLOSED").to_string())],
        )
    });
    let deals = vec![
        pipeline("default", "Sales Pipeline", 0, deal_stages(SALES), made_at),
        pipeline("4711001", "Renewals", 1, deal_stages(RENEWALS), made_at),
    ];
    (deals, vec![pipeline("0", "Support Pipeline", 0, ticket_stages.collect(), made_at)])
}

fn pipeline(id: &str, label: &str, display_order: i64, stages: Vec<StageParts>, made_at: i64) -> Pipeline {
    let stages = stages.into_iter().zip(0..).map(|((id, label, metadata), display_order)| Stage {
        id: id.to_owned(),
        label: label.to_owned(),
        display_order,
        metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        created_at: made_at,
        updated_at: made_at,
    });
    Pipeline {
        id: id.to_owned(),
        label: label.to_owned(),
        display_order,
        stages: stages.collect(),
        created_at: made_at,
        updated_at: made_at,
    }
}

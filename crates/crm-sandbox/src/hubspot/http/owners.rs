//! `/crm/v3/owners`

use http::Method;
use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::objects::next_link;
use super::page::{Page, flag, limit_param};
use super::route::only;
use crate::hubspot::model::{Owner, time::iso};
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

pub(super) fn serve(state: &State, call: &Call, rest: &[&str]) -> Result<Answer, ApiError> {
    only(call, &Method::GET)?;
    match rest {
        [] => list(state, call),
        [id] => {
            let account = state.account();
            let (archived, by_user) = (flag(call, "archived"), call.param("idProperty") == Some("userId"));
            let same = |owner: &&Owner| {
                let own = if by_user { owner.user_id } else { owner.id };
                own.to_string() == *id && owner.archived == archived
            };
            let owner = account.owners.iter().find(same).ok_or_else(ApiError::no_resource)?;
            Ok(Answer::json(200, &shown(owner)))
        }
        _ => Err(ApiError::no_resource()),
    }
}

fn list(state: &State, call: &Call) -> Result<Answer, ApiError> {
    let account = state.account();
    let limit = limit_param(call, 100, 500)?;
    let after: u64 = call.param("after").and_then(|after| after.parse().ok()).unwrap_or(0);
    let (archived, email) = (flag(call, "archived"), call.param("email").filter(|email| !email.is_empty()));
    let mut owners = account.owners.iter().filter(|owner| {
        owner.archived == archived
            && owner.id > after
            && email.is_none_or(|email| owner.email.eq_ignore_ascii_case(email))
    });
    let mut page = Page::new("{", limit * 300);
    let mut last = 0;
    for owner in owners.by_ref().take(limit) {
        last = owner.id;
        page.push(|out| out.extend_from_slice(shown(owner).to_string().as_bytes()));
    }
    if owners.next().is_none() {
        return Ok(page.end(None));
    }
    let after = last.to_string();
    Ok(page.end(Some((&after, &next_link(call, &after)))))
}

/// Archived owners have no user id and say not when they went.
fn shown(owner: &Owner) -> Json {
    let user_id = (!owner.archived).then_some(owner.user_id);
    let teams: Vec<Json> = owner
        .teams
        .iter()
        .map(|team| json!({"id": team.id.to_string(), "name": team.name, "primary": team.primary}))
        .collect();
    json!({
        "id": owner.id.to_string(),
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": user_id,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(owner.created_at),
        "updatedAt": iso(owner.updated_at),
        "archived": owner.archived,
        "teams": teams,
    })
}

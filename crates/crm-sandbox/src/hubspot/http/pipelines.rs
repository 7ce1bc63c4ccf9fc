//! `/crm/v3/pipelines/{type}`, reading only.

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::error::ApiError;
use super::route::only;
use crate::hubspot::model::{Pipeline, Stage, time::iso};
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

pub(super) fn serve(state: &State, call: &Call, name: &str, rest: &[&str]) -> Result<Answer, ApiError> {
    only(call, &Method::GET)?;
    let account = state.account();
    let object = account.object_or_refuse(name)?;
    let pipelines = account.pipelines_of(object);
    let one = |id: &str| pipelines.iter().find(|one| one.id == id).ok_or_else(ApiError::no_resource);
    let body = match rest {
        [] => json!({"results": pipelines.iter().map(pipeline).collect::<Vec<_>>()}),
        [id] => pipeline(one(id)?),
        [id, "stages"] => json!({"results": one(id)?.stages.iter().map(stage).collect::<Vec<_>>()}),
        [id, "stages", stage_id] => {
            let found = one(id)?.stages.iter().find(|stage| stage.id == *stage_id);
            stage(found.ok_or_else(ApiError::no_resource)?)
        }
        _ => return Err(ApiError::no_resource()),
    };
    Ok(Answer::json(200, &body))
}

fn pipeline(pipeline: &Pipeline) -> Json {
    json!({
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": pipeline.display_order,
        "archived": false,
        "createdAt": iso(pipeline.created_at),
        "updatedAt": iso(pipeline.updated_at),
        "stages": pipeline.stages.iter().map(stage).collect::<Vec<_>>(),
    })
}

fn stage(stage: &Stage) -> Json {
    let metadata: Map<String, Json> =
        stage.metadata.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    json!({
        "id": stage.id,
        "label": stage.label,
        "displayOrder": stage.display_order,
        "metadata": metadata,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "archived": false,
        "createdAt": iso(stage.created_at),
        "updatedAt": iso(stage.updated_at),
    })
}

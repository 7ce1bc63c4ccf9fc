//! Records that are made here.

use sync_core::*;

use crate::world::{Answer, Deal, World, deal};

/// The row takes the CRM's id and keeps its own.
#[tokio::test]
async fn made_record_takes_the_id_of_the_crm() {
    let world = World::new(ConflictRule::Ask).await;
    let placeholder = world.create(deal("New", "Open")).await;
    assert!(is_placeholder(&placeholder));
    let local_id = world.row(placeholder.as_str()).unwrap().local_id;
    let report = world.outbound().await;
    assert_eq!(report.counts.created, 1);
    let id = world.items(&report)[0].external_id.clone();
    assert_eq!(world.row(id.as_str()).unwrap().local_id, local_id);
    assert_eq!(world.row(placeholder.as_str()), None);
    assert_eq!(world.there(id.as_str()), Some(deal("New", "Open")));
    world.check_audit(id.as_str()).await;
    world.inbound().await;
    assert_eq!(world.sink.rows(&world.scope()).len(), 1);
}

/// A lost answer to a create makes no second record where the CRM finds records by our key; edits that were made
/// meanwhile follow.
#[tokio::test]
async fn lost_create_is_found_by_its_key() {
    let world = World::new(ConflictRule::Ask).await;
    let placeholder = world.create(deal("New", "Open")).await;
    world.answers([Some(Answer::LostAfter)]);
    world.outbound().await;
    world.edit(placeholder.as_str(), |deal| deal.stage = Some("Won".into())).await;
    world.later(3_600);
    world.outbound().await;
    let rows = world.sink.rows(&world.scope());
    assert_eq!(rows.len(), 1);
    assert_eq!(world.there(rows[0].0.as_str()), Some(deal("New", "Won")));
    assert_eq!(world.done(), [format!("create {}", rows[0].0), format!("update {}", rows[0].0)]);
    world.check_audit(rows[0].0.as_str()).await;
}

/// Where it can't, a person is asked, and nothing is sent until then.
#[tokio::test]
async fn lost_create_without_a_key_is_asked() {
    for (choice, n_creates) in [(Choice::Local, 1), (Choice::Remote, 0)] {
        let world = World::new(ConflictRule::LocalWins).await;
        *world.writer.by_key.lock().unwrap() = false;
        let placeholder = world.create(deal("New", "Open")).await;
        world.answers([Some(Answer::LostBefore)]);
        world.outbound().await;
        // Without a key there is nothing to ask the CRM for.
        world.inbound().await;
        for _ in 0..3 {
            world.later(100_000);
            world.outbound().await;
        }
        assert_eq!(world.done(), Vec::<String>::new());
        assert_eq!(world.conflicts().await[0].kind, ConflictKind::CreateInDoubt);
        world.resolve(choice).await;
        if choice == Choice::Local {
            // A decision is good for one try.
            world.answers([Some(Answer::LostBefore)]);
            world.outbound().await;
            world.later(100_000);
            world.outbound().await;
            assert_eq!((world.done().len(), world.conflicts().await[0].choice), (0, None));
            world.resolve(choice).await;
        }
        world.outbound().await;
        assert_eq!(world.done().len(), n_creates);
        assert_eq!(world.here(placeholder.as_str()), None);
        assert_eq!((world.conflicts().await, world.waiting().await), (vec![], vec![]));
    }
}

/// What was made and deleted before the CRM heard of it is not sent; what may have reached it is deleted there.
#[tokio::test]
async fn made_and_deleted_is_nothing_unless_it_was_sent() {
    let world = World::new(ConflictRule::Ask).await;
    let never = world.create(deal("Never", "Open")).await;
    world.delete(never.as_str()).await;
    assert_eq!(world.outbound().await.counts.noop, 1);
    assert_eq!(world.done(), Vec::<String>::new());

    let sent = world.create(deal("Sent", "Open")).await;
    world.answers([Some(Answer::LostAfter)]);
    world.outbound().await;
    world.delete(sent.as_str()).await;
    world.later(3_600);
    world.outbound().await;
    let done = world.done();
    assert!(done[0].starts_with("create") && done[1].starts_with("archive"), "{done:?}");
    assert!(world.sink.rows(&world.scope()).iter().all(|(_, row)| row.deleted));
}

/// The inbound side delivered the record first: one row goes on, and links lead to it.
#[tokio::test]
async fn record_that_came_back_first_is_one_row() {
    let world = World::new(ConflictRule::Ask).await;
    let placeholder = world.create(deal("New", "Open")).await;
    let child = world.create(child_of(&placeholder)).await;
    world.answers([Some(Answer::LostAfter)]);
    world.outbound().await;
    world.inbound().await;
    // The parent first; the child follows once the parent has its id.
    for _ in 0..2 {
        world.later(3_600);
        world.outbound().await;
    }
    let live: Vec<_> = world.sink.rows(&world.scope()).into_iter().filter(|(_, row)| !row.deleted).collect();
    assert_eq!(live.len(), 2, "{live:?}");
    assert!(live.iter().all(|(id, _)| !is_placeholder(id)), "{live:?}");
    let (parent, _) = live.iter().find(|(_, row)| row.record.name.as_deref() == Some("New")).unwrap();
    let (child_id, _) = live.iter().find(|(_, row)| row.record.name.as_deref() == Some("Child")).unwrap();
    assert_ne!(*child_id, child);
    assert_eq!(world.there(child_id.as_str()).unwrap().parent.as_ref(), Some(parent));
    let bound = world.sink.bound_parent(&world.scope(), child_id, "parent");
    assert_eq!(bound, Some(world.row(parent.as_str()).unwrap().local_id));
}

/// What a create made comes in as what was made here, before anything of it is edited or deleted as another record.
#[tokio::test]
async fn record_made_by_a_lost_create_does_not_come_in_as_another_one() {
    let world = World::new(ConflictRule::LocalWins).await;
    let placeholder = world.create(deal("New", "Open")).await;
    let local_id = world.row(placeholder.as_str()).unwrap().local_id;
    world.answers([Some(Answer::LostAfter)]);
    world.outbound().await;
    world.edit(placeholder.as_str(), |deal| deal.stage = Some("Won".into())).await;
    let report = world.inbound().await;
    let (id, row) = world.sink.rows(&world.scope()).pop().unwrap();
    assert_eq!((world.sink.rows(&world.scope()).len(), &row.local_id), (1, &local_id));
    assert_eq!((report.counts.created, world.there(id.as_str())), (1, Some(deal("New", "Open"))));

    // Deleted there and edited here: made anew once, not once for each of its names.
    world.crm.delete(&id);
    world.later(100_000);
    world.outbound().await;
    world.inbound().await;
    let live: Vec<_> = world.sink.rows(&world.scope()).into_iter().filter(|(_, row)| !row.deleted).collect();
    assert_eq!(live.len(), 1, "{live:?}");
    assert_eq!(world.there(live[0].0.as_str()), Some(deal("New", "Won")));
    assert_eq!(
        world.done().iter().filter(|done| done.starts_with("create")).count(),
        2,
        "{:?}",
        world.done()
    );
}

/// A create that made nothing waits on.
#[tokio::test]
async fn create_that_made_nothing_still_waits_after_an_inbound_run() {
    let world = World::new(ConflictRule::Ask).await;
    let placeholder = world.create(deal("New", "Open")).await;
    world.answers([Some(Answer::LostBefore)]);
    world.outbound().await;
    assert_eq!(world.inbound().await.counts.created, 0);
    assert_eq!(world.here(placeholder.as_str()), Some(deal("New", "Open")));
    world.later(3_600);
    assert_eq!(world.outbound().await.counts.created, 1);
}

/// The one that makes a record anew is a create like the first.
#[tokio::test]
async fn record_made_anew_by_a_lost_create_is_not_made_twice_without_a_key() {
    for (choice, n_creates) in [(Choice::Remote, 1), (Choice::Local, 2)] {
        let world = World::new(ConflictRule::LocalWins).await;
        *world.writer.by_key.lock().unwrap() = false;
        world.shared("A", deal("Big", "Open")).await;
        world.edit("A", |deal| deal.stage = Some("Won".into())).await;
        world.crm.delete(&"A".into());
        world.answers([Some(Answer::LostAfter)]);
        for _ in 0..3 {
            world.outbound().await;
            world.later(100_000);
        }
        assert_eq!(world.done().len(), 1, "{:?}", world.done());
        assert_eq!(world.conflicts().await[0].kind, ConflictKind::CreateInDoubt);
        world.resolve(choice).await;
        world.outbound().await;
        assert_eq!((world.done().len(), world.here("A")), (n_creates, None), "{choice:?}");
        assert_eq!((world.conflicts().await, world.waiting().await), (vec![], vec![]));
    }
}

/// Edits made while the question was open go with the record that is given up; they make no record of their own.
#[tokio::test]
async fn record_given_up_is_given_up_with_later_edits() {
    let world = World::new(ConflictRule::LocalWins).await;
    *world.writer.by_key.lock().unwrap() = false;
    let placeholder = world.create(deal("New", "Open")).await;
    world.answers([Some(Answer::LostBefore)]);
    for _ in 0..2 {
        world.outbound().await;
        world.later(100_000);
    }
    world.edit(placeholder.as_str(), |deal| deal.stage = Some("Won".into())).await;
    world.resolve(Choice::Remote).await;
    for _ in 0..3 {
        world.outbound().await;
        world.later(100_000);
    }
    assert_eq!((world.done(), world.here(placeholder.as_str())), (vec![], None));
    assert_eq!((world.conflicts().await, world.waiting().await), (vec![], vec![]));
}

/// R16: the creation tells what was sent, not what was edited since.
#[tokio::test]
async fn creation_is_told_without_later_edits() {
    let world = World::new(ConflictRule::RemoteWins).await;
    let placeholder = world.create(Deal { stage: None, ..deal("New", "") }).await;
    world.answers([Some(Answer::LostAfter)]);
    world.outbound().await;
    world.edit(placeholder.as_str(), |deal| deal.stage = Some("Won".into())).await;
    let report = world.inbound().await;
    let item = &world.items(&report)[0];
    assert_eq!(item.operation, Operation::Created);
    assert!(item.changed_fields.get("name").is_some());
    assert_eq!(item.changed_fields.get("stage"), None);
    let id = item.external_id.clone();
    assert_eq!(world.here(id.as_str()), Some(deal("New", "Won")));
    world.outbound().await;
    assert_eq!(world.there(id.as_str()), Some(deal("New", "Won")));
    world.check_audit(id.as_str()).await;
}

fn child_of(parent: &ExternalId) -> Deal {
    Deal { parent: Some(parent.clone()), ..deal("Child", "Open") }
}

//! Associations of a generated account.

use super::PROJECTS;
use crate::hubspot::model::{Account, Pair};

const PRIMARY_DEAL_COMPANY: u32 = 5;
const PRIMARY_CONTACT_COMPANY: u32 = 1;
const PRIMARY_TICKET_COMPANY: u32 = 26;
/// Decision maker, champion, billing contact.
const ROLES: [u32; 3] = [37, 39, 41];

/// Associates the rows of a new account, archived ones too: their associations come back with them.
pub(super) fn link(account: &mut Account, seed: u64) {
    let mut linker = Linker { rng: fastrand::Rng::with_seed(seed ^ 0x11_4e5), account };
    linker.each("contacts", "companies", |rng| match rng.u8(..100) {
        0..75 => vec![vec![PRIMARY_CONTACT_COMPANY]],
        75..80 => vec![vec![PRIMARY_CONTACT_COMPANY], vec![43]],
        80..82 => vec![vec![]],
        _ => vec![],
    });
    linker.each("deals", "companies", |rng| match rng.u8(..100) {
        0..80 => vec![vec![PRIMARY_DEAL_COMPANY]],
        80..86 => vec![vec![], vec![PRIMARY_DEAL_COMPANY]],
        86..90 => vec![vec![]],
        _ => vec![],
    });
    linker.each("deals", "contacts", |rng| {
        let role = |rng: &mut fastrand::Rng| match rng.usize(..5) {
            role @ 0..3 => vec![ROLES[role]],
            3 => vec![],
            _ => vec![ROLES[0], ROLES[2]],
        };
        let count = [0, 1, 1, 1, 2, 3][rng.usize(..6)];
        (0..count).map(|_| role(rng)).collect()
    });
    linker.each("tickets", "contacts", |rng| if rng.bool() { vec![vec![]] } else { vec![] });
    linker.each("tickets", "companies", |_| vec![vec![PRIMARY_TICKET_COMPANY]]);
    linker.each(PROJECTS, "deals", |rng| vec![vec![]; rng.usize(..3)]);
}

struct Linker<'a> {
    rng: fastrand::Rng,
    account: &'a mut Account,
}

impl Linker<'_> {
    /// Associates every row of one object with some of another; `plan` gives the types of each association.
    fn each(&mut self, from: &str, to: &str, plan: impl Fn(&mut fastrand::Rng) -> Vec<Vec<u32>>) {
        let (Some(from), Some(to)) = (self.account.object(from), self.account.object(to)) else { return };
        let pair = Pair { from, to };
        let ids = |object: usize| {
            let table = &self.account.tables[object];
            let mut ids: Vec<u64> =
                table.list(false, ..).chain(table.list(true, ..)).map(|(id, _)| id).collect();
            ids.sort_unstable();
            ids
        };
        let (from_ids, to_ids) = (ids(from), ids(to));
        if to_ids.is_empty() {
            return;
        }
        for id in from_ids {
            for types in plan(&mut self.rng) {
                let other = to_ids[self.rng.usize(..to_ids.len())];
                self.account.links.link(pair, id, other, &types);
            }
        }
    }
}

//! Associating rows.

use super::{RowError, WriteOptions};
use crate::hubspot::model::{Account, Category, Pair};

/// A type of association, as writers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkType {
    pub(crate) category: Category,
    pub(crate) type_id: u32,
}

impl Account {
    /// Associates two live rows; no types mean an association without a label.
    pub(crate) fn associate(
        &mut self,
        pair: Pair,
        ids: (u64, u64),
        types: &[LinkType],
        options: WriteOptions,
    ) -> Result<(), RowError> {
        let (from, to) = (self.tables[pair.from].resolve(ids.0), self.tables[pair.to].resolve(ids.1));
        self.live_or_refuse(pair.from, from)?;
        self.live_or_refuse(pair.to, to)?;
        if types.is_empty() && self.links.plain(pair).is_none() {
            return Err(self.no_type(pair, None));
        }
        for kind in types {
            let known = self.links.label(pair, kind.type_id);
            if known.is_none_or(|label| label.category != kind.category) {
                return Err(self.no_type(pair, Some(kind.type_id)));
            }
        }
        let types: Vec<u32> = types.iter().map(|kind| kind.type_id).collect();
        if self.links.link(pair, from, to, &types) {
            self.links_moved(pair, (from, to), options);
            let plain = self.links.plain(pair).map(|label| label.type_id);
            let told = if types.is_empty() { plain.into_iter().collect() } else { types };
            self.tell_linked(pair, (from, to), &told, false, options);
        }
        Ok(())
    }

    /// Ends an association, or takes these labels from it. Nothing happens when there is none.
    pub(crate) fn dissociate(
        &mut self,
        pair: Pair,
        ids: (u64, u64),
        types: Option<&[u32]>,
        options: WriteOptions,
    ) {
        let (from, to) = (self.tables[pair.from].resolve(ids.0), self.tables[pair.to].resolve(ids.1));
        let present = self.links.of_after(pair, from, to).find(|(other, _)| *other == to);
        let told = types.map_or_else(|| present.map_or(Vec::new(), |(_, all)| all.to_vec()), <[u32]>::to_vec);
        let moved = match types {
            None => self.links.unlink(pair, from, to),
            Some(types) => self.links.unlink_types(pair, from, to, types),
        };
        if moved {
            self.links_moved(pair, (from, to), options);
            self.tell_linked(pair, (from, to), &told, true, options);
        }
    }

    fn links_moved(&mut self, pair: Pair, (from, to): (u64, u64), options: WriteOptions) {
        self.generation += 1;
        if self.rules.associations_move_modified {
            self.touch(pair.from, from, options);
            self.touch(pair.to, to, options);
        }
    }

    fn no_type(&self, pair: Pair, type_id: Option<u32>) -> RowError {
        let singular = |object: usize| &self.tables[object].def.singular;
        let (from, to) = (singular(pair.from), singular(pair.to));
        let type_id = type_id.map_or_else(|| "default".to_owned(), |id| id.to_string());
        RowError::bad_request(format!("Association type {type_id} doesn't exist between {from} and {to}"))
    }
}

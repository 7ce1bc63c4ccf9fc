//! Pages as JSON, written straight into a buffer.

use std::io::Write;
use std::ops::Range;

use super::super::model::{Org, RecordId, Row, Table, Value, write_json_string};
use super::column::Reader;
use super::eval::{Body, ResultSet};
use super::projection::{Children, Item, Projection};

/// Appends one page: the records of `range`, cut to what there is. The page is the last one when there is
/// no `next_url`.
///
/// Rows are written as they are now, and left out when they were purged since the query ran.
pub fn render_page(
    org: &Org,
    set: &ResultSet,
    range: Range<usize>,
    next_url: Option<&str>,
    buf: &mut Vec<u8>,
) {
    put(buf, format_args!("{{\"totalSize\":{},\"done\":{}", set.total_size(), next_url.is_none()));
    if let Some(url) = next_url {
        buf.extend_from_slice(b",\"nextRecordsUrl\":");
        write_json_string(url, buf);
    }
    buf.extend_from_slice(b",\"records\":[");
    let range = range.start.min(set.n_records())..range.end.min(set.n_records());
    match &set.body {
        Body::Count(_) => {}
        Body::Groups(groups) => {
            for (i, row) in groups.rows.get(range).unwrap_or_default().iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                put(buf, format_args!("{comma}{{\"attributes\":{{\"type\":\"AggregateResult\"}}"));
                for (key, value) in groups.keys.iter().zip(row) {
                    buf.push(b',');
                    buf.extend_from_slice(key);
                    value.write_json(buf);
                }
                buf.push(b'}');
            }
        }
        Body::Rows { ids, projection, children } => {
            let reader = Reader::new(org, set.include_deleted);
            let table = &org.tables()[set.table];
            let writer = Writer { reader, children };
            writer.list(table, projection, ids.get(range).unwrap_or_default(), buf);
        }
    }
    buf.extend_from_slice(b"]}");
}

struct Writer<'a> {
    reader: Reader<'a>,
    children: &'a [Children],
}

impl<'a> Writer<'a> {
    /// Writes the rows that still exist, separated by commas, and returns how many.
    fn list(
        &self,
        table: &'a Table,
        projection: &'a Projection,
        ids: &[RecordId],
        buf: &mut Vec<u8>,
    ) -> usize {
        let mut written = 0;
        for id in ids {
            let Some(row) = table.visible(id, self.reader.now) else { continue };
            if written > 0 {
                buf.push(b',');
            }
            self.record(table, projection, id, row, buf);
            written += 1;
        }
        written
    }

    fn record(
        &self,
        table: &'a Table,
        projection: &'a Projection,
        id: &RecordId,
        row: &'a Row,
        buf: &mut Vec<u8>,
    ) {
        buf.extend_from_slice(&projection.head);
        buf.extend_from_slice(id.as_str().as_bytes());
        buf.extend_from_slice(b"\"}");
        for item in &projection.items {
            buf.push(b',');
            match item {
                Item::Fixed(json) => buf.extend_from_slice(json),
                Item::Field { key, field, boolean } => {
                    buf.extend_from_slice(key);
                    let value = self.reader.org.value(table, row, *field, self.reader.now);
                    match &*value {
                        Value::Null if *boolean => buf.extend_from_slice(b"false"),
                        value => value.write_json(buf),
                    }
                }
                Item::Parent { key, reference, targets } => {
                    buf.extend_from_slice(key);
                    match self.reader.parent(row, *reference, targets) {
                        Some((table, parent, id, inner)) => self.record(table, inner, &id, parent, buf),
                        None => buf.extend_from_slice(b"null"),
                    }
                }
                Item::Children { key, set } => {
                    buf.extend_from_slice(key);
                    self.subquery(&self.children[*set], id, buf);
                }
            }
        }
        buf.push(b'}');
    }

    fn subquery(&self, set: &'a Children, parent: &RecordId, buf: &mut Vec<u8>) {
        let table = &self.reader.org.tables()[set.table];
        let ids = set.by_parent.get(parent).map_or(&[][..], Vec::as_slice);
        let size = ids.iter().filter(|id| table.visible(id, self.reader.now).is_some()).count();
        if size == 0 {
            buf.extend_from_slice(b"null");
            return;
        }
        put(buf, format_args!("{{\"totalSize\":{size},\"done\":true,\"records\":["));
        self.list(table, &set.projection, ids, buf);
        buf.extend_from_slice(b"]}");
    }
}

fn put(buf: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing into a Vec can't fail.
    drop(buf.write_fmt(text));
}

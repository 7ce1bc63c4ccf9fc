//! The floor's own writer of PostgreSQL's binary COPY format.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Rows of a fixed number of columns.
pub(crate) struct Copy {
    bytes: Vec<u8>,
    n_columns: i16,
}

impl Copy {
    pub(crate) fn new(n_columns: i16) -> Self {
        let mut bytes = Vec::with_capacity(1 << 20);
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        bytes.extend_from_slice(&[0; 8]);
        Self { bytes, n_columns }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        self.bytes
    }

    pub(crate) fn row(&mut self) {
        self.bytes.extend_from_slice(&self.n_columns.to_be_bytes());
    }

    fn value(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(value);
    }

    fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    pub(crate) fn uuid(&mut self, id: Uuid) {
        self.value(id.as_bytes());
    }

    pub(crate) fn optional_uuid(&mut self, id: Option<&Uuid>) {
        match id {
            Some(id) => self.uuid(*id),
            None => self.null(),
        }
    }

    pub(crate) fn int8(&mut self, n: i64) {
        self.value(&n.to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.value(text.as_bytes());
    }

    pub(crate) fn optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    pub(crate) fn optional_bool(&mut self, value: Option<bool>) {
        match value {
            Some(value) => self.value(&[u8::from(value)]),
            None => self.null(),
        }
    }

    pub(crate) fn optional_date(&mut self, date: Option<NaiveDate>) {
        match date {
            Some(date) => {
                let epoch = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
                self.value(&((date - epoch).num_days() as i32).to_be_bytes());
            }
            None => self.null(),
        }
    }

    pub(crate) fn instant(&mut self, at: DateTime<Utc>) {
        self.int8(at.timestamp_micros() - 946_684_800_000_000);
    }

    pub(crate) fn jsonb(&mut self, json: &str) {
        self.bytes.extend_from_slice(&(json.len() as i32 + 1).to_be_bytes());
        self.bytes.push(1);
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// Base-10,000 digits, most significant first, with the weight of the first and the decimals to show.
    pub(crate) fn optional_numeric(&mut self, value: Option<Decimal>) {
        let Some(value) = value else { return self.null() };
        let scale = value.scale();
        let shift = (4 - scale % 4) % 4;
        let mut rest = value.mantissa().unsigned_abs() * 10_u128.pow(shift);
        let mut digits = Vec::with_capacity(8);
        while rest > 0 {
            digits.push((rest % 10_000) as i16);
            rest /= 10_000;
        }
        let n_decimals = ((scale + shift) / 4) as i16;
        let weight = digits.len() as i16 - 1 - n_decimals;
        self.bytes.extend_from_slice(&((8 + digits.len() * 2) as i32).to_be_bytes());
        let sign: u16 = if value.is_sign_negative() && !value.is_zero() { 0x4000 } else { 0 };
        for part in [digits.len() as i16, weight] {
            self.bytes.extend_from_slice(&part.to_be_bytes());
        }
        self.bytes.extend_from_slice(&sign.to_be_bytes());
        self.bytes.extend_from_slice(&(scale as i16).to_be_bytes());
        for digit in digits.iter().rev() {
            self.bytes.extend_from_slice(&digit.to_be_bytes());
        }
    }
}

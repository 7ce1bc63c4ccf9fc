//! Tables in plain columns: readable on any terminal, and by `cut` and `awk`.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::Style;

/// Rows under headings. Columns are as wide as their widest cell.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    numbers: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

/// A cell's text, with what surrounds it on a terminal.
pub(crate) struct Cell {
    text: String,
    painted: Option<String>,
}

impl Cell {
    /// A cell that is coloured; `painted` is `text` with colour codes.
    pub(crate) fn painted(text: impl Into<String>, painted: String) -> Self {
        Self { text: text.into(), painted: Some(painted) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        // A line break or control character in a record's title must not break the table or the terminal.
        let text = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { text, painted: None }
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new(headings: impl IntoIterator<Item = &'static str>) -> Self {
        Self { headings: headings.into_iter().collect(), numbers: Vec::new(), rows: Vec::new() }
    }

    /// Aligns these columns (from 0) to the right.
    #[must_use]
    pub(crate) fn numbers(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.numbers.extend(columns);
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it.
    pub(crate) fn write(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.headings.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width());
                cells.chain([self.headings[column].width()]).max().unwrap_or(0)
            })
            .collect();
        let headings = self.headings.iter().map(|heading| (heading.width(), style.dim(heading)));
        self.line(out, &widths, headings)?;
        for row in &self.rows {
            let cells = row
                .iter()
                .map(|cell| (cell.text.width(), cell.painted.as_ref().unwrap_or(&cell.text).clone()));
            self.line(out, &widths, cells)?;
        }
        Ok(())
    }

    fn line(
        &self,
        out: &mut dyn Write,
        widths: &[usize],
        cells: impl Iterator<Item = (usize, String)>,
    ) -> io::Result<()> {
        let mut line = String::new();
        for (column, (width, text)) in cells.enumerate() {
            let padding = " ".repeat(widths.get(column).copied().unwrap_or(0).saturating_sub(width));
            if self.numbers.contains(&column) {
                line.push_str(&padding);
                line.push_str(&text);
            } else {
                line.push_str(&text);
                line.push_str(&padding);
            }
            line.push_str("  ");
        }
        writeln!(out, "{}", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(table: &Table) -> String {
        let mut out = Vec::new();
        table.write(&mut out, Style::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_line_up_by_display_width() {
        let mut table = Table::new(["name", "n"]).numbers([1]);
        table.row(["Acme".into(), "7".into()]);
        table.row(["日本商事".into(), "1,200".into()]);
        assert_eq!(print(&table), "name          n\nAcme          7\n日本商事  1,200\n");
    }

    #[test]
    fn control_characters_of_records_reach_no_terminal() {
        let mut table = Table::new(["name"]);
        table.row(["a\nb\x1b[31mc".into()]);
        assert_eq!(print(&table), "name\na b [31mc\n");
    }
}

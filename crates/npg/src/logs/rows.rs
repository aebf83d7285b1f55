//! Rows as JSON lines and as CSV, and the removal of rows after a checkpoint.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

use serde::{Deserialize, Serializer};
use serde_json::Value;

/// `{"iteration":1,"steps":4096,...}` and a newline. The fields keep their order, and numbers that are not finite become
/// null.
pub fn json_line<'f>(fields: impl IntoIterator<Item = (&'f str, Value)>) -> String {
    let mut line = Vec::new();
    serde_json::Serializer::new(&mut line).collect_map(fields).expect("memory can be written, and names are strings");
    line.push(b'\n');
    String::from_utf8(line).expect("JSON is UTF-8")
}

/// A number in the form that rows have: integers have no decimal point, `-0.0` keeps its sign, and numbers that are not
/// finite become null.
pub(super) fn number(value: f64) -> Value {
    let is_integer = value.fract() == 0.0 && value.abs() < 1e15 && (value != 0.0 || value.is_sign_positive());
    if is_integer { Value::from(value as i64) } else { Value::from(value) }
}

/// The same for CSV, which has words for numbers that are not finite.
fn cell(value: f64) -> String {
    match value {
        f64::INFINITY => "inf".into(),
        f64::NEG_INFINITY => "-inf".into(),
        value if value.is_nan() => "NaN".into(),
        value => number(value).to_string(),
    }
}

/// The maximum number of times that a file gets new columns. Each time, the whole file is written again.
const MOST_WIDENINGS: usize = 100;

/// The columns of a CSV file. They are those of the first row, until a new metric adds one.
#[derive(Debug)]
pub(super) struct Csv {
    /// The names of the counts in the first columns.
    first: Vec<&'static str>,
    /// The names of all columns; `None` before there is a header.
    columns: Option<Vec<String>>,
    /// The first metric that got no column, reported once: "has no column for ...".
    pub(super) complaint: Option<String>,
    complained: bool,
    widenings: usize,
}

impl Csv {
    /// A file without a header, whose first columns will be the counts with these names.
    pub(super) fn new(first: &[&'static str]) -> Self {
        Self { first: first.to_vec(), columns: None, complaint: None, complained: false, widenings: 0 }
    }

    /// The whole file `text`, with a new column at the end for each of `metrics` that has none yet. The new columns are empty
    /// in the existing rows. `None` if all metrics have a column, if the columns may no longer change, or if `text` does not
    /// have this header.
    pub(super) fn widened(&mut self, text: impl FnOnce() -> Option<String>, metrics: &[(&str, f64)]) -> Option<String> {
        let columns = self.columns.as_mut()?;
        // Rows mostly have the same metrics in the same places.
        let is_new = |at: usize, name: &str| {
            columns.get(at + self.first.len()).is_none_or(|column| column != name)
                && !columns.iter().any(|column| column == name)
        };
        let names = metrics.iter().enumerate().filter(|(at, (name, _))| is_new(*at, name));
        let new: Vec<&str> = names.map(|(_, (name, _))| *name).collect();
        if new.is_empty() || self.widenings == MOST_WIDENINGS {
            return None;
        }
        let text = text()?;
        let (_, rows) = text.split_once('\n').filter(|(header, _)| split(header) == *columns)?;
        let empty = ",".repeat(new.len());
        columns.extend(new.into_iter().map(str::to_string));
        let mut wide = joined(columns);
        rows.lines().for_each(|row| wide.extend([row, empty.as_str(), "\n"]));
        self.widenings += 1;
        Some(wide)
    }

    /// A row, preceded by the header if it is the first one. Columns without a metric stay empty. A metric without a column
    /// is left out, which is reported.
    pub(super) fn row(&mut self, counts: &[(&str, u64)], metrics: &[(&str, f64)]) -> String {
        let mut text = String::new();
        if self.columns.is_none() {
            let names = counts.iter().map(|(name, _)| *name).chain(metrics.iter().map(|(name, _)| *name));
            let columns: Vec<String> = names.map(str::to_string).collect();
            text = joined(&columns);
            self.columns = Some(columns);
        }
        let columns = self.columns.as_deref().unwrap_or_default();
        let mut placed = 0;
        text += &joined(columns.iter().enumerate().map(|(at, column)| {
            if let Some((_, count)) = counts.get(at).filter(|(name, _)| name == column) {
                return count.to_string();
            }
            // Rows mostly have the same metrics in the same order, so look there first.
            let expected = metrics.get(at.wrapping_sub(counts.len())).filter(|(name, _)| name == column);
            let found = expected.or_else(|| metrics.iter().find(|(name, _)| name == column));
            placed += usize::from(found.is_some());
            found.map_or_else(String::new, |(_, value)| cell(*value))
        }));
        if placed < metrics.len() && !self.complained {
            let missing = metrics.iter().find(|(name, _)| !columns.iter().any(|column| column == name));
            if let Some((name, _)) = missing {
                self.complained = true;
                self.complaint = Some(format!("has no column for {name}, and can get no more"));
            }
        }
        text
    }

    /// Reads the header, and removes the rows after `steps`. A file without a complete header becomes empty.
    pub(super) fn cut(&mut self, file: &mut File, steps: u64) -> io::Result<Cut> {
        let mut columns: Option<Vec<String>> = None;
        let first = &self.first;
        let cut = cut_lines(file, |line| match &columns {
            None => {
                let header = split(line);
                let ours = header.iter().map(String::as_str).take(first.len()).eq(first.iter().copied());
                columns = Some(header);
                if ours { Line::Keep } else { Line::Foreign }
            }
            Some(columns) => {
                // Only the header has quotes, so a row can be split at its commas.
                let at = columns.iter().position(|name| name == "steps").unwrap_or(0);
                match line.split(',').nth(at).and_then(|text| text.parse::<u64>().ok()) {
                    Some(of) if of <= steps => Line::Keep,
                    Some(_) => Line::Past,
                    None => Line::Unreadable,
                }
            }
        })?;
        self.columns = columns.filter(|_| cut.length > 0);
        Ok(cut)
    }
}

/// Removes the rows after `steps` from a file of JSON lines.
pub(super) fn cut_json_lines(file: &mut File, steps: u64) -> io::Result<Cut> {
    #[derive(Deserialize)]
    struct Row {
        steps: u64,
    }
    cut_lines(file, |line| match serde_json::from_str::<Row>(line) {
        Ok(row) if row.steps <= steps => Line::Keep,
        Ok(_) => Line::Past,
        Err(_) => Line::Unreadable,
    })
}

/// Removes a last line that was cut short.
pub(super) fn cut_unfinished(file: &mut File) -> io::Result<Cut> {
    cut_lines(file, |_| Line::Keep)
}

/// The result of shortening a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// The number of bytes left.
    pub(super) length: u64,
    /// The number of removed rows, which were past the checkpoint or unfinished.
    pub(super) removed: usize,
}

enum Line {
    Keep,
    Past,
    Unreadable,
    /// The file was not written by npg.
    Foreign,
}

/// Cuts a file before the first line that is past the checkpoint. Rows are in the order of their steps, so nothing after that
/// line is needed. Shortening a file is atomic, and `tail -f` keeps following it. Unreadable lines between readable ones
/// stay, but not those at the end: new rows would make them lines in the middle, which readers of the file refuse.
fn cut_lines(file: &mut File, mut judge: impl FnMut(&str) -> Line) -> io::Result<Cut> {
    file.rewind()?;
    let mut reader = BufReader::new(&*file);
    let (mut cut, mut at, mut line) = (Cut::default(), 0, Vec::new());
    let mut unreadable = 0; // since the last line that is kept
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)? as u64;
        if length == 0 {
            break;
        }
        let Some((b'\n', text)) = line.split_last() else {
            cut.removed += 1; // the process or the machine stopped while writing it
            break;
        };
        let judged = std::str::from_utf8(text).map_or(Line::Unreadable, |text| judge(text.trim_end_matches('\r')));
        at += length;
        match judged {
            Line::Keep if cut.removed == 0 => (cut.length, unreadable) = (at, 0),
            Line::Unreadable if cut.removed == 0 => unreadable += 1,
            Line::Keep | Line::Unreadable | Line::Past => cut.removed += 1,
            Line::Foreign => return Err(io::Error::other("its first line is not a header of npg")),
        }
    }
    drop(reader);
    cut.removed += unreadable;
    if file.metadata()?.len() > cut.length {
        file.set_len(cut.length)?;
    }
    Ok(cut)
}

/// A line of CSV with these fields.
fn joined(fields: impl IntoIterator<Item: AsRef<[u8]>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields).expect("memory can be written");
    String::from_utf8(writer.into_inner().expect("memory can be written")).expect("the fields are UTF-8")
}

/// The fields of one line of CSV.
fn split(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    let fields = reader.records().next().and_then(Result::ok).unwrap_or_default();
    fields.iter().map(str::to_string).collect()
}

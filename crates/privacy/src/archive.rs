//! The copy of a person's data as one ZIP file (with its 64-bit sizes): a page that opens without a network, each table as
//! JSON and as CSV, footage as it was recorded, and a manifest with the hash of each file.
//!
//! It is written in one go and never held in memory: rows wait in two buffers until a part of their table is full.

use crate::{book::hex, markup::escaped, sealed};
use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use base::{Error, Result, Time};
use policy::Sink;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Bytes of JSON after which a table goes on in another file.
const PART: usize = 16 * 1024 * 1024;

/// A file of the archive, as the manifest names it.
struct Listed {
    path: String,
    bytes: u64,
    sha256: String,
}

/// A table that rows arrive for.
struct Part {
    table: String,
    number: u32,
    columns: Vec<String>,
    json: String,
    csv: String,
    rows: u64,
}

/// Writes the archive.
pub struct Archive {
    zip: ZipWriter<zip::write::StreamWriter<sealed::Writer>>,
    open: Option<(String, u64, Context)>,
    part: Option<Part>,
    parts: BTreeMap<String, u32>,
    rows: BTreeMap<String, u64>,
    listed: Vec<Listed>,
    files: bool,
    written: Arc<AtomicU64>,
}

impl Archive {
    /// Begins an archive in this file, with or without what holders give as files. `written` counts bytes.
    pub fn new(file: sealed::Writer, files: bool, written: Arc<AtomicU64>) -> Self {
        Self {
            files,
            written,
            zip: ZipWriter::new_stream(file),
            open: None,
            part: None,
            parts: BTreeMap::new(),
            rows: BTreeMap::new(),
            listed: Vec::new(),
        }
    }

    fn begin(&mut self, path: &str) -> Result<()> {
        self.end_file();
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true)
            .unix_permissions(0o600);
        self.zip.start_file(path, options).map_err(|error| failed(error.into()))?;
        self.open = Some((path.to_owned(), 0, Context::new(&SHA256)));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let (_, len, hash) = self.open.as_mut().ok_or_else(|| Error::internal("bytes of no file"))?;
        *len += bytes.len() as u64;
        hash.update(bytes);
        self.written.fetch_add(bytes.len() as u64, Relaxed);
        self.zip.write_all(bytes).map_err(failed)
    }

    fn end_file(&mut self) {
        if let Some((path, bytes, hash)) = self.open.take() {
            self.listed.push(Listed { path, bytes, sha256: hex(hash.finish().as_ref()) });
        }
    }

    fn whole(&mut self, path: &str, content: &str) -> Result<()> {
        self.begin(path)?;
        self.write(content.as_bytes())?;
        self.end_file();
        Ok(())
    }

    /// Writes the rows that wait.
    fn end_part(&mut self) -> Result<()> {
        let Some(part) = self.part.take() else { return Ok(()) };
        *self.rows.entry(part.table.clone()).or_default() += part.rows;
        let suffix = if part.number > 1 { format!("-{}", part.number) } else { String::new() };
        self.whole(&format!("data/{}{suffix}.json", part.table), &format!("[\n{}\n]\n", part.json))?;
        self.whole(&format!("data/{}{suffix}.csv", part.table), &part.csv)
    }

    fn part(&mut self, table: &str, row: &Map<String, Value>) -> Result<&mut Part> {
        if self.part.as_ref().is_some_and(|part| part.table != table || part.json.len() >= PART) {
            self.end_part()?;
        }
        if self.part.is_none() {
            let number = self.parts.entry(table.to_owned()).or_default();
            *number += 1;
            let columns: Vec<String> = row.keys().cloned().collect();
            let csv = columns.iter().map(|column| cell(column)).collect::<Vec<_>>().join(",") + "\r\n";
            let (table, number, json) = (table.to_owned(), *number, String::new());
            self.part = Some(Part { table, number, columns, json, csv, rows: 0 });
        }
        self.part.as_mut().ok_or_else(|| Error::internal("a part was just begun"))
    }

    /// Writes page and manifest and makes the file durable.
    pub fn finish(mut self, made: Time, about: &Value) -> Result<()> {
        self.end_part()?;
        self.end_file();
        let page = self.page(made);
        self.whole("index.html", &page)?;
        let files: Vec<Value> = self
            .listed
            .iter()
            .map(|file| json!({ "path": file.path, "bytes": file.bytes, "sha256": file.sha256 }))
            .collect();
        let manifest = json!({ "made": made, "about": about, "rows": self.rows, "files": files });
        self.whole("manifest.json", &format!("{manifest:#}\n"))?;
        let file = self.zip.finish().map_err(|error| failed(error.into()))?;
        file.into_inner().finish().map_err(failed)
    }

    /// A page that needs nothing but itself.
    fn page(&self, made: Time) -> String {
        let mut out = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1\"><title>Your data</title><style>{}</style>\
             <main><h1>Your data</h1><p class=\"facts\">Made on {made}. Each table is here twice: as JSON for programs and \
             as CSV for a spreadsheet. Footage is as your cameras sent it. <a href=\"manifest.json\">manifest.json</a> holds \
             the SHA-256 of each file.</p><div class=\"wide\"><table><thead><tr><th scope=\"col\">File</th>\
             <th scope=\"col\">Bytes</th></tr></thead><tbody>",
            crate::page::STYLE
        );
        for file in &self.listed {
            let path = escaped(&file.path);
            let _ = write!(out, "<tr><td><a href=\"{path}\">{path}</a></td><td>{}</td></tr>", file.bytes);
        }
        out + "</tbody></table></div></main></html>\n"
    }
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::unavailable("there is no room for the copy").because(error)
        }
        _ => Error::unavailable("the copy cannot be written").because(error),
    }
}

/// A cell of CSV (RFC 4180). What a spreadsheet would take for a formula is made text by an apostrophe.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

fn csv_value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cell(text),
        other => cell(&other.to_string()),
    }
}

/// A path inside the archive that leads nowhere else: no root, no `..`, no odd characters.
pub fn safe(path: &str) -> String {
    let part = |part: &str| {
        let part: String =
            part.chars().map(|c| if c.is_alphanumeric() || "-_.:".contains(c) { c } else { '-' }).take(80).collect();
        match part.trim_matches('.') {
            "" => "-".to_owned(),
            part => part.to_owned(),
        }
    };
    path.split('/').filter(|part| !part.is_empty()).map(part).collect::<Vec<_>>().join("/")
}

#[async_trait]
impl Sink for Archive {
    async fn row(&mut self, table: &str, row: Map<String, Value>) -> Result<()> {
        let part = self.part(table, &row)?;
        if part.rows > 0 {
            part.json.push_str(",\n");
        }
        let cells: Vec<String> =
            part.columns.iter().map(|column| csv_value(row.get(column).unwrap_or(&Value::Null))).collect();
        let _ = write!(part.json, "{}", Value::Object(row));
        part.csv.push_str(&(cells.join(",") + "\r\n"));
        part.rows += 1;
        Ok(())
    }

    fn wants_files(&self) -> bool {
        self.files
    }

    async fn file(&mut self, path: &str) -> Result<()> {
        self.end_part()?;
        self.begin(&safe(path))
    }

    async fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_and_never_breaks_its_row() {
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        for formula in ["=1", "+cmd", "-cmd|x", "@SUM", "\t=1"] {
            assert!(cell(formula).starts_with('\'') || cell(formula).starts_with("\"'"), "{formula}");
        }
        assert_eq!((cell("-5"), cell("a,b"), cell("plain")), ("-5".into(), "\"a,b\"".into(), "plain".into()));
    }

    #[test]
    fn a_path_of_the_archive_leads_nowhere_else() {
        for (path, safe_path) in [
            ("footage/Front door/2026.mp4", "footage/Front-door/2026.mp4"),
            ("../../etc/passwd", "-/-/etc/passwd"),
            ("/abs/./x", "abs/-/x"),
            ("a\\..\\b\0c", "a-..-b-c"),
        ] {
            assert_eq!(safe(path), safe_path);
        }
    }
}

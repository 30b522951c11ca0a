//! Index against shelf, both ways: rows without bytes, bytes without rows, headers, tags, torn ends, missing keys.

use crate::{
    adopt,
    index::{File, Index},
    recorder::Recorder,
};
use base::{Result, Time, World};
use devices::CameraId;
use serde::Serialize;
use std::{collections::HashSet, sync::Arc};
use vault::{ObjectName, Vault};

const PAGE: u64 = 256;

/// What a check found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub ok: bool,
    pub files: u64,
    pub fragments: u64,
    /// Sealed bytes that were read.
    pub bytes: u64,
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    pub kind: ProblemKind,
    pub camera: Option<CameraId>,
    /// The object's name.
    pub path: String,
    /// Where in the object.
    pub offset: u64,
    pub start: Option<Time>,
    pub end: Option<Time>,
    pub repaired: bool,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    FileWithoutRow,
    RowWithoutFile,
    BadHeader,
    BadTag,
    TornTail,
    MissingKey,
}

/// Checks everything; `repair` mends what can be mended without inventing anything.
pub(crate) struct Check<'a> {
    pub index: &'a Index,
    pub vault: &'a Vault,
    /// The recorder, if one runs: its open files are no problem.
    pub recorder: Option<&'a Arc<Recorder>>,
    pub cameras: HashSet<CameraId>,
    pub world: &'a World,
    pub repair: bool,
}

impl Check<'_> {
    /// Reads every fragment. Takes as long as reading the shelf takes.
    pub async fn run(&self) -> Result<Report> {
        let mut report = Report::default();
        let mut known = HashSet::new();
        let mut after = None;
        loop {
            let page = self.index.page(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.range.start, last.id));
            for file in &page {
                known.insert(ObjectName::from_bytes(file.id.bytes()));
                self.file(file, &mut report).await?;
            }
        }
        self.strays(&known, &mut report).await?;
        report.ok = report.problems.iter().all(|problem| problem.repaired);
        Ok(report)
    }

    async fn file(&self, file: &File, report: &mut Report) -> Result<()> {
        report.files += 1;
        let object = ObjectName::from_bytes(file.id.bytes());
        let scan = match self.vault.scan(object).await {
            Ok(scan) => scan,
            Err(vault::Error::NoSuchObject) => return self.lost(file, ProblemKind::RowWithoutFile, report).await,
            Err(error) => return Err(error.into()),
        };
        report.bytes += scan.end;
        if scan.tail.is_some() && file.closed {
            let kind = match scan.tail {
                Some(vault::Tail::BadHeader(_)) => ProblemKind::BadHeader,
                _ => ProblemKind::TornTail,
            };
            report.problems.push(problem(file, kind, scan.end));
        }
        for (offset, header) in &scan.fragments {
            report.fragments += 1;
            let kind = match self.vault.check_fragment(object, *offset).await {
                Ok(_) => continue,
                Err(vault::Error::MissingKey) => return self.lost(file, ProblemKind::MissingKey, report).await,
                Err(vault::Error::BadHeader(_) | vault::Error::ForeignKey) => ProblemKind::BadHeader,
                Err(_) => ProblemKind::BadTag,
            };
            let (start, end) = (Some(header.time), Some(header.time + header.duration));
            report.problems.push(Problem { start, end, ..problem(file, kind, *offset) });
        }
        Ok(())
    }

    /// Nothing of the file can be shown: its row goes, and the timeline tells a gap.
    async fn lost(&self, file: &File, kind: ProblemKind, report: &mut Report) -> Result<()> {
        if self.repair {
            self.index.forget(std::slice::from_ref(file)).await?;
            self.index.add_gap(file.camera, file.range.start, Some(file.range.end), crate::Cause::Corrupt).await?;
        }
        report.problems.push(Problem { repaired: self.repair, ..problem(file, kind, 0) });
        Ok(())
    }

    /// Objects that no row knows.
    async fn strays(&self, known: &HashSet<ObjectName>, report: &mut Report) -> Result<()> {
        let recording: HashSet<ObjectName> = self
            .recorder
            .iter()
            .flat_map(|recorder| recorder.streams())
            .flat_map(|state| state.recent())
            .map(|recent| ObjectName::from_bytes(recent.file.id.bytes()))
            .collect();
        for object in adopt::objects_since(self.vault, Time::from_micros(0)).await? {
            if known.contains(&object) || recording.contains(&object) {
                continue;
            }
            if self.index.has(crate::index::FileId::from_bytes(object.bytes())).await? {
                continue;
            }
            let header = self.vault.scan(object).await?.fragments.first().map(|(_, header)| *header);
            if self.repair {
                adopt::take_in(self.index, self.vault, &self.cameras, object, self.world).await?;
            }
            report.problems.push(Problem {
                kind: ProblemKind::FileWithoutRow,
                camera: header.as_ref().map(|header| CameraId::from_bytes(header.source)),
                path: object.to_string(),
                offset: 0,
                start: header.map(|header| header.time),
                end: None,
                repaired: self.repair,
            });
        }
        Ok(())
    }
}

fn problem(file: &File, kind: ProblemKind, offset: u64) -> Problem {
    Problem {
        kind,
        camera: Some(file.camera),
        path: file.id.to_string(),
        offset,
        start: Some(file.range.start),
        end: Some(file.range.end),
        repaired: false,
    }
}

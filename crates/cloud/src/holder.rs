//! This context as a holder of personal data: footage with its index.
//!
//! Which cameras are a person's, `devices` knows; so this is erased before `devices` is. Footage of a camera that
//! `devices` does not have any more belongs to nobody and counts as what an erasure left.

use crate::{Cloud, DATA_MAP, STREAMS, Stream, facade::Inner, schema};
use accounts::{AccountId, Caller};
use async_trait::async_trait;
use base::{Kind, Range, Result, Time};
use db::holding::{self, Belongs, Rows};
use devices::{CameraId, grant::Action};
use futures_util::TryStreamExt;
use policy::{Category, Held, Holder, Remaining, Retention, Sink, Subject, Table};
use std::{collections::HashSet, time::Duration};

const HOUR: Duration = Duration::from_secs(3600);

/// The index knows cameras and no households: here they stand where households do.
const OF_CAMERA: &[Belongs] = &[Belongs::Household("camera = ?")];

const fn rows(map: Table, times: &'static [&'static str]) -> Rows {
    Rows { map, about: OF_CAMERA, erased: OF_CAMERA, times, sealed_by: None }
}

const ROWS: &[Rows] = &[
    rows(schema::files::MAP, &["start", "end_", "origin"]),
    rows(schema::runs::MAP, &["start", "end_"]),
    rows(schema::gaps::MAP, &["start", "end_"]),
    rows(schema::params::MAP, &[]),
    rows(schema::usage::MAP, &["time"]),
];

impl Cloud {
    async fn cameras_of(&self, subject: &Subject) -> Result<Subject> {
        let cameras = self.inner().parts.devices.cameras_of(&subject.households).await?;
        let cameras = cameras.iter().map(|(camera, _)| camera.bytes()).collect();
        Ok(Subject { account: subject.account, households: cameras })
    }

    /// All footage as MP4, a file for each camera, stream and hour, by the way that everybody's takes and with its line in
    /// the view log.
    async fn collect_footage(&self, subject: &Subject, sink: &mut dyn Sink) -> Result<()> {
        let Inner { parts, index, .. } = self.inner();
        self.flush().await;
        for (camera, household) in parts.devices.cameras_of(&subject.households).await? {
            let copying = Caller::copying(AccountId::from_bytes(subject.account), household);
            let name = parts.devices.camera(&copying, camera).await?.name;
            for stream in STREAMS {
                let spans = index.spans(camera, Range { start: Time::MIN, end: Time::MAX }).await?;
                let spans = spans.iter().filter(|span| span.stream == stream).map(|span| span.range);
                for hour in hours(spans) {
                    let path = format!("footage/{}/{}-{}.mp4", name.open(), hour.start, stream.as_str());
                    self.collect_hour(&copying, camera, stream, hour, &path, sink).await?;
                }
            }
        }
        Ok(())
    }

    async fn collect_hour(
        &self,
        copying: &Caller,
        camera: CameraId,
        stream: Stream,
        hour: Range,
        path: &str,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let ticket = self.inner().parts.devices.ticket(copying, camera, Action::Export, Some(hour)).await?;
        let recording = match self.recording(ticket, stream, hour).await {
            // Retention was faster.
            Err(error) if error.kind() == Kind::NoFootage => return Ok(()),
            recording => recording?,
        };
        sink.file(path).await?;
        let mut content = std::pin::pin!(recording.clone().content(0..recording.len()));
        while let Some(bytes) = content.try_next().await? {
            sink.bytes(&bytes).await?;
        }
        Ok(())
    }

    /// What the index has of cameras that there are not.
    async fn orphans(&self) -> Result<Vec<CameraId>> {
        let Inner { parts, index, .. } = self.inner();
        let present: HashSet<CameraId> = parts.devices.all().await?.iter().map(|camera| camera.id).collect();
        Ok(index.cameras().await?.into_iter().filter(|camera| !present.contains(camera)).collect())
    }
}

/// The hours of the day, in UTC, in which there is footage: the first and the last end where it does.
fn hours(spans: impl Iterator<Item = Range>) -> Vec<Range> {
    let mut hours = Vec::<Range>::new();
    for span in spans {
        let mut start = span.start;
        while start < span.end {
            let end = span.end.min(start.hour() + HOUR);
            match hours.last_mut().filter(|last| last.start.hour() == start.hour()) {
                Some(last) => last.end = last.end.max(end),
                None => hours.push(Range { start, end }),
            }
            start = end;
        }
    }
    hours
}

#[async_trait]
impl Holder for Cloud {
    fn name(&self) -> &'static str {
        "cloud"
    }

    fn tables(&self) -> &'static [Table] {
        DATA_MAP
    }

    async fn describe(&self, subject: &Subject) -> Result<Vec<Held>> {
        let Inner { parts, index, .. } = self.inner();
        let cameras = self.cameras_of(subject).await?;
        let mut held = holding::describe(&parts.db, ROWS, &cameras).await?;
        let files = held.iter().find(|held| held.place == "recording_files").map_or(0, |held| held.count);
        let totals = index.totals().await?;
        let mine = totals.iter().filter(|(camera, ..)| cameras.households.contains(&camera.bytes()));
        let (bytes, oldest) = mine.fold((0, None), |(bytes, oldest), (_, start, more)| {
            (bytes + more, Some(oldest.map_or(*start, |oldest: base::Time| oldest.min(*start))))
        });
        if files > 0 {
            let (place, retention) = ("shelf", Retention::CameraPlan);
            held.push(Held { place, category: Category::HomeVideo, count: files, bytes, oldest, retention });
        }
        Ok(held)
    }

    async fn collect(&self, subject: &Subject, sink: &mut dyn Sink) -> Result<()> {
        let cameras = self.cameras_of(subject).await?;
        holding::collect(&self.inner().parts.db, ROWS, &cameras, sink, holding::no_key).await?;
        match sink.wants_files() {
            true => self.collect_footage(subject, sink).await,
            false => Ok(()),
        }
    }

    /// `devices` closes the cameras; here their recording ends before this returns.
    async fn darken(&self, _: &Subject, _: bool) -> Result<()> {
        self.reconcile().await
    }

    async fn erase(&self, subject: &Subject) -> Result<()> {
        let cameras = self.cameras_of(subject).await?.households.into_iter().map(CameraId::from_bytes);
        for camera in cameras.chain(self.orphans().await?) {
            self.erase_camera(camera).await?;
        }
        Ok(())
    }

    async fn remaining(&self, subject: &Subject) -> Result<Remaining> {
        let mut cameras = self.cameras_of(subject).await?;
        cameras.households.extend(self.orphans().await?.into_iter().map(CameraId::bytes));
        holding::remaining(&self.inner().parts.db, ROWS, &cameras).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footage_is_given_out_by_the_hour_and_an_hour_is_one_file() {
        let at = |minutes: i64| Time::from_micros(minutes * 60_000_000);
        let span = |start, end| Range { start: at(start), end: at(end) };
        let given = hours([span(50, 61), span(70, 130), span(130, 140), span(300, 301)].into_iter());
        assert_eq!(given, [span(50, 60), span(60, 120), span(120, 140), span(300, 301)]);
        assert_eq!(hours(std::iter::empty()), []);
    }
}

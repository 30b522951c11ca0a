//! The tables of recording: their migration and their data map.

use sea_orm_migration::{prelude::*, schema};

/// The migrations of this context.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Recording)]
}

struct Recording;

impl MigrationName for Recording {
    fn name(&self) -> &str {
        "m20261124_0400_recording"
    }
}

fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(Alias::new(name)).to_owned()
}

fn uuid(name: &'static str) -> ColumnDef {
    schema::uuid(Alias::new(name))
}

fn micros(name: &'static str) -> ColumnDef {
    schema::big_integer(Alias::new(name))
}

fn index(name: &'static str, on: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(Alias::new(on)).to_owned();
    for column in columns {
        index.col(Alias::new(*column));
    }
    index
}

#[async_trait::async_trait]
impl MigrationTrait for Recording {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let stream = || schema::small_integer(Alias::new("stream"));
        manager
            .create_table(
                table("recording_files")
                    .col(uuid("id").primary_key())
                    .col(uuid("camera"))
                    .col(stream())
                    .col(uuid("run"))
                    .col(uuid("params"))
                    .col(uuid("epoch"))
                    .col(micros("start"))
                    .col(micros("end_"))
                    .col(micros("origin"))
                    .col(schema::big_integer(Alias::new("bytes")))
                    .col(schema::boolean(Alias::new("closed")))
                    .col(schema::blob(Alias::new("fragments")))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("runs")
                    .col(uuid("id").primary_key())
                    .col(uuid("camera"))
                    .col(stream())
                    .col(micros("start"))
                    .col(micros("end_"))
                    .col(schema::big_integer(Alias::new("bytes")))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("gaps")
                    .col(uuid("id").primary_key())
                    .col(uuid("camera"))
                    .col(micros("start"))
                    .col(schema::big_integer_null(Alias::new("end_")))
                    .col(schema::string_len(Alias::new("cause"), 24))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("stream_params")
                    .col(uuid("id").primary_key())
                    .col(uuid("camera"))
                    .col(stream())
                    .col(schema::blob(Alias::new("body")))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                table("usage_samples")
                    .col(uuid("camera"))
                    .col(micros("time"))
                    .col(schema::big_integer(Alias::new("bytes")))
                    .primary_key(Index::create().col(Alias::new("time")).col(Alias::new("camera")))
                    .to_owned(),
            )
            .await?;
        for (name, on, columns) in INDEXES {
            manager.create_index(index(name, on, columns)).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["recording_files", "runs", "gaps", "stream_params", "usage_samples"] {
            manager.drop_table(Table::drop().table(Alias::new(name)).to_owned()).await?;
        }
        Ok(())
    }
}

const INDEXES: [(&str, &str, &[&str]); 7] = [
    ("recording_files_by_start", "recording_files", &["start"]),
    ("recording_files_by_time", "recording_files", &["camera", "stream", "start"]),
    ("recording_files_by_run", "recording_files", &["run", "start", "end_", "bytes"]),
    ("recording_files_by_epoch", "recording_files", &["epoch"]),
    ("runs_by_time", "runs", &["camera", "stream", "start"]),
    ("gaps_by_time", "gaps", &["camera", "start"]),
    ("stream_params_by_stream", "stream_params", &["camera", "stream"]),
];

pub(crate) mod files {
    policy::personal! {
        table recording_files {
            id: not_personal("opaque id of an object on the shelf"),
            camera: not_personal("opaque id"),
            stream: not_personal("main or sub"),
            run: not_personal("opaque id"),
            params: not_personal("opaque id"),
            epoch: not_personal("opaque id of a key"),
            start: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Camera,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8, C9_1_3],
            },
            end_: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Camera,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8, C9_1_3],
            },
            bytes: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Camera,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C9_1_3],
            },
            origin: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Camera,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8, C9_1_3],
            },
            closed: not_personal("whether the recorder is done with the file"),
            fragments: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Camera,
                retention: CameraPlan, protection: Clear, export: Omit("packed; start and end of the file say the same"),
                erase: Delete, clauses: [C1_2_8, C9_1_3],
            },
        }
    }
}

pub(crate) mod runs {
    policy::personal! {
        table runs {
            id: not_personal("opaque id"),
            camera: not_personal("opaque id"),
            stream: not_personal("main or sub"),
            start: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Camera,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8, C9_1_3],
            },
            end_: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Camera,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8, C9_1_3],
            },
            bytes: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Camera,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C9_1_3],
            },
        }
    }
}

pub(crate) mod gaps {
    policy::personal! {
        table gaps {
            id: not_personal("opaque id"),
            camera: not_personal("opaque id"),
            start: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Health: Contract], source: Derived,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8],
            },
            end_: {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Health: Contract], source: Derived,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8],
            },
            cause: {
                category: Telemetry, subject: HouseholdMember, purposes: [Health: Contract], source: Derived,
                retention: CameraPlan, protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8],
            },
        }
    }
}

pub(crate) mod params {
    policy::personal! {
        table stream_params {
            id: not_personal("opaque id"),
            camera: not_personal("opaque id"),
            stream: not_personal("main or sub"),
            body: {
                category: Telemetry, subject: AccountHolder, purposes: [Record: Contract], source: Camera,
                retention: Camera, protection: Clear, export: Omit("the footage holds the same"), erase: Delete,
                clauses: [C9_1_3],
            },
        }
    }
}

pub(crate) mod usage {
    policy::personal! {
        table usage_samples {
            camera: not_personal("opaque id"),
            time: not_personal("the full hour at which use was read"),
            bytes: {
                category: Telemetry, subject: AccountHolder, purposes: [Health: Contract], source: Derived,
                retention: Days(400), protection: Clear, export: Include, erase: Delete, clauses: [C1_2_8],
            },
        }
    }
}

mod objects {
    policy::personal! {
        objects shelf {
            "recording files: pictures": {
                category: HomeVideo, subject: PersonInView, purposes: [Record: Contract, Watch: Contract], source: Camera,
                retention: CameraPlan, recipients: [Household], protection: EpochKey, export: Include, erase: Shred,
                clauses: [C1_2_7, C1_2_8, C6_2, C9_3_3, C9_3_4],
            },
            "recording files: sound": {
                category: HomeAudio, subject: PersonInView, purposes: [Record: Contract, Watch: Contract], source: Camera,
                retention: CameraPlan, recipients: [Household], protection: EpochKey, export: Include, erase: Shred,
                clauses: [C1_2_7, C1_2_8, C6_2, C9_3_3, C9_3_4],
            },
            "recording files: headers": {
                category: RecordingTimes, subject: HouseholdMember, purposes: [Record: Contract], source: Derived,
                retention: CameraPlan, protection: Clear, export: Omit("the index holds the same"), erase: Shred,
                clauses: [C9_1_3],
            },
        }
    }
}

/// What this context stores, about whom, why and for how long.
pub const DATA_MAP: &[policy::Table] = &[files::MAP, runs::MAP, gaps::MAP, params::MAP, usage::MAP, objects::MAP];

//! Keeps a hub up to date with its session: from the bus if the session runs in this process,
//! otherwise from the journal and the transcripts.
//!
//! It runs on the dashboard's thread and never makes the session wait: if it falls behind on the
//! bus, it reads the journal.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use autoissue_core::bus::{Delivery, ProgressKind, ProgressLane, Subscription};
use autoissue_core::engine::Event;
use autoissue_core::session::session_dir;
use autoissue_core::transcript::Readable;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::archive::{Archive, ArchiveError};
use super::hub::Hub;
use super::output::Outputs;
use super::story::Story;
use crate::liveness::is_cut_off;

/// How often agents' output is collected.
const OUTPUT_EVERY: Duration = Duration::from_millis(250);

/// Minimum time between two overviews sent to streams.
const OVERVIEW_EVERY: Duration = Duration::from_secs(1);

/// How often a session of another process is polled while it is being streamed.
const JOURNAL_EVERY: Duration = Duration::from_millis(500);

/// How often a session is polled that nobody streams, or that has stopped and may be resumed.
const IDLE_EVERY: Duration = Duration::from_secs(5);

/// Maximum number of lines taken from the bus at a time; many times what a screen can show.
const N_LINES_LOOKED_AT_MAX: usize = 4_096;

/// Maximum number of bytes read from a transcript at a time.
const TRANSCRIPT_BYTES_MAX: u64 = 64 << 10;

/// Follows a session of this process until it has ended.
pub(crate) async fn bus(
    hub: Weak<Hub>,
    mut events: Subscription<Event>,
    mut lane: ProgressLane,
    archive: Archive,
) {
    let mut outputs = interval(OUTPUT_EVERY);
    outputs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut overview = Throttle::default();
    loop {
        tokio::select! {
            delivery = events.next() => {
                let (Some(hub), Some(delivery)) = (hub.upgrade(), delivery) else { break };
                match delivery {
                    Delivery::Event(envelope) => hub.take([&*envelope]),
                    Delivery::Lagged { to_seq, .. } => if let Err(error) = catch_up(&hub, &archive, to_seq).await {
                        tracing::warn!(%error, "the dashboard lost track of the session");
                        break;
                    },
                }
            }
            _ = outputs.tick() => {
                let Some(hub) = hub.upgrade() else { return };
                hub.take_output(|outputs, _| gather(outputs, &mut lane));
                overview.publish(&hub);
            }
        }
    }
    if let Some(hub) = hub.upgrade() {
        hub.end();
    }
}

/// Takes the available lines; the more an agent prints, the more is skipped.
fn gather(outputs: &mut Outputs, lane: &mut ProgressLane) {
    for _ in 0..N_LINES_LOOKED_AT_MAX {
        let Some(progress) = lane.ready() else { break };
        if progress.kind == ProgressKind::Line {
            outputs.line(progress.issue, progress.attempt, &progress.text);
        }
    }
    outputs.skipped(lane.take_skipped());
}

/// Reads the events that the hub lacks, up to a number.
async fn catch_up(hub: &Hub, archive: &Archive, to_seq: u64) -> Result<(), ArchiveError> {
    loop {
        let last_seq = hub.look(Story::last_seq);
        if to_seq <= last_seq {
            return Ok(());
        }
        let mut events = archive.events(hub.session().clone(), last_seq).await?;
        // Later events arrive through the bus, or at the next poll.
        events.retain(|envelope| envelope.seq <= to_seq);
        if events.is_empty() {
            return Ok(());
        }
        hub.take(&events);
    }
}

/// Reads the events that the hub lacks and that exist now. Without a bound, a fast writer could
/// keep it busy forever.
async fn catch_up_with_now(hub: &Hub, archive: &Archive) -> Result<(), ArchiveError> {
    let session = hub.session().to_string();
    let row = archive
        .read(move |journal| Ok(journal.session(&session)?))
        .await?;
    hub.set_command(row.command);
    catch_up(hub, archive, row.last_seq).await
}

/// Reads a session from the journal to its current end.
///
/// # Errors
/// If the journal cannot be read.
pub(crate) async fn open(hub: &Hub, archive: &Archive) -> Result<(), ArchiveError> {
    catch_up_with_now(hub, archive).await?;
    look_for_its_process(hub, archive).await
}

/// Follows a session through its journal until it has ended for good, or its hub is dropped.
pub(crate) async fn journal(hub: Weak<Hub>, archive: Archive) {
    let mut transcripts = Transcripts::default();
    let mut overview = Throttle::default();
    loop {
        let pause = {
            let Some(hub) = hub.upgrade() else { return };
            look(&hub, &archive, &mut transcripts, &mut overview).await;
            if is_over_for_good(&hub) {
                hub.end();
                return;
            }
            let is_idle = !hub.has_streams() || hub.look(|story| story.chronicle().is_still());
            if is_idle { IDLE_EVERY } else { JOURNAL_EVERY }
        };
        wait(pause, &hub).await;
    }
}

/// Waits, but only until a stream is opened.
async fn wait(pause: Duration, hub: &Weak<Hub>) {
    let Some(woken) = hub.upgrade().map(|hub| hub.wake.clone()) else {
        return;
    };
    let _ = tokio::time::timeout(pause, woken.notified()).await;
}

/// Polls a session of another process and sends the news to its streams.
pub(crate) async fn look(
    hub: &Arc<Hub>,
    archive: &Archive,
    transcripts: &mut Transcripts,
    overview: &mut Throttle,
) {
    if let Err(error) = step(hub, archive, transcripts).await {
        tracing::warn!(%error, "failed to read a session; retrying");
    }
    overview.publish(hub);
}

async fn step(
    hub: &Arc<Hub>,
    archive: &Archive,
    transcripts: &mut Transcripts,
) -> Result<(), ArchiveError> {
    open(hub, archive).await?;
    if hub.has_streams() {
        hub.take_output(|outputs, story| transcripts.gather(outputs, story, hub));
    }
    Ok(())
}

async fn look_for_its_process(hub: &Hub, archive: &Archive) -> Result<(), ArchiveError> {
    use super::view::SessionStatus;
    let may_run = hub.look(|story| {
        matches!(
            story.chronicle().status(),
            SessionStatus::Running | SessionStatus::CutOff
        )
    });
    if may_run {
        let (session, state_dir) = (hub.session().to_string(), archive.state_dir().to_owned());
        let is_cut_off = archive
            .read(move |journal| Ok(is_cut_off(&journal.session(&session)?, &state_dir)))
            .await?;
        hub.set_cut_off(is_cut_off);
    }
    Ok(())
}

fn is_over_for_good(hub: &Hub) -> bool {
    use super::view::SessionStatus;
    hub.look(|story| {
        matches!(
            story.chronicle().status(),
            SessionStatus::Completed | SessionStatus::Failed
        )
    })
}

/// Sends the overview to streams when it has changed, at a limited rate.
#[derive(Default)]
pub(crate) struct Throttle {
    last: Option<Instant>,
}

impl Throttle {
    fn publish(&mut self, hub: &Hub) {
        let is_rested = self
            .last
            .is_none_or(|last| OVERVIEW_EVERY <= last.elapsed());
        if is_rested && hub.publish_overview() {
            self.last = Some(Instant::now());
        }
    }
}

/// Read positions in the transcripts of running attempts.
#[derive(Default)]
pub(crate) struct Transcripts {
    places: BTreeMap<(u64, u32), Place>,
}

/// The read position in one transcript, and the parser of its lines.
struct Place {
    byte: u64,
    readable: Readable,
}

impl Transcripts {
    fn gather(&mut self, outputs: &mut Outputs, story: &Story, hub: &Hub) {
        let running: Vec<(u64, u32)> = story
            .chronicle()
            .running()
            .filter_map(|task| Some((task.issue.number.0, task.attempt()?.number)))
            .collect();
        self.places.retain(|key, _| running.contains(key));
        for (issue, attempt) in running {
            let path = transcript(hub, issue, attempt);
            let new = || Place {
                byte: 0,
                readable: Readable::of(&story.engine().settings().agent),
            };
            let Place { byte, readable } = self.places.entry((issue, attempt)).or_insert_with(new);
            let take = |line: &str| {
                readable
                    .lines(line)
                    .iter()
                    .for_each(|line| outputs.line(issue, attempt, line));
            };
            // A transcript that cannot be read does not exist yet.
            if let Ok(n_skipped) = read_on(&path, byte, take) {
                outputs.skipped(n_skipped);
            }
        }
    }
}

/// Returns the path of an attempt's transcript.
pub(crate) fn transcript(hub: &Hub, issue: u64, attempt: u32) -> PathBuf {
    session_dir(hub.state_dir(), hub.session()).join(format!("issue-{issue}/attempt-{attempt}.log"))
}

/// Reads whole lines from a position and advances it. Returns 1 if it skipped a part of the file.
fn read_on(path: &PathBuf, place: &mut u64, mut take: impl FnMut(&str)) -> std::io::Result<u64> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let jumps = TRANSCRIPT_BYTES_MAX < length.saturating_sub(*place);
    if jumps {
        *place = length - TRANSCRIPT_BYTES_MAX;
    }
    file.seek(SeekFrom::Start(*place))?;
    let mut bytes = Vec::new();
    file.take(TRANSCRIPT_BYTES_MAX).read_to_end(&mut bytes)?;
    // The text after the last line break may be part of a line, or of a character.
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return Ok(0);
    };
    let whole = &bytes[..end];
    let begin = if jumps {
        whole
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(end, |at| at + 1)
    } else {
        0
    };
    String::from_utf8_lossy(&whole[begin..])
        .lines()
        .for_each(&mut take);
    *place += end as u64 + 1;
    Ok(u64::from(jumps))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_transcript_is_read_on_by_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("attempt-1.log");
        let (mut place, mut seen) = (0, Vec::new());
        let mut file = File::create(&path).unwrap();
        for (text, expected) in [
            ("one\nt", "one"),
            ("wo\n", "two"),
            ("", ""),
            ("three\nfour\n", "three|four"),
        ] {
            file.write_all(text.as_bytes()).unwrap();
            read_on(&path, &mut place, |line| seen.push(line.to_owned())).unwrap();
            assert_eq!(std::mem::take(&mut seen).join("|"), expected);
        }
        file.write_all("x".repeat(99).as_bytes()).unwrap();
        file.write_all("\nlong line\n".repeat(100_000).as_bytes())
            .unwrap();
        let n_jumps = read_on(&path, &mut place, |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(
            (n_jumps, seen.last().map(String::as_str)),
            (1, Some("long line"))
        );
        assert!(seen.len() < 20_000, "{}", seen.len());
    }
}

//! Text for events of the services that all tasks share.

use autoissue_core::engine::{Service, ServiceEvent};

use super::Tone::{self, Bad, Detail, Plain, Warning};
use super::message;
use crate::local_time::LocalTime;
use crate::printable::one_line;

/// Describes an event of this chapter.
pub(super) fn say(event: &ServiceEvent, time: &LocalTime) -> Vec<(Tone, String)> {
    let one = |tone, text: String| vec![(tone, text)];
    match event {
        ServiceEvent::Paused {
            service,
            until,
            message: said,
        } => {
            let (service, at) = (one_line(&service.to_string()), time.clock(until.ms()));
            one(
                Warning,
                format!("{service} is paused until {at}: {}", message(said)),
            )
        }
        ServiceEvent::Failed { service, .. } => {
            one(Detail, format!("{} failed", one_line(&service.to_string())))
        }
        ServiceEvent::Answered { service } => one(
            Detail,
            format!("{} is working", one_line(&service.to_string())),
        ),
        ServiceEvent::BreakerOpened {
            service: Service::Machine,
            until,
            since,
            ..
        } => {
            let at = time.clock(until.ms());
            let full = match since {
                Some(since) => format!("has been full since {}", time.clock(since.ms())),
                None => "is full".to_owned(),
            };
            one(
                Bad,
                format!(
                    "the disk {full} and nothing can start; free up disk space, next try at {at}"
                ),
            )
        }
        ServiceEvent::BreakerOpened {
            service,
            until,
            n_failures,
            ..
        } => {
            let (service, at) = (one_line(&service.to_string()), time.clock(until.ms()));
            one(
                Bad,
                format!("{service} failed {n_failures} times in a row; pausing, next try at {at}"),
            )
        }
        ServiceEvent::BreakerProbed { service, .. } => one(
            Plain,
            format!("trying {} again", one_line(&service.to_string())),
        ),
        ServiceEvent::BreakerReset { service } => one(
            Plain,
            format!("{} is available again", one_line(&service.to_string())),
        ),
    }
}

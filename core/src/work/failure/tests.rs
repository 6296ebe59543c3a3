//! What failures of services mean, for cases that no run of the binary can produce.

use super::*;

#[test]
fn a_full_disk_is_a_failure_of_the_machine() {
    let failure = collector_failure(&CollectorError::NoRoom("`/w/a`: no space".to_owned()));
    assert!(
        matches!(&failure, Failure::DiskFull { message } if message.contains("free up disk space")),
        "{failure:?}"
    );
}

#[test]
fn an_unavailable_submodule_of_the_base_is_an_error_for_all_work() {
    let failure = |failure: RemoteFailure, is_on_base| {
        let message = "failed to initialise submodule `lib`".to_owned();
        lease_failure(&CollectorError::Submodule { message, failure }, is_on_base)
    };
    for remote in [RemoteFailure::Credentials, RemoteFailure::Work] {
        assert!(matches!(failure(remote, true), Failure::Auth { .. }));
        assert!(matches!(
            failure(remote, false),
            Failure::NeedsPerson { .. }
        ));
    }
    assert!(matches!(
        failure(RemoteFailure::Outage, true),
        Failure::Network { .. }
    ));
}

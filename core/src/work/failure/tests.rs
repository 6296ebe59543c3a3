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
    let failure = |verdict, is_on_base| {
        let message = "failed to initialise submodule `lib`".to_owned();
        lease_failure(&CollectorError::Submodule { message, verdict }, is_on_base)
    };
    for verdict in [Verdict::Account, Verdict::Work] {
        assert!(matches!(failure(verdict, true), Failure::Auth { .. }));
        assert!(matches!(
            failure(verdict, false),
            Failure::NeedsPerson { .. }
        ));
    }
    assert!(matches!(
        failure(Verdict::Outage, true),
        Failure::Network { .. }
    ));
}

//! What failures of services mean, where no run of the binary can bring them about.

use super::*;

#[test]
fn want_of_room_is_a_condition_of_the_machine() {
    let failure = collector_failure(&CollectorError::NoRoom("`/w/a`: no space".to_owned()));
    assert!(
        matches!(&failure, Failure::DiskFull { message } if message.contains("free up disk space")),
        "{failure:?}"
    );
}

#[test]
fn a_submodule_that_cannot_be_had_is_an_error_of_all_work_on_the_base() {
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

//! Time as text, in UTC: `2026-02-28T23:59:59Z`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// ISO 8601 in UTC, to the second.
pub(crate) fn seconds(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(within_range(time)).to_string()
}

/// ISO 8601 in UTC, to the millisecond.
pub(crate) fn milliseconds(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(within_range(time)).to_string()
}

/// The nearest time that `humantime` can write, for clocks that are wrong by decades.
fn within_range(time: SystemTime) -> SystemTime {
    const END_OF_9999: Duration = Duration::from_secs(253_402_300_799);
    time.clamp(UNIX_EPOCH, UNIX_EPOCH + END_OF_9999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_by_decades_has_a_time_as_well() {
        let at = |milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds);
        // `date -u -d @951782399 +%FT%TZ`
        assert_eq!(seconds(at(951_782_399_000)), "2000-02-28T23:59:59Z");
        assert_eq!(milliseconds(at(1_234)), "1970-01-01T00:00:01.234Z");
        assert_eq!(milliseconds(UNIX_EPOCH - Duration::from_millis(1)), "1970-01-01T00:00:00.000Z");
        assert_eq!(seconds(at(300_000_000_000_000)), "9999-12-31T23:59:59Z");
    }
}

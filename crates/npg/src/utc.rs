//! Time as text, in UTC: `2026-02-28T23:59:59Z`.

use std::time::{SystemTime, UNIX_EPOCH};

/// ISO 8601 in UTC, to the second.
pub(crate) fn seconds(time: SystemTime) -> String {
    let (seconds, _) = since_epoch(time);
    format!("{}Z", civil(seconds))
}

/// ISO 8601 in UTC, to the millisecond.
pub(crate) fn milliseconds(time: SystemTime) -> String {
    let (seconds, nanoseconds) = since_epoch(time);
    format!("{}.{:03}Z", civil(seconds), nanoseconds / 1_000_000)
}

/// Whole seconds since 1970 (rounded down) and the nanoseconds beyond.
fn since_epoch(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (after.as_secs() as i64, after.subsec_nanos()),
        Err(before) => {
            let (seconds, nanoseconds) = (before.duration().as_secs() as i64, before.duration().subsec_nanos());
            if nanoseconds == 0 { (-seconds, 0) } else { (-seconds - 1, 1_000_000_000 - nanoseconds) }
        }
    }
}

/// Date and time of day in the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms":
/// `civil_from_days`). Years begin in March there, so that the leap day comes last.
fn civil(seconds: i64) -> String {
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let from_march_of_0 = day + 719_468;
    let (era, day_of_era) = (from_march_of_0.div_euclid(146_097), from_march_of_0.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn known_instants() {
        // `date -u -d @N +%FT%TZ`
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_000_000_000, "2001-09-09T01:46:40Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (since, text) in cases {
            assert_eq!(seconds(UNIX_EPOCH + Duration::from_secs(since)), text);
        }
        assert_eq!(milliseconds(UNIX_EPOCH + Duration::from_millis(1_234)), "1970-01-01T00:00:01.234Z");
        assert_eq!(milliseconds(UNIX_EPOCH - Duration::from_millis(1)), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn days_follow_each_other_for_a_thousand_years() {
        let mut previous = String::new();
        let mut leap_days = 0;
        for day in 0..365_243 {
            let text = civil(day * 86_400);
            assert!(text > previous, "{text} after {previous}");
            leap_days += usize::from(text[5..10] == *"02-29");
            previous = text;
        }
        // 1970 to 2969 has 250 fourth years, of which 2100, 2200, 2300, 2500, 2600, 2700, 2900 are none.
        assert_eq!((leap_days, &previous[..10]), (243, "2969-12-31"));
    }
}

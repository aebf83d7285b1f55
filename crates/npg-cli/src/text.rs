//! Text for people: numbers, columns, paragraphs, and where color is welcome.

/// Whether to color what goes to a stream that is (or is not) a terminal (<https://no-color.org>).
pub(crate) fn has_color(is_terminal: bool) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_terminal && !is_set("NO_COLOR") && !is_dumb()
}

/// Whether the terminal cannot move its cursor.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

/// Columns of the terminal; 100 where there is none.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0))
}

/// A count with three significant digits and a unit: 950, 54.2k, 1.5M.
pub(crate) fn count(number: f64) -> String {
    let (scaled, unit) = match number.abs() {
        size if size >= 999.5e6 => (number / 1e9, "G"),
        size if size >= 999.5e3 => (number / 1e6, "M"),
        size if size >= 999.5 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let decimals = match scaled.abs() {
        _ if unit.is_empty() => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let digits = format!("{scaled:.decimals$}");
    let digits = if decimals > 0 { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    format!("{digits}{unit}")
}

/// A number with three significant digits: 0.00981, 432, 9.8e-6.
pub(crate) fn significant(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{number:.1e}");
    }
    let decimals = (2 - size.log10().floor() as i64).max(0) as usize;
    format!("{number:.decimals$}")
}

/// A return or length with one decimal, none above 10,000.
pub(crate) fn decimal(number: f64) -> String {
    if number.abs() < 1e4 { format!("{number:.1}") } else { format!("{number:.0}") }
}

/// Seconds as 0:03, 12:34 or 1:02:03.
pub(crate) fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64; // saturates
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Rows of cells in columns, left-aligned, two spaces apart.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A paragraph in lines of at most `width` columns.
pub(crate) fn wrapped(paragraph: &str, width: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            text.push('\n');
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let counts = [0.0, 950.0, 999.6, 1000.0, 54_231.0, 100_000.0, 999_499.0, 1_500_000.0, 2.5e9];
        assert_eq!(counts.map(count), ["0", "950", "1k", "1k", "54.2k", "100k", "999k", "1.5M", "2.5G"]);
        let numbers = [0.0, 0.009_81, -432.1, 9.8e-6, 0.0432, 12_345.6, 1.23e7];
        assert_eq!(numbers.map(significant), ["0", "0.00981", "-432", "9.8e-6", "0.0432", "12346", "1.2e7"]);
        assert_eq!([3.2, 754.0, 3723.0].map(clock), ["0:03", "12:34", "1:02:03"]);
        assert_eq!([-179.96, 12_345.6].map(decimal), ["-180.0", "12346"]);
    }

    #[test]
    fn paragraphs_keep_within_the_width() {
        assert_eq!(wrapped("one two three four", 9), "one two\nthree\nfour\n");
        assert_eq!(wrapped("incomprehensible word", 5), "incomprehensible\nword\n");
    }
}

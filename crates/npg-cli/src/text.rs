//! Text: numbers, columns, paragraphs, and whether to use color.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::path::Path;

pub(crate) use npg::logs::json_line;
use textwrap::WordSplitter;

/// Whether to color text for a stream that is (or is not) a terminal (<https://no-color.org>).
pub(crate) fn has_color(is_terminal: bool) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_terminal && !is_set("NO_COLOR") && !is_dumb()
}

/// Whether the terminal cannot move its cursor.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

/// Writes to standard output. It is not an error if the reader has gone (`npg explain | head`).
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(unwritten),
    }
}

/// The error if standard output cannot be written. The system's own error does not say where.
pub(crate) fn unwritten(error: std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}

/// Prints a note on standard error: something that does not stop the program but should be known.
pub(crate) fn warn(text: &str) {
    let mut stderr = std::io::stderr();
    let label = if has_color(stderr.is_terminal()) { "\x1b[1;33mnote:\x1b[0m" } else { "note:" };
    let text = crate::program::runnable(text);
    let _ = writeln!(stderr, "{label} {}", harmless(&text)); // there is nowhere left to report that stderr is closed
}

/// The text without the characters that a terminal obeys. Files, environments and paths contribute to messages, and they must
/// not move the cursor, recolor or rename anything, or change the direction of writing.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if is_harmful(c) { c.escape_default().to_string() } else { c.into() };
    Cow::Owned(text.chars().map(shown).collect())
}

fn is_harmful(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The result of several seeds, in one line.
pub(crate) fn mean_over_seeds(what: &str, means: &[f64]) -> String {
    let interval = npg::stats::mean_interval(means);
    let (seeds, mean) = (means.len(), npg::stats::mean(means));
    format!("{seeds} seeds: {what} {mean:.2}, 95 % interval {:.2} to {:.2}", interval.low, interval.high)
}

/// Ascending numbers as `3, 5..8` (8 excluded, as `--seeds` takes them); None if there are none.
pub(crate) fn ranges(numbers: &[u64]) -> Option<String> {
    let follows = |a: &u64, b: &u64| a + 1 == *b;
    let range = |numbers: &[u64]| match numbers {
        [one] => one.to_string(),
        several => format!("{}..{}", several[0], several[several.len() - 1] + 1),
    };
    let ranges: Vec<String> = numbers.chunk_by(follows).map(range).collect();
    Some(ranges.join(", ")).filter(|text| !text.is_empty())
}

/// A word as a shell takes it: in quotes where it needs them, and as `$'...'`, byte by byte, where a terminal would obey it or
/// it is no text.
pub(crate) fn shell_word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let quoted = word.to_str().filter(|text| !text.contains(is_harmful) && !text.contains(char::is_control));
    if let Some(quoted) = quoted.and_then(|text| shlex::try_quote(text).ok()) {
        return quoted.into_owned();
    }
    let escaped = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"._-/".contains(byte) => char::from(*byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    format!("$'{}'", word.as_encoded_bytes().iter().map(escaped).collect::<String>())
}

/// A path as a shell word that no program takes for an option.
pub(crate) fn shell_path(path: &Path) -> String {
    let is_like_option = path.as_os_str().as_encoded_bytes().starts_with(b"-");
    if is_like_option { shell_word(Path::new(".").join(path)) } else { shell_word(path) }
}

/// The width of the terminal in columns, or 100 if there is none.
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

/// A number in at most six columns if possible: 0.0098, 2.787, 43.2, 12346, 9.8e-6.
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        0.0 => "0".into(),
        size if !(1e-9..999_999.5).contains(&size) => format!("{number:.0e}"),
        size if size < 1e-3 => format!("{number:.1e}"),
        size if size < 1.0 => format!("{number:.4}"),
        size if size < 9.9995 => format!("{number:.3}"),
        size if size < 999.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// A return or a length with one decimal, or with none from 10,000 on.
pub(crate) fn decimal(number: f64) -> String {
    if number.abs() < 1e4 { format!("{number:.1}") } else { format!("{number:.0}") }
}

/// Seconds in five columns: 0:03, 12:34, 1h02, 26h10, 5d03.
pub(crate) fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64; // saturates
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        1..100 => format!("{hours}h{minutes:02}"),
        _ => format!("{}d{:02}", hours / 24, hours % 24),
    }
}

/// Rows of cells as left-aligned columns, two spaces apart.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING).add_rows(rows);
    table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 2)));
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A paragraph in lines of at most `width` columns, broken only between words.
pub(crate) fn wrapped(paragraph: &str, width: usize) -> String {
    let between_words = textwrap::Options::new(width).break_words(false).word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(paragraph, between_words) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let counts = [0.0, 950.0, 999.6, 1000.0, 54_231.0, 100_000.0, 999_499.0, 1_500_000.0, 2.5e9];
        assert_eq!(counts.map(count), ["0", "950", "1k", "1k", "54.2k", "100k", "999k", "1.5M", "2.5G"]);
        let numbers = [0.0, 0.009_81, -432.1, 9.8e-6, 2e-11, 0.0432, 9.9996, 12_345.6, 1.23e7];
        assert_eq!(numbers.map(short), ["0", "0.0098", "-432.1", "9.8e-6", "2e-11", "0.0432", "10.0", "12346", "1e7"]);
        assert_eq!([3.2, 754.0, 3723.0, 94_200.0, 442_800.0].map(clock), ["0:03", "12:34", "1h02", "26h10", "5d03"]);
        assert_eq!(ranges(&[3, 5, 6, 7]), Some("3, 5..8".into()));
        assert_eq!([-179.96, 12_345.6].map(decimal), ["-180.0", "12346"]);
    }

    #[test]
    fn what_a_terminal_obeys_is_shown_instead() {
        assert_eq!(harmless("a\tb \u{e9}\n\u{1f600}"), "a\tb \u{e9}\n\u{1f600}");
        assert_eq!(harmless("\x1b]0;x\x07\r\x7f\u{9b}1m\u{202e}"), "\\u{1b}]0;x\\u{7}\\r\\u{7f}\\u{9b}1m\\u{202e}");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_is_a_word_even_if_it_is_no_text_or_looks_like_an_option() {
        use std::os::unix::ffi::OsStrExt;
        let word = |bytes: &[u8]| shell_path(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(word(b"runs/CartPole-v1/npg-1"), "runs/CartPole-v1/npg-1");
        assert_eq!(word(b"-x/seed-0"), "./-x/seed-0");
        for unprintable in [&b"a\xff'b"[..], b"new\nline", b"\x1b[31m", "\u{202e}".as_bytes()] {
            let word = word(unprintable);
            assert_eq!(harmless(&word), word);
            let echo = format!("printf %s {word}");
            let Ok(output) = std::process::Command::new("bash").args(["-c", &echo]).output() else { continue };
            assert_eq!(output.stdout, unprintable, "{word}");
        }
    }

    #[test]
    fn paragraphs_keep_within_the_width() {
        assert_eq!(wrapped("one two three four", 9), "one two\nthree\nfour\n");
        assert_eq!(wrapped("incomprehensible word", 5), "incomprehensible\nword\n");
        assert_eq!(wrapped("a line-search", 8), "a\nline-search\n");
    }

    #[test]
    fn columns_are_aligned_whatever_the_script() {
        assert_eq!(columns::<2>(&[]), "");
        let rows = [["a", "b"], ["\u{e9}t\u{e9}", ""], ["\u{65e5}\u{672c}", "c"]].map(|row| row.map(String::from));
        assert_eq!(columns(&rows), "a     b\n\u{e9}t\u{e9}\n\u{65e5}\u{672c}  c\n");
    }

    #[test]
    fn a_shell_reads_a_word_as_it_was() {
        for path in
            ["runs/CartPole-v1/npg-1", "gym:CartPole-v1", "a b", "it's", "$HOME `x` \"y\"", "", "\u{e9}t\u{e9}!"]
        {
            assert_eq!(shlex::split(&shell_word(path)), Some(vec![path.to_string()]), "{}", shell_word(path));
        }
        assert_eq!(shell_word("gym:CartPole-v1"), "gym:CartPole-v1");
    }
}

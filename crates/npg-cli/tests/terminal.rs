//! The program on a terminal.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

mod common;

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use common::{Place, SMALL};
use nix::pty::{Winsize, openpty};

/// What `npg` with the words of `line` writes to a terminal that is `width` columns wide.
fn on_terminal(place: &Place, line: &str, width: u16, variables: &[(&str, &str)]) -> String {
    let size = Winsize { ws_row: 24, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(&size, None).unwrap();
    let mut command = place.command(line);
    command.env("TERM", "xterm-256color").envs(variables.iter().copied());
    let end = |end: &std::os::fd::OwnedFd| Stdio::from(end.try_clone().unwrap());
    let mut child = command.stdin(end(&pty.slave)).stdout(end(&pty.slave)).stderr(end(&pty.slave)).spawn().unwrap();
    drop((command, pty.slave)); // now only the program holds these ends
    let mut bytes = Vec::new();
    let _ = File::from(pty.master).read_to_end(&mut bytes); // on Linux the end is an error
    assert!(child.wait().unwrap().success());
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

/// The lines that are left on the screen. What the cursor goes up over is removed.
fn screen(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\x1b' => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                match &rest[end..=end] {
                    "A" => lines.truncate(lines.len() - rest[1..end].parse::<usize>().unwrap()),
                    "J" => lines.last_mut().unwrap().clear(),
                    _ => {}
                }
                rest = &rest[end + 1..];
            }
            '\n' => lines.push(String::new()),
            '\r' => {}
            c => lines.last_mut().unwrap().push(c),
        }
    }
    lines
}

#[test]
fn a_table_in_place() {
    let place = Place::new();
    let line = format!("{SMALL} --steps 10000 --out o --force");
    for (width, columns) in [(120, 12), (80, 11), (60, 7)] {
        let text = on_terminal(&place, &line, width, &[]);
        assert!(text.contains("\x1b[36m━"), "a bar in color");
        let lines = screen(&text);
        let titles = lines[1].replace("return ± 95 %", "return");
        assert_eq!(titles.split_whitespace().count(), columns, "{titles}");
        let rows = lines[2..].iter().take_while(|line| line.contains('±'));
        assert_eq!(rows.count(), 10, "a row for each tenth: {lines:#?}");
        let table = &lines[1..12];
        assert!(table.iter().all(|line| line.chars().count() < usize::from(width)), "{table:#?}");
        assert!(!lines.iter().any(|line| line.contains('━')), "the bar has gone: {lines:#?}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(common::with_numbers_hidden(&lines[12..].join("\n")), @r#"
            evaluation, 10k steps: return # (std #), length #, 3 episodes
            seed 0 done: 10k steps in # s (# steps/s); final return #, best #
              npg eval o/seed-0
              npg plot o/seed-0 -o curve.svg
              npg resume o/seed-0 --steps 20000
            "#);
        }
    }
}

#[test]
fn without_colors_or_cursor() {
    let place = Place::new();
    let line = format!("{SMALL} --steps 2000 --out o --force");
    let plain = on_terminal(&place, &line, 100, &[("NO_COLOR", "1")]);
    assert!(!plain.contains("m━") && !plain.contains("\x1b[2m") && plain.contains('━'), "{plain:?}");
    let dumb = on_terminal(&place, &line, 100, &[("TERM", "dumb")]);
    assert!(!dumb.contains('\x1b') && !dumb.contains('━'), "{dumb:?}");
    let json = on_terminal(&place, &format!("{line} --json"), 100, &[]);
    assert!(!json.contains('\x1b') && json.lines().all(|line| line.starts_with('{')), "{json:?}");
}

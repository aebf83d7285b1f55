use super::*;

/// A run of `total` steps in pieces of `step`, as the trainer would report it.
fn rows(total: u64, step: u64) -> Vec<ProgressRow> {
    let row = |steps: u64| {
        let t = steps as f64 / total as f64;
        ProgressRow {
            steps,
            total_steps: total,
            steps_per_second: Some(251_300.0),
            eta_seconds: Some((total - steps) as f64 / 1000.0),
            return_mean: Some(20.0 + 470.0 * t),
            return_ci95: Some(12.34),
            return_batch: Some(30.0 + 470.0 * t),
            length_mean: Some(20.0 + 470.0 * t),
            kl: Some(0.00981),
            kl_predicted: Some(0.01),
            cg_iterations: Some(10.0),
            cg_residual: Some(0.0432),
            explained_variance: Some(0.9 * t),
            spread_label: "entropy",
            spread: Some(0.69 * (1.0 - 0.5 * t)),
        }
    };
    (1..=total / step).map(|i| row(i * step)).collect()
}

fn start() -> Start {
    Start {
        env: "CartPole-v1".into(),
        algo: "npg".into(),
        seed: 0,
        run_dir: "runs/CartPole-v1/npg-1/seed-0".into(),
        steps: 100_000,
    }
}

fn done() -> Done {
    Done {
        start: start(),
        was_finished: false,
        steps: 100_000,
        seconds: 0.4,
        final_return_mean: Some(489.3),
        best_return_mean: Some(f64::NAN),
    }
}

const EVALUATION: Evaluation =
    Evaluation { steps: 50_000, return_mean: 480.25, return_std: 12.5, length_mean: 480.25, episodes: 20 };

/// The text that a display prints for a whole run.
fn shown(display: Display) -> String {
    let mut progress = Progress { out: Vec::new(), begun: Instant::now(), display, failure: None };
    progress.start(&start());
    let mut metrics = Row::default();
    metrics.push(metrics::KL, 0.00981);
    metrics.push(metrics::CG_RESIDUAL, f64::NAN);
    for (index, row) in rows(100_000, 50_000).iter().enumerate() {
        progress.iteration(index as u64 + 1, row, &metrics);
    }
    progress.evaluation(&EVALUATION);
    progress.note("no signal: all advantages are equal");
    progress.done(&done());
    String::from_utf8(progress.out).unwrap()
}

#[test]
fn lines_in_a_pipe() {
    insta::assert_snapshot!(shown(Display::Plain(Plain::default())), @r#"
    CartPole-v1, npg, seed 0, 100k steps: runs/CartPole-v1/npg-1/seed-0
    steps  steps/s    eta   return ± 95 %   batch    len      kl    pred  cg     res      ev  entropy
      50k     251k   0:50    255.0 ± 12.3   265.0  255.0  0.0098  0.0100  10  0.0432   0.450   0.5175
     100k     251k   0:00    490.0 ± 12.3   500.0  490.0  0.0098  0.0100  10  0.0432   0.900   0.3450
    evaluation, 50k steps: return 480.2 (std 12.5), length 480.2, 20 episodes
    no signal: all advantages are equal
    seed 0 done: 100k steps in 0.4 s (250k steps/s); final return 489.3, best -
    "#);
}

#[test]
fn lines_for_programs() {
    insta::assert_snapshot!(shown(Display::Json), @r#"
    {"event":"start","env":"CartPole-v1","algo":"npg","seed":0,"run_dir":"runs/CartPole-v1/npg-1/seed-0","steps":100000,"version":"0.1.0"}
    {"event":"iteration","iteration":1,"steps":50000,"npg/kl":0.00981,"npg/cg_residual":null}
    {"event":"iteration","iteration":2,"steps":100000,"npg/kl":0.00981,"npg/cg_residual":null}
    {"event":"eval","steps":50000,"return_mean":480.25,"return_std":12.5,"length_mean":480.25,"episodes":20}
    {"event":"done","env":"CartPole-v1","algo":"npg","seed":0,"run_dir":"runs/CartPole-v1/npg-1/seed-0","steps":100000,"seconds":0.4,"steps_per_second":250000.0,"final_return_mean":489.3,"best_return_mean":null}
    "#);
}

#[test]
fn only_the_end() {
    insta::assert_snapshot!(shown(Display::Quiet), @"seed 0 done: 100k steps in 0.4 s (250k steps/s); final return 489.3, best -");
}

#[test]
fn a_row_is_made_of_metrics() {
    let mut metrics = Row::default();
    for (name, value) in [(metrics::FPS, 1000.0), (metrics::KL, 0.5), (metrics::ENTROPY, 0.7), (metrics::STD, 0.3)] {
        metrics.push(name, value);
    }
    let row = ProgressRow::new(4000, 10_000, &metrics);
    assert_eq!((row.eta_seconds, row.kl, row.return_mean), (Some(6.0), Some(0.5), None));
    assert_eq!((row.spread_label, row.spread), ("std", Some(0.3)));
}

#[test]
fn missing_values_are_dashes() {
    let row = ProgressRow {
        steps: 512,
        total_steps: 1_000_000,
        spread_label: "std",
        kl: Some(f64::NAN),
        ..ProgressRow::default()
    };
    insta::assert_snapshot!(Plain::default().update(&row, 0.0), @r#"
    steps  steps/s    eta   return ± 95 %   batch    len      kl    pred  cg     res      ev      std
      512        -      -               -       -      -       -       -   -       -       -        -
    "#);
}

#[test]
fn a_pipe_gets_a_line_for_two_percent_or_a_minute() {
    let rows = rows(100_000, 100);
    let mut plain = Plain::default();
    let fast: String = rows.iter().map(|row| plain.update(row, 0.0)).collect::<String>() + &plain.end();
    assert_eq!(fast.lines().count(), 52, "header, first row, 2 % each, last row");
    let mut plain = Plain::default();
    let slow: usize =
        rows[..20].iter().enumerate().map(|(i, row)| plain.update(row, 30.0 * i as f64).lines().count()).sum();
    assert_eq!(slow, 11, "header, and every other row");
}

/// A terminal of fixed size that knows what the display uses: line feed, carriage return, cursor up, clear below, colors.
struct Screen {
    width: usize,
    lines: Vec<String>,
    row: usize,
    column: usize,
}

impl Screen {
    fn new(width: usize) -> Self {
        Self { width, lines: vec![String::new()], row: 0, column: 0 }
    }

    fn show(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\x1b' => {
                    let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                    match &rest[end..=end] {
                        "A" => self.row -= rest[1..end].parse::<usize>().unwrap(),
                        "J" => self.clear_below(),
                        "m" => {}
                        other => panic!("the screen does not know {other}"),
                    }
                    rest = &rest[end + 1..];
                }
                '\n' => self.feed(),
                '\r' => self.column = 0,
                c => {
                    assert!(self.column + 1 < self.width, "a line fills the screen's width: {text:?}");
                    self.lines[self.row].push(c);
                    self.column += 1;
                }
            }
        }
    }

    fn feed(&mut self) {
        self.row += 1;
        self.column = 0;
        if self.row == self.lines.len() {
            self.lines.push(String::new());
        }
        assert!(self.lines[self.row].is_empty(), "a line is written over");
    }

    fn clear_below(&mut self) {
        assert_eq!(self.column, 0);
        self.lines.truncate(self.row + 1);
        self.lines[self.row].clear();
    }
}

/// The screen after the rows up to `until` of a run of ten seconds.
fn screen(width: usize, has_color: bool, until: u64) -> Screen {
    let (mut live, mut screen) = (Live::new(has_color), Screen::new(width));
    for row in rows(100_000, 1000).iter().take_while(|row| row.steps <= until) {
        screen.show(&live.update(row, row.steps as f64 / 1e4, || width));
        if row.steps == 25_000 {
            screen.show(&live.note("a note"));
        }
        if [5_000, 25_000, 30_000].contains(&row.steps) {
            screen.show("^C"); // the terminal's echo of the key
        }
    }
    if until == 100_000 {
        screen.show(&live.end(|| width));
    }
    screen
}

#[test]
fn a_terminal_in_the_middle_of_a_run() {
    insta::assert_snapshot!(screen(110, false, 46_000).lines.join("\n"), @r#"
    steps  steps/s    eta   return ± 95 %   batch    len      kl    pred  cg     res      ev  entropy
      10k     251k   1:30     67.0 ± 12.3    77.0   67.0  0.0098  0.0100  10  0.0432   0.090   0.6555
      20k     251k   1:20    114.0 ± 12.3   124.0  114.0  0.0098  0.0100  10  0.0432   0.180   0.6210
    a note
      30k     251k   1:10    161.0 ± 12.3   171.0  161.0  0.0098  0.0100  10  0.0432   0.270   0.5865
      40k     251k   1:00    208.0 ± 12.3   218.0  208.0  0.0098  0.0100  10  0.0432   0.360   0.5520
      46k     251k   0:54    236.2 ± 12.3   246.2  236.2  0.0098  0.0100  10  0.0432   0.414   0.5313
    ━━━━━━━━━━━━━━━━━━────────────────────── 46 %
    "#);
}

#[test]
fn a_terminal_at_the_end() {
    insta::assert_snapshot!(screen(110, true, 100_000).lines.join("\n"), @r#"
    steps  steps/s    eta   return ± 95 %   batch    len      kl    pred  cg     res      ev  entropy
      10k     251k   1:30     67.0 ± 12.3    77.0   67.0  0.0098  0.0100  10  0.0432   0.090   0.6555
      20k     251k   1:20    114.0 ± 12.3   124.0  114.0  0.0098  0.0100  10  0.0432   0.180   0.6210
    a note
      30k     251k   1:10    161.0 ± 12.3   171.0  161.0  0.0098  0.0100  10  0.0432   0.270   0.5865
      40k     251k   1:00    208.0 ± 12.3   218.0  208.0  0.0098  0.0100  10  0.0432   0.360   0.5520
      50k     251k   0:50    255.0 ± 12.3   265.0  255.0  0.0098  0.0100  10  0.0432   0.450   0.5175
      60k     251k   0:40    302.0 ± 12.3   312.0  302.0  0.0098  0.0100  10  0.0432   0.540   0.4830
      70k     251k   0:30    349.0 ± 12.3   359.0  349.0  0.0098  0.0100  10  0.0432   0.630   0.4485
      80k     251k   0:20    396.0 ± 12.3   406.0  396.0  0.0098  0.0100  10  0.0432   0.720   0.4140
      90k     251k   0:10    443.0 ± 12.3   453.0  443.0  0.0098  0.0100  10  0.0432   0.810   0.3795
     100k     251k   0:00    490.0 ± 12.3   500.0  490.0  0.0098  0.0100  10  0.0432   0.900   0.3450
    "#);
}

#[test]
fn a_narrow_terminal_shows_what_matters_most() {
    insta::assert_snapshot!(screen(60, false, 33_000).lines.join("\n"), @r#"
    steps steps/s   eta  return ± 95 %  batch   len     kl
      10k    251k  1:30    67.0 ± 12.3   77.0  67.0 0.0098
      20k    251k  1:20   114.0 ± 12.3  124.0 114.0 0.0098
    a note
      30k    251k  1:10   161.0 ± 12.3  171.0 161.0 0.0098
      32k    251k  1:08   170.4 ± 12.3  180.4 170.4 0.0098
    ━━━━━━━━━━━━──────────────────────────── 32 %
    "#);
    insta::assert_snapshot!(screen(80, false, 12_000).lines.join("\n"), @r#"
    steps steps/s   eta  return ± 95 %  batch   len     kl   pred cg     ev entropy
      10k    251k  1:30    67.0 ± 12.3   77.0  67.0 0.0098 0.0100 10  0.090  0.6555
      11k    251k  1:29    71.7 ± 12.3   81.7  71.7 0.0098 0.0100 10  0.099  0.6520
    ━━━━──────────────────────────────────── 11 %
    "#);
    for width in 10..120 {
        screen(width, true, 100_000);
    }
}

#[test]
fn a_terminal_is_drawn_ten_times_a_second_at_most() {
    let mut live = Live::new(true);
    let rows = rows(1_000_000, 100); // 10,000 rows in one second
    let drawn = rows.iter().enumerate().filter(|(i, row)| !live.update(row, *i as f64 / 1e4, || 80).is_empty()).count();
    assert!((10..=20).contains(&drawn), "{drawn}");
}

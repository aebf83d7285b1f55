//! `npg theory`: checks every claim of the theory.

use std::io::IsTerminal;
use std::time::Instant;

use npg::theory::{Claim, Demand, Finding, SECTIONS};

use crate::args::TheoryArgs;
use crate::exit::Exit;
use crate::text;

/// `npg theory`: success only if every claim holds. Claims are printed as they are checked.
pub(crate) fn theory(args: &TheoryArgs) -> anyhow::Result<Exit> {
    let begin = Instant::now();
    let (mut count, mut failed) = (0, 0);
    for section in SECTIONS {
        let asked = |claim: &&Claim| args.claim.as_deref().is_none_or(|name| claim.name == name);
        let claims: Vec<&Claim> = section.claims.iter().filter(asked).collect();
        if !(args.json || claims.is_empty()) {
            text::print(&format!("{}\n\n", section.title))?;
        }
        for claim in claims {
            let finding = claim.check();
            count += 1;
            failed += usize::from(!finding.holds);
            let text = if args.json { json(section.title, claim, finding) } else { paragraph(claim, finding) };
            text::print(&text)?;
        }
    }
    if let (0, Some(name)) = (count, &args.claim) {
        return Err(unknown(name));
    }
    if !args.json {
        let seconds = begin.elapsed().as_secs_f64();
        let verdict = if failed == 0 { "all hold".into() } else { format!("{failed} do not hold") };
        text::print(&format!("{count} claims checked in {seconds:.1} s: {verdict}\n"))?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failure })
}

fn unknown(name: &str) -> anyhow::Error {
    let names = SECTIONS.iter().flat_map(|section| section.claims).map(|claim| claim.name);
    let near = npg::nearest(name, names).map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
    npg::Error::config("CLAIM", format!("there is no claim called `{name}`{near}; `npg theory` shows all claims"))
        .into()
}

fn json(section: &str, claim: &Claim, finding: Finding) -> String {
    let (low, high) = match claim.demand {
        Demand::AtMost(high) => (None, Some(high)),
        Demand::AtLeast(low) => (Some(low), None),
        Demand::Within(low, high) => (Some(low), Some(high)),
    };
    text::json_line([
        ("section", section.into()),
        ("claim", claim.name.into()),
        ("sentence", claim.sentence.into()),
        ("source", claim.source.into()),
        ("measured", claim.measured.into()),
        ("value", finding.value.into()),
        ("low", low.into()),
        ("high", high.into()),
        ("is_about_error", claim.is_about_error.into()),
        ("holds", finding.holds.into()),
        ("seconds", finding.seconds.into()),
    ])
}

fn paragraph(claim: &Claim, finding: Finding) -> String {
    let color = text::has_color(std::io::stdout().is_terminal());
    let paint = |code: &str, text: &str| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() };
    let mark = match (finding.holds, claim.is_about_error) {
        (true, false) => paint("32", "holds"),
        (true, true) => paint("33", "beware"), // a well-known statement that is wrong
        (false, _) => paint("1;31", "FAILS"),
    };
    let width = text::width().clamp(40, 110);
    let indented = |text: &str| text::wrapped(text, width - 9).trim_end().replace('\n', "\n         ");
    let demand = match claim.demand {
        Demand::AtMost(high) => format!("at most {}", number(high)),
        Demand::AtLeast(low) => format!("at least {}", number(low)),
        Demand::Within(low, high) => format!("{} to {}", number(low), number(high)),
    };
    let head = indented(&format!("{} ({})", claim.sentence, claim.source));
    let measured =
        indented(&format!("{}: {} (must be {demand}) [{}]", claim.measured, number(finding.value), claim.name));
    let pad = " ".repeat(if finding.holds && claim.is_about_error { 1 } else { 2 });
    format!("  {mark}{pad}{head}\n         {}\n\n", paint("2", &measured))
}

/// Four significant digits, without trailing zeros.
fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => {
            let text = format!("{x:.3e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        size => {
            let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
            let text = format!("{x:.decimals$}");
            if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let numbers = [0.0, 1.0, 0.61149, -1.75200, 2.68395e6, 1e-12, 206.72, 3.66916e-1, 8e4, -0.00091];
        let shown = ["0", "1", "0.6115", "-1.752", "2.684e6", "1e-12", "206.7", "0.3669", "80000", "-9.1e-4"];
        assert_eq!(numbers.map(number), shown);
    }
}

//! `npg field`: vanilla and natural gradients of the exact regulator, as a figure or as numbers.

use std::path::Path;

use npg::Error;
use npg::config::Direction;
use npg::exact::field::{Field, Walks, spaced};
use npg::exact::flow::Flow;
use npg::exact::lqr::Lqr;
use npg::plot::{self, Format, gradient_field, save, walking};
use serde_json::{Value, json};

use crate::args::{FieldArgs, Spaced};
use crate::exit::Next;
use crate::text;

/// The most arrows in a figure; `--json` has no such limit.
const MAX_ARROWS: usize = 10_000;

/// `npg field`: prints the figure's file and what it shows, or a JSON object.
pub(crate) fn field(args: &FieldArgs) -> anyhow::Result<String> {
    let world = &args.world;
    let lqr = Lqr {
        a: world.a,
        b: world.b,
        q: world.q,
        r: world.r,
        gamma: world.gamma,
        noise: world.noise,
        start_mean: world.start_mean,
        start_var: world.start_var,
    };
    lqr.validate().map_err(as_flags)?;
    let (k, sigma) = (args.k_range, args.sigma_range);
    if sigma.low < 0.0 {
        let message = format!("starts at {}, but standard deviations are at least 0", sigma.low);
        return Err(Error::config("--sigma-range", message).into());
    }
    let default = (!args.json).then(|| "field.svg".into());
    let output = args.output.clone().or(default);
    let format = output.as_deref().map(|path| format_of(path, args)).transpose()?;
    let field = Field::new(&lqr, spaced(k.low, k.high, k.count), spaced(sigma.low, sigma.high, sigma.count));
    let walks = field.walks();
    if let (Some(path), Some(format)) = (&output, format) {
        draw(&field, &walks, args.flow, format, path)?;
    }
    Ok(if args.json {
        as_json(&field, &walks, [k, sigma])
    } else {
        let file = output.map(|path| format!("{}\n", path.display())).unwrap_or_default();
        file + &summary(&field, &walks)
    })
}

/// The fields of the regulator by the names of their flags.
fn as_flags(error: Error) -> anyhow::Error {
    let Error::Config(mut mistakes) = error else { return error.into() };
    for mistake in &mut mistakes {
        mistake.key = format!("--{}", mistake.key.trim_start_matches("lqr.").replace('_', "-"));
    }
    anyhow::Error::from(Error::Config(mistakes)).context(Next("`npg field --help` says what each is".into()))
}

fn format_of(path: &Path, args: &FieldArgs) -> npg::Result<Format> {
    let arrows = args.k_range.count * args.sigma_range.count;
    if arrows > MAX_ARROWS {
        let message = format!("{arrows} arrows are too many for a figure; use at most {MAX_ARROWS}, or only --json");
        return Err(Error::config("--k-range", message));
    }
    match plot::format_of(path)? {
        Format::Gif if !args.flow => {
            let message = format!("`{}` is for what moves; add --flow, or use .svg or .png", path.display());
            Err(Error::config("--output", message))
        }
        format => Ok(format),
    }
}

fn draw(field: &Field, walks: &Walks, flow: bool, format: Format, path: &Path) -> npg::Result<()> {
    let window = field.window();
    match format {
        Format::Gif => save(&walking(field, &window, walks), path),
        Format::Svg | Format::Png => save(&gradient_field(field, &window, flow.then_some(walks)), path),
    }
}

/// The directions of the arrows, and the end of the first learner.
fn summary(field: &Field, walks: &Walks) -> String {
    let mut text = match field.optimum {
        Some(optimum) => format!("optimum: k = {:.4}, sigma = 0, J = {:.6}\n", optimum.k, optimum.value),
        None => "optimum: none, J is minus infinity for every policy\n".into(),
    };
    let cosines = [Direction::Vanilla, Direction::Natural].map(|direction| field.cosine(direction));
    if let [Some(vanilla), Some(natural)] = cosines {
        text += &format!("mean cosine to the direction of the optimum: vanilla {vanilla:.2}, natural {natural:.2}\n");
    }
    if let (Some(vanilla), Some(natural)) = (walks.vanilla.first(), walks.natural.first()) {
        let place = |x: [f64; 2]| format!("k = {:.2}, sigma = {:.2}", x[0], x[1]);
        let (start, vanilla, natural) = (place(vanilla.points[0]), place(vanilla.last().1), place(natural.last().1));
        text += &format!("from {start} at unit speed: vanilla ends at {vanilla}; natural at {natural}\n");
    }
    text
}

/// One object on one line. Unknown numbers are null.
fn as_json(field: &Field, walks: &Walks, ranges: [Spaced; 2]) -> String {
    let Lqr { a, b, q, r, gamma, noise, start_mean, start_var } = field.lqr;
    let [k, sigma] = ranges.map(|range| json!([range.low, range.high, range.count]));
    let settings = json!({
        "a": a, "b": b, "q": q, "r": r, "gamma": gamma, "noise": noise,
        "start_mean": start_mean, "start_var": start_var, "k_range": k, "sigma_range": sigma,
    });
    let optimum = field.optimum.map(|optimum| json!({"k": optimum.k, "sigma": 0.0, "J": optimum.value}));
    let [vanilla, natural] = [Direction::Vanilla, Direction::Natural].map(|direction| field.cosine(direction));
    let walk = |(vanilla, natural): (&Flow<2>, &Flow<2>)| json!({"start": vanilla.points[0], "vanilla": vanilla.last().1, "natural": natural.last().1});
    let points = field.points().map(|(k, sigma, local)| {
        json!({
            "k": k,
            "sigma": sigma,
            "J": local.map(|it| it.value),
            "gradient": local.map(|it| it.gradient),
            "fisher": local.and_then(|it| it.fisher),
            "natural": local.and_then(|it| it.natural),
        })
    });
    text::json_line([
        ("settings", settings),
        ("optimum", optimum.unwrap_or(Value::Null)),
        ("cosines", json!({"vanilla": vanilla, "natural": natural})),
        ("walks", walks.vanilla.iter().zip(&walks.natural).map(walk).collect()),
        ("points", points.collect()),
    ])
}

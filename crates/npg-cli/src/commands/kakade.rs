//! `npg kakade`: the experiments of Kakade 2001 with exact gradients.

use npg::config::Direction;
use npg::exact::field::spaced;
use npg::exact::kakade::{Lqg, LqgCurve, SCALINGS, TARGET, TwoStateFlow, largest_spread};
use npg::plot::{self, kakade as figure};
use serde_json::{Value, json};

use crate::args::KakadeArgs;
use crate::text;

/// `npg kakade`: prints the figure's file and the key numbers, or a JSON object.
pub(crate) fn kakade(args: &KakadeArgs) -> anyhow::Result<String> {
    let default = (!args.json).then(|| "kakade.svg".into());
    let output = args.output.clone().or(default);
    output.as_ref().map(plot::format_of_figure).transpose()?;
    let both = [Direction::Vanilla, Direction::Natural];
    let flows = both.map(TwoStateFlow::new);
    // From 0.01 to 100 units of time, with equal ratios.
    let times: Vec<f64> = spaced(-2.0, 2.0, 121).into_iter().map(|power| 10f64.powf(power)).collect();
    let lqg = both.map(|direction| SCALINGS.map(|scales| Lqg { scales }.learn(direction, &times)));
    let mut shown = String::new();
    if let Some(path) = output {
        plot::save(&figure(&flows, &lqg.concat()), &path)?;
        shown = format!("{}\n", path.display());
    }
    Ok(if args.json { as_json(&flows, &lqg) } else { shown + &summary(&flows, &lqg) })
}

fn summary(flows: &[TwoStateFlow; 2], lqg: &[[LqgCurve; 3]; 2]) -> String {
    let time = |flow: &TwoStateFlow| match flow.time_to_target() {
        Some(time) if time < 1e4 => format!("{time:.3}"),
        Some(time) => format!("{time:.3e}"),
        None => "never".into(),
    };
    let [vanilla, natural] = flows;
    let spreads = lqg.each_ref().map(|curves| largest_spread(curves));
    format!(
        "two states, time to average reward {TARGET}: vanilla {}, natural {}\n\
         least weight of state j: vanilla {:.2e}, natural {:.2e}\n\
         share of the time within 0.01 of reward 1: vanilla {:.4}, natural {:.4}\n\
         regulator under {} scalings, largest difference of costs: vanilla {:.3}, natural {:.1e}\n",
        time(vanilla),
        time(natural),
        vanilla.least_weight_j(),
        natural.least_weight_j(),
        vanilla.share_near(1.0, 0.01),
        natural.share_near(1.0, 0.01),
        SCALINGS.len(),
        spreads[0],
        spreads[1],
    )
}

fn as_json(flows: &[TwoStateFlow; 2], lqg: &[[LqgCurve; 3]; 2]) -> String {
    let two_states = |flow: &TwoStateFlow| {
        json!({
            "time_to_target": flow.time_to_target(),
            "least_weight_j": flow.least_weight_j(),
            "share_near_1": flow.share_near(1.0, 0.01),
            "times": flow.flow.times,
            "rewards": flow.rewards,
        })
    };
    let curve = |curve: &LqgCurve| json!({"scales": curve.lqg.scales, "times": curve.times, "costs": curve.costs});
    let regulator = |curves: &[LqgCurve; 3]| {
        let all: Vec<Value> = curves.iter().map(curve).collect();
        json!({"largest_spread": largest_spread(curves), "curves": all})
    };
    let [vanilla, natural] = flows.each_ref().map(two_states);
    let [rescaled, rescaled_natural] = lqg.each_ref().map(regulator);
    text::json_line([
        ("target", TARGET.into()),
        ("two_states", json!({"vanilla": vanilla, "natural": natural})),
        ("regulator", json!({"vanilla": rescaled, "natural": rescaled_natural})),
    ])
}

//! The configuration as users see it: its layers, its errors and its text.

use npg::Error;
use npg::config::{Config, Direction, KEYS, Key, Kind, Layers, StepRule, reference};
use proptest::prelude::*;
use toml::Value;

/// The key and the message of every problem.
fn problems(layers: &Layers) -> Vec<String> {
    match layers.resolve() {
        Ok(_) => Vec::new(),
        Err(Error::Config(problems)) => problems.iter().map(|p| format!("{}: {}", p.key, p.message)).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn later_layers_win() {
    let mut layers = Layers::default();
    layers.preset("CartPole-v1");
    layers.toml("mine.toml", "run.seed = 1\nrun.steps = 1\nrollout.n_envs = 2");
    layers.set("run.steps=2");
    layers.set(" rollout.n_envs = 3 ");
    layers.flag("--steps", "run.steps", 3);
    let config = layers.resolve().unwrap();
    assert_eq!((config.run.seed, config.rollout.n_envs, config.run.steps), (1, 3, 3));
}

#[test]
fn a_name_sets_direction_and_step_and_what_stands_beside_it_wins() {
    let settings = |sets: &[&str]| {
        let mut layers = Layers::default();
        sets.iter().for_each(|set| layers.set(set));
        let config = layers.resolve().unwrap();
        (config.algorithm.direction, config.algorithm.step)
    };
    assert_eq!(settings(&["algorithm.name=trpo"]), (Direction::Natural, StepRule::LineSearch));
    assert_eq!(settings(&["algorithm.name=vpg"]), (Direction::Vanilla, StepRule::Fixed));
    assert_eq!(settings(&["algorithm.step=kl", "algorithm.name=vpg"]), (Direction::Vanilla, StepRule::Kl));
}

#[test]
fn values_of_set_are_toml_and_words_need_no_quotes() {
    let mut layers = Layers::default();
    for set in [
        "algorithm.step=line-search",
        "value.kind=\"none\"",
        "advantage.lambda=1",
        "policy.hidden=[32, 16]",
        "run.steps=1e6",
        "run.seed=1_000",
        "normalize.returns=false",
        "run.until_return=none",
        "env.model.file=./ant.xml",
        "env.model.scale=2.5",
    ] {
        layers.set(set);
    }
    let config = layers.resolve().unwrap();
    assert_eq!(config.policy.hidden, [32, 16]);
    assert_eq!((config.run.steps, config.run.seed), (1_000_000, 1_000));
    assert_eq!(config.env["model"]["file"].as_str(), Some("./ant.xml"));
    assert_eq!(config.env["model"]["scale"].as_float(), Some(2.5));
}

#[test]
fn every_mistake_is_reported_at_once() {
    let mut layers = Layers::default();
    layers.toml(
        "mine.toml",
        "kl_step = 1\nalgoritm.alpha = 1\nalgorithm.kl_stp = 1\nalgorithm.gamma = 1\npolicy = 3\nfrobnicate.x = 1",
    );
    layers.toml("broken.toml", "[algorithm]\nkl_step = = 1");
    layers.set("algorithm.name=tpro");
    layers.set("algorithm.kl_step=big");
    layers.set("run.steps=-1");
    layers.set("policy.hidden=[64");
    layers.set("value.epochs");
    layers.flag("--envs", "rollout.n_envs", 0);
    layers.flag("--until-return", "run.until_return", "high");
    layers.set("value.kind=none");
    let expected = [
        "broken.toml:2:11: not TOML: extra `=`, expected nothing",
        "policy.hidden: not a TOML value: unclosed array, expected `]` at character 4 of `[64` (in --set)",
        "value.epochs: has no value; write --set table.key=value",
        "algorithm.gamma: unknown key; did you mean `advantage.gamma`? (in mine.toml)",
        "algorithm.kl_stp: unknown key; did you mean `algorithm.kl_step`? (in mine.toml)",
        "algoritm: unknown table; did you mean `algorithm`? (in mine.toml)",
        "frobnicate: unknown table; there are algorithm, rollout, advantage, policy, value, normalize, \
         trust_region, run and env (in mine.toml)",
        "kl_step: unknown key; did you mean `algorithm.kl_step`? (in mine.toml)",
        "policy: expected a table, got 3 (in mine.toml)",
        "algorithm.name: must be one of \"npg\", \"trpo\", \"vpg\", but is \"tpro\"; did you mean \"trpo\"? (in --set)",
        "algorithm.kl_step: expected a number > 0, got the string \"big\" (in --set)",
        "run.steps: must be an integer >= 1, but is -1 (in --set)",
        "rollout.n_envs: must be an integer from 1 to 65536, but is 0 (in --envs)",
        "run.until_return: expected a finite number or \"none\", got the string \"high\" (in --until-return)",
        "advantage.lambda: must be 1 with value.kind = \"none\", but is 0.95: without a baseline lambda only discounts \
         rewards a second time (or take advantage.estimator = \"monte-carlo\")",
    ];
    assert_eq!(problems(&layers), expected);
}

#[test]
fn a_key_path_of_any_depth_is_told() {
    let mut layers = Layers::default();
    layers.set(&format!("{}a=1", "a.".repeat(100_000)));
    layers.flag("settings", &format!("env{}", ".a".repeat(100_000)), 1);
    let told = "no setting has a key path of 100001 parts; write table.key";
    assert_eq!(problems(&layers), [format!("--set: {told}"), format!("settings: {told}")]);
}

/// A device such as /dev/zero may never end.
#[cfg(unix)]
#[test]
fn a_configuration_that_does_not_end_is_not_read_for_ever() {
    let error = Layers::default().file(std::path::Path::new("/dev/zero")).unwrap_err().to_string();
    assert_eq!(error, "cannot read /dev/zero: it has more than 16777216 bytes");
}

#[test]
fn a_file_that_cannot_be_read_is_an_io_error() {
    let error = Layers::default().file("no/such.toml".as_ref()).unwrap_err();
    assert!(matches!(error, Error::Io { doing: "read", .. }), "{error}");
}

/// A valid value of any key.
fn value(kind: &Kind) -> BoxedStrategy<Value> {
    use std::ops::RangeBounds;
    match kind.clone() {
        Kind::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Integer(low, high) => (low..=high).prop_map(Value::from).boxed(),
        Kind::Number(low, high) => {
            let wide = prop_oneof![0.0..1.0, any::<f64>().prop_map(f64::abs)];
            let inside = move |x: &f64| x.is_finite() && (low, high).contains(x);
            wide.prop_map(move |x| if inside(&x) { x } else { 0.5 }).prop_map(Value::from).boxed()
        }
        Kind::OptionalNumber(low) => {
            let inside = move |x: &f64| (low, std::ops::Bound::Unbounded).contains(x);
            let number = (-1e9..1e9).prop_map(move |x| Value::from(if inside(&x) { x } else { 2.0 }));
            prop_oneof![Just(Value::from("none")), number].boxed()
        }
        Kind::Name(names) => prop::sample::select(names).prop_map(Value::from).boxed(),
        Kind::Text | Kind::NameOrIndex => "[a-z]{0,9}".prop_map(Value::from).boxed(),
        Kind::Range => (-1e9..0.0, 0.0..1e9).prop_map(|(low, high)| Value::from(vec![low, high])).boxed(),
        Kind::Names => prop::collection::vec("[a-z]{1,4}".prop_map(Value::from), 0..4).prop_map(Value::Array).boxed(),
        Kind::Filters => {
            let numbers = prop::collection::vec((1..=Kind::MAX_FILTERS as i64).prop_map(Value::from), 3);
            prop::collection::vec(numbers.prop_map(Value::Array), 1..4).prop_map(Value::Array).boxed()
        }
        Kind::Widths => prop::collection::vec((1..=Kind::MAX_WIDTH as i64).prop_map(Value::from), 1..4)
            .prop_map(Value::Array)
            .boxed(),
    }
}

fn env_options() -> impl Strategy<Value = toml::Table> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(".*", inner, 0..4).prop_map(|map| Value::Table(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-z]{1,8}|.*", tree, 0..5).prop_map(|map| map.into_iter().collect())
}

fn config() -> impl Strategy<Value = Config> {
    let values: Vec<_> = KEYS.iter().map(|key: &Key| value(&key.kind)).collect();
    (values, env_options()).prop_map(|(values, env)| {
        let mut config = Config { env, ..Config::default() };
        for (key, value) in KEYS.iter().zip(values) {
            key.set(&mut config, &value).expect("a value of its kind");
        }
        config
    })
}

proptest! {
    #[test]
    fn text_gives_back_the_configuration(config in config().prop_filter("consistent", |c| c.validate().is_empty())) {
        let text = config.to_toml();
        prop_assert_eq!(Config::from_toml("resolved", &text).unwrap(), config, "{}", text);
    }

    #[test]
    fn no_text_is_too_strange(text in ".*", set in ".*=.*", mix in "(\\[(run|env|policy)\\]\n|[a-z_]{1,8} = [0-9.\\[\\]\"]{1,5}\n){0,8}") {
        let mut layers = Layers::default();
        layers.toml("any", &text);
        layers.toml("mix", &mix);
        layers.set(&set);
        let _ = layers.resolve();
    }
}

#[test]
fn the_default_as_text() {
    let text = Config::default().to_toml();
    assert!(text.starts_with("[algorithm]\nname = \"npg\"                     # Named algorithm. It sets"), "{text}");
    assert!(text.contains("\nkl_step = 0.01                   # KL budget of one step, in nats.\n"), "{text}");
    assert!(text.contains("\n[env]\n\n[run]\nsteps = 1000000"), "{text}");
    assert_eq!(Config::from_toml("resolved", &text).unwrap(), Config::default());
}

/// `UPDATE_DOCS=1 cargo test -p npg --test config` rewrites the page.
#[test]
fn the_reference_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page == reference(), "docs/configuration.md is behind the keys: run this test with UPDATE_DOCS=1");
}

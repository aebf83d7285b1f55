//! `npg field` and `npg kakade`.

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

mod common;

use common::{Ended, Place, json_lines};
use serde_json::{Map, Value};

fn object(ended: &Ended) -> Map<String, Value> {
    assert_eq!((ended.out.lines().count(), ended.err.as_str()), (1, ""));
    json_lines(&ended.out).remove(0)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn assert_close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-13 * (1.0 + b.abs()), "{a} {b}");
}

/// The closed forms, written a second time.
#[test]
fn numbers_are_the_closed_forms() {
    let place = Place::new();
    let out = place.done(
        "field --a 1.1 --b -0.7 --q 2 --r 0.3 --gamma 0.9 --noise 0.04 --start-mean -0.5 --start-var 0.2 \
         --k-range -1:3.0:9 --sigma-range=0.1:0.4:4 --json",
    );
    let object = object(&out);
    assert_eq!(place.names("."), Vec::<String>::new(), "no figure was asked for");
    let (a, b, q, r, gamma, noise, m0) = (1.1, -0.7, 2.0, 0.3, 0.9, 0.04, 0.25 + 0.2);
    let settings = &object["settings"];
    assert_eq!((settings["b"].as_f64(), settings["noise"].as_f64()), (Some(b), Some(noise)));
    assert_eq!(numbers(&settings["k_range"]), [-1.0, 3.0, 9.0]);
    let points = object["points"].as_array().unwrap();
    assert_eq!(points.len(), 36);
    let mut infinite = 0;
    for (index, point) in points.iter().enumerate() {
        let (k, sigma) = (point["k"].as_f64().unwrap(), point["sigma"].as_f64().unwrap());
        assert_close(k, -1.0 + 0.5 * (index / 4) as f64);
        assert_close(sigma, 0.1 * (1 + index % 4) as f64);
        let c: f64 = a + b * k;
        let keeps = 1.0 - gamma * c * c;
        if keeps <= 0.0 {
            assert!(["J", "gradient", "fisher", "natural"].iter().all(|name| point[name].is_null()), "{point}");
            infinite += 1;
            continue;
        }
        let d = 1.0 / (1.0 - gamma);
        let m = (m0 + gamma * d * (b * b * sigma * sigma + noise)) / keeps;
        let p = (q + r * k * k) / keeps;
        let gradient = [-m * (r * k + gamma * b * c * p), -sigma * d * (r + gamma * b * b * p)];
        let fisher = [m / d / (sigma * sigma), 2.0 / (sigma * sigma)];
        assert_close(point["J"].as_f64().unwrap(), -0.5 * ((q + r * k * k) * m + r * sigma * sigma * d));
        let (shown, natural) = (numbers(&point["gradient"]), numbers(&point["natural"]));
        for i in 0..2 {
            assert_close(shown[i], gradient[i]);
            assert_close(numbers(&point["fisher"][i])[i], fisher[i]);
            assert_eq!(numbers(&point["fisher"][i])[1 - i], 0.0);
            assert_close(natural[i], gradient[i] / fisher[i]);
        }
    }
    assert!((4..32).contains(&infinite), "{infinite}");
}

#[test]
fn the_published_figure() {
    let place = Place::new();
    insta::assert_snapshot!(place.done("field").shown(), @r#"
    exit code 0
    field.svg
    optimum: k = -1.0000, sigma = 0, J = 0.000000
    mean cosine to the direction of the optimum: vanilla 0.61, natural 0.97
    from k = -1.80, sigma = 0.40 at unit speed: vanilla ends at k = -1.75, sigma = 0.02; natural at k = -1.00, sigma = 0.02
    "#);
    assert!(place.read("field.svg").starts_with("<svg "));
    let object = object(&place.done("field --json"));
    assert_eq!(object["points"].as_array().unwrap().len(), 80);
    assert!((object["optimum"]["k"].as_f64().unwrap() + 1.0).abs() < 1e-12);
    assert_eq!((object["optimum"]["sigma"].as_f64(), object["optimum"]["J"].as_f64()), (Some(0.0), Some(0.0)));
    let walk = &object["walks"][0];
    assert!((numbers(&walk["start"])[0] + 1.8).abs() < 1e-12 && (numbers(&walk["start"])[1] - 0.4).abs() < 1e-12);
    assert!((numbers(&walk["natural"])[0] + 1.0).abs() < 0.005 && numbers(&walk["vanilla"])[0] < -1.7);

    let unique = "field --a 1 --b 1 --r 0 --gamma 0.9 --noise 0.01 --start-mean 0.3 --start-var 0.01 --json";
    let object = self::object(&place.done(unique));
    let cosine = |name: &str| object["cosines"][name].as_f64().unwrap();
    assert!((cosine("vanilla") - 0.75).abs() < 0.005 && (cosine("natural") - 0.97).abs() < 0.005);
    assert!((object["optimum"]["J"].as_f64().unwrap() + 0.095).abs() < 1e-12); // -1/2 (0.1 + 9 * 0.01)
}

#[test]
fn at_sigma_0_there_is_no_natural_gradient() {
    let place = Place::new();
    let object = object(&place.done("field --k-range -1:-1:1 --sigma-range 0:0:1 --json -o zero.png"));
    let point = &object["points"][0];
    assert_eq!((point["J"].as_f64(), numbers(&point["gradient"])), (Some(0.0), vec![0.0, 0.0]));
    assert!(point["fisher"].is_null() && point["natural"].is_null() && object["cosines"]["natural"].is_null());
    assert_eq!(place.names("."), ["zero.png"]);
}

#[test]
fn figures_are_written() {
    let place = Place::new();
    for name in ["a.svg", "b.PNG", "c.gif"] {
        assert!(place.done(&format!("field --flow -o {name}")).out.starts_with(&format!("{name}\n")));
    }
    let start = |name| std::fs::read(place.path(name)).unwrap()[..6].to_vec();
    assert_eq!([start("b.PNG"), start("c.gif")], [b"\x89PNG\r\n", b"GIF89a"]);
    assert!(
        place.read("a.svg").contains("class=\"way\"")
            && std::fs::metadata(place.path("c.gif")).unwrap().len() < 2_000_000
    );
    let shown = place.done("kakade").out;
    let (shown, last) = shown.rsplit_once(' ').unwrap(); // the last number is a rounding error
    insta::assert_snapshot!(shown, @r#"
    kakade.svg
    two states, time to average reward 1.9: vanilla 2.684e6, natural 2.257
    least weight of state j: vanilla 1.30e-6, natural 5.83e-2
    share of the time within 0.01 of reward 1: vanilla 0.9999, natural 0.0592
    regulator under 3 scalings, largest difference of costs: vanilla 0.180, natural
    "#);
    assert!(last.trim().parse::<f64>().unwrap() < 1e-9, "{last}");
    assert!(place.read("kakade.svg").starts_with("<svg "));
    let object = object(&place.done("kakade --json"));
    let number = |name: &str, field: &str| object["two_states"][name][field].as_f64().unwrap();
    assert!((number("vanilla", "time_to_target") / 2.684e6 - 1.0).abs() < 1e-3);
    assert!(number("vanilla", "least_weight_j") < 1e-5 && number("natural", "time_to_target") < 3.0);
    assert!(object["regulator"]["natural"]["largest_spread"].as_f64().unwrap() < 1e-6);
    assert!(object["regulator"]["vanilla"]["largest_spread"].as_f64().unwrap() > 0.1);
}

#[test]
fn mistakes_are_named() {
    let place = Place::new();
    for line in [
        "field --gamma 1",
        "field --q nan --noise -1",
        "field --k-range 0:-2:9",
        "field --k-range -2:0",
        "field --sigma-range -0.1:0.5:7",
        "field --k-range -2:0:200 --sigma-range 0:1:100",
        "field -o field.gif",
        "field -o field.pdf",
        "kakade -o kakade.gif",
        "plot runs -o plot.gif",
    ] {
        let ended = place.npg(line);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{line}: {}", ended.err);
    }
    insta::assert_snapshot!(place.npg("field --q nan --noise -1").shown(), @r#"
    exit code 2
    --- stderr
    error: --q: is NaN; use a finite cost, at least 0
    --noise: is -1; use a finite variance, at least 0
    `npg field --help` says what each is
    "#);
    insta::assert_snapshot!(place.npg("field --k-range 0:-2:9").shown(), @r#"
    exit code 2
    --- stderr
    error: invalid value '0:-2:9' for '--k-range <LOW:HIGH:N>': 0 is more than -2; the smaller number comes first
    
    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(place.npg("field --sigma-range -0.1:0.5:7").shown(), @r#"
    exit code 2
    --- stderr
    error: --sigma-range: starts at -0.1, but standard deviations are at least 0
    "#);
    insta::assert_snapshot!(place.npg("field -o field.gif").shown(), @r#"
    exit code 2
    --- stderr
    error: --output: `field.gif` is for what moves; add --flow, or use .svg or .png
    "#);
    insta::assert_snapshot!(place.npg("plot runs -o plot.gif").shown(), @r#"
    exit code 2
    --- stderr
    error: figure: `plot.gif` must end in .svg or .png; a .gif is for what moves
    "#);
    assert_eq!(place.names("."), Vec::<String>::new());
}

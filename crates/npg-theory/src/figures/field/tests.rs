//! The figures of fields, both usual and unusual ones.

use super::*;
use npg_exact::field::spaced;
use npg_exact::lqr::Lqr;
use npg_plot::Figure;

fn published() -> (Field, Window) {
    let field = Field::new(&Lqr::published(), spaced(-1.875, -0.125, 8), spaced(0.05, 0.5, 10));
    let window = field.window();
    (field, window)
}

fn count(figure: &Figure, what: &str) -> usize {
    figure.to_svg().matches(what).count()
}

#[test]
fn two_panels_of_eighty_arrows() {
    let (field, window) = published();
    let figure = gradient_field(&field, &window, None);
    assert_eq!(
        ["arrows", "contours", "optimum", "way"].map(|it| count(&figure, &format!("class=\"{it}\""))),
        [2, 2, 2, 0]
    );
    let [vanilla, natural] = [hue(0), hue(1)].map(|it| {
        let [r, g, b] = it.rgb;
        count(&figure, &format!("Z\" fill=\"#{r:02X}{g:02X}{b:02X}\"")) // arrowheads
    });
    assert_eq!((vanilla, natural), (80, 80));
    assert!(figure.to_svg().contains("direction 0.61") && figure.to_svg().contains("direction 0.97"));
    assert!(!figure.to_svg().contains("NaN") && figure.to_png().len() < 1_000_000);
    let figure = gradient_field(&field, &window, Some(&field.walks()));
    assert_eq!(count(&figure, "class=\"way\""), 10);
}

#[test]
fn walkers_fit_a_small_file() {
    let (field, window) = published();
    let gif = walking(&field, &window, &field.walks()).to_gif();
    assert!(gif.starts_with(b"GIF89a") && gif.len() < 2_000_000, "{}", gif.len());
}

#[test]
fn formulas_are_short() {
    for (terms, text) in [
        ([(0.9, "s"), (-0.8, "u")], "0.9 s − 0.8 u"),
        ([(1.0, "s"), (0.0, "u")], "s"),
        ([(-1.0, "s"), (0.083105, "u")], "−s + 0.0831 u"),
        ([(0.0, "s"), (0.0, "u")], "0"),
        ([(1e-6, "s"), (100.0, "u")], "1.00e−6 s + 100 u"),
    ] {
        assert_eq!(sum(terms), text);
    }
}

/// Fields with a single point, with returns that are infinite in part or everywhere, and of a world without costs.
#[test]
fn odd_fields_are_drawn() {
    let world = Lqr::published();
    for (lqr, k) in [
        (world, vec![-1.0]),
        (world, spaced(-8.0, 8.0, 5)),
        (world, vec![50.0]),
        (Lqr { q: 0.0, r: 0.0, ..world }, spaced(-1.0, 1.0, 3)),
    ] {
        let field = Field::new(&lqr, k, vec![0.0, 0.3]);
        let figure = gradient_field(&field, &field.window(), Some(&field.walks()));
        assert!(!figure.to_svg().contains("NaN") && figure.to_png().starts_with(b"\x89PNG"));
    }
}

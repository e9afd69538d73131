use super::*;
use crate::calculus::Plain;

/// A sample outside, where field and distance differ in value and gradient.
const OUTSIDE: Sample<f64> = Sample {
    error: 0.03,
    distance: 0.2,
    slope_errors: [0.1, -0.2, 0.3],
    gradient: [0.6, 0.0, 0.8],
};

fn inside() -> Sample<f64> {
    Sample {
        error: 0.01,
        distance: -0.05,
        ..OUTSIDE
    }
}

fn on_surface() -> Sample<f64> {
    Sample {
        distance: 0.0,
        ..OUTSIDE
    }
}

fn value(terms: &str, sample: &Sample<f64>) -> f64 {
    let loss: Loss = terms.parse().unwrap();
    loss.at(&mut Plain, sample).loss
}

fn assert_is(terms: &str, sample: &Sample<f64>, expected: f64) {
    let value = value(terms, sample);
    // Settings are f32.
    let tolerance = 1e-6 * expected.abs();
    assert!(
        (value - expected).abs() <= tolerance,
        "{terms}: {value}, not {expected}"
    );
}

#[test]
fn terms_are_their_formulas() {
    let out = &OUTSIDE;
    assert_is("l1=2", out, 0.06);
    assert_is("l2=2", out, 0.0018);
    assert_is("huber=1", out, 0.03 - 0.0005);
    let small = Sample {
        error: -5e-4,
        ..OUTSIDE
    };
    assert_is("huber=1", &small, 0.5 * 5e-4 * 5e-4 / 1e-3);
    assert_is("relative=1", out, 0.03 / 0.21);
    // The distance is cut off at 0.1, and so is the value.
    assert_is("clamped=1", out, 0.0);
    assert_is("clamped=1", &inside(), 0.01);
    assert_is("importance=1", out, (-4.0f64).exp() * 0.03);
    let slope_error: f64 = 0.01 + 0.04 + 0.09;
    assert_is("gradient=1", out, slope_error);
    let slopes: [f64; 3] = [0.7, -0.2, 1.1];
    let length = slopes.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert_is("eikonal=1", out, (length - 1.0).powi(2));
    assert_is("normal=1", out, 0.0);
    let cosine = (0.6 * 0.7 + 0.8 * 1.1) / length;
    assert_is("normal=1", &on_surface(), 1.0 - cosine);
    assert_is("off_surface=1", out, (-23.0f64).exp());
    assert_is("off_surface=1", &on_surface(), 0.0);
    assert_is("occupancy=1", out, (1.0 + (-23.0f64).exp()).ln());
    assert_is("occupancy=1", &inside(), (1.0 + (-4.0f64).exp()).ln());
    assert_is("occupancy=1", &on_surface(), 2f64.ln());
    assert_is("side=1", out, 0.0);
    let wrong = Sample {
        error: -0.25,
        ..OUTSIDE
    };
    assert_is("side=1", &wrong, 0.05 + 1e-3);
    assert_is(
        "heat=1",
        out,
        (-40.0 * 0.23f64).exp() * (length * length + 1.0) / 2.0,
    );
    assert_is(
        "l1=1,l2=2,gradient=0.5",
        out,
        0.03 + 0.0018 + 0.5 * slope_error,
    );
}

#[test]
fn a_gradient_that_is_not_known_is_not_asked_for() {
    let unknown = Sample {
        gradient: [0.0; 3],
        ..on_surface()
    };
    assert_eq!(value("gradient", &unknown), 0.0);
    assert_eq!(value("normal", &unknown), 0.0);
}

#[test]
fn derivatives_are_central_differences() {
    for sample in [OUTSIDE, inside(), on_surface()] {
        for &name in Loss::NAMES {
            let loss: Loss = format!("{name}=1").parse().unwrap();
            let at = loss.at(&mut Plain, &sample);
            let found = [
                at.by_value,
                at.by_slopes[0],
                at.by_slopes[1],
                at.by_slopes[2],
            ];
            for (direction, found) in found.into_iter().enumerate() {
                let moved = |step: f64| {
                    let mut moved = sample.clone();
                    match direction {
                        0 => moved.error += step,
                        axis => moved.slope_errors[axis - 1] += step,
                    }
                    loss.at(&mut Plain, &moved).loss
                };
                let step = 1e-6;
                let expected = (moved(step) - moved(-step)) / (2.0 * step);
                let tolerance = 1e-6 * expected.abs().max(1e-2);
                assert!(
                    (found - expected).abs() < tolerance,
                    "{name} along {direction}: {found}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn what_is_needed_is_what_the_terms_look_at() {
    let needs = |terms: &str| terms.parse::<Loss>().unwrap().needs();
    assert_eq!(needs("l1,l2,huber"), Needs::Error);
    assert_eq!(needs("l1,relative"), Needs::Distance);
    assert_eq!(needs("l1,eikonal"), Needs::Gradient);
    assert_eq!(Needs::Error.columns(), 4);
    assert_eq!(Needs::Gradient.columns(), 11);
}

#[test]
fn losses_are_read_as_they_are_written() {
    let read = |text: &str| serde_json::from_str::<Loss>(text);
    assert_eq!(read("\"l2\"").unwrap(), Squared::default().into());
    let both = Loss {
        gradient: Some(GradientError { weight: 0.5 }),
        huber: Some(Huber {
            weight: 1.0,
            width: 0.25,
        }),
        ..Loss::NONE
    };
    let text = r#"{"gradient": 0.5, "l1": null, "huber": {"width": 0.25}}"#;
    assert_eq!(read(text).unwrap(), both);
    let written = serde_json::to_string(&both).unwrap();
    assert_eq!(read(&written).unwrap(), both);
    assert_eq!(
        "gradient=0.5".parse::<Loss>().unwrap().gradient,
        both.gradient
    );
    let refused = |text: &str, words: &str| {
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    };
    refused("\"l3\"", "'l3' is no term");
    refused("\"l1=much\"", "'l1=much'");
    refused(r#"{"l3": 1}"#, "expected one of `l1`");
    refused(r#"{"huber": {"wdith": 1}}"#, "wdith");
    refused(r#"{"huber": "much"}"#, "a weight");
}

#[test]
fn what_cannot_be_trained_with_is_named() {
    let refused = |loss: Loss, signed: bool| loss.validate(signed).unwrap_err().to_string();
    assert!(refused(Loss::NONE, true).contains("no term"));
    let negative: Loss = "l1,gradient=-1".parse().unwrap();
    assert!(refused(negative, true).contains("loss.gradient.weight is -1"));
    let normal: Loss = "normal".parse().unwrap();
    assert_eq!(normal.validate(true), Ok(()));
    assert!(refused(normal, false).contains("loss.normal needs inside and outside"));
    for &name in Loss::NAMES {
        let alone: Loss = name.parse().unwrap();
        assert_eq!(alone.validate(true), Ok(()), "{name}");
    }
}

#[test]
fn the_docs_show_a_file_as_it_is() {
    let page = include_str!("../../../../docs/losses.md");
    assert!(page.contains(include_str!("eikonal.rs")));
    for &name in Loss::NAMES {
        let mut row = page
            .lines()
            .filter(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.next().unwrap_or_else(|| panic!("{name} has no row"));
        for setting in name.parse::<Loss>().unwrap().settings() {
            let default = format!("`{}` {}", setting.name, setting.value);
            assert!(row.contains(&default), "{name}: {default}");
        }
    }
}

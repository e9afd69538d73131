//! Tests of fields that are put together, on solids alone: their closed forms are the reference.

use std::f64::consts::FRAC_1_SQRT_2;
use std::fs;

use super::*;
use crate::field::ScalarField;
use crate::geometry::vector::{dot, length, minus};

fn parsed(text: &str) -> Expression {
    parse_recipe(text).unwrap()
}

fn combined(text: &str) -> Combined {
    tried(text).unwrap()
}

fn tried(text: &str) -> Result<Combined, CombineError> {
    Combined::new(&parsed(text), |name| panic!("no model {name}"))
}

fn refused(text: &str) -> String {
    match tried(text) {
        Ok(_) => panic!("{text} is a field"),
        Err(error) => error.to_string(),
    }
}

/// Values and gradients in own units.
fn asked(field: &Combined, points: &[[f64; 3]]) -> Vec<(f64, [f64; 3])> {
    let frame = field.shape().frame;
    let unit: Vec<[f32; 3]> = (points.iter())
        .map(|&point| frame.apply(point).map(|x| x as f32))
        .collect();
    let (mut values, mut gradients) = (vec![0.0; unit.len()], vec![[0.0; 3]; unit.len()]);
    field.values_and_gradients(&unit, &mut values, &mut gradients);
    let mut alone = vec![0.0; unit.len()];
    field.values(&unit, &mut alone);
    assert_eq!(values, alone);
    let own = values.iter().map(|&value| f64::from(value) / frame.scale);
    own.zip(gradients.iter().map(|gradient| gradient.map(f64::from)))
        .collect()
}

/// Points all over a cube about the origin, none of them anywhere special.
fn points(half: f64, count: u32) -> Vec<[f64; 3]> {
    let steps = [0.618_033_9, 0.414_213_5, 0.259_921_0];
    (1..=count)
        .map(|index| steps.map(|step| ((f64::from(index) * step).fract() - 0.5) * 2.0 * half))
        .collect()
}

const SPHERE: &str = "sphere = { center = [0.2, -0.1, 0.3], radius = 0.7 }";
const BOX: &str = "box = { min = [-0.6, -0.5, -0.4], max = [0.5, 0.7, 0.3] }";
const TORUS: &str = "torus = { axis = [1.0, 2.0, -0.5], radius = 0.6, tube = 0.2 }";
const CYLINDER: &str =
    "cylinder = { start = [-0.3, 0.1, -0.5], end = [0.4, 0.2, 0.6], radius = 0.3 }";
const CAPSULE: &str =
    "capsule = { start = [-0.3, 0.1, -0.5], end = [0.4, 0.2, 0.6], radius = 0.3 }";

/// Expressions of every kind.
fn every_kind() -> Vec<String> {
    let of = |operation: &str, parts: &[&str], rest: &str| {
        let parts: Vec<String> = parts.iter().map(|part| format!("{{ {part} }}")).collect();
        format!("{operation} = {{ of = [{}]{rest} }}", parts.join(", "))
    };
    let one = |operation: &str, part: &str, rest: &str| {
        format!("{operation} = {{ of = {{ {part} }}, {rest} }}")
    };
    let mut all: Vec<String> = [SPHERE, BOX, TORUS, CYLINDER, CAPSULE]
        .map(str::to_owned)
        .into();
    for smooth in ["", ", smooth = 0.3"] {
        all.push(of("union", &[SPHERE, BOX, TORUS], smooth));
        all.push(of("intersection", &[SPHERE, BOX], smooth));
        all.push(of("difference", &[SPHERE, CYLINDER, BOX], smooth));
    }
    let half = "half-space = { point = [0.1, 0.0, 0.0], normal = [1.0, 0.2, 0.3] }";
    all.push(of("intersection", &[BOX, half], ""));
    all.push(of("morph", &[SPHERE, BOX], ", weight = 0.3"));
    all.push(one("offset", TORUS, "distance = 0.15"));
    all.push(one("offset", BOX, "distance = -0.15"));
    all.push(one("shell", CAPSULE, "thickness = 0.1"));
    let turned = "translate = [0.1, 0.2, -0.3], axis = [1, 2, 3], degrees = 40.0, scale = 1.7";
    all.push(one("transform", BOX, turned));
    let inner = one("transform", CYLINDER, turned);
    all.push(of("difference", &[BOX, &inner], ", smooth = 0.1"));
    all
}

#[test]
fn gradients_are_those_of_the_values_and_no_field_is_steeper_than_a_distance() {
    const STEP: f64 = 2e-3;
    for text in every_kind() {
        let field = combined(&text);
        let at = points(1.4, 400);
        let found = asked(&field, &at);
        let mut slopes = vec![[0.0; 3]; at.len()];
        let mut jumps = vec![false; at.len()];
        for axis in 0..3 {
            let moved = |by: f64| {
                let moved = at.iter().map(|&point| {
                    let mut point = point;
                    point[axis] += by;
                    point
                });
                asked(&field, &moved.collect::<Vec<_>>())
            };
            let (before, after) = (moved(-STEP), moved(STEP));
            for index in 0..at.len() {
                slopes[index][axis] = (after[index].0 - before[index].0) / (2.0 * STEP);
                // Two pieces meet in between.
                let change = minus(after[index].1, before[index].1);
                jumps[index] |= length(change) > 0.1;
            }
        }
        let mut compared = 0;
        for index in 0..at.len() {
            let (_, gradient) = found[index];
            assert!(length(gradient) < 1.0 + 1e-5, "{text}: {gradient:?}");
            if !jumps[index] {
                compared += 1;
                let off = length(minus(slopes[index], gradient));
                assert!(
                    off < 2e-2,
                    "{text} at {:?}: {gradient:?}, {:?}",
                    at[index],
                    slopes[index]
                );
            }
        }
        assert!(compared > 300, "{text}: {compared}");
    }
}

#[test]
fn nothing_of_a_level_lies_beyond_the_bounds() {
    for text in every_kind() {
        let field = combined(&text);
        let bounds = field.shape().bounds;
        let at = points(2.5, 20_000);
        for (&point, (value, _)) in at.iter().zip(asked(&field, &at)) {
            let beyond = (0..3)
                .map(|axis| (bounds.min[axis] - point[axis]).max(point[axis] - bounds.max[axis]));
            let beyond = beyond.fold(0.0, f64::max);
            if beyond > 0.0 {
                assert!(
                    value > beyond - 1e-5,
                    "{text} at {point:?}: {value}, {beyond}"
                );
            }
        }
    }
}

#[test]
fn solids_have_their_closed_forms() {
    let value = |text: &str, point: [f64; 3]| asked(&combined(text), &[point])[0].0;
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a}, not {b}");
    close(value("sphere = { radius = 2.0 }", [0.0, 3.0, 4.0]), 3.0);
    let cube = "box = { min = [-1, -1, -1], max = [1, 1, 1] }";
    close(value(cube, [2.0, 2.0, 0.5]), 2.0_f64.sqrt());
    close(value(cube, [0.2, -0.7, 0.1]), -0.3);
    let torus = "torus = { radius = 2.0, tube = 0.5 }";
    close(value(torus, [2.0, 0.0, 1.0]), 0.5);
    close(value(torus, [0.0, 0.0, 0.0]), 1.5);
    let cylinder = "cylinder = { start = [0, 0, 0], end = [0, 0, 2], radius = 1 }";
    close(value(cylinder, [4.0, 0.0, 6.0]), 5.0);
    close(value(cylinder, [0.0, 0.0, 1.9]), -0.1);
    let capsule = "capsule = { start = [0, 0, 0], end = [0, 0, 2], radius = 1 }";
    close(value(capsule, [3.0, 0.0, 6.0]), 4.0);
    close(value(&capsule.replace("2]", "0]"), [3.0, 0.0, 4.0]), 4.0);
}

#[test]
fn the_smooth_union_is_the_formula() {
    let text = "union = { smooth = 0.5, of = [{ sphere = { radius = 0.5 } }, { sphere = { center = [0.8, 0, 0], radius = 0.4 } }] }";
    let at = points(1.5, 500);
    let mut blended = 0;
    for (&point, (value, _)) in at.iter().zip(asked(&combined(text), &at)) {
        let a = length(point) - 0.5;
        let b = length(minus(point, [0.8, 0.0, 0.0])) - 0.4;
        let h = (0.5 - (a - b).abs()).max(0.0) / 0.5;
        let expected = a.min(b) - h * h * 0.5 / 4.0;
        assert!((value - expected).abs() < 1e-6, "{value}, {expected}");
        blended += usize::from(h > 0.0);
    }
    assert!(blended > 50);
}

#[test]
fn a_torus_is_turned_scaled_and_moved() {
    let text = "transform = { translate = [5, 6, 7], axis = [0, 2, 0], degrees = 90, scale = 3, of = { torus = { radius = 1.0, tube = 0.25 } } }";
    let field = combined(text);
    // About y, z becomes x: it lies across x.
    let bounds = field.shape().bounds;
    let exact = ([4.25, 2.25, 3.25], [5.75, 9.75, 10.75]);
    for axis in 0..3 {
        assert!(
            (bounds.min[axis] - exact.0[axis]).abs() < 1e-9,
            "{bounds:?}"
        );
        assert!(
            (bounds.max[axis] - exact.1[axis]).abs() < 1e-9,
            "{bounds:?}"
        );
    }
    let at: Vec<[f64; 3]> = (points(6.0, 300).iter())
        .map(|point| [point[0] + 5.0, point[1] + 6.0, point[2] + 7.0])
        .collect();
    for (&point, (value, gradient)) in at.iter().zip(asked(&field, &at)) {
        let [x, y, z] = minus(point, [5.0, 6.0, 7.0]);
        let from_circle = (y * y + z * z).sqrt() - 3.0;
        let expected = (from_circle * from_circle + x * x).sqrt() - 0.75;
        assert!((value - expected).abs() < 1e-5, "{value}, {expected}");
        assert!((length(gradient) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn bounds_follow_the_operations() {
    let bounds = |text: &str| combined(text).shape().bounds;
    let cut = "intersection = { of = [{ box = { min = [-1, -1, -1], max = [1, 1, 1] } }, { half-space = { normal = [0, 0, -2], point = [0, 0, 0.5] } }] }";
    assert_eq!(bounds(cut).min, [-1.0, -1.0, 0.5]);
    let ball = "sphere = { radius = 1 }";
    let shrunk = format!("offset = {{ distance = -0.25, of = {{ {ball} }} }}");
    assert_eq!(bounds(&shrunk).max, [0.75; 3]);
    let wall = format!("shell = {{ thickness = 0.5, of = {{ {ball} }} }}");
    assert_eq!(bounds(&wall).max, [1.25; 3]);
    assert_eq!(combined(&wall).shape().thickness, Some(0.5));
    let square = "transform = { axis = [0, 0, 1], degrees = 45, of = { box = { min = [-1, -1, -1], max = [1, 1, 1] } } }";
    assert!((bounds(square).max[0] - 2.0 * FRAC_1_SQRT_2).abs() < 1e-12);
    assert_eq!(bounds(square).max[2], 1.0);
    // Far apart nothing blends, and nothing grows.
    let apart = "union = { smooth = 0.4, of = [{ sphere = { radius = 1 } }, { sphere = { center = [9, 0, 0], radius = 1 } }] }";
    assert_eq!(bounds(apart).max, [10.0, 1.0, 1.0]);
    let warnings = combined(apart).warnings();
    assert!(
        warnings[0].contains("union.of[1] does not blend: it is at least 7 away"),
        "{warnings:?}"
    );
    let nothing = apart.replace("union", "difference");
    assert!(combined(&nothing).warnings()[0].contains("takes nothing away"));
}

#[test]
fn what_is_left_of_a_distance_is_told() {
    let quality = |text: &str| combined(text).quality().to_string();
    let balls =
        "of = [{ sphere = { radius = 1 } }, { sphere = { center = [1, 0, 0], radius = 1 } }]";
    assert_eq!(quality("sphere = { radius = 1 }"), "a distance");
    let union = format!("union = {{ {balls} }}");
    assert_eq!(
        quality(&union),
        "a distance outside, a lower bound of it inside"
    );
    let lens = format!("intersection = {{ {balls} }}");
    assert_eq!(
        quality(&lens),
        "a lower bound of the distance outside, a distance inside"
    );
    assert_eq!(
        quality(&lens.replace("intersection", "difference")),
        quality(&lens)
    );
    let smooth = format!("union = {{ smooth = 0.1, {balls} }}");
    assert_eq!(quality(&smooth), "a lower bound of the distance");
}

#[test]
fn what_is_no_field_is_refused_by_name() {
    let ball = "{ sphere = { radius = 1 } }";
    let far = "{ sphere = { center = [9, 0, 0], radius = 1 } }";
    for (text, words) in [
        (
            "sphere = { radius = nan }".to_owned(),
            "sphere: its numbers must be finite",
        ),
        (
            "sphere = { radius = -1 }".to_owned(),
            "radius must be above 0",
        ),
        (
            "box = { min = [0, 0, 0], max = [1, 0, 1] }".to_owned(),
            "min must be below max",
        ),
        (
            "half-space = { normal = [0, 0, 1] }".to_owned(),
            "half-space has no bounds",
        ),
        (
            format!("union = {{ of = [{ball}] }}"),
            "union has 1 of the 2 parts",
        ),
        (
            format!("union = {{ smooth = -0.5, of = [{ball}, {ball}] }}"),
            "smooth is -0.5",
        ),
        (
            format!("union = {{ smooth = inf, of = [{ball}, {ball}] }}"),
            "smooth is inf",
        ),
        (
            format!("morph = {{ weight = 1.5, of = [{ball}, {ball}] }}"),
            "weight is 1.5",
        ),
        (
            format!("morph = {{ weight = 0.5, of = [{ball}, {ball}, {ball}] }}"),
            "not 3",
        ),
        (
            format!("transform = {{ scale = 0, of = {ball} }}"),
            "scale is 0",
        ),
        (
            format!("transform = {{ scale = -1, of = {ball} }}"),
            "above 0",
        ),
        (
            format!("transform = {{ axis = [0, 0, 0], of = {ball} }}"),
            "axis must not be 0",
        ),
        (
            format!("shell = {{ thickness = 0, of = {ball} }}"),
            "shell: thickness is 0",
        ),
        (
            format!("offset = {{ distance = -1.5, of = {ball} }}"),
            "offset is empty: nothing is left",
        ),
        (
            format!("intersection = {{ of = [{ball}, {far}] }}"),
            "the boxes around its parts do not meet",
        ),
        (
            format!("union = {{ of = [{ball}, {{ sphere = {{ radius = -1 }} }}] }}"),
            "union.of[1].sphere",
        ),
        ("sphere = { radius = 1e308 }".to_owned(), "no extent"),
    ] {
        let said = refused(&text);
        assert!(said.contains(words), "{text}: {said}");
    }
    // A radius of 0 is a sharp union.
    combined(&format!("union = {{ smooth = 0, of = [{ball}, {far}] }}"));
    let mut deep = Expression::Sphere(Sphere {
        center: [0.0; 3],
        radius: 1.0,
    });
    for _ in 0..=MOST_DEPTH {
        deep = Expression::Offset(Offset {
            distance: 0.0,
            of: Box::new(deep),
        });
    }
    assert_eq!(
        deep.check_size(),
        Err(CombineError::TooDeep { most: MOST_DEPTH })
    );
    let models = (0..=MOST_MODELS).map(|number| Expression::Model(number.to_string()));
    let union = Expression::Union(Operands {
        smooth: 0.0,
        of: models.collect(),
    });
    let most = MOST_MODELS;
    assert_eq!(
        union.check_size(),
        Err(CombineError::TooManyModels { most })
    );
    let many = Expression::Union(Operands {
        smooth: 0.0,
        of: vec![parsed("sphere = { radius = 1 }"); MOST_NODES],
    });
    assert_eq!(
        many.check_size(),
        Err(CombineError::TooManyNodes { most: MOST_NODES })
    );
}

#[test]
fn recipes_say_what_is_wrong_and_where() {
    for (text, words) in [
        (
            "unoin = { of = [] }",
            "there is no 'unoin'; did you mean 'union'?",
        ),
        ("xyz = 1", "use one of model, sphere"),
        ("", "the recipe is empty"),
        (
            "model = 'a'\nsphere = { radius = 1 }",
            "has the entries model, sphere",
        ),
        ("sphere = { radus = 1 }", "sphere: unknown field `radus`"),
        ("sphere = {}", "sphere: missing field `radius`"),
        ("union = { of = [3] }", "union.of[0] is a number"),
        (
            "offset = { distance = 1, of = { spher = 1 } }",
            "did you mean 'sphere'?",
        ),
        ("union = { of = [", "TOML parse error at line 1"),
        ("union = { of = { model = 'a' } }", "union"),
    ] {
        let said = parse_recipe(text).unwrap_err();
        assert!(
            said.contains(words) && !said.contains('\n'),
            "{text}: {said}"
        );
    }
}

#[test]
fn recipes_are_read_as_they_were_written_with_models_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let read = |name: &str| read_recipe(&folder.path().join(name));
    for text in every_kind() {
        let expression = parsed(&text);
        write("written.toml", &recipe_text(&expression));
        assert_eq!(read("written.toml").unwrap(), expression, "{text}");
    }
    fs::create_dir(folder.path().join("parts")).unwrap();
    write(
        "parts/ball.toml",
        "offset = { distance = 0.1, of = { model = '../ball.safetensors' } }",
    );
    write(
        "all.toml",
        "union = { of = [{ model = 'parts/ball.toml' }, { model = 'cow.safetensors' }] }",
    );
    let models: Vec<String> = (read("all.toml").unwrap().models().iter())
        .map(|name| name.replace(folder.path().to_str().unwrap(), ""))
        .collect();
    assert_eq!(models, ["/parts/../ball.safetensors", "/cow.safetensors"]);
    write(
        "a.toml",
        "offset = { distance = 1, of = { model = 'b.toml' } }",
    );
    write(
        "b.toml",
        "union = { of = [{ model = 'all.toml' }, { model = 'a.toml' }] }",
    );
    let cycle = read("a.toml").unwrap_err().to_string();
    assert!(
        cycle.contains("refers to itself: a.toml → b.toml → a.toml"),
        "{cycle}"
    );
    write("missing.toml", "model = 'gone.toml'");
    let missing = read("missing.toml").unwrap_err().to_string();
    assert!(
        missing.contains("cannot read") && missing.contains("gone.toml"),
        "{missing}"
    );
    // Each doubles the one before.
    write(
        "double0.toml",
        "union = { of = [{ model = 'x' }, { model = 'y' }] }",
    );
    for level in 1..30 {
        let before = format!("{{ model = 'double{}.toml' }}", level - 1);
        write(
            &format!("double{level}.toml"),
            &format!("union = {{ of = [{before}, {before}] }}"),
        );
    }
    let large = read("double29.toml").unwrap_err().to_string();
    assert!(large.contains("more than 1000 parts"), "{large}");
}

#[test]
fn parts_that_are_left_out_would_have_changed_nothing() {
    // A hundred balls in a row: one or two are asked at each point.
    let balls =
        (0..100).map(|x| format!("{{ sphere = {{ center = [{x}, 0, 0], radius = 0.4 }} }}"));
    let balls: Vec<String> = balls.collect();
    let at: Vec<[f64; 3]> = (points(3.0, 500).iter())
        .map(|&[x, y, z]| [x * 20.0 + 50.0, y, z])
        .collect();
    for (smooth, radius) in [("", 0.0_f64), ("smooth = 0.3,", 0.3)] {
        let field = combined(&format!(
            "union = {{ {smooth} of = [{}] }}",
            balls.join(", ")
        ));
        for (&point, (value, gradient)) in at.iter().zip(asked(&field, &at)) {
            let values = (0..100).map(|x| length(minus(point, [f64::from(x), 0.0, 0.0])) - 0.4);
            let least = values.reduce(|a, b| {
                let h = (radius - (a - b).abs()).max(0.0) / radius.max(1e-9);
                a.min(b) - h * h * radius / 4.0
            });
            assert!(
                (value - least.unwrap()).abs() < 2e-5,
                "{point:?}: {value}, {least:?}"
            );
            assert!(dot(gradient, gradient) <= 1.0 + 1e-5);
        }
    }
}

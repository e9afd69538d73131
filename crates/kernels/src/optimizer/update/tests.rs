use super::*;
use crate::calculus::Plain;

/// Steps of a rule, in `f64`.
struct Steps<'a> {
    update: Update,
    parameter: f64,
    gradients: &'a [f64],
    learning_rate: f64,
}

impl WithRule for Steps<'_> {
    type Output = f64;

    fn with<R: UpdateRule>(self) -> f64 {
        let (mut parameter, mut moments) = (self.parameter, [0.0; MOMENTS]);
        for (step, gradient) in (1..).zip(self.gradients) {
            let constants = self.update.constants(step, self.learning_rate);
            (parameter, moments) = R::apply(&mut Plain, &parameter, gradient, &moments, &constants);
        }
        parameter
    }
}

fn after(update: Update, parameter: f64, gradients: &[f64], learning_rate: f64) -> f64 {
    update.rule().visit(Steps {
        update,
        parameter,
        gradients,
        learning_rate,
    })
}

/// Settings are `f32`.
const ROUNDING: f64 = 1e-7;

#[test]
fn adam_is_that_of_the_paper() {
    let gradients = [0.3, -0.2, 0.5, 0.1];
    // Algorithm 1, with the moments divided by what is missing of them.
    let (mut parameter, mut mean, mut square) = (2.0, 0.0, 0.0);
    for (step, gradient) in (1..).zip(gradients) {
        mean = 0.9 * mean + 0.1 * gradient;
        square = 0.99 * square + 0.01 * gradient * gradient;
        let undone = |moment: f64, beta: f64| moment / (1.0 - beta.powi(step));
        parameter -= 0.01 * undone(mean, 0.9) / (undone(square, 0.99).sqrt() + 1e-15);
    }
    let found = after(Update::default(), 2.0, &gradients, 0.01);
    assert!((found - parameter).abs() < ROUNDING, "{found} {parameter}");
}

#[test]
fn weights_decay_apart_from_the_gradient() {
    let decaying = Update::Adam(Adam {
        weight_decay: 0.5,
        ..Adam::default()
    });
    // The first step of Adam is the learning rate, whatever the gradient.
    let found = after(decaying, 2.0, &[0.3], 0.01);
    assert!(
        (found - (2.0 - 0.01 - 0.01 * 0.5 * 2.0)).abs() < ROUNDING,
        "{found}"
    );
}

#[test]
fn lion_goes_by_the_sign_of_a_mean() {
    let lion = Update::Lion(Lion::default());
    assert!((after(lion, 1.0, &[7.0], 0.1) - 0.9).abs() < ROUNDING);
    assert!((after(lion, 1.0, &[-1e-9], 0.1) - 1.1).abs() < ROUNDING);
    // The mean of large gradients outweighs a small one.
    assert!((after(lion, 1.0, &[7.0, -0.1], 0.1) - 0.8).abs() < ROUNDING);
}

#[test]
fn every_rule_finds_the_least_of_a_parabola() {
    for update in Update::all() {
        let rule = update.rule();
        let mut parameter = 1.0;
        let mut gradients = Vec::new();
        for _ in 0..200 {
            gradients.push(2.0 * (parameter - 0.25));
            parameter = rule.visit(Steps {
                update,
                parameter: 1.0,
                gradients: &gradients,
                learning_rate: 0.02,
            });
        }
        assert!((parameter - 0.25f64).abs() < 0.1, "{update:?}: {parameter}");
    }
}

#[test]
fn default_settings_are_within_their_ranges() {
    for update in Update::all() {
        for setting in update.settings() {
            assert_eq!(setting.refused(), None, "{}", setting.name);
        }
    }
}

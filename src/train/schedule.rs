//! How far a budget is used, and the learning rate that goes with it.

use std::f64::consts::PI;
use std::time::Duration;

use super::settings::{Budget, Optimizer, Schedule};

/// Share of the budget that is used, 0 to 1: the larger of both limits' shares.
pub(super) fn used_share(budget: &Budget, steps: u64, elapsed: Duration) -> f64 {
    let by_steps = budget
        .steps
        .map_or(0.0, |limit| steps as f64 / limit as f64);
    let by_time = budget
        .seconds
        .map_or(0.0, |limit| elapsed.as_secs_f64() / limit);
    by_steps.max(by_time).min(1.0)
}

/// The learning rate where so much of the budget is used.
pub(super) fn learning_rate(optimizer: &Optimizer, used_share: f64) -> f64 {
    let last = optimizer.final_share;
    let share = match optimizer.schedule {
        Schedule::Exponential => last.powf(used_share),
        Schedule::Cosine => last + (1.0 - last) * 0.5 * (1.0 + (PI * used_share).cos()),
        Schedule::Constant => 1.0,
    };
    let warm = match used_share < optimizer.warm_up {
        true => used_share / optimizer.warm_up,
        false => 1.0,
    };
    optimizer.learning_rate * share * warm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Preset;

    #[test]
    fn whichever_limit_is_nearer_counts() {
        let budget = Budget {
            seconds: Some(10.0),
            steps: Some(100),
            target_near_mae: None,
        };
        assert_eq!(used_share(&budget, 50, Duration::from_secs(2)), 0.5);
        assert_eq!(used_share(&budget, 10, Duration::from_secs(9)), 0.9);
        assert_eq!(used_share(&budget, 10, Duration::from_secs(90)), 1.0);
    }

    #[test]
    fn schedules_lead_from_the_first_rate_to_the_last() {
        let rates = |schedule, warm_up| {
            let optimizer = Optimizer {
                schedule,
                warm_up,
                learning_rate: 0.5,
                final_share: 0.04,
                ..Preset::Standard.settings().optimizer
            };
            [0.0, 0.25, 0.5, 1.0].map(|share| learning_rate(&optimizer, share))
        };
        let near = |found: [f64; 4], expected: [f64; 4]| {
            let pairs = found.iter().zip(&expected);
            let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-12, "{found:?}");
        };
        let root = 0.04f64.sqrt();
        near(
            rates(Schedule::Exponential, 0.0),
            [0.5, 0.5 * root.sqrt(), 0.5 * root, 0.02],
        );
        let quarter = 0.02 + 0.48 * (0.5 + 0.125f64.sqrt());
        near(rates(Schedule::Cosine, 0.0), [0.5, quarter, 0.26, 0.02]);
        near(rates(Schedule::Constant, 0.5), [0.0, 0.25, 0.5, 0.5]);
    }
}

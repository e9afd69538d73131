//! How far a budget is used, and the learning rate that goes with it.

use std::time::Duration;

use super::settings::{Budget, Optimizer};

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

/// Exponential decay over the budget.
pub(super) fn learning_rate(optimizer: &Optimizer, used_share: f64) -> f32 {
    (optimizer.learning_rate * optimizer.final_share.powf(used_share)) as f32
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
        let optimizer = Preset::Standard.settings().optimizer;
        let last = f64::from(learning_rate(&optimizer, 1.0));
        assert!((last / (optimizer.learning_rate * optimizer.final_share) - 1.0).abs() < 1e-6);
    }
}

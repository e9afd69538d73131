//! When a fit stops.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::setting::Setting;

/// Most seconds and steps: more than anybody waits for.
const MOST: f32 = 1e15;

/// When a fit stops: at whichever limit it meets first. At least one of `seconds` and `steps` is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Budget {
    /// Training time. Where a time limit decides, the number of steps, and so the result, varies from run to run.
    pub seconds: Option<f64>,
    /// Training steps. A fit limited by steps alone gives the same parameters for one seed, device and thread count.
    pub steps: Option<u64>,
    /// Stop once the mean near error (longest side 1) on the held-out points is at most this.
    pub target_near_mae: Option<f64>,
}

impl Budget {
    /// The limits that are set.
    pub(super) fn settings(&self) -> Vec<Setting> {
        let positive = |name, limit: Option<f64>, most| {
            limit.map(|limit| Setting::positive(name, limit as f32, most))
        };
        let steps = |steps: u64| Setting::between("steps", steps as f32, 1.0, MOST);
        let limits = [
            positive("seconds", self.seconds, MOST),
            self.steps.map(steps),
            positive("target_near_mae", self.target_near_mae, 1.0),
        ];
        limits.into_iter().flatten().collect()
    }

    /// Share that is used, 0 to 1: the larger of both limits' shares.
    pub(super) fn used_share(&self, steps: u64, elapsed: Duration) -> f64 {
        let by_steps = self.steps.map_or(0.0, |limit| steps as f64 / limit as f64);
        let by_time = (self.seconds).map_or(0.0, |limit| elapsed.as_secs_f64() / limit);
        by_steps.max(by_time).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_limit_is_nearer_counts() {
        let budget = Budget {
            seconds: Some(10.0),
            steps: Some(100),
            target_near_mae: None,
        };
        assert_eq!(budget.used_share(50, Duration::from_secs(2)), 0.5);
        assert_eq!(budget.used_share(10, Duration::from_secs(9)), 0.9);
        assert_eq!(budget.used_share(10, Duration::from_secs(90)), 1.0);
    }
}

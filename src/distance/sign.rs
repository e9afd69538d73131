//! Which rule decides inside from outside, and what is said about it.

use crate::words::quoted;
use std::fmt;
use std::str::FromStr;

/// The rule that a caller asks for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SignPolicy {
    /// [`SignRule::Crossings`] where the surface is closed and consistently wound, as [`validate`](crate::geometry::validate())
    /// makes it where that can be, else [`SignRule::Winding`].
    #[default]
    Auto,
    /// The winding number: inside where it is further than one half from zero.
    Winding,
    /// An odd number of crossings is inside, whichever way the faces look.
    Parity,
    /// No sign: distances are never negative.
    None,
}

impl SignPolicy {
    /// Every policy, in the order in which they are offered.
    pub const ALL: [SignPolicy; 4] = [
        SignPolicy::Auto,
        SignPolicy::Winding,
        SignPolicy::Parity,
        SignPolicy::None,
    ];

    fn name(self) -> &'static str {
        match self {
            SignPolicy::Auto => "auto",
            SignPolicy::Winding => "winding",
            SignPolicy::Parity => "parity",
            SignPolicy::None => "none",
        }
    }
}

impl fmt::Display for SignPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no sign policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown sign policy `{}`: use auto, winding, parity or none", quoted(.0))]
pub struct UnknownSignPolicy(pub String);

impl FromStr for SignPolicy {
    type Err = UnknownSignPolicy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        SignPolicy::ALL
            .into_iter()
            .find(|policy| policy.name() == name)
            .ok_or_else(|| UnknownSignPolicy(name.to_owned()))
    }
}

/// The rule that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignRule {
    /// The winding number of a closed surface, counted exactly: each face that a ray leaves through adds one, each
    /// face that it enters through takes one away. Inside where the sum is not zero, so overlapping bodies are one
    /// union and an inside-out surface still has its inside inside.
    Crossings,
    /// The generalised winding number of an open surface (Jacobson et al. 2013), by the hierarchy of Barill et al.
    /// 2018 ("Fast Winding Numbers for Soups and Clouds"): inside where it is further than one half from zero.
    Winding,
    /// Inside where a ray crosses the surface an odd number of times; on an open surface, the majority of three rays.
    Parity,
    /// No inside: every distance is positive.
    Unsigned,
}

impl fmt::Display for SignRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SignRule::Crossings => "crossings",
            SignRule::Winding => "winding",
            SignRule::Parity => "parity",
            SignRule::Unsigned => "unsigned",
        })
    }
}

/// How the sign was decided and how far it can be trusted.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SignReport {
    /// What was asked for.
    pub policy: SignPolicy,
    /// What was used.
    pub rule: SignRule,
    /// Share of [`SignReport::SAMPLES`] points, spread evenly over the bounding box grown by 5% of its longest side,
    /// on which the winding number and the parity disagree about inside; 0 where the surface leaves no doubt.
    pub disagreement: f64,
    /// What the user should know, in words; empty where all is well.
    pub warnings: Vec<String>,
}

impl SignReport {
    /// Number of points on which the rules are compared.
    pub const SAMPLES: usize = 4096;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_in_json() {
        for policy in SignPolicy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
            let json = serde_json::to_string(&policy).unwrap();
            assert_eq!(json, format!("\"{policy}\""));
        }
        let unknown = "rays".parse::<SignPolicy>().unwrap_err();
        assert!(
            unknown
                .to_string()
                .contains("auto, winding, parity or none")
        );
    }
}

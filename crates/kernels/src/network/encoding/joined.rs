//! Encodings side by side.

use serde::{Deserialize, Serialize};

use super::{Encoding, Identity, Parts, Positional, PositionEncoding, Setting};
use crate::setting::{Refused, check};

/// Several encodings side by side: the first layer sees the features of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Joined {
    /// The encodings. Those with tables have as many features an entry as each other, and are interpolated alike.
    pub parts: Vec<Encoding>,
}

impl Default for Joined {
    fn default() -> Self {
        let (identity, positional) = (Identity::default(), Positional::default());
        Joined {
            parts: vec![
                Encoding::Identity(identity),
                Encoding::Positional(positional),
            ],
        }
    }
}

/// Most encodings side by side: their tables' entries are counted in 32 bits.
const MOST: u32 = 4;

impl Joined {
    /// The encodings, those within another [`Joined`] included.
    fn count(&self) -> u32 {
        let count = |part: &Encoding| match part {
            Encoding::Joined(joined) => joined.count(),
            _ => 1,
        };
        self.parts.iter().map(count).sum()
    }
}

impl PositionEncoding for Joined {
    fn parts(&self) -> Parts {
        let parts = self.parts.iter().map(Encoding::parts);
        parts.fold(Parts::default(), Parts::joined)
    }

    fn settings(&self) -> Vec<Setting> {
        let count = Setting::whole("number of parts", self.count(), 1, MOST);
        let settings = self.parts.iter().flat_map(Encoding::settings);
        std::iter::once(count).chain(settings).collect()
    }

    fn check(&self) -> Result<(), Refused> {
        check(&self.settings())?;
        let mut first = None;
        for part in &self.parts {
            part.check()?;
            let own = part.parts();
            if own.levels.is_empty() {
                continue;
            }
            let first = first.get_or_insert((own.features, own.interpolation));
            if own.features != first.0 {
                return Err(Refused {
                    name: "features",
                    value: own.features.to_string(),
                    requirement: format!("{}, as in the other grid that is joined", first.0),
                });
            }
            if own.interpolation != first.1 {
                return Err(Refused {
                    name: "interpolation",
                    value: own.interpolation.to_string(),
                    requirement: format!("{}, as in the other grid that is joined", first.1),
                });
            }
        }
        Ok(())
    }

    fn words(&self) -> String {
        let words = self.parts.iter().map(|part| match part {
            Encoding::Identity(_) => "xyz".to_owned(),
            part => part.words(),
        });
        words.collect::<Vec<String>>().join(" & ")
    }
}

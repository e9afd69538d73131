//! What a position becomes before the first layer: one file an encoding, and the one list of them.
//!
//! A new one is a file with a structure of its settings and its [`PositionEncoding`], and a line in the list below. It says which
//! [`Parts`] it is made of: tables that are interpolated, whose numbers are trained, and formulas. Every backend, all derivatives, the
//! model file and the settings of every door follow from these.

pub mod formula;
mod interpolation;
mod level;
mod parts;

use serde::{Deserialize, Serialize};

use crate::setting::{Refused, Setting, check};
pub use interpolation::Interpolation;
pub use interpolation::{coefficient, share_of, share_slopes, shares};
pub use level::GridLevel;
pub use parts::Parts;

/// What a position becomes, and what is known of it.
pub trait PositionEncoding {
    /// What it is made of. Its settings are in range.
    fn parts(&self) -> Parts;

    /// Its settings.
    fn settings(&self) -> Vec<Setting> {
        Vec::new()
    }

    /// Fails with the first setting that is out of range.
    fn check(&self) -> Result<(), Refused> {
        check(&self.settings())
    }

    /// It and its sizes, in a word or two; none for coordinates as they are.
    fn words(&self) -> String;
}

macro_rules! encodings {
    ($($kind:ident in $file:ident, $words:literal;)*) => {
        $(
            mod $file;
            pub use $file::$kind;
        )*

        /// How a position becomes the input of the first layer.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum Encoding {
            $(#[doc = $words] $kind($kind),)*
        }

        impl Encoding {
            /// One of each kind, with its default settings.
            pub fn all() -> Vec<Encoding> {
                vec![$(Encoding::$kind($kind::default()),)*]
            }
        }

        impl PositionEncoding for Encoding {
            fn parts(&self) -> Parts {
                match self {
                    $(Encoding::$kind(encoding) => encoding.parts(),)*
                }
            }

            fn settings(&self) -> Vec<Setting> {
                match self {
                    $(Encoding::$kind(encoding) => encoding.settings(),)*
                }
            }

            fn check(&self) -> Result<(), Refused> {
                match self {
                    $(Encoding::$kind(encoding) => encoding.check(),)*
                }
            }

            fn words(&self) -> String {
                match self {
                    $(Encoding::$kind(encoding) => encoding.words(),)*
                }
            }
        }
    };
}

encodings! {
    Identity in identity, "The three coordinates as they are.";
    Positional in positional, "Sines and cosines of each coordinate, an octave apart (Mildenhall et al. 2020, NeRF).";
    Fourier in fourier, "Sines and cosines along many directions (Tancik et al. 2020, Fourier features).";
    HashGrid in hash_grid, "Grids of several resolutions whose vertices share a table (Müller et al. 2022, instant-ngp).";
    DenseGrid in dense_grid, "Grids of several resolutions, each vertex with numbers of its own.";
    TriPlane in tri_plane, "Grids on the three coordinate planes (Chan et al. 2022, EG3D).";
    Joined in joined, "Several encodings side by side.";
}

impl Encoding {
    /// How many derivatives by position are continuous; `u32::MAX` for all of them.
    pub fn smoothness(&self) -> u32 {
        let parts = self.parts();
        match parts.levels.is_empty() {
            true => u32::MAX,
            false => parts.interpolation.smoothness(),
        }
    }
}

#[cfg(test)]
mod tests;

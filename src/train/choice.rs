//! The preset that suits what is fitted.

use std::fmt;
use std::str::FromStr;

use super::preset::{Preset, UnknownPreset};
use super::settings::FitSettings;
use crate::geometry::{Mesh, creased_share};

/// A preset by its name, or by what is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetChoice {
    /// The one that suits the mesh.
    Auto,
    /// This one.
    Named(Preset),
}

/// A preset that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The preset.
    pub preset: Preset,
    /// Why, in a sentence; `None` where a user named it.
    pub reason: Option<String>,
}

/// What stands for the choice by the mesh.
const AUTO: &str = "auto";

/// Cells of the preset `standard` along the longest side of a shape.
const CELLS: f64 = 288.0;

/// A larger creased share of the area makes `detail` worth its time (docs/settings.md).
const MUCH: f64 = 0.08;

impl PresetChoice {
    /// One line for users on the choice by the mesh.
    pub const AUTO_DESCRIPTION: &'static str =
        "Looks at the mesh, takes one of the others and says why";

    /// Every choice, as users write it: [`Auto`](Self::Auto), then the presets.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let presets = Preset::ALL.into_iter().map(Preset::name);
        std::iter::once(AUTO).chain(presets)
    }

    /// The preset as long as no mesh is known: that of the name, or the default.
    pub fn without_mesh(self) -> Chosen {
        let preset = match self {
            PresetChoice::Auto => Preset::default(),
            PresetChoice::Named(preset) => preset,
        };
        Chosen {
            preset,
            reason: None,
        }
    }

    /// The preset for `mesh`, which is a surface through so many `points` of a scan, or a mesh of faces where there are none.
    pub fn for_mesh(self, mesh: &Mesh, points: u64) -> Chosen {
        let (preset, reason) = match self {
            PresetChoice::Named(_) => return self.without_mesh(),
            PresetChoice::Auto if points > 0 => (
                Preset::Points,
                format!("this is a surface through {points} points, whose noise is not to be kept"),
            ),
            PresetChoice::Auto => {
                let width = mesh.bounds().longest_side() / CELLS;
                let share = creased_share(mesh, width);
                let percent = 100.0 * share;
                match share > MUCH {
                    true => (
                        Preset::Detail,
                        format!(
                            "{percent:.0} % of the surface lie at creases or in detail as fine as the cells of standard"
                        ),
                    ),
                    false => (
                        Preset::Standard,
                        format!(
                            "{percent:.1} % of the surface lie at creases: finer cells would add little"
                        ),
                    ),
                }
            }
        };
        let reason = format!("The preset {preset} was chosen: {reason}.");
        Chosen {
            preset,
            reason: Some(reason),
        }
    }
}

impl Chosen {
    /// The preset's settings.
    pub fn settings(self) -> FitSettings {
        FitSettings {
            preset_reason: self.reason,
            ..self.preset.settings()
        }
    }
}

impl Default for PresetChoice {
    fn default() -> Self {
        PresetChoice::Named(Preset::default())
    }
}

impl fmt::Display for PresetChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PresetChoice::Auto => AUTO,
            PresetChoice::Named(preset) => preset.name(),
        })
    }
}

impl FromStr for PresetChoice {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        match name {
            AUTO => Ok(PresetChoice::Auto),
            name => name.parse().map(PresetChoice::Named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn what_is_fitted_decides_and_says_why() {
        let chosen = |mesh: &Mesh, points| {
            let chosen = PresetChoice::Auto.for_mesh(mesh, points);
            let reason = chosen.reason.clone().unwrap();
            assert!(reason.contains(chosen.preset.name()), "{reason}");
            assert_eq!(chosen.clone().settings().preset_reason, chosen.reason);
            chosen.preset
        };
        let ball = shapes::icosphere(4, 1.0);
        assert_eq!(chosen(&ball, 0), Preset::Standard);
        assert_eq!(chosen(&ball, 2562), Preset::Points);
        assert_eq!(
            chosen(&shapes::cuboid([0.0; 3], [1.0; 3]), 0),
            Preset::Standard
        );
        // A wheel whose tread is as fine as the cells.
        let tread = shapes::torus(1.0, 0.02, 400, 8);
        assert_eq!(chosen(&tread, 0), Preset::Detail);
        let named = PresetChoice::Named(Preset::Smooth).for_mesh(&tread, 7);
        assert_eq!((named.preset, named.reason), (Preset::Smooth, None));
    }

    #[test]
    fn names_are_those_of_presets_and_auto() {
        for name in PresetChoice::names() {
            let choice: PresetChoice = name.parse().unwrap();
            assert_eq!(choice.to_string(), name);
        }
        assert_eq!("".parse(), Ok(PresetChoice::default()));
        let unknown = "fancy".parse::<PresetChoice>().unwrap_err().to_string();
        assert!(
            unknown.contains("auto") && unknown.contains("points"),
            "{unknown}"
        );
    }
}

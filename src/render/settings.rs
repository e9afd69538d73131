//! What a picture is to show, and from where.

use std::fmt;
use std::str::FromStr;

use super::colour::Background;
use crate::query::SettingOutOfRange;
use crate::words::quoted;

/// How a picture is rendered. Start from [`Default`].
#[derive(Clone, Debug, PartialEq)]
pub struct RenderSettings {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// What colours show.
    pub mode: Mode,
    /// From where.
    pub view: View,
    /// The axis that points up in the picture. Fields keep the axes of their mesh: Y is up in most OBJ and glTF files, Z in Blender.
    pub up: Axis,
    /// The angle that the shorter side of the picture covers, degrees.
    pub field_of_view: f64,
    /// What is where there is no surface.
    pub background: Background,
    /// The level that is shown, own units: 0 is the surface itself, positive values lie outside it.
    pub iso: f64,
    /// Samples of each pixel along an edge: 1, 4, 9 or 16.
    pub samples: u32,
    /// The value at the end of the scale of colours, or between two lines of a slice, own units; `None` takes what suits what is seen.
    pub range: Option<f64>,
    /// The axis at right angles to a slice; `None` takes the one that a front view looks along.
    pub plane: Option<Axis>,
    /// Where on that axis a slice lies, own units; `None` takes the middle of the box.
    pub offset: Option<f64>,
}

impl Default for RenderSettings {
    fn default() -> Self {
        RenderSettings {
            width: 1024,
            height: 1024,
            mode: Mode::Shaded,
            view: View::default(),
            up: Axis::Y,
            field_of_view: 30.0,
            background: Background::default(),
            iso: 0.0,
            samples: 4,
            range: None,
            plane: None,
            offset: None,
        }
    }
}

/// Most pixels of a picture.
pub const MOST_PIXELS: u64 = 1 << 24;

/// Most samples of a pixel along an edge.
pub const MOST_SAMPLES: u32 = 16;

/// From where a picture is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum View {
    /// From around the shape, as far away as shows it whole.
    Orbit {
        /// Degrees around the up axis, counted counter-clockwise as seen from above. At 0 the camera stands in front: on the side of +Z
        /// where Y is up, on that of -Y where Z is up, as in Blender.
        azimuth: f64,
        /// Degrees above the horizon.
        elevation: f64,
        /// Whether the camera stands as far away as shows the shape whole from all around: what turns is not to change its size.
        all_around: bool,
    },
    /// From a place to another, own units.
    Eye {
        /// Where the camera is.
        eye: [f64; 3],
        /// What is in the middle of the picture; `None` is the middle of the shape's box.
        target: Option<[f64; 3]>,
    },
}

impl Default for View {
    fn default() -> Self {
        View::Orbit {
            azimuth: 30.0,
            elevation: 20.0,
            all_around: false,
        }
    }
}

impl RenderSettings {
    pub(super) fn check(&self) -> Result<(), SettingOutOfRange> {
        let refused = |name, value: String, expected: &str| {
            Err(SettingOutOfRange::new(name, value, expected))
        };
        let (width, height) = (self.width, self.height);
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels > MOST_PIXELS {
            let value = format!("{width}x{height}");
            return refused("size", value, &format!("1 to {MOST_PIXELS} pixels"));
        }
        if ![1, 4, 9, 16].contains(&self.samples) {
            return refused("samples", self.samples.to_string(), "1, 4, 9 or 16");
        }
        if !(1.0..=150.0).contains(&self.field_of_view) {
            let value = self.field_of_view.to_string();
            return refused("field_of_view", value, "from 1 to 150 degrees");
        }
        let finite = "a finite number";
        let numbers = match self.view {
            View::Orbit {
                azimuth, elevation, ..
            } => vec![("azimuth", azimuth), ("elevation", elevation)],
            View::Eye { eye, target } => {
                let eye = eye.map(|x| ("eye", x)).to_vec();
                let target = target.map(|target| target.map(|x| ("target", x)));
                [eye, target.map(Vec::from).unwrap_or_default()].concat()
            }
        };
        let more = [("iso", Some(self.iso)), ("offset", self.offset)];
        let more = more.into_iter().filter_map(|(name, x)| Some((name, x?)));
        if let Some((name, x)) = numbers
            .into_iter()
            .chain(more)
            .find(|(_, x)| !x.is_finite())
        {
            return refused(name, x.to_string(), finite);
        }
        match self.range {
            Some(range) if !(range > 0.0 && range.is_finite()) => {
                refused("range", range.to_string(), "a finite number above 0")
            }
            _ => Ok(()),
        }
    }
}

/// A name that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} '{}': use {known}", quoted(name))]
pub struct UnknownName {
    /// Of what.
    pub what: &'static str,
    /// The name.
    pub name: String,
    /// The names that there are.
    pub known: String,
}

macro_rules! named {
    ($(#[$doc:meta])* $type:ident, $what:literal: $($(#[$words:meta])* $kind:ident $name:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$words])* $kind,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: [$type; [$($name),*].len()] = [$($type::$kind,)*];

            /// As users write it.
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$kind => $name,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                let found = $type::ALL.into_iter().find(|one| one.name() == name);
                found.ok_or_else(|| UnknownName {
                    what: $what,
                    name: name.to_owned(),
                    known: $type::ALL.map($type::name).join(", "),
                })
            }
        }
    };
}

named! {
    /// What the colours of a picture show.
    Mode, "mode":
    /// The shape, lit as in a studio.
    Shaded "shaded",
    /// Which way the surface looks: red, green and blue are x, y and z.
    Normals "normals",
    /// Mean curvature: blue where the surface is hollow, red where it bulges.
    Curvature "curvature",
    /// How far the surface is from the mesh.
    Error "error",
    /// A plane through the field, with lines of equal distance.
    Slice "slice",
}

named! {
    /// An axis of the mesh's own space.
    Axis, "axis":
    /// The first.
    X "x",
    /// The second.
    Y "y",
    /// The third.
    Z "z",
}

impl Axis {
    /// Its place in a vector.
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// Right, up and towards the viewer, of a view from the front.
    pub(super) fn front(self) -> [[f64; 3]; 3] {
        let [x, y, z] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let minus = |v: [f64; 3]| v.map(|x: f64| 0.0 - x);
        match self {
            Axis::X => [minus(y), x, z],
            Axis::Y => [x, y, z],
            Axis::Z => [x, z, minus(y)],
        }
    }
}

//! What is told of a surface that was put through points.

use crate::words::length_in_words;

/// Where the normals of a cloud came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Normals {
    /// The cloud had them.
    Given,
    /// The cloud had them, and they looked inwards.
    Turned,
    /// The cloud had them, but neighbours looked opposite ways: only their axes were used.
    Contradictory,
    /// The cloud had none.
    Estimated,
}

/// What a surface was made of, and how well it fits. Lengths are shares of the surface's longest side.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct PointReport {
    /// Points that the surface was put through.
    pub points: u64,
    /// Points left out because another one is within a millionth of the size.
    pub merged: u64,
    /// Where their normals came from.
    pub normals: Normals,
    /// Triangles of the surface.
    pub triangles: u64,
    /// Mean distance of the points from the surface.
    pub distance: f64,
    /// Median distance between neighbouring points.
    pub spacing: f64,
    /// Share of the surface's area that no point is near: holes that were closed.
    pub closed_share: f64,
    /// Bodies smaller than what the points can show, which were left out.
    pub specks: u64,
}

/// Share of the area that holes may have before a word is said: gaps between points are none.
const HOLES: f64 = 0.002;

impl PointReport {
    /// The report as sentences for a user.
    pub fn in_words(&self) -> Vec<String> {
        let normals = match self.normals {
            Normals::Given => "",
            Normals::Turned => " Their normals looked inwards and were turned.",
            Normals::Contradictory => {
                " Their normals contradict each other: which side is outside was decided anew."
            }
            Normals::Estimated => " They had no normals, which were estimated.",
        };
        let mut words = vec![format!(
            "There are points and no faces: a surface of {} triangles was put through {} points, which lie {} % of its \
             longest side from it in the mean.{normals}",
            self.triangles,
            self.points,
            length_in_words(100.0 * self.distance),
        )];
        if self.merged > 0 {
            words.push(format!(
                "Of the points, {} less than a millionth of the size from another one and taken as one with it.",
                match self.merged {
                    1 => "1 was".to_owned(),
                    count => format!("{count} were"),
                }
            ));
        }
        if self.closed_share > HOLES {
            words.push(format!(
                "{:.1} % of the surface is far from any point: holes in the scan, which were closed smoothly.",
                100.0 * self.closed_share
            ));
        }
        match self.specks {
            0 => {}
            1 => words.push(
                "1 body as small as the distance between points was left out: a stray point or two."
                    .into(),
            ),
            count => words.push(format!(
                "{count} bodies as small as the distance between points were left out: stray points."
            )),
        }
        words
    }
}

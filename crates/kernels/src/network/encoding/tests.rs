use super::formula::{FeatureFormula, Formula, WithFormula, feature_and_change, slopes};
use super::level::resolutions;
use super::*;
use crate::calculus::Plain;

/// A feature, its slopes by axis and its change along a direction, in `f64`.
struct At {
    position: [f64; 3],
    direction: [f64; 3],
    constants: [f64; 4],
}

impl WithFormula for At {
    type Output = (f64, [f64; 3], f64);

    fn with<F: Formula>(self) -> Self::Output {
        let (position, constants) = (&self.position, &self.constants);
        let value = F::at(&mut Plain, position, constants);
        let slopes = slopes::<_, F>(&mut Plain, position, constants);
        let along = feature_and_change::<_, F>(&mut Plain, position, &self.direction, constants);
        assert_eq!(along.0, value);
        (value, slopes, along.1)
    }
}

/// The features of a position that are formulas.
fn features(encoding: &Encoding, position: [f64; 3]) -> Vec<f64> {
    let parts = encoding.parts();
    let mut features = Vec::new();
    for formula in FeatureFormula::ALL {
        for row in parts.rows(formula) {
            let at = At {
                position,
                direction: [0.0; 3],
                constants: row.map(f64::from),
            };
            features.push(formula.visit(at).0);
        }
    }
    features
}

#[test]
fn derivatives_of_formulas_are_those_of_central_differences() {
    let constants = [0.7, -1.3, 0.4, 0.21];
    let direction = [0.3, -0.8, 0.5];
    for formula in FeatureFormula::ALL {
        let at = |position| {
            formula.visit(At {
                position,
                direction,
                constants,
            })
        };
        for index in 0..40 {
            let position = [0.05, 0.03, -0.02].map(|step| step * f64::from(index) - 0.4);
            let (_, slopes, along) = at(position);
            let difference = |axis: usize| {
                let moved = |by: f64| {
                    let mut moved = position;
                    moved[axis] += by;
                    at(moved).0
                };
                (moved(1e-6) - moved(-1e-6)) / 2e-6
            };
            let mut sum = 0.0;
            for axis in 0..3 {
                assert!((slopes[axis] - difference(axis)).abs() < 1e-7);
                sum += slopes[axis] * direction[axis];
            }
            assert!((sum - along).abs() < 1e-12);
        }
    }
}

#[test]
fn positional_features_are_those_of_the_paper() {
    let position = [0.3, -0.77, 0.9];
    let octaves = 5;
    let found = features(&Encoding::Positional(Positional { octaves }), position);
    let mut expected = Vec::new();
    for octave in 0..octaves {
        let angle = |x: f64| f64::from(octave).exp2() * std::f64::consts::PI * x;
        expected.extend(position.map(|x| angle(x).sin()));
        expected.extend(position.map(|x| angle(x).cos()));
    }
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

#[test]
fn fourier_frequencies_are_normally_distributed_and_even() {
    let fourier = Fourier {
        waves: 512,
        scale: 3.0,
    };
    let parts = fourier.parts();
    let rows = parts.rows(FeatureFormula::Wave);
    assert_eq!(parts.width(), 1024);
    for axis in 0..3 {
        let of_axis: Vec<f64> = (rows.iter().step_by(2))
            .map(|row| f64::from(row[axis]) / 1.5)
            .collect();
        let moment = |power: i32| {
            let powers = of_axis.iter().map(|x| x.powi(power));
            powers.sum::<f64>() / of_axis.len() as f64
        };
        // Drawn numbers would be off by 0.04, 0.06 and 0.4 in the mean.
        assert!(moment(1).abs() < 0.02, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.05, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.5, "{}", moment(4));
    }
    // One sine and one cosine each.
    let position = [0.1, 0.2, -0.6];
    let all = features(&Encoding::Fourier(fourier), position);
    for pair in all.chunks_exact(2) {
        assert!((pair[0].hypot(pair[1]) - 1.0).abs() < 1e-12);
    }
}

#[test]
fn levels_grow_from_base_to_finest_and_lie_one_behind_the_other() {
    let resolutions: Vec<u32> = resolutions(8, 16, 256).collect();
    assert_eq!((resolutions[0], resolutions[7]), (16, 256));
    assert!(resolutions.is_sorted_by(|a, b| a < b));
    let levels = HashGrid::default().parts().levels;
    assert!(levels[0].dense && !levels[7].dense);
    assert_eq!(levels[0].entries, 17 * 17 * 17);
    assert_eq!(levels[0].strides, [1, 17, 17 * 17]);
    let planes = TriPlane::default().parts().levels;
    assert_eq!(planes.len(), 9);
    assert_eq!(planes[1].strides, [1, 0, 17]);
    let quadratic = DenseGrid {
        interpolation: Interpolation::Quadratic,
        ..DenseGrid::default()
    };
    assert_eq!(quadratic.parts().levels[0].strides, [1, 10, 100]);
    let joined = Joined {
        parts: vec![
            Encoding::HashGrid(HashGrid::default()),
            Encoding::TriPlane(TriPlane::default()),
            Encoding::Identity(Identity {}),
        ],
    };
    let joined = joined.parts();
    for pair in joined.levels.windows(2) {
        assert_eq!(pair[0].end(), pair[1].offset as usize);
    }
    assert_eq!(joined.levels.len(), 8 + 9);
    assert_eq!(joined.width(), 17 * 4 + 3);
}

#[test]
fn every_entry_of_a_dense_level_is_one_vertex() {
    for axes in [
        [true; 3],
        [true, false, true],
        [false, true, true],
        [false, false, true],
    ] {
        let level = GridLevel::dense(4, Interpolation::Linear, axes);
        let mut seen = vec![0; level.entries as usize];
        for vertex in 0..125u32 {
            let place = [vertex % 5, vertex / 5 % 5, vertex / 25];
            let products = place
                .iter()
                .zip(level.strides)
                .map(|(v, stride)| v * stride);
            seen[products.sum::<u32>() as usize] += 1;
        }
        let share = 125 / level.entries;
        assert!(seen.iter().all(|&count| count == share), "{axes:?}");
    }
}

#[test]
fn settings_out_of_range_are_named() {
    for encoding in Encoding::all() {
        assert!(encoding.check().is_ok(), "{encoding:?}");
        let json = serde_json::to_value(&encoding).unwrap();
        assert_eq!(serde_json::from_value::<Encoding>(json).unwrap(), encoding);
    }
    let refused = |encoding: Encoding, words: [&str; 2]| {
        let Refused {
            name,
            value,
            requirement,
        } = encoding.check().unwrap_err();
        let message = format!("{name} {value} {requirement}");
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    refused(
        Encoding::Fourier(Fourier {
            scale: f32::NAN,
            ..Fourier::default()
        }),
        ["scale", "more than 0"],
    );
    refused(
        Encoding::HashGrid(HashGrid {
            features: 3,
            ..HashGrid::default()
        }),
        ["features 3", "1, 2, 4, 8"],
    );
    let grid = |features| {
        Encoding::DenseGrid(DenseGrid {
            features,
            ..DenseGrid::default()
        })
    };
    let joined = |parts: Vec<Encoding>| Encoding::Joined(Joined { parts });
    refused(joined(vec![]), ["number of parts 0", "from 1 to 4"]);
    refused(
        joined(vec![grid(2); 5]),
        ["number of parts 5", "from 1 to 4"],
    );
    refused(joined(vec![grid(2), grid(4)]), ["features 4", "2, as in"]);
    let planes = Encoding::TriPlane(TriPlane {
        features: 2,
        interpolation: Interpolation::Quadratic,
        ..TriPlane::default()
    });
    refused(
        joined(vec![grid(2), planes]),
        ["interpolation quadratic", "linear, as in"],
    );
    let nested = joined(vec![joined(vec![grid(2), grid(2)]), grid(2)]);
    assert!(nested.check().is_ok());
    assert_eq!(nested.parts().width(), 3 * 4 * 2);
}

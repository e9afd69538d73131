//! Features that are formulas: they write their code while a kernel is expanded.

use cubecl::prelude::*;

use super::Lanes;
use super::code::{Code, Number};
use super::objective::DIRECTION;
use super::plan::Plan;
use super::tangents::{WithTangent, WithTangentExpand};
use super::workgroup::Workgroup;
use crate::calculus::{Folded, MaybeKnown};
use crate::network::encoding::formula::{
    FeatureFormula, Formula, WithFormula, feature_and_change, slopes as slopes_of,
};

/// Numbers of four neighbouring samples by axis.
#[derive(CubeType)]
pub(super) struct ByAxis {
    pub x: Lanes,
    pub y: Lanes,
    pub z: Lanes,
}

/// The constants of a feature. Only their expanded form is read.
#[derive(CubeType)]
#[allow(dead_code)]
struct Constants {
    a: Lanes,
    b: Lanes,
    c: Lanes,
    d: Lanes,
}

#[cube]
impl ByAxis {
    /// What lies in the three columns of the samples from column `first` on.
    fn load(
        workgroup: &Workgroup,
        #[comptime] first: usize,
        group: usize,
        #[comptime] plan: Plan,
    ) -> ByAxis {
        let groups = comptime!(plan.sample_groups());
        let start = comptime!(first * plan.sample_groups());
        ByAxis {
            x: workgroup.samples[start + group],
            y: workgroup.samples[start + groups + group],
            z: workgroup.samples[start + 2 * groups + group],
        }
    }
}

#[cube]
impl Constants {
    fn load(workgroup: &Workgroup, place: usize) -> Constants {
        let words = workgroup.constants[place];
        Constants {
            a: Lanes::new(f32::reinterpret(words[0])),
            b: Lanes::new(f32::reinterpret(words[1])),
            c: Lanes::new(f32::reinterpret(words[2])),
            d: Lanes::new(f32::reinterpret(words[3])),
        }
    }
}

/// Writes the features of the tile, and with two columns a sample their derivatives along its direction.
#[cube]
pub(super) fn encode(workgroup: &mut Workgroup, #[comptime] plan: Plan) {
    #[unroll]
    for index in 0..comptime!(FeatureFormula::COUNT) {
        encode_formula(workgroup, comptime!(FeatureFormula::ALL[index]), plan);
    }
}

#[cube]
fn encode_formula(
    workgroup: &mut Workgroup,
    #[comptime] formula: FeatureFormula,
    #[comptime] plan: Plan,
) {
    let groups = comptime!(plan.sample_groups());
    let stride = comptime!(plan.stride());
    let items = comptime!(plan.formulas[formula as usize] * plan.sample_groups());
    let first = comptime!(plan.first_feature(formula));
    let first_constants = comptime!(plan.first_constants(formula));
    for item in range_stepped(UNIT_POS as usize, items, comptime!(plan.units())) {
        let index = item / groups;
        let group = item % groups;
        let place = (first + index) * stride + group;
        let position = ByAxis::load(workgroup, 0usize, group, plan);
        let constants = Constants::load(workgroup, first_constants + index);
        if comptime!(plan.channels > 1) {
            let direction = ByAxis::load(workgroup, DIRECTION, group, plan);
            let feature = feature_along(position, direction, constants, formula);
            feature.store(&mut workgroup.rows, place, plan);
        } else {
            workgroup.rows[place] = feature(position, constants, formula);
        }
    }
}

/// One of `parts` parts of the gradients by position, given the gradient by the encoded positions in their place.
#[cube]
pub(super) fn slopes(
    workgroup: &Workgroup,
    group: usize,
    part: usize,
    #[comptime] parts: usize,
    #[comptime] plan: Plan,
) -> ByAxis {
    let mut sums = ByAxis {
        x: Lanes::new(0.0),
        y: Lanes::new(0.0),
        z: Lanes::new(0.0),
    };
    #[unroll]
    for index in 0..comptime!(FeatureFormula::COUNT) {
        let formula = comptime!(FeatureFormula::ALL[index]);
        add_slopes(workgroup, &mut sums, group, part, parts, formula, plan);
    }
    sums
}

#[cube]
fn add_slopes(
    workgroup: &Workgroup,
    sums: &mut ByAxis,
    group: usize,
    part: usize,
    #[comptime] parts: usize,
    #[comptime] formula: FeatureFormula,
    #[comptime] plan: Plan,
) {
    let stride = comptime!(plan.stride());
    let first = comptime!(plan.first_feature(formula));
    let first_constants = comptime!(plan.first_constants(formula));
    for index in range_stepped(part, comptime!(plan.formulas[formula as usize]), parts) {
        let upstream = workgroup.rows[(first + index) * stride + group];
        let position = ByAxis::load(workgroup, 0usize, group, plan);
        let constants = Constants::load(workgroup, first_constants + index);
        let slopes = slopes_of_feature(position, constants, formula);
        sums.x += upstream * slopes.x;
        sums.y += upstream * slopes.y;
        sums.z += upstream * slopes.z;
    }
}

/// A feature of four samples.
#[cube]
#[allow(unused_variables)]
fn feature(position: ByAxis, constants: Constants, #[comptime] formula: FeatureFormula) -> Lanes {
    intrinsic!(|scope| formula.visit(Feature {
        scope,
        position,
        constants
    }))
}

/// A feature of four samples, and its derivative along their directions.
#[cube]
#[allow(unused_variables)]
fn feature_along(
    position: ByAxis,
    direction: ByAxis,
    constants: Constants,
    #[comptime] formula: FeatureFormula,
) -> WithTangent {
    intrinsic!(|scope| formula.visit(FeatureAlong {
        scope,
        position,
        direction,
        constants
    }))
}

/// The derivatives of a feature of four samples by the axes.
#[cube]
#[allow(unused_variables)]
fn slopes_of_feature(
    position: ByAxis,
    constants: Constants,
    #[comptime] formula: FeatureFormula,
) -> ByAxis {
    intrinsic!(|scope| formula.visit(Slopes {
        scope,
        position,
        constants
    }))
}

impl ByAxisExpand {
    fn numbers(self) -> [MaybeKnown<Number>; 3] {
        [self.x, self.y, self.z].map(MaybeKnown::Number)
    }
}

impl ConstantsExpand {
    fn numbers(self) -> [MaybeKnown<Number>; 4] {
        [self.a, self.b, self.c, self.d].map(MaybeKnown::Number)
    }
}

struct Feature<'a> {
    scope: &'a mut Scope,
    position: ByAxisExpand,
    constants: ConstantsExpand,
}

impl WithFormula for Feature<'_> {
    type Output = Number;

    fn with<F: Formula>(self) -> Number {
        let mut code = Code(self.scope);
        let mut folded = Folded(&mut code);
        let (position, constants) = (self.position.numbers(), self.constants.numbers());
        let feature = F::at(&mut folded, &position, &constants);
        folded.number(&feature)
    }
}

struct FeatureAlong<'a> {
    scope: &'a mut Scope,
    position: ByAxisExpand,
    direction: ByAxisExpand,
    constants: ConstantsExpand,
}

impl WithFormula for FeatureAlong<'_> {
    type Output = WithTangentExpand;

    fn with<F: Formula>(self) -> WithTangentExpand {
        let mut code = Code(self.scope);
        let mut folded = Folded(&mut code);
        let (position, constants) = (self.position.numbers(), self.constants.numbers());
        let direction = self.direction.numbers();
        let (value, along) =
            feature_and_change::<_, F>(&mut folded, &position, &direction, &constants);
        WithTangentExpand {
            value: folded.number(&value),
            along: folded.number(&along),
        }
    }
}

struct Slopes<'a> {
    scope: &'a mut Scope,
    position: ByAxisExpand,
    constants: ConstantsExpand,
}

impl WithFormula for Slopes<'_> {
    type Output = ByAxisExpand;

    fn with<F: Formula>(self) -> ByAxisExpand {
        let mut code = Code(self.scope);
        let mut folded = Folded(&mut code);
        let (position, constants) = (self.position.numbers(), self.constants.numbers());
        let [x, y, z] = slopes_of::<_, F>(&mut folded, &position, &constants);
        ByAxisExpand {
            x: folded.number(&x),
            y: folded.number(&y),
            z: folded.number(&z),
        }
    }
}

//! One ray on its way: where the field is asked next, and what its answer means.
//!
//! In unit lengths along the ray, with values relative to the level.

/// What decides the steps of all rays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The longest stretch that two balls may leave open between them.
    pub gap: f64,
    /// How steep the field is at most.
    pub slope: f64,
    /// How far a hit may be off.
    pub tolerance: f64,
}

/// A value of the field along a ray.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    at: f64,
    value: f64,
}

/// A ray on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct March {
    /// Which ray it is.
    pub ray: u32,
    /// Where it enters the box.
    pub origin: [f64; 3],
    /// At unit length.
    pub direction: [f64; 3],
    /// Where it leaves the box.
    end: f64,
    stage: Stage,
    /// Evaluations so far.
    pub evaluations: u32,
    /// Hits so far.
    pub hits: u32,
    /// Whether it began within the level set.
    pub starts_inside: bool,
    /// The steepest slope between two samples so far.
    pub steepest: f64,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Nothing is known yet.
    Begin,
    /// From a sample to the next place.
    Walk { from: Sample, to: f64, bold: bool },
    /// A change of sign between two samples, to be enclosed.
    Enclose(Bracket),
}

#[derive(Clone, Copy, Debug)]
struct Bracket {
    before: Sample,
    after: Sample,
    at: f64,
    /// An error of this size is gone with the next Newton step.
    close: f64,
    rounds: u32,
}

/// What comes after an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    /// Ask again, for a value.
    Value,
    /// Ask again, for a value and a gradient.
    Gradient,
    /// There is no further hit.
    Done,
}

/// A hit, in unit lengths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub at: f64,
    pub enters: bool,
}

/// So much more than the last slope is expected of the next: the balls of a step should meet more often than not.
const CAUTION: f64 = 0.2;

/// A step is at most so many times as long as one within its ball.
const BOLDEST: f64 = 2.0;

impl March {
    /// A ray that enters the box at `origin` and leaves it at `end`.
    pub(super) fn new(ray: u32, origin: [f64; 3], direction: [f64; 3], end: f64) -> March {
        March {
            ray,
            origin,
            direction,
            end,
            stage: Stage::Begin,
            evaluations: 0,
            hits: 0,
            starts_inside: false,
            steepest: 0.0,
        }
    }

    /// Where the field is to be asked.
    pub(super) fn place(&self) -> [f32; 3] {
        let at = match self.stage {
            Stage::Begin => 0.0,
            Stage::Walk { to, .. } => to,
            Stage::Enclose(bracket) => bracket.at,
        };
        std::array::from_fn(|k| (self.origin[k] + at * self.direction[k]) as f32)
    }

    /// Goes on with the value at its [`place`](Self::place).
    pub(super) fn advance(&mut self, value: f64, pace: &Pace) -> Next {
        self.evaluations += 1;
        match self.stage {
            Stage::Begin => {
                self.starts_inside = value < 0.0;
                self.walk(Sample { at: 0.0, value }, None, pace)
            }
            Stage::Walk { from, to, bold } => {
                self.arrive(from, Sample { at: to, value }, bold, pace)
            }
            Stage::Enclose(_) => unreachable!("an enclosed hit is asked for its gradient"),
        }
    }

    /// A step has ended.
    fn arrive(&mut self, from: Sample, to: Sample, bold: bool, pace: &Pace) -> Next {
        let way = to.at - from.at;
        // Shorter steps tell more of rounding than of slopes.
        if way >= 0.5 * pace.gap {
            let slope = (to.value - from.value).abs() / way;
            self.steepest = self.steepest.max(slope);
        }
        let open = way - (from.value.abs() + to.value.abs()) / pace.slope;
        if bold && open > pace.gap {
            return self.walk(from, None, pace);
        }
        if from.inside() != to.inside() {
            self.stage = Stage::Enclose(Bracket::new(from, to, pace));
            return Next::Gradient;
        }
        let fall = (from.value.abs() - to.value.abs()) / way;
        self.walk(to, Some(fall), pace)
    }

    /// Sets out from a sample: as far as is safe, or boldly where it is known by how much values `fall` a length.
    fn walk(&mut self, from: Sample, fall: Option<f64>, pace: &Pace) -> Next {
        if from.at + from.ball(pace) >= self.end {
            return Next::Done;
        }
        let safe = from.ball(pace) + pace.gap;
        let step = fall.map_or(safe, |fall| from.bold_step(fall, pace));
        self.stage = Stage::Walk {
            from,
            to: (from.at + step).min(self.end),
            bold: step > safe,
        };
        Next::Value
    }

    /// Goes on with the value and the slope along the ray at its [`place`](Self::place); a hit that is found lies within the tolerance.
    pub(super) fn enclose(&mut self, value: f64, slope: f64, pace: &Pace) -> Option<Found> {
        self.evaluations += 1;
        let Stage::Enclose(bracket) = &mut self.stage else {
            unreachable!("only an enclosed hit is asked for its gradient");
        };
        let at = bracket.narrow(value, slope, pace)?;
        self.hits += 1;
        Some(Found {
            at,
            enters: !bracket.before.inside(),
        })
    }

    /// Goes on behind a hit.
    pub(super) fn go_on(&mut self, pace: &Pace) -> Next {
        let Stage::Enclose(bracket) = self.stage else {
            unreachable!("there was a hit");
        };
        self.walk(bracket.after, None, pace)
    }
}

impl Sample {
    fn inside(self) -> bool {
        self.value < 0.0
    }

    /// As far as there is no surface.
    fn ball(self, pace: &Pace) -> f64 {
        self.value.abs() / pace.slope
    }

    /// As far as the ball at the other end is expected to leave no more than the gap open, if values go on to fall by `fall` a length.
    fn bold_step(self, fall: f64, pace: &Pace) -> f64 {
        // With the next value r - m s, that is: s - (2 r - m s) / slope = gap.
        let fall = (fall + CAUTION).min(pace.slope);
        let safe = self.ball(pace) + pace.gap;
        let bold = match 1.0 + fall / pace.slope {
            share if share > 0.0 => (2.0 * self.ball(pace) + pace.gap) / share,
            _ => f64::INFINITY,
        };
        bold.clamp(safe, BOLDEST * safe)
    }
}

impl Bracket {
    fn new(before: Sample, after: Sample, pace: &Pace) -> Bracket {
        let width = after.at - before.at;
        let share = before.value / (before.value - after.value);
        Bracket {
            before,
            after,
            at: before.at + share * width,
            // A Newton step squares what is left, relative to the bracket.
            close: (pace.tolerance * width).sqrt(),
            rounds: 0,
        }
    }

    /// Takes the value and the slope at `at`; gives the place of the hit once it is known.
    fn narrow(&mut self, value: f64, slope: f64, pace: &Pace) -> Option<f64> {
        let sample = Sample { at: self.at, value };
        match sample.inside() == self.before.inside() {
            true => self.before = sample,
            false => self.after = sample,
        }
        let (low, high) = (self.before.at, self.after.at);
        let newton = sample.at - value / slope;
        // Not so for a slope that is no number.
        let fits = newton >= low && newton <= high;
        if fits && (newton - sample.at).abs() <= self.close {
            return Some(newton);
        }
        if high - low <= pace.tolerance {
            return Some(0.5 * (low + high));
        }
        self.rounds += 1;
        // Newton where it stays within; halving in between, so that the end is sure.
        self.at = match fits && newton > low && newton < high && !self.rounds.is_multiple_of(3) {
            true => newton,
            false => 0.5 * (low + high),
        };
        None
    }
}

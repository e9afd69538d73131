//! Convex polygons in a plane, and cutting them by lines.

/// A convex polygon, wound counter-clockwise.
#[derive(Clone, Debug)]
pub(super) struct Polygon(Vec<[f64; 2]>);

/// A straight piece of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment(pub [[f64; 2]; 2]);

/// A line, and with it a left and a right side.
#[derive(Debug)]
pub(super) struct Line {
    through: [f64; 2],
    /// Unit vector to its left.
    left: [f64; 2],
}

/// What is nearer to a line lies on it, in the unit frame: rounding is a thousandth of this.
const ON_LINE: f64 = 1e-10;

impl Polygon {
    /// The triangle with these corners.
    pub fn triangle(corners: [[f64; 2]; 3]) -> Polygon {
        Polygon(corners.to_vec())
    }

    pub fn corners(&self) -> impl Iterator<Item = [f64; 2]> + '_ {
        self.0.iter().copied()
    }

    fn sides(&self) -> impl Iterator<Item = Segment> + '_ {
        let next = self.0.iter().cycle().skip(1);
        self.0
            .iter()
            .zip(next)
            .map(|(&from, &to)| Segment([from, to]))
    }

    /// What lies to the left of `line` and what lies to the right; `None` where that is nothing but a border.
    pub fn cut(&self, line: &Line) -> [Option<Polygon>; 2] {
        let heights: Vec<f64> = self.corners().map(|corner| line.height(corner)).collect();
        [1.0, -1.0].map(|sign| {
            let mut part = Vec::with_capacity(self.0.len() + 1);
            for (index, side) in self.sides().enumerate() {
                let (height, next) = (heights[index], heights[(index + 1) % heights.len()]);
                if sign * height >= -ON_LINE {
                    part.push(side.0[0]);
                }
                if (sign * height > ON_LINE && sign * next < -ON_LINE)
                    || (sign * height < -ON_LINE && sign * next > ON_LINE)
                {
                    part.push(line.crossing(side, [height, next]));
                }
            }
            let any = heights.iter().any(|height| sign * height > ON_LINE);
            (any && part.len() >= 3).then_some(Polygon(part))
        })
    }
}

impl Segment {
    /// The part to the left of all lines; `None` if none of that is farther than `border` from one of them.
    pub fn part_within(self, lines: &[Line], border: f64) -> Option<Segment> {
        let mut part = self;
        for line in lines {
            let heights = part.0.map(|end| line.height(end));
            if heights.iter().all(|&height| height < border) {
                return None;
            }
            for end in 0..2 {
                if heights[end] < 0.0 {
                    part.0[end] = line.crossing(part, heights);
                }
            }
        }
        (part.length() > border).then_some(part)
    }

    fn length(&self) -> f64 {
        let [a, b] = self.0;
        (b[0] - a[0]).hypot(b[1] - a[1])
    }

    /// The line that it lies on. A segment that is a point gives one through it.
    pub fn line(&self) -> Line {
        let [a, b] = self.0;
        let length = self.length();
        let left = match length > 0.0 {
            true => [(a[1] - b[1]) / length, (b[0] - a[0]) / length],
            false => [0.0, 1.0],
        };
        Line { through: a, left }
    }
}

impl Line {
    /// A line along an axis through the middle of what most segments lie on either side of.
    pub fn halving(segments: &[Segment]) -> Line {
        let spread = |axis: usize| {
            let mut along: Vec<f64> = segments
                .iter()
                .map(|Segment([a, b])| (a[axis] + b[axis]) / 2.0)
                .collect();
            along.sort_unstable_by(f64::total_cmp);
            (along[along.len() - 1] - along[0], along[along.len() / 2])
        };
        let ((wide, across), (high, up)) = (spread(0), spread(1));
        match wide > high {
            true => Line {
                through: [across, 0.0],
                left: [1.0, 0.0],
            },
            false => Line {
                through: [0.0, up],
                left: [0.0, 1.0],
            },
        }
    }

    /// How far a point lies to the left.
    pub fn height(&self, point: [f64; 2]) -> f64 {
        (0..2)
            .map(|i| self.left[i] * (point[i] - self.through[i]))
            .sum()
    }

    /// Where a segment passes through the line that its ends lie so high above.
    fn crossing(&self, segment: Segment, heights: [f64; 2]) -> [f64; 2] {
        let [a, b] = segment.0;
        between(a, b, heights[0] / (heights[0] - heights[1]))
    }

    /// The parts of segments to the left and to the right; what lies on the line is left out.
    pub fn cut_all(&self, segments: &[Segment]) -> [Vec<Segment>; 2] {
        let mut parts = [Vec::new(), Vec::new()];
        for segment in segments {
            let heights = segment.0.map(|end| self.height(end));
            let crosses =
                heights[0].min(heights[1]) < -ON_LINE && heights[0].max(heights[1]) > ON_LINE;
            let crossing = crosses.then(|| self.crossing(*segment, heights));
            for (part, sign) in parts.iter_mut().zip([1.0, -1.0]) {
                if heights.iter().all(|height| sign * height <= ON_LINE) {
                    continue;
                }
                let mut ends = segment.0;
                for (end, height) in ends.iter_mut().zip(heights) {
                    if let (true, Some(crossing)) = (sign * height < 0.0, crossing) {
                        *end = crossing;
                    }
                }
                part.push(Segment(ends));
            }
        }
        parts
    }
}

/// The place on the way from `a` to `b` where the share `along` of it is done.
pub(super) fn between(a: [f64; 2], b: [f64; 2], along: f64) -> [f64; 2] {
    std::array::from_fn(|i| a[i] + along * (b[i] - a[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(polygon: &Polygon) -> f64 {
        let doubled: f64 = (polygon.sides())
            .map(|Segment([a, b])| a[0] * b[1] - a[1] * b[0])
            .sum();
        doubled / 2.0
    }

    fn triangle() -> Polygon {
        Polygon::triangle([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    }

    #[test]
    fn halves_add_up_and_a_line_along_a_side_cuts_nothing_off() {
        let polygon = triangle();
        let line = Segment([[0.25, -1.0], [0.25, 2.0]]).line();
        let [left, right] = polygon.cut(&line).map(|half| area(&half.unwrap()));
        assert!((left - (0.5 - 0.75 * 0.75 / 2.0)).abs() < 1e-12);
        assert!((right - 0.75 * 0.75 / 2.0).abs() < 1e-12);
        for side in polygon.sides() {
            let [left, right] = polygon.cut(&side.line());
            assert!((area(&left.unwrap()) - 0.5).abs() < 1e-9);
            assert!(right.is_none());
        }
        // Through a corner.
        let [left, right] = polygon.cut(&Segment([[0.0, 0.0], [0.5, 0.5]]).line());
        assert!((area(&left.unwrap()) - 0.25).abs() < 1e-9);
        assert!((area(&right.unwrap()) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn segments_are_clipped_and_those_on_the_border_left_out() {
        let polygon = triangle();
        let sides: Vec<Line> = polygon.sides().map(|side| side.line()).collect();
        let inside = |ends| Segment(ends).part_within(&sides, 1e-6);
        let part = inside([[-1.0, 0.25], [3.0, 0.25]]).unwrap();
        assert!((part.length() - 0.75).abs() < 1e-12);
        assert!(inside([[-1.0, 1e-7], [3.0, 1e-7]]).is_none());
        assert!(inside([[-1.0, -0.5], [3.0, -0.5]]).is_none());
        assert!(inside([[0.9, 0.9], [0.8, 0.95]]).is_none());
        assert!((inside([[0.1, 0.1], [0.2, 0.1]]).unwrap().length() - 0.1).abs() < 1e-12);
    }
}

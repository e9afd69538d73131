//! The languages of source code, and in what they differ.

/// A language in which the field can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// GLSL ES 3.00, which is also GLSL 3.30 and later.
    Glsl,
    /// The WebGPU shading language.
    Wgsl,
    /// Open Shading Language.
    Osl,
}

/// The kinds of values that are declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number.
    Whole,
    /// One number.
    Scalar,
    /// As many numbers as are computed with at a time.
    Lanes,
    /// A square matrix from lanes to lanes.
    Block,
}

impl Language {
    /// How many numbers are computed with at a time.
    pub(super) fn lanes(self) -> usize {
        match self {
            Language::Glsl | Language::Wgsl => 4,
            Language::Osl => 1,
        }
    }

    /// A type's name.
    pub(super) fn type_name(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Language::Glsl | Language::Osl, Kind::Whole) => "int",
            (Language::Glsl, Kind::Scalar) | (Language::Osl, _) => "float",
            (Language::Glsl, Kind::Lanes) => "vec4",
            (Language::Glsl, Kind::Block) => "mat4",
            (Language::Wgsl, Kind::Whole) => "i32",
            (Language::Wgsl, Kind::Scalar) => "f32",
            (Language::Wgsl, Kind::Lanes) => "vec4f",
            (Language::Wgsl, Kind::Block) => "mat4x4f",
        }
    }

    /// A value that does not change, with its name.
    pub(super) fn value(self, kind: Kind, name: &str, value: &str) -> String {
        match self {
            Language::Wgsl => format!("let {name} = {value};"),
            _ => format!("{} {name} = {value};", self.type_name(kind)),
        }
    }

    /// A variable with its first value.
    pub(super) fn variable(self, kind: Kind, name: &str, value: &str) -> String {
        match self {
            Language::Wgsl => format!("var {name} = {value};"),
            _ => self.value(kind, name, value),
        }
    }

    /// An array that is filled later.
    pub(super) fn array(self, kind: Kind, name: &str, length: usize) -> String {
        let of = self.type_name(kind);
        match self {
            Language::Wgsl => format!("var {name}: array<{of}, {length}>;"),
            _ => format!("{of} {name}[{length}];"),
        }
    }

    /// An array of constants.
    pub(super) fn constants(self, kind: Kind, name: &str, values: &[String]) -> String {
        let (of, length) = (self.type_name(kind), values.len());
        let values = values.join(",");
        match self {
            Language::Glsl => {
                format!("const {of} {name}[{length}] = {of}[{length}]({values});")
            }
            Language::Wgsl => format!("const {name} = array<{of}, {length}>({values});"),
            Language::Osl => format!("{of} {name}[{length}] = {{{values}}};"),
        }
    }

    /// The beginning of a loop over whole numbers from 0.
    pub(super) fn loop_to(self, name: &str, end: usize) -> String {
        let of = match self {
            Language::Wgsl => "var",
            _ => "int",
        };
        format!("for ({of} {name} = 0; {name} < {end}; {name}++) {{")
    }

    /// The beginning of a function of three coordinates.
    pub(super) fn function(self, name: &str) -> String {
        match self {
            Language::Wgsl => format!("fn {name}(x: f32, y: f32, z: f32) -> f32 {{"),
            _ => format!("float {name}(float x, float y, float z) {{"),
        }
    }

    /// The beginning of `sdf`, whose argument is a point `p`.
    pub(super) fn entry(self) -> &'static str {
        match self {
            Language::Glsl => "float sdf(vec3 p) {",
            Language::Wgsl => "fn sdf(p: vec3f) -> f32 {",
            Language::Osl => "float sdf(point p) {",
        }
    }

    /// A coordinate of `p`.
    pub(super) fn coordinate(self, axis: usize) -> &'static str {
        match self {
            Language::Osl => ["p[0]", "p[1]", "p[2]"][axis],
            _ => ["p.x", "p.y", "p.z"][axis],
        }
    }

    /// A place in an array of lanes.
    pub(super) fn lane(self, array: &str, index: usize) -> String {
        match self.lanes() {
            1 => format!("{array}[{index}]"),
            lanes => format!("{array}[{}][{}]", index / lanes, index % lanes),
        }
    }

    /// The sum of the products of two lanes.
    pub(super) fn dot(self, a: &str, b: &str) -> String {
        match self.lanes() {
            1 => format!("{a} * {b}"),
            _ => format!("dot({a}, {b})"),
        }
    }

    /// `yes` where `a > b`, elsewhere `no`.
    pub(super) fn select_greater(
        self,
        kind: Kind,
        [a, b]: [&str; 2],
        [yes, no]: [&str; 2],
    ) -> String {
        match (self, kind) {
            (Language::Wgsl, _) => format!("select({no}, {yes}, {a} > {b})"),
            (Language::Glsl, Kind::Lanes) => format!("mix({no}, {yes}, greaterThan({a}, {b}))"),
            _ => format!("{a} > {b} ? {yes} : {no}"),
        }
    }

    /// The whole part of a number that is not negative.
    pub(super) fn to_whole(self, value: &str) -> String {
        match self {
            Language::Osl => format!("(int)({value})"),
            _ => format!("{}({value})", self.type_name(Kind::Whole)),
        }
    }
}

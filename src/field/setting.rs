//! Numbers that parts of a network are set by, and their ranges.

/// A setting's name, its value, and what it has to be more than and at most.
pub(crate) struct Setting {
    pub name: &'static str,
    pub value: f32,
    pub above: f32,
    pub most: f32,
}

impl Setting {
    /// A number above 0.
    pub(crate) fn positive(name: &'static str, value: f32, most: f32) -> Setting {
        Setting {
            name,
            value,
            above: 0.0,
            most,
        }
    }

    /// What it must be, if it is something else.
    pub(crate) fn refused(&self) -> Option<String> {
        let Setting {
            value, above, most, ..
        } = self;
        match value > above && value <= most {
            true => None,
            false => Some(format!("more than {above} and at most {most}")),
        }
    }
}

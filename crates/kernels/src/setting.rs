//! Numbers that parts of a network are set by, and their ranges.

use serde_json::{Value, json};

/// A setting's name, its value, and what it may be.
pub struct Setting {
    /// As people write it.
    pub name: &'static str,
    /// What it is set to.
    pub value: f32,
    range: Range,
}

/// What a setting may be.
enum Range {
    /// More than one number and at most another.
    Above { above: f32, most: f32 },
    /// Between two numbers, both included.
    Between { least: f32, most: f32 },
    /// From 0 to below 1.
    Share,
    /// One of a few.
    OneOf(&'static [u32]),
}

/// A setting that is out of range.
pub struct Refused {
    /// The setting.
    pub name: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it must be, in words.
    pub requirement: String,
}

impl Setting {
    /// A number above 0.
    pub fn positive(name: &'static str, value: f32, most: f32) -> Setting {
        Setting::above(name, value, 0.0, most)
    }

    /// A number above another.
    pub fn above(name: &'static str, value: f32, above: f32, most: f32) -> Setting {
        Setting {
            name,
            value,
            range: Range::Above { above, most },
        }
    }

    /// A number between two, both included.
    pub fn between(name: &'static str, value: f32, least: f32, most: f32) -> Setting {
        Setting {
            name,
            value,
            range: Range::Between { least, most },
        }
    }

    /// A whole number between two, both included; at most 2²⁴.
    pub fn whole(name: &'static str, value: u32, least: u32, most: u32) -> Setting {
        Setting::between(name, value as f32, least as f32, most as f32)
    }

    /// A number from 0 to below 1.
    pub fn share(name: &'static str, value: f32) -> Setting {
        Setting {
            name,
            value,
            range: Range::Share,
        }
    }

    /// One of a few whole numbers.
    pub fn one_of(name: &'static str, value: u32, these: &'static [u32]) -> Setting {
        Setting {
            name,
            value: value as f32,
            range: Range::OneOf(these),
        }
    }

    /// What it may be, as JSON schema has it.
    pub fn range_schema(&self) -> Vec<(&'static str, Value)> {
        match self.range {
            Range::Above { above, most } => {
                vec![("exclusiveMinimum", json!(above)), ("maximum", json!(most))]
            }
            Range::Between { least, most } => {
                vec![("minimum", json!(least)), ("maximum", json!(most))]
            }
            Range::Share => vec![("minimum", json!(0)), ("exclusiveMaximum", json!(1))],
            Range::OneOf(these) => vec![("enum", json!(these))],
        }
    }

    /// What it must be, if it is something else.
    pub fn refused(&self) -> Option<String> {
        let value = self.value;
        let (fits, requirement) = match self.range {
            Range::Above { above, most } => (
                value > above && value <= most,
                format!("more than {above} and at most {most}"),
            ),
            Range::Between { least, most } => (
                value >= least && value <= most,
                format!("from {least} to {most}"),
            ),
            Range::Share => ((0.0..1.0).contains(&value), "from 0 to below 1".to_owned()),
            Range::OneOf(these) => (
                these.iter().any(|&one| one as f32 == value),
                format!("one of {}", in_words(these)),
            ),
        };
        (!fits).then_some(requirement)
    }
}

/// Fails with the first setting that is out of range.
pub fn check(settings: &[Setting]) -> Result<(), Refused> {
    let refused = settings.iter().find_map(|setting| {
        Some(Refused {
            name: setting.name,
            requirement: setting.refused()?,
            value: setting.value.to_string(),
        })
    });
    refused.map_or(Ok(()), Err)
}

fn in_words(numbers: &[u32]) -> String {
    let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
    words.join(", ")
}

//! A setting of a question that is none.

/// A setting that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}: it must be {expected}")]
pub struct SettingOutOfRange {
    /// Which.
    pub name: &'static str,
    /// What it is.
    pub value: String,
    /// What it may be.
    pub expected: String,
}

impl SettingOutOfRange {
    pub(crate) fn new(
        name: &'static str,
        value: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            name,
            value: value.to_string(),
            expected: expected.into(),
        }
    }
}

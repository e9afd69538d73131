//! Names of meshes, fits, models and combinations: `meshes/{id}`, `fits/{id}`, `models/{id}`, `combinations/{id}`.

use crate::words::quoted;
use std::fmt;

use super::error::ApiError;
use super::token::random_hex;

/// What a name can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    Meshes,
    Fits,
    Models,
    Combinations,
}

impl Collection {
    /// The first half of its names.
    pub(super) fn word(self) -> &'static str {
        match self {
            Collection::Meshes => "meshes",
            Collection::Fits => "fits",
            Collection::Models => "models",
            Collection::Combinations => "combinations",
        }
    }

    /// One of it, in words.
    pub(super) fn singular(self) -> &'static str {
        match self {
            Collection::Meshes => "mesh",
            Collection::Fits => "fit",
            Collection::Models => "model",
            Collection::Combinations => "combination",
        }
    }

    /// The name of the thing with this id.
    pub(super) fn name(self, id: &str) -> String {
        format!("{}/{id}", self.word())
    }

    /// The id in a name; `field` is where the name stood in the request.
    ///
    /// # Errors
    /// [`ApiError::Field`] if the name is empty or not of this collection.
    pub(super) fn id<'a>(self, name: &'a str, field: &'static str) -> Result<&'a str, ApiError> {
        let id = name
            .strip_prefix(self.word())
            .and_then(|rest| rest.strip_prefix('/'))
            .filter(|id| is_id(id));
        id.ok_or_else(|| {
            let message = if name.is_empty() {
                format!(
                    "{field} is empty: it must be the name of a {self}, {}/ID",
                    self.word()
                )
            } else {
                format!(
                    "'{}' is not the name of a {self}: those look like {}/ID",
                    quoted(name),
                    self.word()
                )
            };
            ApiError::field(field, message)
        })
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.singular())
    }
}

/// A new id. Random: a name that was handed out once means nothing else later, not even after a restart.
pub(super) fn new_id() -> String {
    random_hex::<8>()
}

/// The id that a client gave its request, in small letters; `None` if it gave none. What comes of the request has it as its own, so that the same
/// request once more finds it; a UUID, so that no two requests have the same.
///
/// # Errors
/// [`ApiError::Field`] for anything but a UUID.
pub(super) fn request_id(text: &str, field: &'static str) -> Result<Option<String>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    match is_uuid {
        true => Ok(Some(text.to_ascii_lowercase())),
        false => Err(ApiError::field(
            field,
            format!(
                "'{}' is no UUID, such as 123e4567-e89b-42d3-a456-426614174000",
                quoted(text)
            ),
        )),
    }
}

/// Whether this can be an id. Ids of models are names of files: nothing that leads elsewhere may pass.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=128).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_uuids_or_none() {
        assert_eq!(request_id("", "request_id").unwrap(), None);
        let upper = "123E4567-E89B-42D3-A456-426614174000";
        let id = request_id(upper, "request_id").unwrap().unwrap();
        assert!(id == upper.to_lowercase() && is_id(&id));
        let longer = format!("{upper}0");
        for text in [
            "1",
            "123e4567-e89b-42d3-a456-42661417400g",
            &upper.replace('-', "0"),
            &longer,
            "../../../../../../../../../../../etc",
        ] {
            assert!(request_id(text, "request_id").is_err(), "{text}");
        }
    }

    #[test]
    fn names_round_trip_and_malformed_ones_are_refused() {
        let id = new_id();
        assert_eq!(
            Collection::Fits
                .id(&Collection::Fits.name(&id), "name")
                .unwrap(),
            id
        );
        let refused = [
            "",
            "fits",
            "fits/",
            "models/a",
            "fits/a/b",
            "fits/../a",
            "fits/.a",
            "fits/a b",
            "fits/ä",
        ];
        for name in refused {
            let error = Collection::Fits.id(name, "name").unwrap_err();
            assert!(
                matches!(error, ApiError::Field { field: "name", .. }),
                "{name}"
            );
        }
    }
}

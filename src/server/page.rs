//! Lists in pages, the newest first.

use crate::words::quoted;
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::ApiError;

/// Items of a page where the client leaves it to the server.
const DEFAULT_SIZE: usize = 100;
/// Most items of a page.
const LARGEST_SIZE: usize = 1000;

/// The place of an item in its list. Being what is sent as page token, it stays right when items come and go meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    nanoseconds: u64,
    id: String,
}

impl Place {
    /// The place of what was made at `time`.
    pub(super) fn new(time: SystemTime, id: &str) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            // Enough until the year 2554.
            nanoseconds: since.as_nanos().try_into().unwrap_or(u64::MAX),
            id: id.to_owned(),
        }
    }

    fn token(&self) -> String {
        format!("{:x}-{}", self.nanoseconds, self.id)
    }

    fn from_token(token: &str) -> Option<Self> {
        let (nanoseconds, id) = token.split_once('-')?;
        Some(Self {
            nanoseconds: u64::from_str_radix(nanoseconds, 16).ok()?,
            id: id.to_owned(),
        })
    }
}

/// One page of `items` and the token of the next, empty on the last.
///
/// # Errors
/// [`ApiError::Field`] for a negative size or a token that no page gave.
pub(super) fn page<T>(
    mut items: Vec<(Place, T)>,
    size: i32,
    token: &str,
) -> Result<(Vec<T>, String), ApiError> {
    let size = match usize::try_from(size) {
        Ok(0) => DEFAULT_SIZE,
        Ok(size) => size.min(LARGEST_SIZE),
        Err(_) => {
            let message =
                format!("page_size is {size}: it must not be negative; 0 takes {DEFAULT_SIZE}");
            return Err(ApiError::field("page_size", message));
        }
    };
    if !token.is_empty() {
        let Some(last) = Place::from_token(token) else {
            let message = format!(
                "'{}' is no page token: take next_page_token of the page before",
                quoted(token)
            );
            return Err(ApiError::field("page_token", message));
        };
        items.retain(|(place, _)| *place < last);
    }
    items.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
    let next = match items.get(size..) {
        Some([_, ..]) => items[size - 1].0.token(),
        _ => String::new(),
    };
    items.truncate(size);
    Ok((items.into_iter().map(|(_, item)| item).collect(), next))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn items() -> Vec<(Place, u64)> {
        // Two of each age.
        let place = |n: u64| Place::new(UNIX_EPOCH + Duration::from_secs(n / 2), &n.to_string());
        (0..7).map(|n| (place(n), n)).collect()
    }

    #[test]
    fn pages_give_every_item_once_and_the_newest_first() {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let (part, next) = page(items(), 3, &token).unwrap();
            assert!(part.len() <= 3 && !part.is_empty());
            seen.extend(part);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn an_item_deleted_between_two_pages_shifts_nothing() {
        let (_, token) = page(items(), 3, "").unwrap();
        let mut fewer = items();
        fewer.retain(|(_, n)| *n != 4);
        assert_eq!(page(fewer, 3, &token).unwrap().0, [3, 2, 1]);
    }

    #[test]
    fn sizes_have_a_default_and_nonsense_is_refused() {
        assert_eq!(page(items(), 0, "").unwrap().0.len(), 7);
        assert_eq!(page(items(), 7, "").unwrap().1, "");
        assert!(matches!(
            page(items(), -1, ""),
            Err(ApiError::Field {
                field: "page_size",
                ..
            })
        ));
        assert!(matches!(
            page(items(), 0, "x"),
            Err(ApiError::Field {
                field: "page_token",
                ..
            })
        ));
    }
}

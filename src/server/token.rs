//! The word that callers prove themselves by, and other things that nobody may guess.

use rand::TryRng;
use rand::rngs::SysRng;

/// A bearer token. Its debug output does not tell it.
#[derive(Clone)]
pub(super) struct Token(String);

/// Shortest token that a user may choose.
const SHORTEST: usize = 16;

impl Token {
    /// A new one of 256 random bits, in hexadecimal digits.
    pub(super) fn random() -> Self {
        Self(random_hex::<32>())
    }

    /// One that the user chose; `None` if it is too short or cannot stand in a header.
    pub(super) fn chosen(text: &str) -> Option<Self> {
        let usable = text.len() >= SHORTEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        usable.then(|| Self(text.to_owned()))
    }

    /// The token in plain text.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is the token, in a time that tells nothing about how much of it is right.
    pub(super) fn is(&self, candidate: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let difference =
            own.iter()
                .zip(candidate)
                .fold(own.len() ^ candidate.len(), |sum, (a, b)| {
                    // Opaque to the optimiser, which else might leave the loop early.
                    std::hint::black_box(sum | usize::from(a ^ b))
                });
        difference == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// `N` random bytes of the operating system, in hexadecimal digits.
///
/// # Panics
/// Panics if the operating system has none: nothing could be kept secret then.
pub(super) fn random_hex<const N: usize>() -> String {
    let mut bytes = [0u8; N];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_only_the_whole_token_is_it() {
        let token = Token::random();
        assert_ne!(token.reveal(), Token::random().reveal());
        assert!(token.is(token.reveal().as_bytes()));
        assert!(!token.is(b""));
        assert!(!token.is(&token.reveal().as_bytes()[..63]));
        assert!(!token.is(format!("{}0", token.reveal()).as_bytes()));
        assert!(!token.is("0".repeat(64).as_bytes()));
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn a_chosen_token_is_long_and_plain() {
        assert!(Token::chosen("sixteen-letters!").is_some());
        for bad in [
            "",
            "short",
            "sixteen letters and a space",
            "sixteen-létters-long",
        ] {
            assert!(Token::chosen(bad).is_none(), "{bad}");
        }
    }
}

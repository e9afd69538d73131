//! Lets only calls through that carry the token.

use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::error::ApiError;
use super::token::Token;

/// Checks `authorization: Bearer TOKEN` on every call, or lets all pass.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    token: Option<Token>,
}

impl Authorization {
    /// Only with the token.
    pub(super) fn required(token: Token) -> Self {
        Self { token: Some(token) }
    }

    /// For everybody.
    pub(super) fn open() -> Self {
        Self { token: None }
    }
}

impl Interceptor for Authorization {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(token) = &self.token else {
            return Ok(request);
        };
        let header = request.metadata().get("authorization");
        let Some(header) = header else {
            return Err(ApiError::TokenMissing.into());
        };
        // The scheme's name may be written in any case (RFC 9110).
        match header.as_bytes().split_at_checked(7) {
            Some((scheme, word)) if scheme.eq_ignore_ascii_case(b"bearer ") && token.is(word) => {
                Ok(request)
            }
            _ => Err(ApiError::TokenWrong.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_lets_a_call_through() {
        let token = Token::random();
        let answer = |header: Option<String>| {
            let mut request = Request::new(());
            if let Some(header) = header {
                request
                    .metadata_mut()
                    .insert("authorization", header.parse().unwrap());
            }
            Authorization::required(token.clone())
                .call(request)
                .map(drop)
        };
        assert!(answer(Some(format!("Bearer {}", token.reveal()))).is_ok());
        assert!(answer(Some(format!("bearer {}", token.reveal()))).is_ok());
        let wrong = [
            None,
            Some("Bearer ".to_owned()),
            Some("Bearer wrong".to_owned()),
            Some(token.reveal().to_owned()),
            Some(format!("Basic {}", token.reveal())),
        ];
        for header in wrong {
            let status = answer(header.clone()).unwrap_err();
            assert_eq!(status.code(), tonic::Code::Unauthenticated, "{header:?}");
        }
        assert!(Authorization::open().call(Request::new(())).is_ok());
    }
}

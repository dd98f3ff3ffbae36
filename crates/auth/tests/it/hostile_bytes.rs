//! Every parser of outside bytes of this crate, on bytes that nobody chose: it answers or refuses, and never repeats.
//!
//! `cargo xtask test --fuzz-cases 1000000` makes a long run of it.

use mcp_auth::{ApiKeys, Credential, PeerCertificate, Revocation, ScopeSet};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use crate::issuer::{all_keys, authenticate, authenticator, claims, encode, rules, sign};

/// A good token of which some bytes were replaced, added or taken away.
fn mutated(token: String) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6);
    edits.prop_map(move |edits| {
        let mut bytes = token.clone().into_bytes();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len().max(1));
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at.min(bytes.len()), byte),
            }
        }
        bytes
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn no_token_but_the_issuers_own_is_accepted() {
    let runtime = runtime();
    let good = sign(&claims());
    let authenticator = authenticator(all_keys(), rules());
    runtime.block_on(async { authenticate(&authenticator, &good).await.unwrap() });
    proptest!(|(bytes in mutated(good.clone()))| {
        // Not assumed: of millions of cases too many would be rejected.
        if bytes == good.as_bytes() {
            return Ok(());
        }
        let header = [b"Bearer ".as_slice(), &bytes].concat();
        if let Ok(credential) = Credential::from_headers([header.as_slice()], []) {
            let verified = runtime.block_on(authenticator.authenticate(&credential));
            prop_assert!(verified.is_err());
        }
    });
}

#[test]
fn parts_of_a_token_may_be_anything() {
    let runtime = runtime();
    let authenticator = authenticator(all_keys(), rules());
    proptest!(|(header in ".{0,200}", body in ".{0,400}", signature in vec(any::<u8>(), 0..300))| {
        let alg = json!({ "alg": "RS256", "kid": header }).to_string();
        for first in [&header, &alg] {
            let token = format!("{}.{}.{}", encode(first), encode(&body), encode(&signature));
            prop_assert!(runtime.block_on(authenticate(&authenticator, &token)).is_err());
        }
    });
}

proptest! {
    #[test]
    fn any_header_is_a_credential_or_none(
        authorization in vec(vec(any::<u8>(), 0..300), 0..3),
        api_key in vec(vec(any::<u8>(), 0..300), 0..3),
    ) {
        let authorization = authorization.iter().map(Vec::as_slice);
        let api_key = api_key.iter().map(Vec::as_slice);
        if let Err(error) = Credential::from_headers(authorization, api_key) {
            prop_assert!(error.to_string().len() < 200);
        }
    }

    #[test]
    fn a_list_of_scopes_is_read_back_as_it_is_written(text in "[ -~]{0,200}|\\PC{0,100}") {
        if let Ok(scopes) = text.parse::<ScopeSet>() {
            let written = scopes.to_string();
            prop_assert_eq!(written.parse::<ScopeSet>().unwrap(), scopes);
        }
    }

    #[test]
    fn a_file_of_keys_is_read_or_refused_without_its_text(text in "(\\[\\[key\\]\\]\n)?(owner = ')?canary\\PC{0,200}") {
        if let Err(error) = ApiKeys::from_toml(&text) {
            prop_assert!(!error.to_string().contains("canary"), "{error}");
        }
        let read: ScopeSet = "a:read".parse().unwrap();
        if let Err(error) = ApiKeys::from_plain(&text.clone().into(), &read) {
            prop_assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn any_line_of_a_revocation_list_is_read_or_refused(line in "(jti:|sub:|key:)?\\PC{0,100}( before:\\PC{0,30})?") {
        drop(line.parse::<Revocation>());
    }

    #[test]
    fn any_certificate_is_read_or_refused(der in vec(any::<u8>(), 0..2_000)) {
        drop(PeerCertificate::parse(&der));
    }
}

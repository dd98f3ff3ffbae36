//! The guards before the protocol, in their order. Each is a line of [`Gate::admit`].

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use mcp_auth::{
    ApiKeys, AuthError, Authenticator, Challenge, Credential, Principal, ProtectedResourceMetadata,
    Revocations, ScopeSet,
};
use mcp_limits::{Decision, Quota};
use mcp_telemetry::trace::RequestId;
use url::Url;

use super::{hosts::Hosts, refusal::Refusal};
use crate::{
    config::{Core, Problem},
    pipeline::CLIENTS,
    recorder::Recorder,
    spec::scope_set,
};

/// What a refused credential costs of its address' quota: guessing is ten times as dear as calling.
const FAILED_AUTHENTICATION: u32 = 10;

/// Decides who comes in.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) hosts: Hosts,
    pub(crate) max_body: usize,
    pub(crate) addresses: Quota,
    pub(crate) clients: Quota,
    /// `None`: everybody is `anonymous` (loopback only).
    pub(crate) authenticator: Option<Authenticator>,
    pub(crate) anonymous: Principal,
    pub(crate) challenge: Challenge,
    /// What a client without a token should ask its authorization server for.
    pub(crate) advertised: ScopeSet,
    pub(crate) all_scopes: ScopeSet,
    /// The canonical URI of this server (RFC 8707): the audience of its tokens.
    pub(crate) resource: Url,
}

/// A caller who is let through to the protocol.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) principal: Principal,
    /// What is left of the client's quota, for the headers of the answer.
    pub(super) quota: Decision,
}

impl Gate {
    /// The gate of a deployment.
    ///
    /// # Errors
    /// What would make it unsafe: open to the network without credentials, or without TLS.
    pub(crate) fn new(
        core: &Core,
        (reading, all): (Vec<&'static str>, Vec<&'static str>),
    ) -> Result<Self, Vec<Problem>> {
        let (http, limits) = (&core.http, &core.limits);
        let advertised = scope_set(&reading);
        let all_scopes = scope_set(&all);
        let authenticator = authenticator(core, &advertised)?;
        let is_local = http.listen.ip().is_loopback();
        let refuse = |name: &str, text: &str| Err(vec![Problem::new(name, "configuration", text)]);
        // Credentials first: TLS without them would only hide who came in.
        if !is_local && authenticator.is_none() {
            return refuse(
                "MCP_AUTH",
                "an address beyond loopback needs credentials: set MCP_AUTH=api-key",
            );
        }
        if !is_local && !http.tls_terminated {
            return refuse(
                "MCP_TLS_TERMINATED",
                "an address beyond loopback needs TLS: put a proxy in front and set it to `true`",
            );
        }
        let resource = resource(http.public_url.as_deref(), http.listen)?;
        let public = http.public_url.as_ref().and(resource.host_str());
        Ok(Self {
            hosts: Hosts::new(&http.allowed_hosts, &http.allowed_origins, public),
            max_body: http.max_body,
            addresses: Quota::new(limits.algorithm, limits.per_address, CLIENTS),
            clients: Quota::new(limits.algorithm, limits.per_client, CLIENTS),
            authenticator,
            anonymous: Principal::anonymous(all_scopes.clone()),
            challenge: Challenge::new(ProtectedResourceMetadata::url(&resource)),
            advertised,
            all_scopes,
            resource,
        })
    }

    /// Takes in the address that was really bound: with port 0 it is not known before.
    #[must_use]
    pub(crate) fn bound_to(mut self, address: SocketAddr, public: Option<&str>) -> Self {
        if let (None, Ok(resource)) = (public, resource(None, address)) {
            self.challenge = Challenge::new(ProtectedResourceMetadata::url(&resource));
            self.resource = resource;
        }
        self
    }

    /// Everything that is checked before a byte of the body is read.
    pub(super) async fn admit(
        &self,
        address: IpAddr,
        request: &Parts,
        recorder: &Recorder,
        request_id: &RequestId,
    ) -> Result<Admitted, Refusal> {
        let headers = &request.headers;
        // First, so that a flood costs next to nothing.
        self.take_of_address(address, 1)?;
        // Before authentication: an oversized body is refused unread, a foreign page unheard.
        self.body_cap(headers)?;
        self.hosts.check(&request.uri, headers)?;
        let principal = self.authenticate(address, headers, recorder, request_id).await?;
        // After authentication, so that it is charged to a known client.
        let quota = self.clients.take(principal.key(), 1);
        if !quota.allowed {
            recorder.limited("client", principal.key());
            return Err(Refusal::limited(self.clients.limit(), &quota));
        }
        self.early_scope(&principal, headers)?;
        Ok(Admitted { principal, quota })
    }

    async fn authenticate(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
        recorder: &Recorder,
        request_id: &RequestId,
    ) -> Result<Principal, Refusal> {
        let Some(authenticator) = &self.authenticator else {
            return Ok(self.anonymous.clone());
        };
        let credential = credential(headers);
        let fingerprint = credential.as_ref().ok().map(Credential::fingerprint);
        let verified = match credential {
            Ok(credential) => authenticator.authenticate(&credential).await,
            Err(error) => Err(error),
        };
        let error = match verified {
            Ok(principal) => return Ok(principal),
            Err(error) => error,
        };
        recorder.unauthenticated(address, fingerprint, &error, request_id);
        // The request itself has been counted once already.
        self.take_of_address(address, FAILED_AUTHENTICATION - 1)?;
        Err(match error {
            AuthError::Unavailable { .. } => Refusal::unavailable(&error),
            error => Refusal::unauthenticated(
                &error,
                &self.challenge.unauthorized(&error, &self.advertised),
            ),
        })
    }

    fn take_of_address(&self, address: IpAddr, cost: u32) -> Result<(), Refusal> {
        if address.is_loopback() {
            return Ok(());
        }
        let quota = self.addresses.take(&address.to_string(), cost);
        if quota.allowed { Ok(()) } else { Err(Refusal::limited(self.addresses.limit(), &quota)) }
    }

    fn body_cap(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
        let length = announced.and_then(|length| length.parse::<u64>().ok()).unwrap_or_default();
        if length > self.max_body as u64 { Err(Refusal::too_large(self.max_body)) } else { Ok(()) }
    }

    /// A subscription's headers are sent before the pipeline sees it, so a caller without any read scope
    /// is turned away here. The pipeline checks each address again.
    fn early_scope(&self, principal: &Principal, headers: &HeaderMap) -> Result<(), Refusal> {
        let listens = headers.get("mcp-method").is_some_and(|it| it == "subscriptions/listen");
        let needed = self.advertised.iter().map(mcp_auth::Scope::as_str);
        if listens && !principal.scopes().contains_all(needed) {
            return Err(self.insufficient(&self.advertised));
        }
        Ok(())
    }

    /// The 403 that asks for more scopes (RFC 6750 §3.1, step-up authorization of the MCP specification).
    pub(super) fn insufficient(&self, needed: &ScopeSet) -> Refusal {
        Refusal::insufficient_scope(needed, &self.challenge.insufficient_scope(needed))
    }
}

/// The one credential of a request.
fn credential(headers: &HeaderMap) -> Result<Credential, AuthError> {
    let values =
        |name: &str| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    Credential::from_headers(values("authorization"), values("x-api-key"))
}

/// Who is believed; `None` where nobody needs to be.
fn authenticator(
    core: &Core,
    read_scopes: &ScopeSet,
) -> Result<Option<Authenticator>, Vec<Problem>> {
    let auth = &core.auth;
    let problem = |name: &str, text: String| vec![Problem::new(name, "configuration", text)];
    let Some(mode) = auth.mode.filter(|mode| !mode.is_none()) else {
        return Ok(None);
    };
    if mode.oauth || mode.mtls {
        let text = "only `none` and `api-key` are built in this version".to_owned();
        return Err(problem("MCP_AUTH", text));
    }
    let mut keys = ApiKeys::default();
    if let Some(path) = &auth.keys_file {
        let wrong = |text| problem("MCP_API_KEYS_FILE", text);
        let text = fs::read_to_string(path)
            .map_err(|error| wrong(format!("{}: {error}", path.display())))?;
        keys = ApiKeys::from_toml(&text).map_err(|error| wrong(error.to_string()))?;
    }
    if let Some(plain) = &auth.keys {
        let wrong = |error: mcp_auth::ConfigError| problem("MCP_API_KEYS", error.to_string());
        let plain = ApiKeys::from_plain(plain, read_scopes).map_err(wrong)?;
        keys = keys.merge(plain).map_err(wrong)?;
    }
    if keys.is_empty() {
        let text = "`api-key` needs keys: set MCP_API_KEYS_FILE or MCP_API_KEYS".to_owned();
        return Err(problem("MCP_AUTH", text));
    }
    let authenticator = Authenticator::new(Arc::new(Revocations::default()));
    authenticator.set_api_keys(keys);
    Ok(Some(authenticator))
}

fn resource(public: Option<&str>, listen: SocketAddr) -> Result<Url, Vec<Problem>> {
    let text = public.map_or_else(|| format!("http://{listen}/mcp"), str::to_owned);
    text.parse().map_err(|error| {
        vec![Problem::new("MCP_PUBLIC_URL", "configuration", format!("is not a URL: {error}"))]
    })
}

//! The guards before the protocol, in their order. Each is a line of [`Gate::admit`].

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use mcp_auth::{
    AuthError, AuthMode, Authenticator, Challenge, Credential, Principal,
    ProtectedResourceMetadata, ScopeSet,
};
use mcp_limits::Decision;
use mcp_shared::{SharedQuota, SharedState};
use mcp_telemetry::trace::RequestId;
use url::Url;

use super::{
    admin::{Admin, Door},
    authentication::{Authentication, Oauth, refuse_contradictions},
    forwarded::{Sender, Via},
    hosts::Hosts,
    refusal::Refusal,
    serve::Peer,
    tls::Tls,
};
use crate::{
    config::{AuthConfig, Core, HttpConfig, Networks, Problem},
    pipeline::quota,
    recorder::Recorder,
    reload::Watched,
    spec::scope_set,
};

/// What a refused credential costs of its address' quota: guessing is ten times as dear as calling.
const FAILED_AUTHENTICATION: u32 = 10;

/// Decides who comes in.
#[derive(Debug)]
pub(crate) struct Gate {
    trusted_proxies: Networks,
    admin: Admin,
    /// Clients must have spoken TLS to the proxy in front.
    tls_terminated: bool,
    pub(crate) hosts: Hosts,
    pub(crate) max_body: usize,
    pub(crate) addresses: Arc<SharedQuota>,
    pub(crate) clients: Arc<SharedQuota>,
    /// `None`: everybody is `anonymous` (loopback only).
    pub(crate) authentication: Option<Arc<Authentication>>,
    pub(crate) anonymous: Principal,
    pub(crate) challenge: Challenge,
    /// What a client without a token should ask its authorization server for.
    pub(crate) advertised: ScopeSet,
    pub(crate) all_scopes: ScopeSet,
    /// The canonical URI of this server (RFC 8707): the audience of its tokens.
    pub(crate) resource: Url,
    /// TLS of our own.
    pub(crate) tls: Option<Tls>,
}

/// Every scope that reading needs, and every one that anything needs.
type Scopes = (Vec<&'static str>, Vec<&'static str>);

/// What of a gate stays for as long as the process runs.
struct Fixed {
    authentication: Option<Arc<Authentication>>,
    tls: Option<Tls>,
    resource: Url,
}

/// A caller who is let through to the protocol.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) principal: Principal,
    /// What is left of the client's quota, for the headers of the answer.
    pub(super) quota: Decision,
}

impl Gate {
    /// The gate of a deployment, and the files that take effect while the server runs.
    ///
    /// # Errors
    /// What would make it unsafe: open to the network without credentials, or without TLS.
    pub(crate) fn new(
        core: &Core,
        (reading, all): Scopes,
        shared: Option<&SharedState>,
    ) -> Result<(Self, Vec<Watched>), Vec<Problem>> {
        let (tls, files) = Tls::new(&core.tls).map_err(|problem| vec![problem])?.unzip();
        let resource = resource(&core.http, tls.is_some())?;
        let advertised = scope_set(&reading);
        let authentication = Authentication::new(&core.auth, &resource, &advertised, shared)?;
        refuse_exposure(core)?;
        let (authentication, keys) = authentication.unzip();
        let fixed = Fixed { authentication: authentication.map(Arc::new), tls, resource };
        let files = keys.into_iter().flatten().chain(files).collect();
        Ok((Self::build(core, (reading, all), shared, fixed, None), files))
    }

    /// The same gate under another configuration: who was counted stays so, and credentials stay known.
    ///
    /// # Errors
    /// As [`Gate::new`], as far as no file is read.
    pub(crate) fn renewed(
        &self,
        core: &Core,
        scopes: Scopes,
        shared: Option<&SharedState>,
    ) -> Result<Self, Vec<Problem>> {
        refuse_contradictions(&core.auth)?;
        refuse_exposure(core)?;
        let fixed = Fixed {
            authentication: self.authentication.clone(),
            tls: self.tls.clone(),
            resource: self.resource.clone(),
        };
        Ok(Self::build(core, scopes, shared, fixed, Some(self)))
    }

    fn build(
        core: &Core,
        (reading, all): Scopes,
        shared: Option<&SharedState>,
        Fixed { authentication, tls, resource }: Fixed,
        before: Option<&Self>,
    ) -> Self {
        let (http, limits) = (&core.http, &core.limits);
        let all_scopes = scope_set(&all);
        let public = http.public_url.as_ref().and(resource.host_str());
        let quota = |limit, guard, before| quota(limits, limit, (shared, guard), before);
        Self {
            trusted_proxies: core.edge.trusted_proxies.clone(),
            admin: Admin::new(&core.edge),
            tls_terminated: before.map_or(http.tls_terminated, |before| before.tls_terminated),
            hosts: Hosts::new(&http.allowed_hosts, &http.allowed_origins, public),
            max_body: before.map_or(http.max_body, |before| before.max_body),
            addresses: quota(limits.per_address, "address", before.map(|it| &it.addresses)),
            clients: quota(limits.per_client, "client", before.map(|it| &it.clients)),
            authentication,
            anonymous: Principal::anonymous(all_scopes.clone()),
            challenge: Challenge::new(ProtectedResourceMetadata::url(&resource)),
            advertised: scope_set(&reading),
            all_scopes,
            resource,
            tls,
        }
    }

    /// Puts what else the configuration says of credentials in force.
    pub(crate) fn renew_credentials(&self, config: &AuthConfig) {
        if let Some(authentication) = &self.authentication {
            authentication.renew(config);
        }
    }

    /// Where a request came from, as far as the proxies are believed.
    pub(super) fn sender(&self, peer: &Peer, headers: &HeaderMap) -> Sender {
        Sender::of(peer, headers, &self.trusted_proxies)
    }

    /// Whether a request is an operator's.
    pub(super) fn is_operator(&self, door: Door, peer: &Peer, headers: &HeaderMap) -> bool {
        self.admin.admits(door, &self.sender(peer, headers))
    }

    /// What decides whether credentials are good, where there are any.
    pub(super) fn authenticator(&self) -> Option<&Arc<Authenticator>> {
        self.authentication.as_ref().map(|authentication| &authentication.authenticator)
    }

    /// The authorization server, where there is one.
    pub(super) fn oauth(&self) -> Option<&Oauth> {
        self.authentication.as_ref().and_then(|authentication| authentication.oauth.as_ref())
    }

    /// Everything that is checked before a byte of the body is read.
    pub(super) async fn admit(
        &self,
        sender: &Sender,
        request: &Parts,
        recorder: &Recorder,
        request_id: &RequestId,
    ) -> Result<Admitted, Refusal> {
        let headers = &request.headers;
        // First, so that a flood costs next to nothing.
        self.take_of_address(sender, 1).await?;
        // Before a credential is looked at that anybody on the way could have read or changed.
        self.tls(sender)?;
        // Before authentication: an oversized body is refused unread, a foreign page unheard.
        self.body_cap(headers)?;
        self.hosts.check(&request.uri, headers)?;
        let principal = self.authenticate(sender, headers, recorder, request_id).await?;
        // After authentication, so that it is charged to a known client.
        let taken = self.clients.take(principal.key(), 1).await;
        let quota = taken.map_err(|error| Refusal::uncounted(&error))?;
        if !quota.allowed {
            recorder.limited("client", principal.key());
            return Err(Refusal::limited(self.clients.limit(), &quota));
        }
        self.early_scope(&principal, headers)?;
        Ok(Admitted { principal, quota })
    }

    async fn authenticate(
        &self,
        sender: &Sender,
        headers: &HeaderMap,
        recorder: &Recorder,
        request_id: &RequestId,
    ) -> Result<Principal, Refusal> {
        let Some(authenticator) = self.authenticator() else {
            return Ok(self.anonymous.clone());
        };
        let credential = credential(headers);
        let fingerprint = credential.as_ref().ok().map(Credential::fingerprint);
        let verified = match (credential, &sender.certificate) {
            (Ok(credential), _) => authenticator.authenticate(&credential).await,
            (Err(AuthError::Missing), Some(certificate)) => {
                authenticator.authenticate_certificate(certificate).await
            }
            (Err(error), _) => Err(error),
        };
        let error = match verified {
            Ok(principal) => return Ok(principal),
            Err(error) => error,
        };
        recorder.unauthenticated(sender.address, fingerprint, &error, request_id);
        // The request itself has been counted once already.
        self.take_of_address(sender, FAILED_AUTHENTICATION - 1).await?;
        Err(match error {
            AuthError::Unavailable { .. } => Refusal::unavailable(&error),
            error => Refusal::unauthenticated(
                &error,
                &self.challenge.unauthorized(&error, &self.advertised),
            ),
        })
    }

    async fn take_of_address(&self, sender: &Sender, cost: u32) -> Result<(), Refusal> {
        // This machine itself. What came through a proxy is none of it, whatever the headers say.
        let proxied = matches!(sender.via, Via::Trusted | Via::Garbled);
        if sender.address.is_loopback() && !proxied {
            return Ok(());
        }
        let taken = self.addresses.take(&network(sender.address).to_string(), cost).await;
        let quota = taken.map_err(|error| Refusal::uncounted(&error))?;
        if quota.allowed { Ok(()) } else { Err(Refusal::limited(self.addresses.limit(), &quota)) }
    }

    fn tls(&self, sender: &Sender) -> Result<(), Refusal> {
        if self.tls_terminated && sender.in_clear { Err(Refusal::in_clear()) } else { Ok(()) }
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

/// What one client has of the network: an address, or the /64 that IPv6 gives to every line (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

/// Refuses a deployment that would be open to the network without credentials, or without TLS.
fn refuse_exposure(core: &Core) -> Result<(), Vec<Problem>> {
    if core.http.listen.ip().is_loopback() {
        return Ok(());
    }
    let refuse = |name: &str, text: &str| Err(vec![Problem::new(name, "configuration", text)]);
    // Credentials first: TLS without them would only hide who came in.
    if core.auth.mode.is_none_or(AuthMode::is_none) {
        return refuse(
            "MCP_AUTH",
            "an address beyond loopback needs credentials: set MCP_AUTH=oauth or api-key",
        );
    }
    if !core.http.tls_terminated && core.tls.identity.is_none() {
        return refuse(
            "MCP_TLS_TERMINATED",
            "an address beyond loopback needs TLS: put a proxy in front and set it to `true`, or set MCP_TLS_CERT \
             and MCP_TLS_KEY",
        );
    }
    Ok(())
}

fn resource(http: &HttpConfig, has_tls: bool) -> Result<Url, Vec<Problem>> {
    let scheme = if has_tls { "https" } else { "http" };
    let own = || format!("{scheme}://{}/mcp", http.listen);
    let text = http.public_url.clone().unwrap_or_else(own);
    text.parse().map_err(|error| {
        vec![Problem::new("MCP_PUBLIC_URL", "configuration", format!("is not a URL: {error}"))]
    })
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn an_ipv6_client_cannot_get_a_new_quota_by_a_new_address_of_its_line() {
        let key = |address: &str| network(address.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}

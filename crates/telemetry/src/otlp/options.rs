//! What the standard variables of OpenTelemetry say, parsed.

use std::{fmt, str::FromStr, time::Duration};

use http::Uri;
use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::{Sampler as SdkSampler, SamplingDecision, ShouldSample};

use crate::trace::TraceContext;

/// The longest list of headers or attributes, in bytes.
const MAX_LIST: usize = 8192;

/// Where and what to export.
#[derive(Clone)]
pub struct OtlpOptions {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: Endpoint,
    /// `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub protocol: Protocol,
    /// `OTEL_EXPORTER_OTLP_HEADERS`, unless the SDK reads them from the environment itself. They may hold secrets.
    pub headers: Attributes,
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`: the time for one batch.
    pub timeout: Duration,
    /// `OTEL_SERVICE_NAME`; the server's own name where there is none.
    pub service: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub resource: Attributes,
    /// `OTEL_TRACES_SAMPLER` with its argument.
    pub sampler: Sampler,
    /// `OTEL_TRACES_EXPORTER`.
    pub traces: Signal,
    /// `OTEL_METRICS_EXPORTER`.
    pub metrics: Signal,
    /// `OTEL_LOGS_EXPORTER`.
    pub logs: Signal,
}

impl fmt::Debug for OtlpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpOptions")
            .field("protocol", &self.protocol)
            .field("sampler", &self.sampler)
            .finish_non_exhaustive()
    }
}

/// The base address of a collector: `http` or `https`, without a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// Where a signal goes over HTTP: `traces`, `metrics`, `logs`.
    pub(super) fn of(&self, signal: &str) -> String {
        format!("{}/v1/{signal}", self.base())
    }

    /// Without the slash that may end it.
    pub(super) fn base(&self) -> String {
        self.0.to_string().trim_end_matches('/').to_owned()
    }

    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "expected an address like `http://collector:4318`, without a password or a query";
        let uri: Uri = text.trim().parse().map_err(|_| EXPECTED)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_bare = uri.authority().is_some_and(|it| !it.as_str().contains('@'));
        if is_http && is_bare && uri.query().is_none() { Ok(Self(uri)) } else { Err(EXPECTED) }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint")
    }
}

/// How records travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Protocol Buffers in HTTP requests.
    #[default]
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "http/protobuf" => Ok(Self::HttpProtobuf),
            "grpc" => Ok(Self::Grpc),
            _ => Err("expected `http/protobuf` or `grpc`"),
        }
    }
}

/// Whether a kind of record is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signal {
    /// To the collector.
    #[default]
    Otlp,
    /// Nowhere.
    None,
}

impl FromStr for Signal {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "otlp" => Ok(Self::Otlp),
            "none" => Ok(Self::None),
            _ => Err("expected `otlp` or `none`"),
        }
    }
}

/// `name=value` pairs separated by commas, values percent-encoded (W3C Baggage without properties).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(pub(super) Vec<(String, String)>);

impl FromStr for Attributes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected pairs like `name=value,other=value` of at most 8192 bytes in all, values percent-encoded";
        if text.len() > MAX_LIST {
            return Err(EXPECTED);
        }
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').ok_or(EXPECTED)?;
            let name = name.trim();
            let is_token = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
            let value = decoded(value.trim()).ok_or(EXPECTED)?;
            if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0'])
            {
                return Err(EXPECTED);
            }
            Ok((name.to_owned(), value))
        };
        pairs.map(pair).collect::<Result<_, _>>().map(Self)
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let mut value = [0];
                hex::decode_to_slice(digits, &mut value).ok()?;
                let [value] = value;
                value
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Which traces are exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// The caller's word counts where there is a caller who says one.
    asks_parent: bool,
    /// The share of the others, from 0 to 1.
    share: f64,
}

impl Sampler {
    /// The sampler of that standard name; `argument` is the share of the kinds that take one.
    ///
    /// # Errors
    /// When there is no such sampler, or the share is none from 0 to 1.
    pub fn named(name: &str, argument: Option<&str>) -> Result<Self, &'static str> {
        let share = || match argument.map(str::parse) {
            None => Ok(1.0),
            Some(Ok(share)) if (0.0..=1.0).contains(&share) => Ok(share),
            Some(_) => Err("expected a share from 0 to 1 in OTEL_TRACES_SAMPLER_ARG"),
        };
        let (asks_parent, kind) = match name.trim().strip_prefix("parentbased_") {
            Some(kind) => (true, kind),
            None => (false, name.trim()),
        };
        let share = match kind {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => share()?,
            _ => {
                return Err(
                    "expected `always_on`, `always_off` or `traceidratio`, alone or after `parentbased_`",
                );
            }
        };
        Ok(Self { asks_parent, share })
    }

    /// Whether the trace of an operation is exported.
    pub(super) fn samples(self, trace: &TraceContext) -> bool {
        if self.asks_parent && trace.parent_span_id.is_some() {
            return trace.sampled;
        }
        let id = TraceId::from_bytes(trace.trace_id.to_bytes());
        let kind = opentelemetry::trace::SpanKind::Server;
        let sampler = SdkSampler::TraceIdRatioBased(self.share);
        let decision = sampler.should_sample(None, id, "", &kind, &[], &[]).decision;
        decision == SamplingDecision::RecordAndSample
    }
}

impl Default for Sampler {
    /// `parentbased_always_on`.
    fn default() -> Self {
        Self { asks_parent: true, share: 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_pairs_whose_values_may_be_encoded_and_are_not_shown() {
        let list: Attributes = "authorization=Bearer%20hunter2, x-tenant = a ,".parse().unwrap();
        let expected = [("authorization", "Bearer hunter2"), ("x-tenant", "a")];
        assert_eq!(list.0, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(!format!("{list:?}").contains("hunter2"));
        for wrong in ["a", "=b", "a=%2", "a=%zz", "a=%0ab", "a b=c", &"a=b,".repeat(3000)] {
            assert!(wrong.parse::<Attributes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_is_an_address_without_secrets() {
        let endpoint: Endpoint = "http://collector:4318/otlp/".parse().unwrap();
        assert_eq!(endpoint.of("traces"), "http://collector:4318/otlp/v1/traces");
        for wrong in ["collector:4318", "ftp://c", "http://u:p@c", "http://c/?key=1", ""] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_caller_decides_where_the_sampler_asks_it() {
        let parent = |flags: &str| {
            let header = format!("00-{}-{}-{flags}", "1".repeat(32), "2".repeat(16));
            TraceContext::from_traceparent(Some(&header))
        };
        let default = Sampler::named("parentbased_always_on", None).unwrap();
        assert_eq!(default, Sampler::default());
        assert!(default.samples(&parent("01")) && !default.samples(&parent("00")));
        assert!(default.samples(&TraceContext::root()));
        assert!(Sampler::named("always_on", None).unwrap().samples(&parent("00")));
        assert!(!Sampler::named("always_off", None).unwrap().samples(&parent("01")));
        let tenth = Sampler::named("traceidratio", Some("0.1")).unwrap();
        let sampled = (0..2000).filter(|_| tenth.samples(&TraceContext::root())).count();
        assert!((100..320).contains(&sampled), "{sampled}");
        for (name, share) in
            [("xray", None), ("traceidratio", Some("2")), ("traceidratio", Some("x"))]
        {
            assert!(Sampler::named(name, share).is_err(), "{name} {share:?}");
        }
    }
}

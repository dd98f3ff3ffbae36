//! Exporters of the three kinds of records over either protocol, behind the SDK's bounded queues.

use std::{collections::HashMap, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use mcp_errors::{Error, Result};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
    tonic_types::{metadata::MetadataMap, transport::ClientTlsConfig},
};
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::SdkMeterProvider,
    resource::{ResourceDetector, TelemetryResourceDetector},
    trace::{BatchSpanProcessor, SpanProcessor},
};
use tokio::runtime::Handle;

use super::{Attributes, Collector, OtlpOptions, Pipeline, Protocol, SCOPE, Signal, logger};

/// Makes what exports; nothing is sent before there is something to send.
pub(super) fn pipeline(options: &OtlpOptions, collector: Arc<dyn Collector>) -> Result<Pipeline> {
    let resource = resource(options);
    let scope =
        InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
    let client: Arc<dyn HttpClient> = Arc::new(Client { collector, runtime: Handle::current() });
    let spans = match options.traces {
        Signal::Otlp => {
            let mut spans = BatchSpanProcessor::builder(spans(options, &client)?).build();
            spans.set_resource(&resource);
            Some(spans)
        }
        Signal::None => None,
    };
    let logs = match options.logs {
        Signal::Otlp => {
            let exporter = logs(options, &client)?;
            let provider = SdkLoggerProvider::builder().with_batch_exporter(exporter);
            let provider = provider.with_resource(resource.clone()).build();
            let logger = logger(&provider, &scope);
            Some((provider, logger))
        }
        Signal::None => None,
    };
    let metrics = match options.metrics {
        Signal::Otlp => {
            let exporter = metrics(options, &client)?;
            let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter);
            Some(provider.with_resource(resource).build())
        }
        Signal::None => None,
    };
    Ok(Pipeline { scope, sampler: options.sampler, spans, logs, metrics })
}

fn resource(options: &OtlpOptions) -> Resource {
    let sdk = TelemetryResourceDetector.detect();
    let sdk = sdk.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    let own = options.resource.0.iter();
    let own = own.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty().with_attributes(sdk).with_attributes(own).build()
}

/// The same builder calls for each exporter, whose builders share no trait that could be named.
macro_rules! exporter {
    ($exporter:ty, $signal:literal, $options:expr, $client:expr) => {{
        let OtlpOptions { endpoint, protocol, headers, timeout, .. } = $options;
        let built = match protocol {
            Protocol::HttpProtobuf => <$exporter>::builder()
                .with_http()
                .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
                .with_endpoint(endpoint.of($signal))
                .with_timeout(*timeout)
                .with_headers(fields(headers))
                .with_shared_http_client(Arc::clone($client))
                .build(),
            Protocol::Grpc => {
                let exporter = <$exporter>::builder()
                    .with_tonic()
                    .with_endpoint(endpoint.base())
                    .with_timeout(*timeout)
                    .with_metadata(metadata(headers)?);
                if endpoint.is_tls() {
                    exporter.with_tls_config(ClientTlsConfig::new().with_enabled_roots()).build()
                } else {
                    exporter.build()
                }
            }
        };
        // The cause may repeat the address.
        built.map_err(|cause| {
            Error::invalid("OTEL_EXPORTER_OTLP_ENDPOINT", "cannot be exported to")
                .with_source(cause)
        })
    }};
}

fn spans(options: &OtlpOptions, client: &Arc<dyn HttpClient>) -> Result<SpanExporter> {
    exporter!(SpanExporter, "traces", options, client)
}

fn logs(options: &OtlpOptions, client: &Arc<dyn HttpClient>) -> Result<LogExporter> {
    exporter!(LogExporter, "logs", options, client)
}

fn metrics(options: &OtlpOptions, client: &Arc<dyn HttpClient>) -> Result<MetricExporter> {
    exporter!(MetricExporter, "metrics", options, client)
}

fn fields(headers: &Attributes) -> HashMap<String, String> {
    headers.0.iter().cloned().collect()
}

fn metadata(headers: &Attributes) -> Result<MetadataMap> {
    let wrong = || Error::invalid("OTEL_EXPORTER_OTLP_HEADERS", "has a name or value that is none");
    let mut map = HeaderMap::new();
    for (name, value) in &headers.0 {
        let name = HeaderName::try_from(name.to_ascii_lowercase()).map_err(|_| wrong())?;
        map.append(name, HeaderValue::try_from(value).map_err(|_| wrong())?);
    }
    Ok(MetadataMap::from_headers(map))
}

/// The host's client, which needs its runtime; the SDK's threads have none.
struct Client {
    collector: Arc<dyn Collector>,
    runtime: Handle,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let collector = Arc::clone(&self.collector);
        let sent = self.runtime.spawn(async move { collector.send(request).await });
        Ok(sent.await??)
    }
}

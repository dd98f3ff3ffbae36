//! Where traces, metrics and logs are exported to, by OpenTelemetry's standard variables.

use std::{str::FromStr, time::Duration};

use mcp_telemetry::otlp::{Attributes, Endpoint, OtlpOptions, Protocol, Sampler, Signal};
use secrecy::ExposeSecret;

use super::Reader;

/// What is exported; `None` where no endpoint is set.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<OtlpOptions> {
    let endpoint: Option<Endpoint> = reader.optional(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "the base address of an OpenTelemetry collector, like `http://collector:4318`; nothing is exported when not set",
    );
    let protocol = reader.or::<Protocol>(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http/protobuf",
        "`http/protobuf`, or `grpc`",
    );
    let headers = headers(reader);
    let Milliseconds(timeout) = reader
        .or(
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "10000",
            "the time in milliseconds that one batch may take",
        )
        .or_stand_in(Milliseconds(Duration::from_secs(1)));
    let named: Option<String> = reader.optional(
        "OTEL_SERVICE_NAME",
        "what collectors call this server; its own name when not set",
    );
    let resource: Option<Attributes> = reader.optional(
        "OTEL_RESOURCE_ATTRIBUTES",
        "pairs that describe this deployment, like `deployment.environment.name=production`",
    );
    let sampler = sampler(reader);
    let mut signal = |variable, meaning| reader.or::<Signal>(variable, "otlp", meaning).value();
    let traces = signal("OTEL_TRACES_EXPORTER", "`otlp`, or `none`: no traces are exported");
    let metrics = signal("OTEL_METRICS_EXPORTER", "`otlp`, or `none`: no metrics are exported");
    let logs = signal("OTEL_LOGS_EXPORTER", "`otlp`, or `none`: no logs are exported");
    Some(OtlpOptions {
        endpoint: endpoint?,
        protocol: protocol.value(),
        headers,
        timeout,
        service: named,
        resource: resource.unwrap_or_default(),
        sampler,
        traces,
        metrics,
        logs,
    })
}

fn headers(reader: &mut Reader<'_>) -> Attributes {
    const VARIABLE: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    let secret = reader
        .secret(VARIABLE, "headers for the collector, like `authorization=Bearer%20…`, by commas");
    let Some(secret) = secret else { return Attributes::default() };
    let origin = reader.origin(VARIABLE);
    match secret.expose_secret().parse() {
        // The SDK reads that one itself, and would send each twice.
        Ok(_) if origin == "environment" => Attributes::default(),
        Ok(headers) => headers,
        Err(expected) => {
            let expected: &str = expected;
            reader.problem(VARIABLE, &origin, expected.to_owned());
            Attributes::default()
        }
    }
}

fn sampler(reader: &mut Reader<'_>) -> Sampler {
    const VARIABLE: &str = "OTEL_TRACES_SAMPLER";
    let meaning = "which traces are exported: `always_on`, `always_off` or `traceidratio`, alone or after `parentbased_`";
    let name: String = reader.or(VARIABLE, "parentbased_always_on", meaning).value();
    let meaning = "the share of traces from 0 to 1, for `traceidratio`";
    let share: Option<String> = reader.optional("OTEL_TRACES_SAMPLER_ARG", meaning);
    Sampler::named(&name, share.as_deref()).unwrap_or_else(|expected| {
        let origin = reader.origin(VARIABLE);
        reader.problem(VARIABLE, &origin, expected.to_owned());
        Sampler::default()
    })
}

/// A duration as OpenTelemetry writes it.
struct Milliseconds(Duration);

impl FromStr for Milliseconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        /// Beyond this nobody waits for a batch.
        const LONGEST: u64 = 60_000;
        let number: Option<u64> = text.trim().parse().ok();
        let in_bounds = number.filter(|number| (1..=LONGEST).contains(number));
        in_bounds
            .map(|number| Self(Duration::from_millis(number)))
            .ok_or("expected milliseconds from 1 to 60000")
    }
}

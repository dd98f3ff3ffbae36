//! A stand-in for an OpenTelemetry collector, which decodes what arrives over either protocol.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    logs::v1::LogRecord,
    metrics::v1::{Metric, metric::Data},
    trace::v1::Span,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// How long something may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has arrived so far.
#[derive(Debug, Default)]
pub struct Arrived {
    /// Spans of all batches.
    pub spans: Vec<Span>,
    /// Metrics of all batches; a later one has the newer sums.
    pub metrics: Vec<Metric>,
    /// Log records of all batches.
    pub logs: Vec<LogRecord>,
    /// The resource that the last batch was of.
    pub resource: Vec<KeyValue>,
    /// The `authorization` that each batch came with.
    pub credentials: Vec<Option<String>>,
}

/// A collector on a free port; ends with the test's runtime.
#[derive(Clone, Debug)]
pub struct Collector {
    address: SocketAddr,
    arrived: Arc<Mutex<Arrived>>,
}

impl Collector {
    /// Listens for Protocol Buffers over HTTP.
    pub async fn http() -> Self {
        let (collector, listener) = Self::bound().await;
        let router = Router::new()
            .route("/v1/traces", post(http_traces))
            .route("/v1/metrics", post(http_metrics))
            .route("/v1/logs", post(http_logs))
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        collector
    }

    /// Listens for gRPC.
    pub async fn grpc() -> Self {
        let (collector, listener) = Self::bound().await;
        let server = Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .add_service(MetricsServiceServer::new(collector.clone()))
            .add_service(LogsServiceServer::new(collector.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        collector
    }

    async fn bound() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        (Self { address, arrived: Arc::default() }, listener)
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived so far.
    pub fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what has arrived is as wanted.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Arrived) -> bool) {
        let started = tokio::time::Instant::now();
        while !wanted(&self.arrived()) {
            assert!(started.elapsed() < PATIENCE, "no {what} in {:#?}", self.arrived());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn take_spans(&self, batch: ExportTraceServiceRequest, credential: Option<String>) {
        let mut arrived = self.arrived();
        arrived.credentials.push(credential);
        for of_resource in batch.resource_spans {
            arrived.resource = of_resource.resource.unwrap_or_default().attributes;
            let spans = of_resource.scope_spans.into_iter().flat_map(|it| it.spans);
            arrived.spans.extend(spans);
        }
    }

    fn take_metrics(&self, batch: ExportMetricsServiceRequest, credential: Option<String>) {
        let mut arrived = self.arrived();
        arrived.credentials.push(credential);
        let scopes = batch.resource_metrics.into_iter().flat_map(|it| it.scope_metrics);
        arrived.metrics.extend(scopes.flat_map(|it| it.metrics));
    }

    fn take_logs(&self, batch: ExportLogsServiceRequest, credential: Option<String>) {
        let mut arrived = self.arrived();
        arrived.credentials.push(credential);
        let scopes = batch.resource_logs.into_iter().flat_map(|it| it.scope_logs);
        arrived.logs.extend(scopes.flat_map(|it| it.log_records));
    }
}

impl Arrived {
    /// The spans of that name.
    pub fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    /// The attributes of every point of a metric.
    pub fn points(&self, name: &str) -> Vec<Vec<(String, String)>> {
        let metrics = self.metrics.iter().filter(|metric| metric.name == name);
        metrics.filter_map(|metric| metric.data.as_ref()).flat_map(points).collect()
    }
}

fn points(data: &Data) -> Vec<Vec<(String, String)>> {
    match data {
        Data::Histogram(it) => it.data_points.iter().map(|it| attributes(&it.attributes)).collect(),
        Data::Sum(it) => it.data_points.iter().map(|it| attributes(&it.attributes)).collect(),
        Data::Gauge(it) => it.data_points.iter().map(|it| attributes(&it.attributes)).collect(),
        Data::ExponentialHistogram(_) | Data::Summary(_) => Vec::new(),
    }
}

/// Attributes as text, in their order.
pub fn attributes(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let pair = |it: &KeyValue| (it.key.clone(), it.value.as_ref().map(text).unwrap_or_default());
    attributes.iter().map(pair).collect()
}

/// A value as text.
pub fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::DoubleValue(number)) => number.to_string(),
        Some(Any::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    }
}

fn credential(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("authorization")?.to_str().ok()?.to_owned())
}

async fn http_traces(State(to): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    decoded(&body, |batch| to.take_spans(batch, credential(&headers)))
}

async fn http_metrics(State(to): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    decoded(&body, |batch| to.take_metrics(batch, credential(&headers)))
}

async fn http_logs(State(to): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    decoded(&body, |batch| to.take_logs(batch, credential(&headers)))
}

fn decoded<M: Message + Default>(body: &Bytes, take: impl FnOnce(M)) -> StatusCode {
    match M::decode(body.clone()) {
        Ok(batch) => {
            take(batch);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

fn grpc_credential<T>(request: &Request<T>) -> Option<String> {
    Some(request.metadata().get("authorization")?.to_str().ok()?.to_owned())
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let credential = grpc_credential(&request);
        self.take_spans(request.into_inner(), credential);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let credential = grpc_credential(&request);
        self.take_metrics(request.into_inner(), credential);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let credential = grpc_credential(&request);
        self.take_logs(request.into_inner(), credential);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

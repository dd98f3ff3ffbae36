//! `get_metrics`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    InternalData,
    models::{MetricType, Origin, Point, Summary, TimeRange},
};

/// Reads a series of measurements with its least, greatest and mean value; at most the last 1,000 points.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetMetrics {
    /// What is measured: requests served, milliseconds a request takes, or percent of checks that pass
    metric_type: MetricType,
    /// How far back
    #[serde(default)]
    time_range: TimeRange,
}

/// A series.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metrics {
    /// What is measured
    metric_type: MetricType,
    /// How far back
    time_range: TimeRange,
    /// Points in time, in the order of the source
    values: Vec<Point>,
    /// Over the whole series; null when it has no points
    summary: Option<Summary>,
    /// Present when earlier points were left out
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(flatten)]
    origin: Origin,
}

impl ToolOutput for Metrics {}

impl Tool for GetMetrics {
    type Server = InternalData;
    type Output = Metrics;

    const SPEC: ToolSpec = ToolSpec::read("get_metrics", "Get metrics")
        .scopes(&["mcp:metrics"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(30_000))
        .outside_text(&["internal-data"])
        .audited(&["metricType", "timeRange"]);

    async fn call(self, server: &InternalData, context: &CallContext) -> Result<Metrics> {
        let Self { metric_type, time_range } = self;
        let series = server.client.metrics(metric_type, time_range, context).await?;
        Ok(Metrics {
            metric_type,
            time_range,
            values: series.value.values.clone(),
            summary: series.value.summary,
            truncated: series.value.truncated,
            origin: Origin::new(server.client.is_sample(), Some(series.freshness)),
        })
    }
}

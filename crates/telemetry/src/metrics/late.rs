//! A gauge that is not shown before it is set, because what it tells of may not exist.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, gauge::Gauge},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Late(Arc<OnceLock<Gauge>>);

impl Late {
    /// Sets the gauge, and says whether it was set before.
    pub(super) fn set(&self, value: i64) -> bool {
        let was_set = self.0.get().is_some();
        self.0.get_or_init(Gauge::default).set(value);
        was_set
    }
}

impl EncodeMetric for Late {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.get().map_or(Ok(()), |gauge| gauge.encode(encoder))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }
}

//! What was found: a table for a person, `report.json` for programs, and every figure against its budget.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path, time::SystemTime};

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    load::{Sample, float},
    rounds::Outcome,
    stage::{Plan, Stage},
};

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Within 5 %: what got cheaper is written down as well, or it may become as dear again unseen.
    Near(f64),
}

/// Every budget: the figure's name, and its bound.
const BUDGETS: [(&str, Bound); 21] = [
    ("throughput_vs_rmcp_16", Bound::AtLeast(0.8)),
    ("throughput_vs_rmcp_64", Bound::AtLeast(0.8)),
    ("p99_vs_rmcp", Bound::AtMost(1.5)),
    ("instructions_vs_recorded", Bound::Near(1.0)),
    ("stdio_vs_rmcp", Bound::AtLeast(0.8)),
    ("stdio_vs_typescript_sdk", Bound::AtLeast(1.0)),
    ("principals_100000_vs_10", Bound::AtMost(1.2)),
    ("cold_start_ms", Bound::AtMost(50.0)),
    ("cold_start_over_bare_ms", Bound::AtMost(15.0)),
    ("idle_rss_mb", Bound::AtMost(15.0)),
    ("rss_after_load_mb", Bound::AtMost(25.0)),
    ("binary_mb", Bound::AtMost(20.0)),
    ("largest_binary_mb", Bound::AtMost(20.0)),
    ("cached_read_vs_echo", Bound::AtMost(1.2)),
    ("identical_misses_upstream_requests", Bound::AtMost(1.0)),
    ("upstream_50ms_256_connections_efficiency", Bound::AtLeast(0.9)),
    ("postgres_select1_p50_ms", Bound::AtMost(0.4)),
    ("postgres_1000x5_p50_ms", Bound::AtMost(2.0)),
    ("postgres_1000x5_vs_by_hand", Bound::AtMost(1.3)),
    ("guard_1kb_us", Bound::AtMost(50.0)),
    ("rmcp_vs_generator_ceiling", Bound::AtMost(0.9)),
];

/// Everything that was found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: BTreeMap<String, f64>,
    loads: Vec<Row>,
    skipped: Vec<String>,
    /// Processes that wanted a processor before anything was measured, for each there is.
    foreign_load: f64,
}

/// One subject under one load: medians of its rounds.
#[derive(Debug, Serialize)]
struct Row {
    load: String,
    subject: &'static str,
    connections: usize,
    per_second: f64,
    spread: f64,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    processor_us: f64,
    occupancy: f64,
    least_served: usize,
    most_served: usize,
}

impl Report {
    /// An empty report, made before anything of ours runs.
    pub(crate) fn new() -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().and_then(|it| it.parse::<f64>().ok());
        Self { foreign_load: load.unwrap_or_default() / float(processors()), ..Self::default() }
    }

    /// Keeps a figure under its name.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64) {
        // A ten-thousandth is finer than anything here is reproducible.
        self.figures.insert(name.into(), (value * 1e4).round() / 1e4);
    }

    /// Keeps what subjects did under one load.
    pub(crate) fn loads(&mut self, load: &str, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let last = outcome.samples.last().map(|sample| sample.served).unwrap_or_default();
            let row = Row {
                load: load.to_owned(),
                subject: outcome.name,
                connections: outcome.connections,
                per_second: outcome.median(Sample::rate).round(),
                spread: outcome.spread(),
                p50_us: outcome.median(|sample| sample.quantile_us(0.5)).round(),
                p99_us: outcome.median(|sample| sample.quantile_us(0.99)).round(),
                max_us: outcome.median(|sample| sample.quantile_us(1.0)).round(),
                processor_us: outcome.median(Sample::processor_us),
                occupancy: outcome.median(Sample::occupancy),
                least_served: last.0,
                most_served: last.1,
            };
            self.loads.push(row);
        }
    }

    /// Says why something was not measured.
    pub(crate) fn skip(&mut self, what: impl Into<String>) {
        self.skipped.push(what.into());
    }

    /// The figures that are not within their budget.
    pub(crate) fn misses(&self) -> Vec<&'static str> {
        let missed = |(name, bound): &(&'static str, Bound)| {
            let value = *self.figures.get(*name)?;
            (!bound.admits(value)).then_some(*name)
        };
        BUDGETS.iter().filter_map(missed).collect()
    }

    /// Every figure at the top level, the loads and the machine beside them.
    pub(crate) fn json(&self, stage: &Stage, plan: Plan) -> Value {
        let mut report = json!({
            "loads": self.loads,
            "skipped": self.skipped,
            "foreign_load_per_processor": self.foreign_load,
            "machine": machine(stage),
            "rounds": plan.rounds,
            "slice_seconds": plan.slice.as_secs_f64(),
        });
        if let Some(fields) = report.as_object_mut() {
            fields.extend(self.figures.iter().map(|(name, value)| (name.clone(), json!(value))));
        }
        report
    }

    pub(crate) fn write(&self, path: &Path, stage: &Stage, plan: Plan) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(path, format!("{:#}\n", self.json(stage, plan)))?)
    }

    /// Both tables.
    pub(crate) fn table(&self) -> Result<String> {
        let mut text = String::new();
        writeln!(
            text,
            "\n{:<26} {:<22} {:>5} {:>8} {:>7} {:>8} {:>8} {:>9} {:>7} {:>6}",
            "load",
            "subject",
            "conn",
            "per s",
            "spread",
            "p50 µs",
            "p99 µs",
            "max µs",
            "cpu µs",
            "occup"
        )?;
        for row in &self.loads {
            writeln!(
                text,
                "{:<26} {:<22} {:>5} {:>8} {:>6.0}% {:>8} {:>8} {:>9} {:>7.0} {:>6.2}",
                row.load,
                row.subject,
                row.connections,
                row.per_second,
                row.spread * 100.0,
                row.p50_us,
                row.p99_us,
                row.max_us,
                row.processor_us,
                row.occupancy
            )?;
        }
        writeln!(text, "\n{:<44} {:>10}   budget", "figure", "value")?;
        for (name, value) in &self.figures {
            let budget = BUDGETS.iter().find(|(budgeted, _)| budgeted == name);
            let verdict = budget.map(|(_, bound)| bound.verdict(*value)).unwrap_or_default();
            writeln!(text, "{name:<44} {value:>10.3}   {verdict}")?;
        }
        if self.foreign_load > 0.5 {
            writeln!(
                text,
                "the machine was busy before ({:.1} processes for each processor): of these, quote processor times, \
                 instructions and memory alone",
                self.foreign_load
            )?;
        }
        for skipped in &self.skipped {
            writeln!(text, "skipped: {skipped}")?;
        }
        Ok(text)
    }
}

impl Bound {
    fn admits(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::Near(recorded) => (value / recorded - 1.0).abs() <= 0.05,
        }
    }

    fn verdict(self, value: f64) -> String {
        let mark = if self.admits(value) { '✓' } else { '✗' };
        match self {
            Self::AtLeast(least) => format!("{mark} at least {least}"),
            Self::AtMost(most) => format!("{mark} at most {most}"),
            Self::Near(recorded) => format!("{mark} {recorded} ± 5 %"),
        }
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn machine(stage: &Stage) -> Value {
    let described = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = described.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map(|rest| rest.trim_start_matches(['\t', ' ', ':']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    json!({
        "cpu": model,
        "cores": processors(),
        "kernel": kernel.trim(),
        "rustc": stage.rustc,
        "measured_at": since.as_secs(),
    })
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn what_misses_its_budget_is_named() {
        let mut report = Report::default();
        report.figure("throughput_vs_rmcp_16", 0.9);
        report.figure("cold_start_ms", 51.0);
        report.figure("without_a_budget", 1e9);
        assert_eq!(report.misses(), ["cold_start_ms"]);
        let table = report.table().unwrap();
        assert!(table.contains("0.900   ✓ at least 0.8"), "{table}");
        assert!(table.contains("51.000   ✗ at most 50"), "{table}");
    }
}

//! Answers of an upstream: kept, asked for once by many, and fetched from a slow one.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::echo;
use crate::{
    client::Client,
    load::{self, Sample},
    process::{Process, Program},
    report::Report,
    request::{NUMBER, Question},
    rounds::{Load, Running, Subject, interleave},
    stage::{Plan, Stage},
};

const BERLIN: &str = "52.52,13.41";

/// How long the slow upstream takes.
const DELAY: Duration = Duration::from_millis(50);

/// A server whose upstream nobody is.
pub(super) fn footprint(stage: &Stage) -> Subject {
    let question = Question::new("search_locations", json!({ "query": "?" }), r#""isError":true"#);
    let program = stage.guarded("mcp-weather", "weather");
    Subject::http("weather", program, question.bearer(&stage.token))
}

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    cached_reads(stage, plan, report).await?;
    identical_misses(stage, report).await?;
    slow_upstream(stage, plan, report).await
}

async fn cached_reads(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let upstream = upstream(stage, Duration::ZERO)?;
    let mut weather = start(stage, &upstream, of_berlin(stage)).await?;
    let mut echo = echo::guarded(stage).start(stage).await?;
    let outcomes = interleave([&mut echo, &mut weather], 16, Load::Closed, plan).await?;
    report.loads("get_weather, kept", &outcomes);
    let [echo, weather] = &outcomes;
    let cost = weather.against(echo, Sample::processor_us);
    report.figure("cached_read_vs_echo", cost);
    report.figure("weather_cached_p50_ms", weather.median(|it| it.quantile_us(0.5)) / 1e3);
    Ok(())
}

async fn identical_misses(stage: &Stage, report: &mut Report) -> Result<()> {
    let upstream = upstream(stage, DELAY)?;
    // It is asked for another place first, so that connections are open when it counts.
    let elsewhere = Question::new("get_weather", json!({ "location": "48.14,11.58" }), "forecast");
    let mut weather = start(stage, &upstream, elsewhere.bearer(&stage.token)).await?;
    let before = forecasts(&upstream).await?;
    weather.ask(of_berlin(stage));
    let mut clients: Vec<Client> = weather.connect(1_000).await?;
    load::once(&mut clients).await?;
    let asked = forecasts(&upstream).await? - before;
    report.figure("identical_misses_upstream_requests", asked);
    Ok(())
}

async fn slow_upstream(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    const CONNECTIONS: usize = 256;
    let upstream = upstream(stage, DELAY)?;
    // Every name is new, so that each call has to ask where it is.
    let place = format!("Berlin {NUMBER}");
    let question = Question::new("get_weather", json!({ "location": place }), "forecast");
    let mut weather = start(stage, &upstream, question.bearer(&stage.token)).await?;
    // What the delay permits: the upstream itself is called, with nothing before it.
    let alone = Question::new("get_weather", json!({ "location": NUMBER }), "forecast");
    let mut alone = Subject::http("upstream alone", late(stage, DELAY), alone).start(stage).await?;
    let outcomes = interleave([&mut alone, &mut weather], CONNECTIONS, Load::Closed, plan).await?;
    report.loads("get_weather, 50 ms upstream", &outcomes);
    let [alone, weather] = &outcomes;
    let efficiency = weather.against(alone, Sample::rate);
    report.figure("upstream_50ms_256_connections_efficiency", efficiency);
    Ok(())
}

fn of_berlin(stage: &Stage) -> Question {
    let question = Question::new("get_weather", json!({ "location": BERLIN }), r#""forecast":[{"#);
    question.bearer(&stage.token)
}

async fn start(stage: &Stage, upstream: &Process, question: Question) -> Result<Running> {
    /// The pace that is kept towards a real upstream would be all that is measured.
    const LIMITS: &str = "[upstream.geocoding]\nmax_concurrency = 1000\n\
                          [upstream.forecast]\nmax_concurrency = 1000\n";
    let limits = stage.folder.join("upstream.toml");
    fs::write(&limits, LIMITS)?;
    let base = format!("http://{}", upstream.address);
    let program = stage.guarded("mcp-weather", &format!("weather-{}", upstream.address.port()));
    let program = program
        .env("MCP_CONFIG", limits.display().to_string())
        .env("WEATHER_API_URL", &base)
        .env("GEOCODING_API_URL", &base);
    Subject::http("weather", program, question).start(stage).await
}

/// The upstream that takes so long.
fn late(stage: &Stage, delay: Duration) -> Program {
    stage.bare("bench-upstream").arg("--delay-ms").arg(delay.as_millis().to_string())
}

fn upstream(stage: &Stage, delay: Duration) -> Result<Process> {
    let process = late(stage, delay).http(&stage.log("upstream"))?;
    process.wait_for_port()?;
    Ok(process)
}

/// How many forecasts the upstream was asked for.
async fn forecasts(upstream: &Process) -> Result<f64> {
    let mut stream = tokio::net::TcpStream::connect(upstream.address).await?;
    stream.write_all(b"GET /forecasts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let (_, count) = response.rsplit_once("\r\n\r\n").context("an answer with a body")?;
    Ok(count.parse::<u32>()?.into())
}

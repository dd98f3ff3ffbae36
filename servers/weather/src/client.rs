//! The only module that asks anybody: Open-Meteo, wttr.in after it, and what is kept of their answers.

use std::{sync::Arc, time::Duration};

use mcp_chassis::{
    Cache, CacheConfig, CacheKey, Cached, CallContext, Check, Error, ErrorKind, Freshness, Result,
    StartError, Upstream, UpstreamConfig,
};

use crate::{
    Config,
    location::{Coordinates, Location, PlaceName},
    models::{Air, Day, Hour, Place, Report, Source, Units},
    tools::Period,
    wire::{open_meteo, wttr},
};

const AGENT: &str = concat!("mcp-weather/", env!("CARGO_PKG_VERSION"));

/// How many places are looked at to tell which one a name means.
const CANDIDATES: u32 = 10;
/// Places do not move.
const PLACES_FRESH: Duration = Duration::from_hours(24);
/// How long the last answer stands in for an upstream that fails.
const STALE: Duration = Duration::from_hours(24);
/// How long a probe of an upstream may take.
const PROBE: Duration = Duration::from_secs(2);
/// The most that all answers of one kind take, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The upstreams, and what is kept of their answers: for everybody, since weather is public.
#[derive(Debug)]
pub(crate) struct Client {
    forecast: Upstream,
    geocoding: Upstream,
    air_quality: Upstream,
    archive: Upstream,
    fallback: Option<Upstream>,
    places: Cache<Vec<Place>>,
    reports: Cache<Report>,
    air: Cache<Air>,
    days: Cache<Vec<Day>>,
}

/// How much of the weather is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) days: u32,
    pub(crate) detail: Detail,
    pub(crate) units: Units,
}

/// What is asked for beside the weather of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Days without precipitation.
    Brief,
    /// Days.
    Daily,
    /// Days and hours.
    Hourly,
}

/// The place that a location means.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// As it is told.
    pub(crate) label: String,
    /// Less populous places that the name may mean, too.
    pub(crate) candidates: Vec<Place>,
    at: Coordinates,
}

/// An answer about a place.
#[derive(Debug)]
pub(crate) struct Answer<V> {
    pub(crate) location: String,
    pub(crate) candidates: Vec<Place>,
    pub(crate) value: Arc<V>,
    pub(crate) freshness: Freshness,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Self, StartError> {
        let upstream = |source: Source, config: &UpstreamConfig| {
            Upstream::new(source.service(), AGENT, config)
                .map_err(|error| StartError::Config(error.to_string()))
        };
        let open_meteo = |config| upstream(Source::OpenMeteo, config);
        let fallback = config.fallback.as_ref().map(|config| upstream(Source::Wttr, config));
        let kept = |fresh| CacheConfig { fresh, stale: STALE, max_bytes: MAX_BYTES };
        Ok(Self {
            forecast: open_meteo(&config.forecast)?,
            geocoding: open_meteo(&config.geocoding)?,
            air_quality: open_meteo(&config.air_quality)?,
            archive: open_meteo(&config.archive)?,
            fallback: fallback.transpose()?,
            places: Cache::new(kept(PLACES_FRESH), |places| places.iter().map(Place::weight).sum()),
            reports: Cache::new(kept(config.fresh), |report| {
                let (days, hours) = (report.days.len(), report.hours.len());
                size_of_val(report) + days * size_of::<Day>() + hours * 2 * size_of::<Hour>()
            }),
            air: Cache::new(kept(config.fresh), |air| size_of_val(air) + air.time.len()),
            days: Cache::new(kept(config.fresh), |days| size_of_val(days.as_slice())),
        })
    }

    /// What `doctor` tells of the upstreams: each is asked the smallest question that it has an answer to.
    pub(crate) async fn diagnose(&self) -> Vec<Check> {
        let at = [("latitude", "52.52"), ("longitude", "13.41")];
        let day = [("start_date", "2024-01-01"), ("end_date", "2024-01-01")];
        let past: Vec<_> = at.into_iter().chain(day).collect();
        let questions = [
            (
                "geocoding",
                &self.geocoding,
                "search",
                [("name", "Berlin"), ("count", "1")].as_slice(),
            ),
            ("forecast", &self.forecast, "forecast", at.as_slice()),
            ("air-quality", &self.air_quality, "air-quality", at.as_slice()),
            ("archive", &self.archive, "archive", past.as_slice()),
        ];
        let mut checks = Vec::new();
        for (name, api, path, query) in questions {
            let asked = async {
                let answer: Result<serde_json::Value> =
                    api.get_json(&["v1", path], query, PROBE).await;
                answer.map(drop)
            };
            checks.push(Check::run(name, asked).await);
        }
        checks
    }

    /// The places that a name may mean.
    pub(crate) async fn search(
        &self,
        name: &PlaceName,
        limit: u32,
        context: &CallContext,
    ) -> Result<Cached<Vec<Place>>> {
        let count = limit.to_string();
        let key = CacheKey::public(&["places", &name.folded(), &count]);
        let query =
            [("name", name.as_str()), ("count", &count), ("language", "en"), ("format", "json")];
        let fetch = self.geocoding.get_json(&["v1", "search"], &query, share(context, 40));
        self.places
            .get(key, async { fetch.await.map(|found: open_meteo::Search| found.into()) })
            .await
    }

    /// The weather of a place, from wttr.in where Open-Meteo fails.
    pub(crate) async fn report(
        &self,
        location: &Location,
        extent: Extent,
        context: &CallContext,
    ) -> Result<Answer<Report>> {
        match self.locate(location, context).await {
            Ok(found) => {
                let key = key("report", found.at, &extent.key());
                let fetch = self.fetch_report(found.at, extent, context);
                Ok(found.answered(self.reports.get(key, fetch).await?, context))
            }
            Err(error) => self.report_by_name(location, extent, context, error).await,
        }
    }

    /// The weather by name, of the one upstream that knows names by itself, while the geocoding fails.
    async fn report_by_name(
        &self,
        location: &Location,
        extent: Extent,
        context: &CallContext,
        error: Error,
    ) -> Result<Answer<Report>> {
        let Location::Named(name) = location else { return Err(error) };
        let key =
            CacheKey::public(&[b"by name".as_slice(), name.folded().as_bytes(), &extent.key()]);
        let fetch = self.stand_in(name.as_str(), extent, context, error);
        let cached = self.reports.get(key, fetch).await?;
        context.cached(cached.freshness);
        let Cached { value, freshness } = cached;
        let location = name.as_str().to_owned();
        Ok(Answer { location, candidates: Vec::new(), value, freshness })
    }

    async fn fetch_report(
        &self,
        at: Coordinates,
        extent: Extent,
        context: &CallContext,
    ) -> Result<Report> {
        match self.forecast(at, extent, share(context, 60)).await {
            Err(error) => self.stand_in(&at.to_string(), extent, context, error).await,
            report => report,
        }
    }

    async fn forecast(&self, at: Coordinates, extent: Extent, within: Duration) -> Result<Report> {
        const HOURLY: &str = "temperature_2m,weather_code,precipitation_probability";
        let ((latitude, longitude), days) = (at.to_query(), extent.days.to_string());
        let mut query = vec![
            ("latitude", latitude.as_str()),
            ("longitude", &longitude),
            ("current", "temperature_2m,relative_humidity_2m,weather_code,wind_speed_10m"),
            ("daily", extent.detail.daily()),
            ("temperature_unit", extent.units.as_str()),
            ("timezone", "auto"),
            ("forecast_days", &days),
        ];
        if extent.detail == Detail::Hourly {
            query.push(("hourly", HOURLY));
        }
        let path = ["v1", "forecast"];
        let forecast: open_meteo::Forecast = self.forecast.get_json(&path, &query, within).await?;
        let mut report = forecast.into_report().ok_or_else(unreadable)?;
        report.days.truncate(usize::try_from(extent.days).unwrap_or(usize::MAX));
        Ok(report)
    }

    /// The fallback's report, or else the primary's `error`, which is what counts then.
    async fn stand_in(
        &self,
        place: &str,
        extent: Extent,
        context: &CallContext,
        error: Error,
    ) -> Result<Report> {
        let Some(fallback) = self.fallback.as_ref().filter(|_| error.kind().retryable()) else {
            return Err(error);
        };
        let query = [("format", "j1")];
        let weather =
            fallback.get_json::<wttr::Weather>(&[place], &query, share(context, 80)).await;
        let days = usize::try_from(extent.days).unwrap_or(usize::MAX);
        let report = weather.map(|weather| weather.into_report(extent.units, days));
        match report {
            Ok(Some(report)) => {
                tracing::warn!(code = error.kind().code(), "wttr.in stands in: {error}");
                Ok(report)
            }
            Ok(None) => Err(error),
            Err(second) => {
                tracing::warn!(code = second.kind().code(), "the fallback fails too: {second}");
                Err(error)
            }
        }
    }

    /// What is in the air of a place.
    pub(crate) async fn air(
        &self,
        location: &Location,
        context: &CallContext,
    ) -> Result<Answer<Air>> {
        const CURRENT: &str = "european_aqi,us_aqi,pm10,pm2_5,carbon_monoxide,nitrogen_dioxide,\
                               sulphur_dioxide,ozone";
        let found = self.locate(location, context).await?;
        let (latitude, longitude) = found.at.to_query();
        let fetch = async {
            let query = [
                ("latitude", latitude.as_str()),
                ("longitude", &longitude),
                ("current", CURRENT),
                ("timezone", "auto"),
            ];
            let air = self.air_quality.get_json(&["v1", "air-quality"], &query, share(context, 80));
            let air: open_meteo::AirQuality = air.await?;
            air.into_air().ok_or_else(unreadable)
        };
        let cached = self.air.get(key("air", found.at, b""), fetch).await?;
        Ok(found.answered(cached, context))
    }

    /// The weather of past days.
    pub(crate) async fn history(
        &self,
        location: &Location,
        period: Period,
        units: Units,
        context: &CallContext,
    ) -> Result<Answer<Vec<Day>>> {
        const DAILY: &str = "weather_code,temperature_2m_max,temperature_2m_min,temperature_2m_mean,\
                             precipitation_sum";
        let found = self.locate(location, context).await?;
        let (latitude, longitude) = found.at.to_query();
        let (start, end) = (period.start().to_string(), period.end().to_string());
        let asked = format!("{start} {end} {}", units.as_str());
        let fetch = async {
            let query = [
                ("latitude", latitude.as_str()),
                ("longitude", &longitude),
                ("start_date", &start),
                ("end_date", &end),
                ("daily", DAILY),
                ("temperature_unit", units.as_str()),
                ("timezone", "auto"),
            ];
            let archive = self.archive.get_json(&["v1", "archive"], &query, share(context, 80));
            let archive: open_meteo::Forecast = archive.await?;
            archive.into_days().ok_or_else(unreadable)
        };
        let cached = self.days.get(key("days", found.at, asked.as_bytes()), fetch).await?;
        Ok(found.answered(cached, context))
    }

    /// The place that a location means: of several, the most populous.
    async fn locate(&self, location: &Location, context: &CallContext) -> Result<Found> {
        let name = match location {
            Location::At(at) => {
                return Ok(Found { label: at.to_string(), candidates: Vec::new(), at: *at });
            }
            Location::Named(name) => name,
        };
        let places = self.search(name, CANDIDATES, context).await?.value;
        most_populous(&places).ok_or_else(|| {
            Error::not_found("no place has this name, check its spelling with `search_locations`")
        })
    }
}

impl Extent {
    fn key(self) -> Vec<u8> {
        let Self { days, detail, units } = self;
        [days.to_le_bytes().as_slice(), &[detail as u8, units as u8]].concat()
    }
}

impl Detail {
    fn daily(self) -> &'static str {
        match self {
            Self::Brief => "weather_code,temperature_2m_max,temperature_2m_min",
            Self::Daily | Self::Hourly => {
                "weather_code,temperature_2m_max,temperature_2m_min,precipitation_sum,\
                 precipitation_probability_max"
            }
        }
    }
}

impl Found {
    fn answered<V>(self, cached: Cached<V>, context: &CallContext) -> Answer<V> {
        context.cached(cached.freshness);
        let Cached { value, freshness } = cached;
        Answer { location: self.label, candidates: self.candidates, value, freshness }
    }
}

/// The most populous place, with the others as candidates.
fn most_populous(places: &[Place]) -> Option<Found> {
    // The first of equals: the search puts the likelier one ahead.
    let chosen = places.iter().rev().max_by_key(|place| place.population.unwrap_or_default())?;
    let other = |place: &&Place| !std::ptr::eq(*place, chosen);
    Some(Found {
        label: chosen.label(),
        candidates: places.iter().filter(other).cloned().collect(),
        at: chosen.coordinates()?,
    })
}

/// Of the time that the call has left, so much for one step; the rest is for what comes after it.
fn share(context: &CallContext, percent: u32) -> Duration {
    context.remaining() * percent / 100
}

fn key(kind: &str, at: Coordinates, asked: &[u8]) -> CacheKey {
    CacheKey::public(&[kind.as_bytes(), &at.cell(), asked])
}

fn unreadable() -> Error {
    let service = Source::OpenMeteo.service();
    let kind = ErrorKind::Upstream { service: service.into(), status: None };
    Error::new(kind, format!("{service} answered something that cannot be read"))
}

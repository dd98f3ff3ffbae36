//! What the internal API sends, read leniently: what is missing is missing, what is unknown is passed over.

use mcp_chassis::JsonObject;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    models::{Point, Profile, Series, ShownProfile, Summary, Timestamp},
    redaction::{Hidden, redact},
};

/// The longest series that is told: of a longer one the end.
const MAX_POINTS: usize = 1_000;

/// `/api/v1/users/{id}` as `hidden` leaves it; `None` when there is no id, and so no user.
pub(crate) fn profile(mut user: JsonObject, hidden: &[Hidden]) -> Option<ShownProfile> {
    const FIELDS: [&str; 5] = ["id", "name", "email", "department", "createdAt"];
    user.retain(|name, _| FIELDS.contains(&name.as_str()));
    let mut users = [user];
    let redacted = redact(&mut users, hidden);
    let [user] = users;
    let profile = Profile {
        id: text(&user, "id")?,
        name: text(&user, "name"),
        email: text(&user, "email"),
        department: text(&user, "department"),
        created_at: text(&user, "createdAt"),
    };
    Some(ShownProfile { profile, redacted })
}

fn text(user: &JsonObject, field: &str) -> Option<String> {
    match user.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `/api/v1/metrics/{type}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Metrics {
    values: Vec<Measured>,
    #[serde(default)]
    summary: Told,
}

#[derive(Debug, Deserialize)]
struct Measured {
    timestamp: Timestamp,
    /// Null where nothing was measured.
    value: Option<f64>,
}

impl Metrics {
    /// A series without a summary.
    pub(crate) fn of(points: impl Iterator<Item = (String, f64)>) -> Self {
        let measured =
            |(time, value)| Measured { timestamp: Timestamp::Text(time), value: Some(value) };
        Self { values: points.map(measured).collect(), summary: Told::default() }
    }
}

/// Three numbers, each of which may be missing.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    min: Option<f64>,
    max: Option<f64>,
    avg: Option<f64>,
}

impl From<Metrics> for Series {
    fn from(Metrics { values, summary: told }: Metrics) -> Self {
        let point = |it: Measured| Some(Point { timestamp: it.timestamp, value: it.value? });
        let mut values: Vec<_> = values.into_iter().filter_map(point).collect();
        let summary = summary(&values).map(|own| Summary {
            min: told.min.unwrap_or(own.min),
            max: told.max.unwrap_or(own.max),
            avg: told.avg.unwrap_or(own.avg),
        });
        let surplus = values.len().saturating_sub(MAX_POINTS);
        values.drain(..surplus);
        Self { values, summary, truncated: surplus > 0 }
    }
}

fn summary(points: &[Point]) -> Option<Summary> {
    let values = || points.iter().map(|point| point.value);
    let (min, max) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    // A count is exact as a float; a sum beyond all floats is still a mean within the bounds.
    let count = u32::try_from(points.len()).ok()?;
    let avg = (values().sum::<f64>() / f64::from(count)).clamp(min, max);
    Some(Summary { min, max, avg })
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn series(document: Value) -> Series {
        from_value::<Metrics>(document).unwrap().into()
    }

    #[test]
    fn a_missing_summary_is_computed_and_a_told_one_kept() {
        let values = json!([
            { "timestamp": "t1", "value": 2 }, { "timestamp": 7, "value": 4.0, "unit": "ms" },
            { "timestamp": "t3", "value": null }, { "timestamp": "t4", "value": -3 },
        ]);
        let found = series(json!({ "values": values }));
        assert_eq!(found.summary, Some(Summary { min: -3.0, max: 4.0, avg: 1.0 }));
        assert_eq!(found.values.len(), 3);
        let found = series(json!({ "values": values, "summary": { "avg": 1.5, "min": null } }));
        assert_eq!(found.summary, Some(Summary { min: -3.0, max: 4.0, avg: 1.5 }));
        assert_eq!(series(json!({ "values": [] })).summary, None);
    }

    #[test]
    fn sums_beyond_all_numbers_still_have_a_mean() {
        let values =
            json!([{ "timestamp": 1, "value": 1.7e308 }, { "timestamp": 2, "value": 1.7e308 }]);
        let most = Summary { min: 1.7e308, max: 1.7e308, avg: 1.7e308 };
        assert_eq!(series(json!({ "values": values })).summary, Some(most));
    }

    #[test]
    fn of_a_long_series_the_end_is_told_and_the_whole_counted() {
        let point = |number: usize| json!({ "timestamp": number, "value": number });
        let values: Vec<_> = (0..MAX_POINTS + 5).map(point).collect();
        let found = series(json!({ "values": values }));
        assert_eq!((found.values.len(), found.truncated), (MAX_POINTS, true));
        assert_eq!((found.values[0].value, found.summary.unwrap().min), (5.0, 0.0));
    }

    #[test]
    fn a_profile_is_what_we_know_of_and_nothing_else() {
        let user =
            json!({ "id": 7, "name": "Ada", "email": "a@b.example", "ssn": "1", "salary": 5 });
        let user: JsonObject = from_value(user).unwrap();
        let hidden = |field: &str| Hidden { field: field.into(), scope: "hr:read".into() };
        let shown = profile(user.clone(), &[hidden("email"), hidden("salary")]).unwrap();
        assert_eq!((shown.profile.id.as_str(), shown.redacted), ("7", vec![hidden("email")]));
        assert_eq!(shown.profile.email.as_deref(), Some("[redacted]"));
        assert!(profile(JsonObject::new(), &[]).is_none());
    }
}

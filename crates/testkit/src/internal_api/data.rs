//! The records of the internal API: made when they are asked for, and always the same.

use serde_json::{Value, json};

/// How many users there are.
pub const USERS: usize = 99_975;
/// How many projects there are; together they are 100,000 records.
pub const PROJECTS: usize = 25;

const DEPARTMENTS: [&str; 5] = ["Engineering", "Sales", "Finance", "Support", "People"];
const STATUSES: [&str; 4] = ["planned", "active", "paused", "done"];

/// The records of a collection that match, from the offset on; `None` for a collection that there is not.
pub(super) fn records(
    collection: &str,
    filter: Option<(&str, &str)>,
    offset: usize,
) -> Option<impl Iterator<Item = Value>> {
    let (count, record): (usize, fn(usize) -> Value) = match collection {
        "users" => (USERS, user_at),
        "projects" => (PROJECTS, project_at),
        _ => return None,
    };
    let wanted = filter.map(|(field, value)| (field.to_owned(), value.to_owned()));
    let matches = move |record: &Value| {
        wanted.as_ref().is_none_or(|(field, value)| as_text(&record[field]) == *value)
    };
    // Without a filter a page far behind costs no more than the first.
    let (first, skipped) = if filter.is_none() { (offset, 0) } else { (0, offset) };
    Some((first..count).map(record).filter(matches).skip(skipped))
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The user of that id.
pub(super) fn user(id: &str) -> Option<Value> {
    let number: usize = id.strip_prefix("u-")?.parse().ok()?;
    (1..=USERS).contains(&number).then(|| user_at(number - 1))
}

fn user_at(index: usize) -> Value {
    let number = index + 1;
    json!({
        "id": format!("u-{number}"),
        "name": format!("User {number}"),
        "email": format!("user{number}@example.com"),
        "department": DEPARTMENTS[index % DEPARTMENTS.len()],
        "status": if index % 7 == 3 { "inactive" } else { "active" },
        "salary": 40_000 + index % 61 * 900,
        "manager": { "id": format!("u-{}", index / 10 + 1), "salary": 90_000 },
        "createdAt": format!("2024-{:02}-{:02}T08:00:00Z", index % 12 + 1, index % 28 + 1),
    })
}

fn project_at(index: usize) -> Value {
    let number = index + 1;
    json!({
        "id": format!("pr-{number}"),
        "name": format!("Project {number}"),
        "ownerId": format!("u-{}", index * 7 + 1),
        "department": DEPARTMENTS[index % DEPARTMENTS.len()],
        "status": STATUSES[index % STATUSES.len()],
        "budget": 20_000 + index * 7_500,
        "startedAt": format!("2025-{:02}-01T08:00:00Z", index % 12 + 1),
    })
}

/// A series of the metric; `None` for a metric that there is not. Of `usage` alone the summary is told.
pub(super) fn metrics(metric: &str, range: &str) -> Option<Value> {
    let base = match metric {
        "usage" => 100,
        "performance" => 20,
        "health" => 99,
        _ => return None,
    };
    let points = match range {
        "1h" => 12,
        "24h" => 24,
        "7d" => 28,
        _ => 30,
    };
    let value = |number: usize| base + number * 5 % 7;
    let point =
        |number| json!({ "timestamp": 1_769_817_600 + number * 300, "value": value(number) });
    let values: Vec<_> = (0..points).map(point).collect();
    let mut series = json!({ "metricType": metric, "timeRange": range, "values": values });
    if metric == "usage" {
        series["summary"] = json!({ "min": base, "max": base + 6, "avg": base + 3 });
    }
    Some(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(collection: &str, filter: Option<(&str, &str)>, offset: usize) -> Vec<Value> {
        records(collection, filter, offset).unwrap().take(2).map(|it| it["id"].clone()).collect()
    }

    #[test]
    fn there_are_a_hundred_thousand_records() {
        assert_eq!(USERS + PROJECTS, 100_000);
        assert_eq!(ids("users", None, USERS - 1), ["u-99975"]);
        assert_eq!(ids("projects", None, PROJECTS), [""; 0]);
        assert!(records("secrets", None, 0).is_none());
    }

    #[test]
    fn a_page_of_a_filter_follows_the_one_before_it() {
        let finance = Some(("department", "Finance"));
        assert_eq!(ids("projects", finance, 0), ["pr-3", "pr-8"]);
        assert_eq!(ids("projects", finance, 2), ["pr-13", "pr-18"]);
        assert_eq!(ids("users", Some(("id", "u-90000")), 0), ["u-90000"]);
    }
}

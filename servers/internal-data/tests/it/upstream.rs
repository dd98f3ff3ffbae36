//! The internal API that a test stands on: recorded answers, or a real one. Both say the same.

use std::{path::PathBuf, time::Duration};

use mcp_testkit::{InternalApi, internal_api::Canned};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// wiremock with the shapes in `fixtures/internal-data`.
    Recorded,
    /// axum with 100,000 records.
    Real,
}

/// Every kind: a test that is about the internal API runs before each.
pub(crate) const KINDS: [Kind; 2] = [Kind::Recorded, Kind::Real];

pub(crate) enum Api {
    Recorded(MockServer),
    Real(InternalApi),
}

impl Api {
    pub(crate) async fn start(kind: Kind) -> Self {
        let api = match kind {
            Kind::Recorded => Self::Recorded(MockServer::start().await),
            Kind::Real => Self::Real(InternalApi::start().await),
        };
        api.recover().await;
        api
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Recorded(server) => server.uri(),
            Self::Real(api) => api.url().to_owned(),
        }
    }

    /// How many requests it has seen.
    pub(crate) async fn requests(&self) -> usize {
        self.asked().await.len()
    }

    /// The requests that it has seen, each as path and query.
    pub(crate) async fn asked(&self) -> Vec<String> {
        match self {
            Self::Real(api) => api.requests(),
            Self::Recorded(server) => {
                let requests = server.received_requests().await.unwrap();
                let place = |it: &Request| match it.url.query() {
                    Some(query) => format!("{}?{query}", it.url.path()),
                    None => it.url.path().to_owned(),
                };
                requests.iter().map(place).collect()
            }
        }
    }

    /// Answers everything with that from here on.
    pub(crate) async fn answer_with(&self, canned: Canned) {
        match self {
            Self::Real(api) => api.answer_with(Some(canned)),
            Self::Recorded(server) => {
                let template = ResponseTemplate::new(canned.status).set_body_bytes(canned.body);
                let template =
                    canned.headers.into_iter().fold(template, |template, (name, value)| {
                        template.insert_header(name, value.as_str())
                    });
                Mock::given(any()).respond_with(template).with_priority(1).mount(server).await;
            }
        }
    }

    /// Answers everything so much later from here on.
    pub(crate) async fn slow_down(&self, delay: Duration) {
        match self {
            Self::Real(api) => api.slow_down(delay),
            Self::Recorded(server) => {
                let slow = move |request: &Request| recorded(request).set_delay(delay);
                Mock::given(any()).respond_with(slow).with_priority(1).mount(server).await;
            }
        }
    }

    /// Answers with data again.
    pub(crate) async fn recover(&self) {
        match self {
            Self::Real(api) => {
                api.answer_with(None);
                api.slow_down(Duration::ZERO);
            }
            Self::Recorded(server) => {
                // The requests so far are forgotten, too.
                server.reset().await;
                Mock::given(any()).respond_with(recorded).mount(server).await;
            }
        }
    }
}

/// An answer that is a failure of the API.
pub(crate) fn status(status: u16) -> Canned {
    Canned { status, headers: Vec::new(), body: b"hunter2".to_vec() }
}

/// An answer that is a body of our choosing.
pub(crate) fn body(body: impl Into<Vec<u8>>) -> Canned {
    Canned { status: 200, headers: Vec::new(), body: body.into() }
}

/// What was recorded of the real API: pages are cut, filters applied, tags compared as it does.
fn recorded(request: &Request) -> ResponseTemplate {
    let path: Vec<_> = request.url.path().split('/').skip(3).collect();
    let asked = |name: &str| {
        request
            .url
            .query_pairs()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    };
    let number = |name: &str| asked(name).and_then(|text| text.parse::<usize>().ok());
    let document = match path.as_slice() {
        ["users", id] => {
            fixture("users").as_array().unwrap().iter().find(|it| it["id"] == *id).cloned()
        }
        ["metrics", metric] => {
            let range = asked("range").unwrap_or_default();
            recordings().get(format!("metrics_{metric}_{range}").as_str()).cloned()
        }
        [collection @ ("users" | "projects")] => {
            let is_wanted = |record: &&Value| match (asked("field"), asked("value")) {
                (Some(field), Some(value)) => record[field] == value,
                _ => true,
            };
            let records = fixture(collection);
            let records = records.as_array().unwrap().iter().filter(is_wanted);
            let page = records.skip(number("offset").unwrap_or(0)).take(number("limit").unwrap());
            Some(page.cloned().collect())
        }
        _ => None,
    };
    let Some(document) = document else { return ResponseTemplate::new(404) };
    let tag = format!("\"{}\"", document.to_string().len());
    if request.headers.get("if-none-match").is_some_and(|it| *it == tag) {
        return ResponseTemplate::new(304);
    }
    ResponseTemplate::new(200).insert_header("etag", tag.as_str()).set_body_json(document)
}

/// The recorded series, by metric and range.
fn recordings() -> Value {
    let named = ["metrics_usage_24h", "metrics_performance_1h"];
    named
        .map(|name| (name.to_owned(), fixture(name)))
        .into_iter()
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A recorded shape of `fixtures/internal-data`.
pub(crate) fn fixture(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/internal-data");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Each tool that asks the API, with arguments that both kinds answer.
pub(crate) fn calls() -> [(&'static str, Value); 3] {
    [
        ("query_data", json!({ "collection": "projects", "filters": { "limit": 3 } })),
        ("get_user_profile", json!({ "userId": "u-7" })),
        ("get_metrics", json!({ "metricType": "usage" })),
    ]
}

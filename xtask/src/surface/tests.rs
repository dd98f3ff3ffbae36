//! The classification, case by case; version rules; and the digests as a client computes them.

use mcp_testkit::{HttpClient, ServerCommand};
use serde_json::{Value, json};

use super::*;

fn lock(change: impl FnOnce(&mut Value)) -> Lock {
    let mut offer = json!({
        "server": "toy", "version": "0.1.0", "title": "Toy", "instructions": "Play.",
        "rate_limits": { "client": "600/1m" },
        "tools": [{
            "definition": {
                "name": "take", "title": "Take", "description": "Takes.\n\nLimits: 10 s.",
                "annotations": { "readOnlyHint": true, "title": "Take" },
                "inputSchema": {
                    "type": "object", "additionalProperties": false, "required": ["id"],
                    "properties": {
                        "id": { "type": ["string", "integer"], "maxLength": 64, "description": "The id" },
                        "size": { "$ref": "#/$defs/Size", "default": "small" },
                        "limit": { "type": "integer", "minimum": 1, "maximum": 50, "default": 10 },
                        "labels": { "type": "array", "items": { "type": "string", "maxLength": 20 } },
                    },
                    "$defs": { "Size": { "oneOf": [
                        { "const": "small", "description": "Small." }, { "const": "large" },
                    ] } },
                },
                "outputSchema": {
                    "type": "object", "required": ["id"],
                    "properties": {
                        "id": { "type": "string" }, "note": { "type": ["string", "null"] },
                        "state": { "enum": ["on", "off"] },
                    },
                },
            },
            "policy": { "scopes": ["toy:read"], "deadline_s": 10, "side_effect": "read" },
        }],
        "prompts": [{
            "definition": {
                "name": "ask", "title": "Ask", "description": "Asks.",
                "arguments": [{ "name": "id", "required": true, "description": "The id" }],
            },
            "policy": { "scopes": ["toy:read"] },
        }],
        "resources": [{
            "definition": { "uri": "toy://all", "name": "all", "mimeType": "application/json" },
            "policy": { "scopes": ["toy:read"] },
        }],
        "resource_templates": [],
    });
    change(&mut offer);
    Lock::of(serde_json::from_value(offer).unwrap(), None).unwrap()
}

const TOOL: &str = "/tools/0/definition";
const INPUT: &str = "/tools/0/definition/inputSchema";
const OUTPUT: &str = "/tools/0/definition/outputSchema";

/// What one edit of the surface is told as: `class place: what` of the gravest difference, and how many there are.
fn told(place: &str, field: &str, value: &Value) -> (String, usize) {
    let now = lock(|offer| {
        let at = offer.pointer_mut(place).unwrap_or_else(|| panic!("no `{place}`"));
        match (at, value) {
            (Value::Object(fields), Value::Null) => drop(fields.remove(field).unwrap()),
            (Value::Object(fields), value) => drop(fields.insert(field.to_owned(), value.clone())),
            (Value::Array(items), value) => match field {
                "clear" => items.clear(),
                _ => items.push(value.clone()),
            },
            _ => panic!("`{place}` holds nothing"),
        }
    });
    let changes = between(&lock(|_| ()), &now);
    let first = changes.first().map(ToString::to_string).unwrap_or_default();
    (first.split_whitespace().collect::<Vec<_>>().join(" "), changes.len())
}

/// Where, which field, what stands there then, and what is told of it.
type Case<'a> = (&'a str, &'a str, Value, &'a str);

fn check(cases: &[Case<'_>]) {
    for (place, field, value, expected) in cases {
        assert_eq!(
            told(place, field, value),
            ((*expected).to_owned(), 1),
            "{place} {field} {value}"
        );
    }
}

#[test]
fn what_comes_or_goes_has_its_class() {
    check(&[
        ("/tools", "clear", json!(1), "BREAKING tool take: is gone"),
        ("/prompts", "clear", json!(1), "BREAKING prompt ask: is gone"),
        ("/resources", "clear", json!(1), "BREAKING resource toy://all: is gone"),
        (
            "/tools",
            "push",
            json!({ "definition": { "name": "put" }, "policy": {} }),
            "widening tool put: is new",
        ),
    ]);
}

#[test]
fn a_change_of_what_a_client_sends_has_its_class() {
    let properties = format!("{INPUT}/properties");
    let id = format!("{properties}/id");
    let limit = format!("{properties}/limit");
    check(&[
        (&properties, "id", json!(null), "BREAKING tool take.input.id: is gone"),
        (&properties, "tag", json!({ "type": "string" }), "widening tool take.input.tag: is new"),
        (
            INPUT,
            "required",
            json!(["id", "limit"]),
            "BREAKING tool take.input.limit: is always there now",
        ),
        (INPUT, "required", json!([]), "widening tool take.input.id: may be missing now"),
        (
            INPUT,
            "additionalProperties",
            json!(true),
            "widening tool take.input: additionalProperties changed",
        ),
        (&id, "type", json!("string"), "BREAKING tool take.input.id: no type `integer` any more"),
        (
            &id,
            "type",
            json!(["string", "integer", "null"]),
            "widening tool take.input.id: a new type `null`",
        ),
        (&id, "maxLength", json!(32), "BREAKING tool take.input.id: maxLength: 64 → 32"),
        (&id, "maxLength", json!(128), "widening tool take.input.id: maxLength: 64 → 128"),
        (&id, "maxLength", json!(null), "widening tool take.input.id: maxLength: 64 → none"),
        (&id, "pattern", json!("^T"), "BREAKING tool take.input.id: pattern: null → \"^T\""),
        (&limit, "minimum", json!(0), "widening tool take.input.limit: minimum: 1 → 0"),
        (&limit, "minimum", json!(2), "BREAKING tool take.input.limit: minimum: 1 → 2"),
        (&limit, "default", json!(20), "BREAKING tool take.input.limit: default: 10 → 20"),
        (
            &limit,
            "description",
            json!("How many"),
            "wording tool take.input.limit: the description changed",
        ),
        (
            &id,
            "x-mcp-header",
            json!("Id"),
            "policy tool take.input.id: x-mcp-header: null → \"Id\"",
        ),
        (
            &format!("{INPUT}/$defs/Size/oneOf"),
            "push",
            json!({ "const": "huge" }),
            "widening tool take.input.size: a new value `\"huge\"`",
        ),
        (
            &format!("{INPUT}/$defs/Size"),
            "oneOf",
            json!([{ "const": "small" }]),
            "BREAKING tool take.input.size: no value `\"large\"` any more",
        ),
        (
            &format!("{properties}/labels/items"),
            "maxLength",
            json!(10),
            "BREAKING tool take.input.labels.items: maxLength: 20 → 10",
        ),
    ]);
}

#[test]
fn a_change_of_what_a_client_reads_has_its_class() {
    let promised = format!("{OUTPUT}/properties");
    check(&[
        (TOOL, "outputSchema", json!(null), "BREAKING tool take: has no output schema any more"),
        (&promised, "note", json!(null), "BREAKING tool take.output.note: is gone"),
        (&promised, "extra", json!({}), "widening tool take.output.extra: is new"),
        (OUTPUT, "required", json!([]), "BREAKING tool take.output.id: may be missing now"),
        (
            OUTPUT,
            "required",
            json!(["id", "note"]),
            "widening tool take.output.note: is always there now",
        ),
        (
            &format!("{promised}/note"),
            "type",
            json!("string"),
            "widening tool take.output.note: no type `null` any more",
        ),
        (
            &format!("{promised}/state"),
            "enum",
            json!(["on", "off", "broken"]),
            "BREAKING tool take.output.state: a new value `\"broken\"`",
        ),
    ]);
}

#[test]
fn a_change_of_policy_has_its_class() {
    check(&[
        (
            "/rate_limits",
            "client",
            json!("60/1m"),
            "policy toy: rate limit `client`: 600/1m → 60/1m",
        ),
        (
            "/tools/0/policy",
            "scopes",
            json!(["toy:write"]),
            "policy tool take: scopes: [\"toy:read\"] → [\"toy:write\"]",
        ),
        ("/tools/0/policy", "deadline_s", json!(20), "policy tool take: deadline_s: 10 → 20"),
        (
            &format!("{TOOL}/annotations"),
            "readOnlyHint",
            json!(false),
            "policy tool take: readOnlyHint: true → false",
        ),
        (
            "/prompts/0/policy",
            "scopes",
            json!([]),
            "policy prompt ask: scopes: [\"toy:read\"] → []",
        ),
    ]);
}

#[test]
fn a_change_of_words_has_its_class() {
    check(&[
        ("", "instructions", json!("Play on."), "wording toy: the instructions changed"),
        (TOOL, "title", json!("Take it"), "wording tool take: the title changed"),
        (TOOL, "icons", json!([{ "src": "data:" }]), "wording tool take: the icons changed"),
        (
            TOOL,
            "description",
            json!("Takes it.\n\nLimits: 10 s."),
            "wording tool take: the description changed",
        ),
    ]);
}

#[test]
fn a_change_of_a_prompt_or_resource_has_its_class() {
    check(&[
        (
            "/prompts/0/definition/arguments",
            "push",
            json!({ "name": "why" }),
            "widening prompt ask.why: is new",
        ),
        (
            "/prompts/0/definition/arguments",
            "push",
            json!({ "name": "why", "required": true }),
            "BREAKING prompt ask.why: is new and required",
        ),
        (
            "/prompts/0/definition/arguments/0",
            "required",
            json!(false),
            "widening prompt ask.id: may be left out now",
        ),
        (
            "/resources/0/definition",
            "mimeType",
            json!("text/plain"),
            "BREAKING resource toy://all: mimeType: \"application/json\" → \"text/plain\"",
        ),
    ]);
}

#[test]
fn limits_in_a_description_are_told_once_as_the_policy_that_they_repeat() {
    let (_, differences) = told(TOOL, "description", &json!("Takes.\n\nLimits: 20 s."));
    assert_eq!(differences, 0);
}

#[test]
fn a_schema_that_refers_to_itself_is_compared_to_an_end() {
    let circle = json!({ "type": "object", "properties": { "next": { "$ref": "#" } } });
    let now = lock(|offer| *offer.pointer_mut(INPUT).unwrap() = circle.clone());
    assert_eq!(between(&now, &now.clone()), []);
}

#[test]
fn the_gravest_difference_is_told_first() {
    let now = lock(|offer| {
        offer["instructions"] = json!("Play on.");
        offer["resources"] = json!([]);
        offer["tools"][0]["policy"]["deadline_s"] = json!(1);
    });
    let classes: Vec<_> = between(&lock(|_| ()), &now).iter().map(|it| it.class).collect();
    assert_eq!(classes, [Class::Breaking, Class::Policy, Class::Wording]);
}

#[test]
fn what_breaks_needs_a_version_that_says_so() {
    for (before, now, says) in [
        ("0.1.3", "0.1.4", false),
        ("0.1.3", "0.2.0", true),
        ("0.9.0", "1.0.0", true),
        ("1.2.0", "1.3.0", false),
        ("1.2.0", "2.0.0", true),
        ("2.0.0", "1.9.0", false),
    ] {
        assert_eq!(says_that_it_breaks(before, now).unwrap(), says, "{before} → {now}");
    }
    let broken = |version: &str| {
        let now = lock(|offer| {
            offer["tools"] = json!([]);
            offer["version"] = json!(version);
        });
        let before = lock(|_| ());
        let changes = between(&before, &now);
        let server = now.server.clone();
        let (digest, tokens, token_ceiling) = (now.digest.clone(), now.tokens, now.token_ceiling);
        Report { server, digest, tokens, token_ceiling, changes, now, before: Some(before) }
    };
    let refused = broken("0.1.0").check_version().unwrap_err().to_string();
    assert_eq!(refused, "`toy` breaks its clients, and its version does not say so: 0.1.0 → 0.1.0");
    assert!(broken("0.2.0").check_version().is_ok());
}

#[test]
fn tools_that_cost_more_than_their_ceiling_are_refused() {
    let before = lock(|_| ());
    assert_eq!(before.token_ceiling, before.tokens);
    assert!(check_ceiling(&before).is_ok());
    let mut dearer = lock(|offer| {
        offer["tools"][0]["definition"]["description"] = json!("Takes, and takes. ".repeat(20));
    });
    dearer.token_ceiling = before.token_ceiling;
    let refused = check_ceiling(&dearer).unwrap_err().to_string();
    assert!(refused.contains("over their ceiling"), "{refused}");
    assert!(
        refused.ends_with("`cargo xtask surface --server toy --bless --raise-ceiling`"),
        "{refused}"
    );
}

#[test]
fn names_fit_into_what_clients_take_with_the_server_before_them() {
    let long = "a".repeat(60);
    let lock = lock(|offer| offer["tools"][0]["definition"]["name"] = json!(long));
    let name = format!("mcp__mcp-toy__{long}");
    assert_eq!(
        names::faults(&lock, "mcp-toy"),
        [format!("`{name}` has 74 characters, clients take 64")]
    );
}

#[test]
fn every_server_has_a_lock_file_with_short_names_and_a_ceiling() {
    for server in Server::all().unwrap() {
        let lock = Lock::read(&server.name).unwrap().unwrap_or_else(|| panic!("{}", server.name));
        assert_eq!(names::faults(&lock, &server.package), [""; 0]);
        assert!(lock.tokens <= lock.token_ceiling, "{}", server.name);
        assert_eq!(lock.server, server.name);
    }
}

/// A client that pins computes what was published from nothing but the lists.
#[tokio::test]
async fn a_client_computes_the_published_digests_from_the_lists() {
    let weather = Server::named("weather").unwrap();
    let built = server::built(vec![weather]).unwrap();
    let server = ServerCommand::new(&built[0].1).http().await;
    let lock = Lock::read("weather").unwrap().unwrap();
    let client = HttpClient::new(server.url());
    for (method, list, key, items) in [
        ("tools/list", "tools", "name", &lock.tools),
        ("prompts/list", "prompts", "name", &lock.prompts),
        ("resources/list", "resources", "uri", &lock.resources),
    ] {
        let reply = client.request(method, json!({})).send().await;
        let listed = reply.result()[list].as_array().unwrap();
        assert_eq!(listed.len(), items.len(), "{method}");
        for item in listed {
            let pinned = &items[item[key].as_str().unwrap()].digest;
            assert_eq!(&lock::digest(item).unwrap(), pinned, "{item}");
        }
    }
}

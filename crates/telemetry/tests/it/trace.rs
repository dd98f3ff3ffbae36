//! Ids from outside: what is believed, what starts anew.

use mcp_telemetry::trace::{RequestId, TraceContext};
use proptest::prelude::*;

const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_valid_traceparent_is_continued_and_handed_on() {
    let context = TraceContext::from_traceparent(Some(VALID));
    assert_eq!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(context.parent_span_id.unwrap().to_string(), "00f067aa0ba902b7");
    assert!(context.sampled);

    let child = context.child();
    assert_eq!((child.trace_id, child.parent_span_id), (context.trace_id, Some(context.span_id)));
    let upstream = TraceContext::from_traceparent(Some(&child.traceparent()));
    assert_eq!((upstream.trace_id, upstream.sampled), (context.trace_id, true));
    assert_eq!(upstream.parent_span_id, Some(child.span_id));
}

#[test]
fn later_versions_and_unknown_flags_are_read_as_far_as_they_are_known() {
    let body = &VALID[3..53];
    for (header, sampled) in [
        (format!("01-{body}01"), true),
        (format!("cc-{body}00-what-the-future-will-be-like"), false),
        (format!("00-{body}02"), false),
        (format!("00-{body}ff"), true),
    ] {
        let context = TraceContext::from_traceparent(Some(&header));
        assert!(context.parent_span_id.is_some(), "{header}");
        assert_eq!(context.sampled, sampled, "{header}");
    }
}

#[test]
fn a_hostile_traceparent_starts_a_new_trace() {
    let long = format!("01-{}-{}", &VALID[3..], "x".repeat(1 << 20));
    for header in [
        "",
        "-",
        "----",
        "00",
        &VALID[..54],
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "000-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
        "00-ßßßßßßßßßßßßßßßß-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        &long,
    ] {
        let context = TraceContext::from_traceparent(Some(header));
        assert_eq!(context.parent_span_id, None, "{}", header.get(..80).unwrap_or(header));
        assert!(!context.sampled);
        assert_ne!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}

#[test]
fn a_request_id_from_outside_is_visible_ascii_of_bounded_length() {
    assert_eq!(RequestId::from_trusted("req/1:ä"), None);
    assert_eq!(RequestId::from_trusted("a b"), None);
    assert_eq!(RequestId::from_trusted("a\nb"), None);
    assert_eq!(RequestId::from_trusted(""), None);
    assert_eq!(RequestId::from_trusted(&"x".repeat(129)), None);
    assert_eq!(RequestId::from_trusted(&"~".repeat(128)).unwrap().as_str().len(), 128);
}

#[test]
fn our_request_ids_sort_by_the_millisecond() {
    let later = || {
        std::thread::sleep(std::time::Duration::from_millis(2));
        RequestId::generate().to_string()
    };
    let ids: Vec<_> = (0..20).map(|_| later()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(ids[0].len(), 36);
}

proptest! {
    #[test]
    fn any_traceparent_is_continued_or_begins_a_trace(
        header in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,20})?|[0-9a-fA-F-]{50,60}|\\PC{0,300}",
    ) {
        let context = TraceContext::from_traceparent(Some(&header));
        let handed_on = context.traceparent();
        let read = TraceContext::from_traceparent(Some(&handed_on));
        prop_assert_eq!((read.trace_id, read.parent_span_id), (context.trace_id, Some(context.span_id)));
        let trace = context.trace_id.to_string();
        let is_continued = context.parent_span_id.is_some();
        prop_assert!(!is_continued || header.get(3..35) == Some(trace.as_str()));
    }
}

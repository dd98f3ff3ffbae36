//! The names that dashboards rely on, and the bound on what becomes a label.

use std::time::Duration;

use mcp_telemetry::metrics::{CONTENT_TYPE, Metrics};

fn series(text: &str, name: &str) -> usize {
    text.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count()
}

#[test]
fn the_page_has_the_names_that_dashboards_rely_on() {
    let metrics = Metrics::new("mcp-ticketing", "1.2.3");
    metrics.register_tool("get_ticket");
    let get_ticket = metrics.operation("tools/call", Some("get_ticket"));
    get_ticket.observe(None, Duration::from_millis(15));
    get_ticket.observe(Some("timeout"), Duration::from_secs(400));
    metrics.operation("tools/list", None).observe(None, Duration::from_millis(1));
    metrics.authentication_failure("expired");
    metrics.rate_limit_rejection("client", "alice \"the\" caller\n");
    metrics.schema_error("get_ticket");
    metrics.finding("zero_width");
    metrics.idempotent_replay();
    assert!(!metrics.render().contains("mcp_redis_up "), "nothing is shared");
    for is_up in [true, false, true] {
        metrics.redis_up(is_up);
    }
    let in_flight = metrics.in_flight();
    drop(metrics.queued());
    let text = metrics.render();
    drop(in_flight);

    let duration = "mcp_server_operation_duration_seconds";
    let labels = r#"mcp_method_name="tools/call",gen_ai_tool_name="get_ticket""#;
    for line in [
        format!("# TYPE {duration} histogram"),
        format!(r#"{duration}_bucket{{le="0.01",{labels},error_type=""}} 0"#),
        format!(r#"{duration}_bucket{{le="0.02",{labels},error_type=""}} 1"#),
        format!(r#"{duration}_bucket{{le="300.0",{labels},error_type="timeout"}} 0"#),
        format!(r#"{duration}_bucket{{le="+Inf",{labels},error_type="timeout"}} 1"#),
        "mcp_redis_up 1".to_owned(),
        "mcp_redis_mode_changes_total 2".to_owned(),
        r#"mcp_server_authentication_failures_total{reason="expired"} 1"#.to_owned(),
        r#"mcp_server_rate_limit_rejections_total{guard="client",client="alice \"the\" caller\n"} 1"#
            .to_owned(),
        r#"mcp_server_schema_validation_errors_total{gen_ai_tool_name="get_ticket"} 1"#.to_owned(),
        r#"mcp_server_sanitizer_findings_total{kind="zero_width"} 1"#.to_owned(),
        "mcp_server_audit_write_failures_total 0".to_owned(),
        "mcp_server_idempotent_replays_total 1".to_owned(),
        "mcp_server_in_flight_calls 1".to_owned(),
        "mcp_server_queue_length 0".to_owned(),
        r#"mcp_server_build_info{service="mcp-ticketing",version="1.2.3"} 1"#.to_owned(),
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert!(CONTENT_TYPE.starts_with("application/openmetrics-text"));
    assert!(metrics.render().contains("mcp_server_in_flight_calls 0\n"));
}

#[test]
fn names_from_outside_become_no_labels() {
    let metrics = Metrics::new("test", "1");
    for number in 0..10_000 {
        let invented = format!("tool-{number}");
        metrics.operation(&invented, Some(&invented)).observe(None, Duration::ZERO);
        metrics.schema_error(&invented);
        metrics.rate_limit_rejection("address", &invented);
    }
    let text = metrics.render();
    assert_eq!(series(&text, "mcp_server_operation_duration_seconds_count"), 1);
    assert_eq!(series(&text, "mcp_server_schema_validation_errors_total"), 1);
    assert_eq!(series(&text, "mcp_server_rate_limit_rejections_total"), 51);
    assert!(text.contains(r#"{guard="address",client="_OTHER"} 9950"#));
}

#[test]
fn an_upstream_has_the_names_of_an_http_client() {
    let metrics = Metrics::new("mcp-weather", "1.2.3");
    let upstream = metrics.upstream("forecast");
    upstream.requested(None, Duration::from_millis(30));
    upstream.requested(Some("timeout"), Duration::from_secs(5));
    upstream.retried();
    upstream.breaker(2);
    let text = metrics.render();
    let duration = "http_client_request_duration_seconds";
    for line in [
        format!("# TYPE {duration} histogram"),
        format!(r#"{duration}_bucket{{le="0.025",upstream="forecast",error_type=""}} 0"#),
        format!(r#"{duration}_bucket{{le="0.05",upstream="forecast",error_type=""}} 1"#),
        format!(r#"{duration}_count{{upstream="forecast",error_type="timeout"}} 1"#),
        r#"mcp_server_upstream_retries_total{upstream="forecast"} 1"#.to_owned(),
        r#"mcp_server_upstream_breaker_state{upstream="forecast"} 2"#.to_owned(),
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
}

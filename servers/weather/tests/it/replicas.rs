//! Two replicas behind a plain proxy: one quota, whichever of them is asked, and clients of both eras.

use mcp_testkit::replicas::serve_both_eras_with_one_quota;

use crate::stage::command;

#[tokio::test]
async fn two_replicas_serve_both_eras_with_one_quota() {
    serve_both_eras_with_one_quota(&command()).await;
}

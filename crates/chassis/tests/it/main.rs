//! What a server cannot do because it does not compile. What compiles is shown by every server of the workspace.

/// Renew the expected messages with `TRYBUILD=overwrite`, and read the difference.
#[test]
fn a_policy_cannot_be_forgotten_or_gone_around() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

//! A policy comes out of its steps alone.

use mcp_chassis::{Spec, ToolKind, ToolSpec};

fn forged(spec: ToolSpec, kind: ToolKind) -> ToolSpec {
    Spec { kind, policy: spec.policy }
}

fn main() {}

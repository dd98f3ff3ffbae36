//! Nobody calls into the middle of the pipeline.

use mcp_chassis::pipeline::run;

fn main() {}

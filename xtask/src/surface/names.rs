//! Names as clients form them: with the server's before them, in as many characters as a model's API takes.

use super::lock::Lock;

/// What the APIs of model makers take as a tool's name.
const MAX_NAME: usize = 64;

/// Every name that is too long for a client which knows the server by the name of its package.
pub(super) fn faults(lock: &Lock, package: &str) -> Vec<String> {
    let names = lock.tools.keys().chain(lock.prompts.keys());
    let full = names.map(|name| format!("mcp__{package}__{name}"));
    full.filter(|name| name.len() > MAX_NAME)
        .map(|name| format!("`{name}` has {} characters, clients take {MAX_NAME}", name.len()))
        .collect()
}

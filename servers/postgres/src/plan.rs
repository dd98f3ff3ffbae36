//! `EXPLAIN (FORMAT JSON)` made short: one line a step, and the steps that cost most.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// How many steps are named as costly.
const NAMED: usize = 3;

/// A step that costs less than this share is not worth a word.
const WORTH_NAMING: f64 = 0.1;

/// A plan in short.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Plan {
    /// One line a step, indented under the step that reads it
    steps: Vec<String>,
    /// The steps that take most of the time, or of the estimated cost, themselves
    costly: Vec<CostlyStep>,
    /// The planner's estimate for the whole, in its own unit
    total_cost: f64,
    /// How many rows the planner expects
    estimated_rows: f64,
    /// With `analyze`: what planning took, in milliseconds
    #[serde(skip_serializing_if = "Option::is_none")]
    planning_ms: Option<f64>,
    /// With `analyze`: what running took, in milliseconds
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_ms: Option<f64>,
}

/// A step worth looking at.
#[derive(Debug, Serialize, JsonSchema)]
struct CostlyStep {
    /// As in `steps`
    step: String,
    /// Its own share of the whole, from 0 to 1
    share: f64,
}

/// One step, while the tree is read.
struct Step {
    line: String,
    depth: usize,
    own: f64,
}

impl Plan {
    /// Reads PostgreSQL's JSON; `None` when it is not what it should be.
    pub(crate) fn read(explained: &Value) -> Option<Self> {
        let whole = explained.get(0)?;
        let root = whole.get("Plan")?;
        let mut steps = Vec::new();
        // Depth first, in the order in which `EXPLAIN` prints.
        let mut open = vec![(root, 0)];
        while let Some((node, depth)) = open.pop() {
            let below = children(node);
            let own = weight(node) - below.iter().map(weight).sum::<f64>();
            steps.push(Step { line: line(node), depth, own: own.max(0.0) });
            open.extend(below.iter().rev().map(|child| (child, depth + 1)));
        }
        let total = steps.iter().map(|step| step.own).sum::<f64>();
        let mut order: Vec<_> =
            steps.iter().filter(|step| step.own > total * WORTH_NAMING).collect();
        order.sort_by(|left, right| right.own.total_cmp(&left.own));
        let costly = order.into_iter().take(NAMED).map(|step| CostlyStep {
            step: step.line.clone(),
            share: (step.own / total * 100.0).round() / 100.0,
        });
        Some(Self {
            costly: costly.collect(),
            total_cost: number(root, "Total Cost")?,
            estimated_rows: number(root, "Plan Rows")?,
            planning_ms: number(whole, "Planning Time"),
            execution_ms: number(whole, "Execution Time"),
            steps: steps.iter().map(|it| format!("{}{}", "  ".repeat(it.depth), it.line)).collect(),
        })
    }
}

fn children(node: &Value) -> &[Value] {
    node.get("Plans").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What the step and everything below it take: time where it was measured, else the estimate.
fn weight(node: &Value) -> f64 {
    let measured = number(node, "Actual Total Time").zip(number(node, "Actual Loops"));
    measured.map(|(time, loops)| time * loops).or_else(|| number(node, "Total Cost")).unwrap_or(0.0)
}

/// A number, which is a string where JSON readers would change its digits.
fn number(node: &Value, key: &str) -> Option<f64> {
    let value = node.get(key)?;
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn line(node: &Value) -> String {
    let text = |key: &str| node.get(key).and_then(Value::as_str);
    let on = [
        ("using", "Index Name"),
        ("on", "Relation Name"),
        ("on", "CTE Name"),
        ("on", "Function Name"),
    ];
    let on = on.iter().filter_map(|(word, key)| Some(format!(" {word} {}", text(key)?)));
    let conditions = ["Index Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter"];
    let conditions = conditions
        .iter()
        .filter_map(|key| Some(format!(" [{}: {}]", key.to_lowercase(), text(key)?)));
    let step: String = on.chain(conditions).collect();
    let kind = text("Node Type").unwrap_or("?");
    let figures = [
        ("cost", "Total Cost"),
        ("rows", "Plan Rows"),
        ("actual rows", "Actual Rows"),
        ("loops", "Actual Loops"),
        ("ms", "Actual Total Time"),
        ("removed", "Rows Removed by Filter"),
    ];
    let figures =
        figures.iter().filter_map(|(word, key)| Some(format!("{word} {}", number(node, key)?)));
    format!("{kind}{step} ({})", figures.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Plan;

    #[test]
    fn the_step_that_costs_most_by_itself_is_named() {
        let plan = Plan::read(&json!([{ "Plan": {
            "Node Type": "Aggregate", "Total Cost": 110.5, "Plan Rows": 1,
            "Plans": [{
                "Node Type": "Seq Scan", "Relation Name": "orders", "Filter": "(id > 3)", "Total Cost": "100.50",
                "Plan Rows": 2000,
            }],
        } }]))
        .unwrap();
        assert_eq!(
            plan.steps,
            [
                "Aggregate (cost 110.5, rows 1)",
                "  Seq Scan on orders [filter: (id > 3)] (cost 100.5, rows 2000)",
            ]
        );
        let costly: Vec<_> = plan.costly.iter().map(|step| step.share).collect();
        assert_eq!(costly, [0.91]);
        assert!(Plan::read(&json!({})).is_none());
    }
}

//! What the SQL guard takes for a statement of a kilobyte, in µs: each of four kinds is read a thousand times, nothing
//! kept between, and the median of the slowest kind is the answer.

use std::{
    error::Error,
    hint::black_box,
    io::{self, Write},
    time::{Duration, Instant},
};

const RUNS: usize = 1_000;

const ANALYTIC: &str = "
    WITH monthly AS (
        SELECT date_trunc('month', o.ordered_at) AS month, c.region, count(*) AS orders,
            sum(o.total) AS revenue, avg(o.total) AS average_order
        FROM shop.orders AS o
        JOIN shop.customers AS c ON c.id = o.customer_id
        LEFT JOIN shop.discounts AS d ON d.order_id = o.id
        WHERE o.ordered_at >= $1 AND o.ordered_at < $2
            AND o.status IN ('paid', 'shipped', 'delivered') AND c.region <> 'internal'
        GROUP BY 1, 2 HAVING count(*) > 10),
    ranked AS (
        SELECT month, region, orders, revenue, average_order,
            rank() OVER (PARTITION BY month ORDER BY revenue DESC) AS place,
            lag(revenue) OVER (PARTITION BY region ORDER BY month) AS before
        FROM monthly)
    SELECT month, region, orders, round(revenue, 2) AS revenue, place,
        CASE WHEN before IS NULL OR before = 0 THEN NULL
            ELSE round(100 * (revenue - before) / before, 1) END AS growth_percent
    FROM ranked
    WHERE place <= 5 AND month > now() - interval '13 months'
    ORDER BY month DESC, place ASC, region LIMIT 100";

fn main() -> Result<(), Box<dyn Error>> {
    let calls: Vec<_> = (0..48).map(|number| format!("length('value {number}')")).collect();
    let numbers: Vec<_> = (10_000..10_160).map(|number| number.to_string()).collect();
    let statements = [
        ANALYTIC.to_owned(),
        format!("SELECT {}", calls.join(" + ")),
        format!("SELECT * FROM orders WHERE id IN ({})", numbers.join(",")),
        format!("SELECT '{}'", "x".repeat(1_000)),
    ];
    let slowest = statements.iter().map(|sql| median(sql)).max().unwrap_or_default();
    Ok(writeln!(io::stdout(), "{}", slowest.as_secs_f64() * 1e6)?)
}

fn median(sql: &str) -> Duration {
    let mut times: Vec<_> = (0..RUNS).map(|_| time(sql)).collect();
    times.sort_unstable();
    times.get(RUNS / 2).copied().unwrap_or(Duration::MAX)
}

fn time(sql: &str) -> Duration {
    let start = Instant::now();
    let is_read = black_box(mcp_postgres::is_read(black_box(sql)));
    // A statement that is refused is no measure.
    if is_read { start.elapsed() } else { Duration::MAX }
}

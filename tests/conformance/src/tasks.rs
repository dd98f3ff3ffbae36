//! Tools whose calls become tasks: at once, after a while, or when they say so.

use std::time::Duration;

use mcp_chassis::{BecomesTask, Error, Question};
use tokio::time::sleep;

use crate::{
    asking::{field, form, told},
    server::{text, tools},
};

/// The longest that a task here takes, in seconds.
const LONGEST: u64 = 120;

fn sure(message: String) -> mcp_chassis::Result<Question> {
    let properties = serde_json::json!({ "confirm": { "type": "boolean" } });
    Question::form(message, serde_json::json!({ "type": "object", "properties": properties }))
}

tools! {
    /// Greets, and is never a task.
    Greet {
        /// Whom
        #[validate(length(max = 100))]
        name: String
    } = "greet" => |it, _context| {
        Ok(text(format!("Hello, {}!", it.name)))
    }

    /// Computes slowly.
    SlowCompute {
        /// How slowly
        #[validate(range(max = 100))]
        seconds: u64,
        /// What it is called
        #[serde(default)]
        #[validate(length(max = 100))]
        label: String
    } = "slow_compute".becomes_task(BecomesTask::AfterMillis(200), LONGEST) => |it, _context| {
        sleep(Duration::from_secs(it.seconds)).await;
        Ok(text(format!("Computed {} for {} s", it.label, it.seconds)))
    }

    /// Fails after a second.
    FailingJob {} = "failing_job".becomes_task(BecomesTask::AtOnce, LONGEST) => |_it, _context| {
        sleep(Duration::from_secs(1)).await;
        Err(Error::conflict("this job always fails"))
    }

    /// Breaks down.
    ProtocolErrorJob {} = "protocol_error_job".becomes_task(BecomesTask::AtOnce, LONGEST)
    => |_it, _context| {
        sleep(Duration::from_millis(100)).await;
        Err(Error::internal("broken, as it should be"))
    }

    /// Asks before it deletes nothing.
    ConfirmDelete {
        /// What is not deleted
        #[validate(length(max = 100))]
        filename: String
    } = "confirm_delete".asks().becomes_task(BecomesTask::AtOnce, LONGEST) => |it, context| {
        let question = sure(format!("Delete {}?", it.filename))?;
        let answers = context.ask([("confirm", question)]).await?;
        Ok(text(format!("{}: {}", it.filename, told(&answers, "confirm"))))
    }

    /// Asks for two things at once.
    MultiInput {} = "multi_input".asks().becomes_task(BecomesTask::AtOnce, LONGEST)
    => |_it, context| {
        let questions =
            [("first", form("First name?", "name")?), ("second", form("Second name?", "name")?)];
        let answers = context.ask(questions).await?;
        let names = ["first", "second"].map(|key| field(&answers, key, "name"));
        Ok(text(names.join(", ")))
    }

    /// Asks first, and becomes a task then.
    ToolWithTask {} = "test_tool_with_task".asks().becomes_task(BecomesTask::OnRequest, LONGEST)
    => |_it, context| {
        let answers = context.ask([("user_name", form("What is your name?", "name")?)]).await?;
        context.continue_as_task().await;
        sleep(Duration::from_millis(200)).await;
        Ok(text(format!("Hello, {}!", field(&answers, "user_name", "name"))))
    }
}

//! What a client asks about its tasks, under the policy of the tool that each of them is a call of.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer,
    model::{CancelTaskParams, GetTaskParams, GetTaskResult, UpdateTaskParams},
    service::RequestContext,
};
use serde_json::json;

use super::Handler;
use crate::{Server, reply, tasks::Task};

impl<S: Server> Handler<S> {
    pub(super) fn task(
        &self,
        request: &GetTaskParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let caller = self.caller(context)?;
        let task = self.find_task("tasks/get", &request.task_id, context)?;
        let mut result = GetTaskResult::new(task.info());
        result.meta = Some(reply::meta(&self.app.now(), &caller));
        Ok(result)
    }

    pub(super) fn answer_task(
        &self,
        request: UpdateTaskParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let task = self.find_task("tasks/update", &request.task_id, context)?;
        task.answer(request.input_responses);
        Ok(())
    }

    pub(super) fn cancel(
        &self,
        request: &CancelTaskParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let task = self.find_task("tasks/cancel", &request.task_id, context)?;
        // The call's own record says how it ended.
        task.cancellation().cancel();
        Ok(())
    }

    /// The caller's task. Somebody else's is as unknown as one that never was, and so is one whose tool the caller may no
    /// longer use.
    fn find_task(
        &self,
        method: &'static str,
        id: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<Arc<Task>, ErrorData> {
        let caller = self.caller(context)?;
        let app = self.app.now();
        let task = app.tasks.find(caller.principal.key(), id);
        let may = |tool: &str| {
            let tool = app.catalog.find_tool(tool);
            let scopes = caller.principal.scopes();
            tool.is_some_and(|tool| scopes.contains_all(tool.spec.policy.scopes.iter().copied()))
        };
        task.filter(|task| may(task.tool())).ok_or_else(|| {
            app.recorder.unknown(&caller, method);
            let told = json!({ "error": { "code": "not_found", "request_id": caller.request_id.as_str() } });
            ErrorData::invalid_params("there is no such task", Some(told))
        })
    }
}

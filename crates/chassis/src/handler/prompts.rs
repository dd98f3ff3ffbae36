//! Prompts, and the completion of what is typed into prompts and addresses.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptRequestParams,
        GetPromptResponse, GetPromptResult, JsonObject, Reference,
    },
    service::RequestContext,
};

use super::{Handler, calls::Continued};
use crate::{
    PromptPart, Server, SideEffect,
    pipeline::{self, Operation},
    reply,
};

impl<S: Server> Handler<S> {
    pub(super) async fn prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let mut caller = self.caller(&context)?;
        let app = self.app.now();
        let prompt = app.find_prompt(&request.name)?;
        let arguments: JsonObject = request.arguments.into_iter().flatten().collect();
        let continued =
            Continued { responses: request.input_responses, state: request.request_state };
        let mut dialogue = self.dialogue(&app, context, &caller);
        if prompt.spec.kind.asks {
            let operation = ("prompts/get", prompt.spec.kind.name, &arguments);
            dialogue.rounds = Some(app.rounds(&caller, operation, continued)?);
        }
        caller.dialogue = Some(Arc::new(dialogue));
        let operation: Operation<'_, S, Vec<PromptPart>> = Operation {
            method: "prompts/get",
            target: prompt.spec.kind.name,
            policy: &prompt.spec.policy,
            effect: SideEffect::Read,
            limits: None,
            audited: &[],
            confirm: None,
            arguments,
            prepare: Box::new(prompt.render),
        };
        let completed = match pipeline::run(&app, &caller, operation).await {
            Ok(completed) => completed,
            Err(failed) => {
                let interrupted = reply::interrupted(&app, &caller, &failed)?;
                return interrupted.map(Into::into).ok_or_else(|| reply::protocol_error(&failed));
            }
        };
        let meta = reply::meta_of(&app, &caller, &completed);
        let mut result = GetPromptResult::new(reply::prompt_messages(completed));
        result.description.clone_from(&prompt.definition.description);
        result.meta = Some(meta);
        Ok(result.into())
    }

    pub(super) async fn completion(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = self.caller(&context)?;
        let app = self.app.now();
        let (name, typed) = (request.argument.name, request.argument.value);
        let (under, call) = match &request.r#ref {
            Reference::Prompt(reference) => {
                let prompt = app.find_prompt(&reference.name)?;
                let under = (prompt.spec.kind.name, &prompt.spec.policy);
                (under, (prompt.complete)(name, typed))
            }
            Reference::Resource(reference) => {
                let resource = app.catalog.find_template(&reference.uri).ok_or_else(|| {
                    let uri = app.quote(&reference.uri);
                    ErrorData::invalid_params(format!("Unknown resource template: {uri}"), None)
                })?;
                let under = (resource.spec.kind.uri, &resource.spec.policy);
                (under, (resource.complete)(name, typed))
            }
            _ => {
                return Err(ErrorData::invalid_params("this kind of reference is not known", None));
            }
        };
        let values = app.read(&caller, "completion/complete", under, call).await?.answer;
        let info = CompletionInfo::new(values)
            .map_err(|problem| ErrorData::internal_error(problem, None))?;
        let mut result = CompleteResult::new(info);
        result.meta = Some(reply::meta(&app, &caller));
        Ok(result)
    }
}

//! `get_user_profile`.

use mcp_chassis::{Budget, CallContext, Result, Tool, ToolOutput, ToolSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::{
    InternalData,
    models::{Origin, Profile},
    names::UserId,
    redaction::Hidden,
};

/// Reads who a user is: name, email, department and when the account was made.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetUserProfile {
    /// The user's id, as records of `users` have it
    #[serde(rename = "userId")]
    user_id: UserId,
}

/// A user.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UserProfile {
    #[serde(flatten)]
    profile: Profile,
    /// Fields whose values you may not see, and the scopes that would show them
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    redacted: Vec<Hidden>,
    #[serde(flatten)]
    origin: Origin,
}

impl ToolOutput for UserProfile {}

impl Tool for GetUserProfile {
    type Server = InternalData;
    type Output = UserProfile;

    const SPEC: ToolSpec = ToolSpec::read("get_user_profile", "Get user profile")
        .scopes(&["mcp:read"])
        .deadline_secs(15)
        .output_budget(Budget::tokens(1_000))
        .outside_text(&["internal-data"])
        .audited(&["userId"]);

    async fn call(self, server: &InternalData, context: &CallContext) -> Result<UserProfile> {
        let hidden = server.collections.users()?.hidden_from(context.principal());
        let shown = server.client.profile(&self.user_id, &hidden, context).await?;
        Ok(UserProfile {
            profile: shown.value.profile.clone(),
            redacted: shown.value.redacted.clone(),
            origin: Origin::new(server.client.is_sample(), Some(shown.freshness)),
        })
    }
}

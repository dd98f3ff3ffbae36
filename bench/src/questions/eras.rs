//! What older clients cost: the same call in each revision of the protocol, with and without a session.

use anyhow::Result;

use super::echo;
use crate::{
    load::Sample,
    report::Report,
    request::{Era, Question},
    rounds::{Load, Subject, interleave},
    stage::{Plan, Stage},
};

/// No more than one principal may have open.
const SESSIONS: usize = 16;

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let guarded = |log| stage.guarded("bench-echo", log);
    let question = Question::echo().bearer(&stage.token);
    let legacy = question.clone().era(Era::Legacy);
    let session = question.era(Era::Session);
    let with_sessions = guarded("sessions").env("MCP_SESSIONS", "local");
    let streams = stage.bare("bench-rmcp").arg("--streams");

    let mut modern = echo::guarded(stage).start(stage).await?;
    let mut legacy =
        Subject::http("legacy, stateless", guarded("legacy"), legacy).start(stage).await?;
    // It opens a session to say that it is there; the others follow.
    let mut session = Subject::http("legacy, session", with_sessions, session).start(stage).await?;
    let mut streams =
        Subject::http("bare rmcp, streams", streams, Question::echo()).start(stage).await?;
    let subjects = [&mut modern, &mut legacy, &mut session, &mut streams];
    let outcomes = interleave(subjects, SESSIONS - 1, Load::Closed, plan).await?;
    report.loads("echo, by revision", &outcomes);
    let [modern, legacy, session, _] = &outcomes;
    report.figure("legacy_stateless_vs_modern", legacy.against(modern, Sample::rate));
    report.figure("legacy_session_vs_modern", session.against(modern, Sample::rate));
    Ok(())
}

//! Whether a call costs more the more clients there are. Each request comes from another one.

use std::{fmt::Write, fs};

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::{
    load::Sample,
    report::Report,
    request::{Question, any_client_key, client_key},
    rounds::{Load, Running, Subject, interleave},
    stage::{Plan, Stage},
};

pub(super) async fn answer(stage: &Stage, plan: Plan, report: &mut Report) -> Result<()> {
    let mut few = start(stage, "10 principals", 10).await?;
    let mut some = start(stage, "1,000 principals", 1_000).await?;
    let mut many = start(stage, "100,000 principals", 100_000).await?;
    let outcomes = interleave([&mut few, &mut some, &mut many], 16, Load::Closed, plan).await?;
    report.loads("echo, many principals", &outcomes);
    let [few, some, many] = &outcomes;
    report.figure("principals_1000_vs_10", some.against(few, Sample::processor_us));
    report.figure("principals_100000_vs_10", many.against(few, Sample::processor_us));
    Ok(())
}

async fn start(stage: &Stage, name: &'static str, clients: u64) -> Result<Running> {
    let keys = stage.folder.join(format!("{clients}.keys.toml"));
    fs::write(&keys, key_file(clients)?)?;
    let program = stage.keyed("bench-echo", &format!("{clients}-principals"), &keys);
    let question = Question { clients, ..Question::echo().bearer(&any_client_key()) };
    Subject::http(name, program, question).start(stage).await
}

fn key_file(clients: u64) -> Result<String> {
    let mut file = String::new();
    for client in 0..clients {
        let mut digest = String::new();
        for byte in Sha256::digest(client_key(client)) {
            write!(digest, "{byte:02x}")?;
        }
        write!(
            file,
            "[[key]]\nowner = \"c{client}\"\nsha256 = \"{digest}\"\nscopes = \"echo:read\"\n"
        )?;
    }
    Ok(file)
}

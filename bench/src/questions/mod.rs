//! What the bench wants to know, a file each. A new subject is an entry in one of them.

mod echo;
mod eras;
mod footprint;
mod instructions;
mod peers;
mod postgres;
mod principals;
mod stdio;
mod ticketing;
mod weather;

use std::pin::Pin;

use anyhow::Result;

use crate::{
    report::Report,
    stage::{Plan, Stage},
};

type Answering<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// One question: its name on the command line, and what answers it.
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) answer: for<'a> fn(&'a Stage, Plan, &'a mut Report) -> Answering<'a>,
}

/// Every question, in the order of the report.
pub(crate) const ALL: [Topic; 10] = [
    Topic {
        name: "footprint",
        answer: |stage, plan, report| Box::pin(footprint::answer(stage, plan, report)),
    },
    Topic {
        name: "instructions",
        answer: |stage, plan, report| Box::pin(instructions::answer(stage, plan, report)),
    },
    Topic {
        name: "echo",
        answer: |stage, plan, report| Box::pin(echo::answer(stage, plan, report)),
    },
    Topic {
        name: "eras",
        answer: |stage, plan, report| Box::pin(eras::answer(stage, plan, report)),
    },
    Topic {
        name: "stdio",
        answer: |stage, plan, report| Box::pin(stdio::answer(stage, plan, report)),
    },
    Topic {
        name: "peers",
        answer: |stage, plan, report| Box::pin(peers::answer(stage, plan, report)),
    },
    Topic {
        name: "principals",
        answer: |stage, plan, report| Box::pin(principals::answer(stage, plan, report)),
    },
    Topic {
        name: "ticketing",
        answer: |stage, plan, report| Box::pin(ticketing::answer(stage, plan, report)),
    },
    Topic {
        name: "weather",
        answer: |stage, plan, report| Box::pin(weather::answer(stage, plan, report)),
    },
    Topic {
        name: "postgres",
        answer: |stage, plan, report| Box::pin(postgres::answer(stage, plan, report)),
    },
];

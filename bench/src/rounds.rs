//! Subjects side by side: A B A B …, so that what else happens on the machine happens to all of them.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::{
    client::Client,
    load::{self, Sample, float},
    process::{Process, Program},
    request::Question,
    stage::{Plan, Stage},
};

/// How a subject is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Http,
    Stdio,
}

/// What is measured: a program, and what it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) transport: Transport,
    pub(crate) program: Program,
    pub(crate) question: Question,
}

impl Subject {
    pub(crate) fn http(name: &'static str, program: Program, question: Question) -> Self {
        Self { name, transport: Transport::Http, program, question }
    }

    pub(crate) fn stdio(name: &'static str, program: Program, question: Question) -> Self {
        Self { name, transport: Transport::Stdio, program, question }
    }

    /// Starts it, and waits until it answers.
    pub(crate) async fn start(self, stage: &Stage) -> Result<Running> {
        let log = stage.log(self.name);
        let context = || format!("{}, which logs to {}", self.name, log.display());
        let (process, first) = self.spawn(&log).await.with_context(context)?;
        let cold_start = process.started.elapsed();
        let pipes = (self.transport == Transport::Stdio).then_some(first);
        Ok(Running { subject: self, process, cold_start, pipes })
    }

    async fn spawn(&self, log: &std::path::Path) -> Result<(Process, Client)> {
        let (process, mut client) = match self.transport {
            Transport::Http => {
                let process = self.program.http(log)?;
                process.wait_for_port()?;
                let client = Client::http(process.address, &self.question).await?;
                (process, client)
            }
            Transport::Stdio => {
                let mut process = self.program.stdio(log)?;
                let client = Client::stdio(&mut process, &self.question)?;
                (process, client)
            }
        };
        client.call().await?;
        Ok((process, client))
    }
}

/// A subject that has answered once.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) subject: Subject,
    pub(crate) process: Process,
    /// From its start to its first right answer.
    pub(crate) cold_start: Duration,
    /// The one client of a stdio subject.
    pipes: Option<Client>,
}

impl Running {
    /// Takes the one client of stdio, or opens so many connections.
    pub(crate) async fn connect(&mut self, connections: usize) -> Result<Vec<Client>> {
        if let Some(client) = self.pipes.take() {
            return Ok(vec![client]);
        }
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            clients.push(Client::http(self.process.address, &self.subject.question).await?);
        }
        Ok(clients)
    }

    /// Gives the client of stdio back.
    fn disconnect(&mut self, mut clients: Vec<Client>) {
        if self.subject.transport == Transport::Stdio {
            self.pipes = clients.pop();
        }
    }

    /// Asks something else from now on.
    pub(crate) fn ask(&mut self, question: Question) {
        if let Some(client) = &mut self.pipes {
            client.ask(self.process.address, &question);
        }
        self.subject.question = question;
    }
}

/// How load comes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// Each connection asks as soon as it is answered.
    Closed,
    /// So many questions a second.
    Open(f64),
}

/// All rounds of one subject.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    pub(crate) samples: Vec<Sample>,
}

/// Lets every subject answer in turn, round after round.
pub(crate) async fn interleave<const N: usize>(
    subjects: [&mut Running; N],
    connections: usize,
    load: Load,
    plan: Plan,
) -> Result<[Outcome; N]> {
    /// Lets caches fill and connections settle.
    const WARM_UP: Duration = Duration::from_millis(150);
    let mut pairs = Vec::new();
    for subject in subjects {
        let mut clients = subject.connect(connections).await?;
        slice(&mut clients, subject, load, WARM_UP).await?;
        pairs.push((subject, clients, Vec::new()));
    }
    for _ in 0..plan.rounds {
        for (subject, clients, samples) in &mut pairs {
            samples.push(slice(clients, subject, load, plan.slice).await?);
        }
    }
    let outcomes = pairs.into_iter().map(|(subject, clients, samples)| {
        subject.disconnect(clients);
        Outcome { name: subject.subject.name, connections, samples }
    });
    let outcomes: Vec<_> = outcomes.collect();
    outcomes.try_into().ok().context("as many outcomes as subjects")
}

async fn slice(
    clients: &mut [Client],
    subject: &Running,
    load: Load,
    duration: Duration,
) -> Result<Sample> {
    let used = subject.process.processor_time()?;
    let sample = match load {
        Load::Closed => load::closed(clients, duration).await,
        Load::Open(rate) => load::open(clients, rate, duration).await,
    };
    let mut sample = sample.with_context(|| subject.subject.name)?;
    sample.processor = subject.process.processor_time()?.saturating_sub(used);
    Ok(sample)
}

impl Outcome {
    /// The median over the rounds of whatever is looked at.
    pub(crate) fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of).collect())
    }

    /// The median of the ratios within each round: both sides saw the same machine.
    pub(crate) fn against(&self, other: &Self, of: impl Fn(&Sample) -> f64) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        median(pairs.map(|(ours, theirs)| of(ours) / of(theirs)).collect())
    }

    /// How far the rounds are apart, as a share of the median.
    pub(crate) fn spread(&self) -> f64 {
        let rates = self.samples.iter().map(Sample::rate);
        let (least, most) = (rates.clone().fold(f64::MAX, f64::min), rates.fold(0.0, f64::max));
        (most - least) / self.median(Sample::rate)
    }
}

/// The middle one; of an even number, the mean of the two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    let middle = [low, high].into_iter().filter_map(|position| values.get(position));
    let middle: Vec<_> = middle.collect();
    middle.iter().copied().sum::<f64>() / float(middle.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        for (values, expected) in [(vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0], 2.5)] {
            assert!((median(values) - expected).abs() < f64::EPSILON);
        }
    }
}

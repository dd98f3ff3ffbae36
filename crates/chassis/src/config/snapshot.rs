//! What a configuration said, without its values: enough to tell what another one changes.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, Hash, RandomState},
};

/// What it takes for a changed setting to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing more: it is read through what a reload replaces.
    Live,
    /// The server's domain is started anew beside the old one.
    Domain,
    /// Another start of the process.
    Restart,
}

/// Settings by name, with hashes of their values: a secret is kept nowhere else than where it is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot(BTreeMap<&'static str, (Effect, u64)>);

impl Snapshot {
    /// Notes a setting. Snapshots by one `hasher` can be compared.
    pub(crate) fn note(
        &mut self,
        name: &'static str,
        effect: Effect,
        value: impl Hash,
        hasher: &RandomState,
    ) {
        self.0.insert(name, (effect, hasher.hash_one(value)));
    }

    /// The settings of a kind that `newer` changes.
    pub(crate) fn changed(&self, newer: &Self, kind: Effect) -> Vec<&'static str> {
        let differs = |name: &&'static str| {
            let hash = |of: &Self| of.0.get(name).map(|(_, hash)| *hash);
            hash(self) != hash(newer)
        };
        let settings = newer.0.iter().chain(self.0.iter().filter(|it| !newer.0.contains_key(it.0)));
        let names = settings.filter(|(_, (effect, _))| *effect == kind).map(|(name, _)| *name);
        names.filter(differs).collect()
    }

    /// Takes over what `newer` says of settings that a reload puts in force; what needs a restart stays as it runs.
    pub(crate) fn adopt(&mut self, newer: Self) {
        let is_kept = |(effect, _): &(Effect, u64)| *effect == Effect::Restart;
        self.0.retain(|_, setting| is_kept(setting));
        self.0.extend(newer.0.into_iter().filter(|(_, setting)| !is_kept(setting)));
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::{Effect, Snapshot};

    fn snapshot(hasher: &RandomState, settings: &[(&'static str, Effect, &str)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (name, effect, value) in settings {
            snapshot.note(name, *effect, value, hasher);
        }
        snapshot
    }

    #[test]
    fn what_differs_is_told_by_what_it_takes_and_what_needs_a_restart_is_told_every_time() {
        let hasher = RandomState::new();
        let mut running = snapshot(
            &hasher,
            &[("A", Effect::Live, "1"), ("B", Effect::Domain, "1"), ("C", Effect::Restart, "1")],
        );
        assert!(running.changed(&running, Effect::Live).is_empty());
        let newer = snapshot(
            &hasher,
            &[("A", Effect::Live, "2"), ("C", Effect::Restart, "2"), ("D", Effect::Live, "1")],
        );
        for _ in 0..2 {
            assert_eq!(running.changed(&newer, Effect::Restart), ["C"]);
            running.adopt(newer.clone());
        }
        assert!(running.changed(&newer, Effect::Live).is_empty());
        let gone = snapshot(&hasher, &[("C", Effect::Restart, "1")]);
        assert_eq!(running.changed(&gone, Effect::Live), ["A", "D"]);
        assert!(running.changed(&gone, Effect::Restart).is_empty());
    }
}

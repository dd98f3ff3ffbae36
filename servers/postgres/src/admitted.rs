//! Statements that passed, so that the same text is not read and judged again.
//!
//! What is remembered depends on nothing but the text and one reading of the catalogue: the parser's facts on the
//! text alone, the verdict on the facts, that catalogue and the configuration, which does not change. With the next
//! reading of the catalogue every statement is judged anew. Refusals are not remembered.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::{catalog::Catalog, guard::Facts};

/// How many statements are remembered, twice: those since the last turn, and those of the turn before.
const STATEMENTS: usize = 256;

/// Longer statements are hardly ever sent twice.
const LONGEST: usize = 4_096;

/// The statements that were used last.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    young: HashMap<Box<str>, Entry>,
    old: HashMap<Box<str>, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    facts: Arc<Facts>,
    /// The catalogue by which it was judged. A weak pointer keeps its place from being another catalogue's.
    judged_by: Weak<Catalog>,
}

impl Admitted {
    /// What the statement names, and whether it has passed under this catalogue.
    pub(crate) fn find(&self, sql: &str, catalog: &Arc<Catalog>) -> Option<(Arc<Facts>, bool)> {
        let mut recent = self.lock();
        if !recent.young.contains_key(sql) {
            let (text, entry) = recent.old.remove_entry(sql)?;
            recent.add(text, entry);
        }
        let entry = recent.young.get(sql)?;
        let is_judged = Weak::ptr_eq(&entry.judged_by, &Arc::downgrade(catalog));
        Some((Arc::clone(&entry.facts), is_judged))
    }

    /// Remembers a statement that passed.
    pub(crate) fn add(&self, sql: &str, facts: &Arc<Facts>, catalog: &Arc<Catalog>) {
        if sql.len() <= LONGEST {
            let entry = Entry { facts: Arc::clone(facts), judged_by: Arc::downgrade(catalog) };
            self.lock().add(sql.into(), entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn add(&mut self, text: Box<str>, entry: Entry) {
        if self.young.len() >= STATEMENTS {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(text, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Admitted, STATEMENTS};
    use crate::{catalog::Catalog, guard::Facts};

    #[test]
    fn another_catalogue_asks_for_another_verdict() {
        let (admitted, facts) = (Admitted::default(), Arc::new(Facts::default()));
        let before = Arc::new(Catalog::default());
        assert!(admitted.find("SELECT 1", &before).is_none());
        admitted.add("SELECT 1", &facts, &before);
        assert!(matches!(admitted.find("SELECT 1", &before), Some((_, true))));
        let after = Arc::new(Catalog::default());
        assert!(matches!(admitted.find("SELECT 1", &after), Some((_, false))));
        drop(before);
        assert!(matches!(admitted.find("SELECT 1", &Arc::default()), Some((_, false))));
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let (admitted, facts) = (Admitted::default(), Arc::new(Facts::default()));
        let catalog = Arc::new(Catalog::default());
        for number in 0..3 * STATEMENTS {
            admitted.add(&format!("SELECT {number}"), &facts, &catalog);
            if number > 0 {
                assert!(admitted.find("SELECT 0", &catalog).is_some(), "{number}");
            }
        }
        assert!(admitted.find("SELECT 1", &catalog).is_none());
        let recent = admitted.lock();
        assert!(recent.young.len() + recent.old.len() <= 2 * STATEMENTS + 1);
    }
}

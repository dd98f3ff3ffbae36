//! State by key, spread over many locks so that no two keys meet at one but by chance.

use std::{
    array,
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Enough that some dozens of threads seldom wait, few enough to walk through.
pub(crate) const SHARDS: usize = 64;

/// A key by its 128-bit hash, under seeds that no outsider knows: keys of any length take the same
/// room, and none can be chosen to collide.
pub(crate) type Fingerprint = u128;

/// The seeds of the fingerprints of one table.
#[derive(Debug)]
pub(crate) struct Seeds([RandomState; 2]);

impl Default for Seeds {
    fn default() -> Self {
        Self(array::from_fn(|_| RandomState::new()))
    }
}

impl Seeds {
    pub(crate) fn fingerprint(&self, key: &(impl Hash + ?Sized)) -> Fingerprint {
        let [high, low] = self.0.each_ref().map(|seed| u128::from(seed.hash_one(key)));
        high << 64 | low
    }
}

/// [`SHARDS`] values, each under its own lock.
#[derive(Debug)]
pub(crate) struct Shards<T>(Box<[Mutex<T>; SHARDS]>);

impl<T: Default> Default for Shards<T> {
    fn default() -> Self {
        Self(Box::new(array::from_fn(|_| Mutex::default())))
    }
}

impl<T> Shards<T> {
    /// Locks the one shard that this key lives in.
    #[expect(clippy::indexing_slicing, reason = "a remainder is in range")]
    pub(crate) fn lock(&self, key: Fingerprint) -> MutexGuard<'_, T> {
        lock(&self.0[(key % SHARDS as u128) as usize])
    }

    /// Locks the shards one after the other.
    pub(crate) fn locked(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.0.iter().map(lock)
    }
}

/// What stands behind our locks is consistent at every step, so a panic of another thread is no reason
/// to fail here as well.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values that exist while somebody holds them: one for all who name the same key at the same time.
#[derive(Debug)]
pub(crate) struct Keyed<T> {
    seeds: Seeds,
    values: Shards<HashMap<Fingerprint, Arc<T>>>,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { seeds: Seeds::default(), values: Shards::default() }
    }
}

impl<T> Keyed<T> {
    /// The value of `key`; made when nobody holds it yet.
    pub(crate) fn hold(self: &Arc<Self>, key: &str, make: impl FnOnce() -> T) -> Held<T> {
        let key = self.seeds.fingerprint(key);
        let value =
            Arc::clone(self.values.lock(key).entry(key).or_insert_with(|| Arc::new(make())));
        Held { owner: Arc::clone(self), key, value }
    }

    /// How many keys are held.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.values.locked().map(|values| values.len()).sum()
    }
}

/// A share of a value in [`Keyed`]; the value goes with the last share.
#[derive(Debug)]
pub(crate) struct Held<T> {
    owner: Arc<Keyed<T>>,
    key: Fingerprint,
    value: Arc<T>,
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        let mut values = self.owner.values.lock(self.key);
        // Shares are made under this lock only, so the map's and ours are the last two.
        if Arc::strong_count(&self.value) == 2 {
            values.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lives_as_long_as_somebody_holds_it() {
        let keyed = Arc::new(Keyed::default());
        let first = keyed.hold("a", || 1);
        let second = keyed.hold("a", || 2);
        assert_eq!((*second, keyed.len()), (1, 1));
        drop(first);
        assert_eq!((*keyed.hold("a", || 3), keyed.len()), (1, 1));
        drop(second);
        assert_eq!(keyed.len(), 0);
        assert_eq!(*keyed.hold("a", || 4), 4);
    }
}

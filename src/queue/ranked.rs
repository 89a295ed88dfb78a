//! An ordered set that also knows how many members stand before each one.
//!
//! A treap: a search tree by key, a heap by weight. Weights come from a counter, so that equal histories give
//! equal trees. Every operation takes O(log n) steps.

use std::cmp::Ordering;

/// An ordered set with ranks.
#[derive(Debug, Clone)]
pub(super) struct Ranked<K> {
    root: Tree<K>,
    inserted: u64,
}

type Tree<K> = Option<Box<Node<K>>>;

#[derive(Debug, Clone)]
struct Node<K> {
    key: K,
    weight: u64,
    size: usize,
    left: Tree<K>,
    right: Tree<K>,
}

impl<K> Default for Ranked<K> {
    fn default() -> Self {
        Self { root: None, inserted: 0 }
    }
}

impl<K: Ord + Copy> Ranked<K> {
    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        size(&self.root)
    }

    /// Whether `key` is a member.
    pub(super) fn contains(&self, key: &K) -> bool {
        let mut tree = &self.root;
        while let Some(node) = tree {
            tree = match key.cmp(&node.key) {
                Ordering::Less => &node.left,
                Ordering::Equal => return true,
                Ordering::Greater => &node.right,
            };
        }
        false
    }

    /// Returns how many members stand before `key`, which need not be a member itself.
    pub(super) fn rank(&self, key: &K) -> usize {
        let (mut tree, mut before) = (&self.root, 0);
        while let Some(node) = tree {
            tree = if node.key < *key {
                before += size(&node.left) + 1;
                &node.right
            } else {
                &node.left
            };
        }
        before
    }

    /// Returns the member before which `rank` others stand.
    pub(super) fn at(&self, mut rank: usize) -> Option<K> {
        let mut tree = &self.root;
        while let Some(node) = tree {
            let before = size(&node.left);
            tree = match rank.cmp(&before) {
                Ordering::Less => &node.left,
                Ordering::Equal => return Some(node.key),
                Ordering::Greater => {
                    rank -= before + 1;
                    &node.right
                }
            };
        }
        None
    }

    /// The first member.
    pub(super) fn first(&self) -> Option<K> {
        self.at(0)
    }

    /// Adds `key`. If it is a member already, nothing changes.
    pub(super) fn insert(&mut self, key: K) {
        if !self.contains(&key) {
            self.inserted = self.inserted.wrapping_add(1);
            let node = Node { key, weight: scatter(self.inserted), size: 1, left: None, right: None };
            insert(&mut self.root, Box::new(node));
        }
    }

    /// Removes `key`. If it is not a member, nothing changes.
    pub(super) fn remove(&mut self, key: &K) {
        if self.contains(key) {
            remove(&mut self.root, key);
        }
    }
}

fn size<K>(tree: &Tree<K>) -> usize {
    tree.as_ref().map_or(0, |node| node.size)
}

/// The finaliser of `SplitMix64`: neighbouring counts get weights far apart.
const fn scatter(count: u64) -> u64 {
    let x = count.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl<K> Node<K> {
    fn count(&mut self) {
        self.size = size(&self.left) + 1 + size(&self.right);
    }
}

/// Puts a new key into `tree`.
fn insert<K: Ord>(tree: &mut Tree<K>, mut new: Box<Node<K>>) {
    match tree {
        Some(node) if node.weight >= new.weight => {
            let side = if new.key < node.key { &mut node.left } else { &mut node.right };
            insert(side, new);
            node.count();
        }
        Some(_) | None => {
            (new.left, new.right) = split(tree.take(), &new.key);
            new.count();
            *tree = Some(new);
        }
    }
}

/// Removes a key from `tree`, which must have it.
fn remove<K: Ord>(tree: &mut Tree<K>, key: &K) {
    let Some(node) = tree else { return };
    match key.cmp(&node.key) {
        Ordering::Less => remove(&mut node.left, key),
        Ordering::Greater => remove(&mut node.right, key),
        Ordering::Equal => {
            *tree = join(node.left.take(), node.right.take());
            return;
        }
    }
    node.count();
}

/// Splits `tree` into the elements before `key` and the others.
fn split<K: Ord>(tree: Tree<K>, key: &K) -> (Tree<K>, Tree<K>) {
    let Some(mut node) = tree else { return (None, None) };
    if node.key < *key {
        let (before, after) = split(node.right.take(), key);
        node.right = before;
        node.count();
        (Some(node), after)
    } else {
        let (before, after) = split(node.left.take(), key);
        node.left = after;
        node.count();
        (before, Some(node))
    }
}

/// Joins two trees. All elements of the first must stand before all of the second.
fn join<K>(first: Tree<K>, second: Tree<K>) -> Tree<K> {
    match (first, second) {
        (None, only) | (only, None) => only,
        (Some(mut a), Some(mut b)) => {
            if a.weight >= b.weight {
                a.right = join(a.right.take(), Some(b));
                a.count();
                Some(a)
            } else {
                b.left = join(Some(a), b.left.take());
                b.count();
                Some(b)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_an_ordered_set_with_ranks(steps in prop::collection::vec((any::<bool>(), 0_u8..40), 0..200)) {
            let (mut ranked, mut plain) = (Ranked::default(), BTreeSet::new());
            for (add, key) in steps {
                if add { ranked.insert(key); plain.insert(key); } else { ranked.remove(&key); plain.remove(&key); }
                prop_assert_eq!(ranked.len(), plain.len());
                prop_assert_eq!(ranked.first(), plain.first().copied());
                for key in 0..40 {
                    prop_assert_eq!(ranked.contains(&key), plain.contains(&key));
                    prop_assert_eq!(ranked.rank(&key), plain.range(..key).count());
                }
                for rank in 0..=plain.len() {
                    prop_assert_eq!(ranked.at(rank), plain.iter().nth(rank).copied());
                }
            }
        }
    }

    #[test]
    fn stays_shallow_whatever_the_order() {
        fn depth<K>(tree: &Tree<K>) -> usize {
            tree.as_ref().map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
        }
        let mut ranked = Ranked::default();
        for key in 0..10_000 {
            ranked.insert(key);
        }
        assert!(depth(&ranked.root) < 50, "{}", depth(&ranked.root));
    }
}

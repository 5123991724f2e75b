use super::*;
use proptest::prelude::*;

/// The tree as RFC 9162 defines it, word for word and slowly.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn half(len: usize) -> usize {
    let mut k = 1;
    while k * 2 < len {
        k *= 2;
    }
    k
}

fn naive_path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = half(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, beside) =
        if index < k { (naive_path(index, left), right) } else { (naive_path(index - k, right), left) };
    path.push(naive_root(beside));
    path
}

fn naive_consistency(old: usize, leaves: &[Digest], whole: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = half(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, beside) = if old <= k {
        (naive_consistency(old, left, whole), right)
    } else {
        (naive_consistency(old - k, right, false), left)
    };
    proof.push(naive_root(beside));
    proof
}

fn leaves(count: u64) -> Vec<Digest> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

struct Tree {
    frontier: Frontier,
    stored: Vec<Digest>,
}

impl Tree {
    fn of(leaves: &[Digest]) -> Self {
        let mut tree = Self { frontier: Frontier::default(), stored: Vec::new() };
        leaves.iter().for_each(|leaf| tree.frontier.push(*leaf, |hash| tree.stored.push(hash)));
        tree
    }

    fn nodes(&self, lookup: &Lookup) -> Vec<Digest> {
        let hashes: Vec<_> = lookup.places().into_iter().map(|place| self.stored[place as usize]).collect();
        lookup.nodes(&hashes).unwrap()
    }
}

/// The leaves and roots that implementations of Certificate Transparency test each other with.
#[test]
fn roots_are_those_of_certificate_transparency() {
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    assert_eq!(frontier.root().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (input, root) in inputs.iter().zip(roots) {
        frontier.push(leaf_hash(input), |_| ());
        assert_eq!(frontier.root().hex(), root);
    }
}

#[test]
fn stored_hashes_are_counted_and_placed_as_they_are_appended() {
    let mut frontier = Frontier::default();
    let mut count = 0;
    for size in 0..200u64 {
        assert_eq!(stored_count(size), count);
        let before = count;
        frontier.push(leaf_hash(b"x"), |_| count += 1);
        for level in 0..(count - before) as u32 {
            assert_eq!(stored_index(level, size >> level), before + u64::from(level));
        }
    }
}

#[test]
fn every_path_and_every_consistency_of_small_trees_holds() {
    let all = leaves(40);
    for size in 1..=all.len() {
        let now = &all[..size];
        let tree = Tree::of(now);
        let root = naive_root(now);
        assert_eq!(tree.frontier.root(), root);
        let edge = tree.nodes(&Lookup::frontier(size as u64));
        assert_eq!(Frontier::new(size as u64, edge).unwrap(), tree.frontier);
        for index in 0..size {
            let path = tree.nodes(&Lookup::path(index as u64, size as u64).unwrap());
            assert_eq!(path, naive_path(index, now));
            assert_eq!(root_of_path(now[index], index as u64, size as u64, &path), Some(root));
            let mut builder = PathBuilder::new(index as u64, size as u64).unwrap();
            now.iter().for_each(|leaf| builder.push(*leaf));
            assert_eq!(builder.finish().unwrap(), path);
        }
        for old in 1..=size {
            let proof = tree.nodes(&Lookup::consistency(old as u64, size as u64).unwrap());
            assert_eq!(proof, naive_consistency(old, now, true));
            let (old, new) = (&all[..old], now);
            assert!(is_consistent(head(old), head(new), &proof));
        }
    }
}

fn head(leaves: &[Digest]) -> Head {
    Head { size: leaves.len() as u64, root: naive_root(leaves) }
}

#[test]
fn nothing_is_proved_of_leaves_that_are_not_there() {
    assert_eq!(Lookup::path(0, 0), None);
    assert_eq!(Lookup::path(5, 5), None);
    assert_eq!(Lookup::consistency(6, 5), None);
    assert!(PathBuilder::new(3, 3).is_none());
    assert_eq!(root_of_path(empty_root(), 0, 0, &[]), None);
    assert_eq!(root_of_path(empty_root(), 1, 1, &[]), None);
    let mut unfinished = PathBuilder::new(1, 3).unwrap();
    unfinished.push(empty_root());
    assert_eq!(unfinished.finish(), None);
}

#[test]
fn an_empty_tree_begins_every_tree() {
    let new = head(&leaves(7));
    assert!(is_consistent(head(&[]), new, &[]));
    assert!(!is_consistent(Head { size: 0, root: new.root }, new, &[]));
    assert!(!is_consistent(head(&[]), new, &[new.root]));
    assert!(!is_consistent(new, head(&[]), &[]));
}

#[test]
fn sizes_up_to_the_largest_do_not_overflow() {
    let hash = empty_root();
    for size in [u64::MAX, u64::MAX - 1, 1 << 63] {
        assert_eq!(root_of_path(hash, 0, size, &[hash; 3]), None);
        let long = [hash; 64];
        assert!(root_of_path(hash, 0, size, &long).is_some() || size == 1 << 63);
        assert!(!is_consistent(Head { size: size - 1, root: hash }, Head { size, root: hash }, &long));
    }
}

#[test]
fn a_frontier_has_a_peak_for_each_complete_subtree() {
    let hash = empty_root();
    assert!(Frontier::new(3, vec![hash]).is_none());
    assert!(Frontier::from_bytes(1, &[0; 31]).is_none());
    let tree = Tree::of(&leaves(13));
    assert_eq!(Frontier::from_bytes(13, &tree.frontier.to_bytes()), Some(tree.frontier));
}

proptest! {
    #[test]
    fn a_path_holds_for_its_own_leaf_place_and_size_only(size in 1..3000u64, at in any::<u64>(), other in any::<u64>()) {
        let all = leaves(size);
        let tree = Tree::of(&all);
        let root = tree.frontier.root();
        let index = at % size;
        let path = tree.nodes(&Lookup::path(index, size).unwrap());
        prop_assert_eq!(root_of_path(all[index as usize], index, size, &path), Some(root));
        let wrong = other % size;
        if wrong != index {
            prop_assert_ne!(root_of_path(all[wrong as usize], index, size, &path), Some(root));
            prop_assert_ne!(root_of_path(all[index as usize], wrong, size, &path), Some(root));
        }
        for (place, _) in path.iter().enumerate() {
            let mut bad = path.clone();
            bad[place].0[(other % 32) as usize] ^= 1;
            prop_assert_ne!(root_of_path(all[index as usize], index, size, &bad), Some(root));
            bad.remove(place);
            prop_assert_ne!(root_of_path(all[index as usize], index, size, &bad), Some(root));
        }
    }

    #[test]
    fn a_consistency_proof_holds_for_its_own_trees_only(new in 2..3000u64, at in any::<u64>(), byte in 0..32usize) {
        let all = leaves(new);
        let tree = Tree::of(&all);
        let old = 1 + at % (new - 1);
        let before = Head { size: old, root: Tree::of(&all[..old as usize]).frontier.root() };
        let after = Head { size: new, root: tree.frontier.root() };
        let proof = tree.nodes(&Lookup::consistency(old, new).unwrap());
        prop_assert!(is_consistent(before, after, &proof));
        for place in 0..proof.len() {
            let mut bad = proof.clone();
            bad[place].0[byte] ^= 1;
            prop_assert!(!is_consistent(before, after, &bad));
            bad.remove(place);
            prop_assert!(!is_consistent(before, after, &bad));
        }
        let mut forged = before;
        forged.root.0[byte] ^= 1;
        prop_assert!(!is_consistent(forged, after, &proof));
        forged = after;
        forged.root.0[byte] ^= 1;
        prop_assert!(!is_consistent(before, forged, &proof));
    }
}

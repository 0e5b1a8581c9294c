//! Connections that are made to a side before it serves: how many, and to which of its instances. The data plane makes them
//! (`docs/decisions/n09-connections-made-ahead.md`).

/// For one service on one core. Who comes behind them connects for itself, as after every start.
pub const MOST: usize = 32;
/// How many connections a core makes to each of `instances`, when it has `kept` of them to the side that serves. What cannot be divided
/// begins at another instance on every core.
pub fn shares(kept: usize, instances: usize, core: usize) -> impl Iterator<Item = usize> {
    let all = kept.min(MOST);
    (0..instances).map(move |instance| {
        let place = (instance + instances - core % instances) % instances;
        all / instances + usize::from(place < all % instances)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kept: usize, instances: usize, core: usize) -> Vec<usize> {
        shares(kept, instances, core).collect()
    }

    #[test]
    fn as_many_are_made_as_are_kept_and_none_where_none_are() {
        assert_eq!(of(0, 2, 0), [0, 0]);
        assert_eq!(of(7, 1, 3), [7]);
        assert!(of(0, 0, 0).is_empty());
        for (kept, instances, core) in [(1, 3, 0), (5, 3, 1), (31, 4, 2), (32, 5, 9)] {
            assert_eq!(of(kept, instances, core).iter().sum::<usize>(), kept);
        }
    }

    #[test]
    fn there_is_a_most_for_all_instances_together() {
        assert_eq!(of(33, 1, 0), [MOST]);
        assert_eq!(of(usize::MAX, 5, 0).iter().sum::<usize>(), MOST);
    }

    #[test]
    fn cores_begin_at_different_instances_so_that_the_first_does_not_get_every_rest() {
        assert_eq!(of(1, 2, 0), [1, 0]);
        assert_eq!(of(1, 2, 1), [0, 1]);
        assert_eq!(of(5, 3, 2), [2, 1, 2]);
    }
}

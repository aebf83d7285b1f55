//! Sums have the same bits for any number of threads, and for any number of processes that each hold a subtree.

use super::*;
use std::fmt::Debug;
use std::sync::mpsc::{Receiver, Sender, channel};

/// One of several simulated processes, each on its own thread. They exchange numbers over channels.
#[derive(Debug)]
struct Channels {
    rank: usize,
    to: Vec<Sender<Vec<f64>>>,
    from: Vec<Mutex<Receiver<Vec<f64>>>>,
}

impl Peers for Channels {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.to.len()
    }

    fn exchange(&self, peer: usize, numbers: &[f64]) -> Vec<f64> {
        self.to[peer].send(numbers.to_vec()).unwrap();
        self.from[peer].lock().unwrap().recv().unwrap()
    }
}

/// The results of `work` in each of `count` simulated processes, in the order of their ranks.
pub(crate) fn on_ranks<R: Send>(count: usize, layout: &Layout, work: impl Fn(&Reducer) -> R + Sync) -> Vec<R> {
    let (mut to, mut from): (Vec<Vec<_>>, Vec<Vec<_>>) =
        ((0..count).map(|_| Vec::new()).collect(), (0..count).map(|_| Vec::new()).collect());
    for sender in &mut to {
        for receiver in &mut from {
            let (send, receive) = channel();
            sender.push(send);
            receiver.push(Mutex::new(receive));
        }
    }
    let ranks = to.into_iter().zip(from).enumerate().map(|(rank, (to, from))| Channels { rank, to, from });
    std::thread::scope(|scope| {
        let work = &work;
        let start = |peers| scope.spawn(move || work(&Reducer::among(layout.clone(), Arc::new(peers)).unwrap()));
        let threads: Vec<_> = ranks.map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Checks that one, two and four processes get the same results from a batch.
pub(crate) fn assert_same_on_ranks<R: Send + PartialEq + Debug>(layout: &Layout, work: impl Fn(&Reducer) -> R + Sync) {
    let alone = work(&Reducer::new(layout.clone()));
    for count in [1, 2, 4] {
        for (rank, result) in on_ranks(count, layout, &work).into_iter().enumerate() {
            assert_eq!(result, alone, "process {rank} of {count}");
        }
    }
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

/// Numbers whose sum depends on the order of the additions, so that equal bits mean an equal order.
fn number(row: usize, column: usize) -> f64 {
    ((row * 31 + column) as f64 * 0.7).sin() * 10f64.powi((row % 17) as i32)
}

fn sum(reducer: &Reducer, width: usize) -> Vec<f64> {
    let first = reducer.here().start;
    let add = |part: &Part, sum: &mut [f64]| {
        for row in part.rows.clone() {
            sum.iter_mut().enumerate().for_each(|(column, sum)| *sum += number(first + row, column));
        }
    };
    reducer.sum(width, add)
}

/// Layouts with few and many environments, of equal and unequal lengths.
fn layouts() -> Vec<Layout> {
    let uneven = (0..23).map(|i| 100 + 37 * (i % 5));
    vec![Layout::of_rows([700; 4]), Layout::of_rows([128; 32]), Layout::of_rows(uneven), Layout::of_rows([3000; 8])]
}

#[test]
fn threads_do_not_change_the_sum() {
    for width in [1, 100, 3 * SLICE] {
        let reducer = Reducer::new(Layout::of_rows([500; 10]));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bits(&sum(&reducer, width)))
        };
        let expected = run(1);
        for threads in [2, 3, 7] {
            assert_eq!(run(threads), expected);
        }
    }
}

#[test]
fn leaves_are_added_in_pairs() {
    let reducer = Reducer::new(Layout::of_rows([400; 4]));
    let leaf = |first: usize| (first..first + 400).fold(0.0, |sum, row| sum + number(row, 0));
    let expected = (leaf(0) + leaf(400)) + (leaf(800) + leaf(1200));
    assert_eq!(bits(&sum(&reducer, 1)), [expected.to_bits()]);
    assert_eq!(reducer.sum_of(|row| number(row, 0)).to_bits(), expected.to_bits());
    assert_eq!(reducer.leaves(), [0..400, 400..800, 800..1200, 1200..1600]);
}

#[test]
fn several_processes_have_the_bits_of_one() {
    for layout in layouts() {
        assert_same_on_ranks(&layout, |reducer| {
            let first = reducer.here().start;
            let at = |row: usize| number(first + row, 0);
            let matrix = reducer.sum_matrix(LARGE + 1, |part, sum| {
                part.rows.clone().for_each(|row| sum[(first + row) % 7] += at(row));
            });
            let points = reducer.sums_and_maxima(1, 1, |part, numbers| {
                for row in part.rows.clone() {
                    (numbers[0], numbers[1]) = (numbers[0] + at(row), numbers[1].max(at(row)));
                }
            });
            let moments = reducer.moments(|row| [at(row), 1e9 + at(row)]);
            [bits(&sum(reducer, 5)), bits(&matrix[..7]), bits(&points), bits(&moments.to_numbers())]
        });
    }
}

#[test]
fn moments_of_environments_are_merged_along_the_tree() {
    for layout in layouts() {
        let of_environments: Vec<Moments> = (0..layout.environments())
            .map(|environment| {
                let mut moments = Moments::new(2);
                layout.rows_of(environment).for_each(|row| moments.push(&[number(row, 0), number(row, 1)]));
                moments
            })
            .collect();
        let joined = |reducer: &Reducer| reducer.join_moments(&of_environments[reducer.environments()], 2);
        assert_same_on_ranks(&layout, |reducer| bits(&joined(reducer).to_numbers()));
        let (joined, of_rows) = (joined(&Reducer::new(layout.clone())), {
            let reducer = Reducer::new(layout.clone());
            reducer.moments(|row| [number(row, 0), number(row, 1)])
        });
        assert_eq!(joined.count, of_rows.count);
        for j in 0..2 {
            assert!((joined.variance(j) - of_rows.variance(j)).abs() <= 1e-12 * of_rows.variance(j));
        }
    }
}

#[test]
fn what_is_gathered_is_in_the_order_of_the_batch() {
    for layout in layouts() {
        let all: Vec<f64> = (0..layout.rows()).map(|row| row as f64).collect();
        assert_same_on_ranks(&layout, |reducer| reducer.gather(all[reducer.here()].to_vec()));
        assert_eq!(Reducer::new(layout).gather(all.clone()), all);
    }
}

#[test]
fn spread_rows_are_summed_by_those_who_hold_them() {
    for layout in layouts() {
        let count = layout.rows() * 9 / 10;
        let spread = |reducer: &Reducer| {
            let (rows, first) = (reducer.spread(count), reducer.here().start);
            let of_spread = reducer.of_spread(count).unwrap();
            assert_eq!(of_spread.here().len(), rows.len());
            bits(&[of_spread.sum_of(|row| number(first + rows[row], 0))])
        };
        assert_same_on_ranks(&layout, spread);
    }
}

#[test]
fn a_batch_that_is_too_small_is_not_shared() {
    let reducers = on_ranks(1, &Layout::of_rows([100; 2]), |reducer| reducer.leaves().len());
    assert_eq!(reducers, [1]);
    #[derive(Debug)]
    struct Second;
    impl Peers for Second {
        fn rank(&self) -> usize {
            1
        }
        fn count(&self) -> usize {
            2
        }
        fn exchange(&self, _: usize, _: &[f64]) -> Vec<f64> {
            unreachable!("nothing is summed")
        }
    }
    for layout in [Layout::of_rows([100; 2]), Layout::of_rows([10_000])] {
        assert!(Reducer::among(layout, Arc::new(Second)).is_none());
    }
    assert_eq!(Reducer::among(Layout::of_rows([1000; 3]), Arc::new(Second)).unwrap().here(), 1000..3000);
}

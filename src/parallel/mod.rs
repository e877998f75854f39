//! The thread team: who computes which part of a step.
//!
//! Threads cannot change a result here. A step is cut into parts by its own size alone, every worker does the parts that
//! are its own and then those that nobody has begun, and the partial sums are added in a tree of fixed shape
//! ([`crate::gradient::sum`]). That parts have owners is for the caches: a worker can prefetch what it will read next.
//!
//! A team lives as long as one call: its threads are scoped, so no thread is left that a forked child
//! would lack, and two calls from two threads cannot wait for each other. They are started at the first run that is
//! shared, which costs tens of microseconds; from then on the workers meet at their seats (`seat.rs`), which costs a
//! fraction of a microsecond where handing work to a pool costs tens.
//!
//! Meetings take as little only if each worker has a processor. So there are no more threads than processors, and where
//! others keep these busy the leader works alone for a while, see `lateness.rs`.

mod lateness;
mod seat;

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Instant;

use self::lateness::Lateness;
use self::seat::Seat;

/// Work in parts that can be done in any order by any worker.
pub trait Job: Send + Sync {
    /// Does one part. `worker` is the number of the worker, which has scratch of its own.
    fn part(&self, part: usize, worker: usize);

    /// Does all parts `0..n_parts` in one thread, without locks.
    fn alone(&mut self, n_parts: usize);
}

/// Number of the calling thread as a worker.
pub const LEADER: usize = 0;
/// How often a follower polls before it sleeps: some 200 to 500 microseconds. To wake it takes some 50, during which the
/// leader makes dozens of small steps alone; between two epochs of so many rows as fit a cache it should stay awake.
const POLLS_BEFORE_SLEEP: u32 = 20_000;
/// How often the leader polls before it lets others have its processor: some 20 to 50 microseconds.
const POLLS_BEFORE_YIELD: u32 = 2000;

/// Alone on its cache lines, which processors fetch in pairs: what one worker writes does not take from another what
/// it reads.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct OnOwnLines<T>(pub T);

/// The calling thread and its followers.
pub struct Team<'a, J> {
    shared: &'a SharedJob<J>,
    /// Workers that were asked for.
    n_workers: usize,
    /// Starts the followers, once.
    start: Option<Box<dyn FnOnce() -> Vec<Thread> + 'a>>,
    /// Those there are: with the leader no more than processors.
    followers: Vec<Thread>,
    /// Whether a follower has done a part of the last run.
    was_helped: bool,
    lateness: Lateness,
}

impl<J> fmt::Debug for Team<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("n_workers", &self.n_workers).finish_non_exhaustive()
    }
}

/// Calls `lead` with a team of `n_threads`, the calling thread among them. Where these are more than there are processors,
/// the others have no thread, and their parts are done by those that have.
pub fn with_team<J: Job, R>(n_threads: usize, job: J, lead: impl FnOnce(Team<'_, J>) -> R) -> R {
    with_team_on(|| thread::available_parallelism().map_or(1, |n| n.get()), n_threads, job, lead)
}

/// The same, with so many processors.
fn with_team_on<J: Job, R>(
    n_processors: impl Fn() -> usize,
    n_threads: usize,
    job: J,
    lead: impl FnOnce(Team<'_, J>) -> R,
) -> R {
    let shared = SharedJob {
        job: OnOwnLines(UnsafeCell::new(job)),
        seats: OnceLock::new(),
        is_closed: AtomicBool::new(false),
        has_panicked: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        let shared = &shared;
        let start = move || {
            // To ask how many processors there are takes 27 us.
            let n_workers = n_threads.min(n_processors()).max(1);
            let seats = shared.seats.get_or_init(|| (0..n_workers).map(|_| Seat::default()).collect());
            let start = |(worker, seat)| {
                let follower = thread::Builder::new().name(format!("mbgd-{worker}"));
                let follower = follower.spawn_scoped(scope, move || shared.follow(worker, seat));
                follower.map(|follower| follower.thread().clone()).ok()
            };
            // If a thread cannot be spawned, the other workers take its parts.
            seats.iter().enumerate().skip(1).map_while(start).collect()
        };
        lead(Team {
            shared,
            n_workers: n_threads.max(1),
            start: Some(Box::new(start)),
            followers: Vec::new(),
            was_helped: false,
            lateness: Lateness::default(),
        })
    })
}

impl<J: Job> Team<'_, J> {
    /// Workers that the next run is to be cut for, the leader included.
    #[inline]
    pub fn n_workers(&mut self) -> usize {
        if self.lateness.is_resting() && self.lateness.still_rests() { 1 } else { self.n_workers }
    }

    /// The job, to be changed between runs.
    #[inline]
    pub fn job(&mut self) -> &mut J {
        // SAFETY: a follower reaches the job between taking an offer and leaving its seat; `run`, which holds the team
        // exclusively as this does, makes the offers, and does not end before all are withdrawn or the seats left.
        unsafe { &mut *self.shared.job.0.get() }
    }

    /// Whether a follower has done a part of the last run: one that has just been started or woken comes too late.
    #[inline]
    pub fn was_helped(&self) -> bool {
        self.was_helped
    }

    /// Does the parts `0..n_parts` of the job, all workers together; returns when all are done.
    ///
    /// # Panics
    /// If a part does.
    pub fn run(&mut self, n_parts: usize) {
        if self.n_workers > 1
            && n_parts > 1
            && let Some(start) = self.start.take()
        {
            self.followers = start();
        }
        if self.followers.is_empty() || n_parts == 1 || self.lateness.is_resting() {
            self.was_helped = false;
            return self.job().alone(n_parts);
        }
        let seats = &self.shared.seats()[..=self.followers.len()];
        let n_own = n_parts.div_ceil(seats.len());
        for (worker, seat) in seats.iter().enumerate() {
            seat.set((worker * n_own).min(n_parts)..((worker + 1) * n_own).min(n_parts));
        }
        let began = self.lateness.begin();
        let meeting = Meeting { seats: &seats[1..], began, lateness: &mut self.lateness };
        for (seat, follower) in seats[1..].iter().zip(&self.followers) {
            if seat.offer() {
                follower.unpark();
            }
        }
        // SAFETY: the meeting ends after it.
        let n_done = unsafe { self.shared.do_parts(LEADER) };
        drop(meeting);
        self.was_helped = n_done < n_parts;
        assert!(!self.shared.has_panicked.load(Ordering::Relaxed), "a worker of the team has panicked");
    }
}

/// Ends the followers, also when the leader panics.
impl<J> Drop for Team<'_, J> {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        self.followers.iter().for_each(Thread::unpark);
    }
}

/// A run under way: ends when no follower has the job, also when the leader panics.
struct Meeting<'m> {
    /// Of the followers.
    seats: &'m [Seat],
    began: Option<Instant>,
    lateness: &'m mut Lateness,
}

impl Drop for Meeting<'_> {
    fn drop(&mut self) {
        let are_back = || self.seats.iter().all(Seat::is_left_or_withdraw);
        if !spin_until(are_back, POLLS_BEFORE_YIELD) {
            let since = Instant::now();
            while !are_back() {
                thread::yield_now();
            }
            self.lateness.waited(self.began, since);
        }
    }
}

#[derive(Debug)]
struct SharedJob<J> {
    job: OnOwnLines<UnsafeCell<J>>,
    /// Of the leader and the followers, from when these are started.
    seats: OnceLock<Box<[Seat]>>,
    is_closed: AtomicBool,
    /// Whether a follower has panicked: what it had to add up is missing.
    has_panicked: AtomicBool,
}

// SAFETY: between runs the job is reached by the leader alone, and during a run by all, but not to be changed. A job can be
// sent and shared.
unsafe impl<J: Job> Sync for SharedJob<J> {}

impl<J> SharedJob<J> {
    fn seats(&self) -> &[Seat] {
        self.seats.get().map_or(&[], |seats| seats)
    }
}

impl<J: Job> SharedJob<J> {
    fn follow(&self, worker: usize, seat: &Seat) {
        while self.takes_offer(seat) {
            let _leave = LeaveOnDrop { seat, has_panicked: &self.has_panicked };
            // SAFETY: an offer was taken, and the seat is left after it.
            unsafe { self.do_parts(worker) };
        }
    }

    /// Waits for an offer and takes it, spinning for a while, then asleep. False when the team is closed.
    fn takes_offer(&self, seat: &Seat) -> bool {
        let is_closed = || self.is_closed.load(Ordering::SeqCst);
        loop {
            let mut is_taken = false;
            let has_news = || {
                is_taken = seat.take();
                is_taken || is_closed()
            };
            if spin_until(has_news, POLLS_BEFORE_SLEEP) {
                return is_taken;
            }
            if seat.sleep() {
                while seat.is_asleep() && !is_closed() {
                    thread::park();
                }
            }
        }
    }

    /// Does the worker's own parts of the run, and then those that nobody has begun. Returns how many it has done.
    ///
    /// # Safety
    /// A meeting is under way, and the worker is the leader, or a follower that has taken its offer.
    unsafe fn do_parts(&self, worker: usize) -> usize {
        // SAFETY: nobody changes the job during a meeting.
        let job = unsafe { &*self.job.0.get() };
        let (others, own) = self.seats().split_at(worker);
        let mut n_done = 0;
        for seat in own.iter().chain(others) {
            while let Some(part) = seat.begin() {
                job.part(part, worker);
                n_done += 1;
            }
        }
        n_done
    }
}

/// A follower that panics leaves its seat, too, and says so.
struct LeaveOnDrop<'a> {
    seat: &'a Seat,
    has_panicked: &'a AtomicBool,
}

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.has_panicked.store(true, Ordering::Relaxed); // `leave` makes it known
        }
        self.seat.leave();
    }
}

/// Polls so many times, and says whether it has come true.
fn spin_until(mut is_so: impl FnMut() -> bool, n_polls: u32) -> bool {
    for _ in 0..n_polls {
        if is_so() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    /// PartCounts how often each part was done.
    #[derive(Debug, Default)]
    struct PartCounts(Vec<AtomicUsize>);

    impl Job for PartCounts {
        fn part(&self, part: usize, _worker: usize) {
            self.0[part].fetch_add(1, Ordering::Relaxed);
        }

        fn alone(&mut self, n_parts: usize) {
            self.0[..n_parts].iter_mut().for_each(|count| *count.get_mut() += 1);
        }
    }

    fn counts_of(n_processors: usize, n_threads: usize, rests: bool) -> (Vec<usize>, usize) {
        let n_parts = 7;
        let job = PartCounts((0..n_parts).map(|_| AtomicUsize::new(0)).collect());
        with_team_on(
            || n_processors,
            n_threads,
            job,
            |mut team| {
                for _ in 0..500 {
                    team.run(n_parts);
                }
                if rests {
                    team.lateness = Lateness::resting();
                    assert_eq!(team.n_workers(), 1);
                    for _ in 0..500 {
                        team.run(n_parts);
                    }
                }
                let n_members = 1 + team.followers.len();
                (team.job().0.iter_mut().map(|count| *count.get_mut()).collect(), n_members)
            },
        )
    }

    #[test]
    fn every_part_is_done_once_whoever_is_there() {
        for n_threads in [1, 2, 3, 8] {
            assert_eq!(counts_of(8, n_threads, false), (vec![500; 7], n_threads));
            assert_eq!(counts_of(8, n_threads, true), (vec![1000; 7], n_threads));
        }
    }

    #[test]
    fn there_are_no_more_threads_than_processors() {
        assert_eq!(counts_of(2, 5, false), (vec![500; 7], 2));
        assert_eq!(counts_of(1, 5, false), (vec![500; 7], 1));
    }

    /// Parts that take a while; in one whoever does it panics.
    struct Slow(Option<usize>);

    impl Job for Slow {
        fn part(&self, part: usize, _worker: usize) {
            assert!(Some(part) != self.0, "a bad part");
            thread::sleep(Duration::from_micros(100));
        }

        fn alone(&mut self, _n_parts: usize) {}
    }

    #[test]
    fn followers_that_have_fallen_asleep_come_back() {
        let lead = |mut team: Team<'_, Slow>| {
            (0..100).all(|_| {
                thread::sleep(Duration::from_millis(2)); // longer than a follower polls
                (0..1000).any(|_| {
                    team.run(4);
                    team.was_helped()
                })
            })
        };
        assert!(with_team_on(|| 2, 2, Slow(None), lead));
    }

    #[test]
    fn a_panic_in_a_part_is_one_of_the_run() {
        for bad in 0..8 {
            let mut has_panicked = false;
            let lead = |mut team: Team<'_, Slow>| {
                team.run(8);
                team.job().0 = Some(bad);
                has_panicked = catch_unwind(AssertUnwindSafe(|| team.run(8))).is_err();
                team.job().0 = None; // nobody else has the job
            };
            let ended = catch_unwind(AssertUnwindSafe(|| with_team_on(|| 2, 2, Slow(None), lead)));
            drop(ended); // if a follower has panicked, the scope of its thread panics, too
            assert!(has_panicked, "part {bad}");
        }
    }
}

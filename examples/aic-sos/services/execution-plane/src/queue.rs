//! A bounded queue and the threads that empty it.

use crate::jobs::Job;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

const MAX_WAITING: usize = 100;
/// Of this many finished jobs the result is kept; the oldest are forgotten.
const MAX_DONE: usize = 1000;

#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    Waiting,
    Running,
    Done(String),
}

pub enum Submission {
    Accepted(u64),
    Full,
}

#[derive(Default)]
struct State {
    last: u64,
    waiting: VecDeque<(u64, Job)>,
    finished: VecDeque<u64>,
    status: BTreeMap<u64, Status>,
}

struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

pub struct Queue {
    shared: Arc<Shared>,
}

impl Shared {
    /// No code that can panic runs under the lock, so a poisoned one is still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Queue {
    pub fn new(workers: usize) -> Queue {
        let shared = Arc::new(Shared { state: Mutex::default(), more: Condvar::new() });
        for _ in 0..workers {
            let shared = Arc::clone(&shared);
            thread::spawn(move || work(&shared));
        }
        Queue { shared }
    }

    pub fn submit(&self, job: Job) -> Submission {
        let mut state = self.shared.lock();
        if state.waiting.len() >= MAX_WAITING {
            return Submission::Full;
        }
        state.last += 1;
        let id = state.last;
        state.waiting.push_back((id, job));
        state.status.insert(id, Status::Waiting);
        self.shared.more.notify_one();
        Submission::Accepted(id)
    }

    pub fn status(&self, id: u64) -> Option<Status> {
        self.shared.lock().status.get(&id).cloned()
    }

    /// How many wait, and how many finished ones are remembered.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.shared.lock();
        (state.waiting.len(), state.finished.len())
    }
}

fn work(shared: &Shared) {
    loop {
        let mut state = shared.lock();
        let (id, job) = loop {
            match state.waiting.pop_front() {
                Some(next) => break next,
                None => state = shared.more.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner()),
            }
        };
        state.status.insert(id, Status::Running);
        drop(state);

        let result = job.run();

        let mut state = shared.lock();
        state.status.insert(id, Status::Done(result));
        state.finished.push_back(id);
        if state.finished.len() > MAX_DONE {
            if let Some(oldest) = state.finished.pop_front() {
                state.status.remove(&oldest);
            }
        }
    }
}

//! Waiting for SIGTERM and SIGINT with nothing but the C library, which std is linked with anyway.

use std::os::raw::c_int;

const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;
const SIG_BLOCK: c_int = 0;

/// Linux's sigset_t: 1024 bits with glibc, 128 with musl, which then leaves the rest alone.
#[repr(C)]
struct SigSet([u64; 16]);

extern "C" {
    fn sigemptyset(set: *mut SigSet) -> c_int;
    fn sigaddset(set: *mut SigSet, signal: c_int) -> c_int;
    fn pthread_sigmask(how: c_int, set: *const SigSet, old: *mut SigSet) -> c_int;
    fn sigwait(set: *const SigSet, signal: *mut c_int) -> c_int;
}

pub struct Stop(SigSet);

/// Blocks both signals in this thread and in all that it starts. A blocked signal is kept for `wait`,
/// also for process 1 of a container, for which the default action is to ignore it.
pub fn block() -> Stop {
    let mut set = SigSet([0; 16]);
    // SAFETY: set is large enough for any libc's sigset_t and lives through the calls.
    unsafe {
        sigemptyset(&mut set);
        sigaddset(&mut set, SIGINT);
        sigaddset(&mut set, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &set, std::ptr::null_mut());
    }
    Stop(set)
}

impl Stop {
    /// Returns when one of the signals has come.
    pub fn wait(&self) {
        let mut signal = 0;
        // SAFETY: both pointers are to live values of the right type.
        while unsafe { sigwait(&self.0, &mut signal) } != 0 {}
    }
}

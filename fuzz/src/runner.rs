//! One target, for a time.

use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::mutate::mutated;
use crate::targets::Target;

/// One input may not take longer.
const SLOW: Duration = Duration::from_secs(1);
/// Inputs that the pool grows to: what was made from the seeds, so that changes add up.
const POOL: usize = 512;

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) inputs: u64,
    pub(crate) failure: Option<Failure>,
}

impl Outcome {
    pub(crate) fn verdict(&self) -> &'static str {
        if self.failure.is_none() { "ok" } else { "FAILED" }
    }
}

/// An input that shows a mistake.
pub(crate) struct Failure {
    pub(crate) input: Vec<u8>,
    pub(crate) why: String,
}

impl Failure {
    /// The input as text, everything odd escaped.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        for byte in &self.input {
            let _ = write!(text, "{}", byte.escape_ascii());
        }
        text
    }

    /// Writes the input to a file of its own.
    pub(crate) fn save(&self, folder: &Path, target: &str) -> io::Result<PathBuf> {
        let mut hasher = DefaultHasher::new();
        self.input.hash(&mut hasher);
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{target}-{:016x}", hasher.finish()));
        fs::write(&path, &self.input)?;
        Ok(path)
    }
}

/// Feeds the seeds, then mutations of them, until the time is over or one fails.
pub(crate) fn run(target: &Target, seed: u64, time: Duration) -> Outcome {
    let until = Instant::now() + time;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pool: Vec<Vec<u8>> = target.seeds.iter().map(|seed| seed.to_vec()).collect();
    pool.push(Vec::new());
    let mut inputs = 0;
    for input in pool.clone() {
        inputs += 1;
        if let Some(failure) = tried(target, input) {
            return Outcome { inputs, failure: Some(failure) };
        }
    }
    while Instant::now() < until {
        let input = mutated(&mut rng, &pool, target.words);
        inputs += 1;
        if pool.len() < POOL {
            pool.push(input.clone());
        } else {
            // The seeds stay.
            let place = rng.usize(target.seeds.len()..POOL);
            pool[place].clone_from(&input);
        }
        if let Some(failure) = tried(target, input) {
            return Outcome { inputs, failure: Some(failure) };
        }
    }
    Outcome { inputs, failure: None }
}

fn tried(target: &Target, input: Vec<u8>) -> Option<Failure> {
    let began = Instant::now();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
    let took = began.elapsed();
    let why = match outcome {
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "it panicked".to_owned()),
        Ok(()) if took > SLOW => format!("it took {took:?}"),
        Ok(()) => return None,
    };
    Some(Failure { input, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses a word that mutations have to put together.
    fn planted(input: &[u8]) {
        assert!(!input.windows(3).any(|part| part == b"b'a"), "planted");
    }

    #[test]
    fn planted_mistake_is_found_and_can_be_replayed() {
        let target =
            Target { name: "planted", about: "", run: planted, seeds: &[b"aaa", b"bbb"], words: &[b"'"] };
        // The seed decides after how many inputs it is found; the time is for machines with other work.
        let failure = run(&target, 1, Duration::from_secs(240)).failure.unwrap();
        assert_eq!(failure.why, "planted");
        assert!(panic::catch_unwind(|| planted(&failure.input)).is_err());
    }

    #[test]
    fn slow_input_is_a_mistake() {
        let slow = |_: &[u8]| std::thread::sleep(SLOW + Duration::from_millis(50));
        let target = Target { name: "slow", about: "", run: slow, seeds: &[], words: &[] };
        assert!(run(&target, 1, Duration::ZERO).failure.unwrap().why.contains("took"));
    }
}

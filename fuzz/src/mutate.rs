//! New inputs from old ones.

/// Longest input.
const LONGEST: usize = 4_096;

/// Values that sit at the edges of ranges.
const EDGES: &[u8] =
    &[0, 1, 0x1f, 0x20, 0x7f, 0x80, 0xbf, 0xc0, 0xed, 0xf4, 0xff, b'\'', b'"', b'\\', b'<', b'&', b'%'];

/// A mutated copy of one of `pool`, with `words` strewn in.
pub(crate) fn mutated(rng: &mut fastrand::Rng, pool: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut input = rng.choice(pool).cloned().unwrap_or_default();
    for _ in 0..rng.usize(1..=6) {
        step(rng, &mut input, pool, words);
    }
    input.truncate(LONGEST);
    input
}

fn step(rng: &mut fastrand::Rng, input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&[u8]]) {
    let at = rng.usize(0..=input.len());
    match rng.u8(0..9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.u8(0..8);
            }
        }
        1 => {
            if let (Some(byte), Some(edge)) = (input.get_mut(at), rng.choice(EDGES)) {
                *byte = *edge;
            }
        }
        2 => input.truncate(at),
        3 => {
            let end = rng.usize(at..=input.len());
            input.drain(at..end);
        }
        4 => {
            // The same again, which makes nesting deep and lists long.
            let end = rng.usize(at..=input.len()).min(at + 256);
            let part = input[at..end].to_vec();
            for _ in 0..rng.usize(1..=8) {
                input.splice(at..at, part.iter().copied());
            }
        }
        5 => {
            if let Some(other) = rng.choice(pool) {
                let from = rng.usize(0..=other.len());
                input.splice(at.., other[from..].iter().copied());
            }
        }
        6 => input.insert(at, rng.u8(..)),
        _ => {
            if let Some(word) = rng.choice(words) {
                input.splice(at..at, word.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_makes_the_same_inputs() {
        let pool = [b"hello".to_vec(), b"world".to_vec()];
        let inputs = |seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            (0..200).map(|_| mutated(&mut rng, &pool, &[b"'--"])).collect::<Vec<_>>()
        };
        assert_eq!(inputs(7), inputs(7));
        assert_ne!(inputs(7), inputs(8));
        assert!(inputs(7).iter().all(|input| input.len() <= LONGEST));
    }
}

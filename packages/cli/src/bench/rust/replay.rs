//! The peer of `bench replay`: the same events into a `BTreeMap<u64, (u64, u64)>`, conflict checks included.
//!
//! Standard input, little-endian: the number of events (u64), then in columns their type (u8, 0 is a map), first byte,
//! last byte and value (u64 each). Standard output: events a second, then how many were live at the end.
use std::collections::BTreeMap;
use std::io::{stdin, Read, Result};
use std::time::Instant;

fn column(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect()
}

fn main() -> Result<()> {
    let mut input = Vec::new();
    stdin().lock().read_to_end(&mut input)?;
    let (head, rest) = input.split_at(8);
    let count = u64::from_le_bytes(head.try_into().unwrap()) as usize;
    let (kinds, rest) = rest.split_at(count);
    let (firsts, rest) = rest.split_at(8 * count);
    let (lasts, values) = rest.split_at(8 * count);
    let (firsts, lasts, values) = (column(firsts), column(lasts), column(values));

    let start = Instant::now();
    let mut live: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for row in 0..count {
        let (first, last) = (firsts[row], lasts[row]);
        if kinds[row] != 0 {
            live.remove(&first);
        } else {
            let free = match live.range(..=last).next_back() {
                Some((_, &(end, _))) => end < first,
                None => true,
            };
            if free {
                live.insert(first, (last, values[row]));
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{} {}", count as f64 / seconds, live.len());
    Ok(())
}

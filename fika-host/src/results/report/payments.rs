//! Payments: how many are unconfirmed, and how long until they are in the chain.

use super::growth::histogram;
use super::page::note;
use super::plot::{Axis, Plot, quantile, time_unit};
use super::source::Payment;
use crate::results::duration;

/// Points of the line of unconfirmed payments.
const POINTS: usize = 600;

fn present(payments: Option<&[Payment]>) -> Result<&[Payment], String> {
    let payments = payments.ok_or("there is no transactions.csv")?;
    if payments.is_empty() { Err("nobody paid".into()) } else { Ok(payments) }
}

/// How many payments were sent and in no block of the chain yet, whenever that changed: time and count.
fn waiting(payments: &[Payment]) -> Vec<(u64, i64)> {
    let mut changes: Vec<(u64, i64)> = Vec::with_capacity(payments.len() * 2);
    for payment in payments {
        changes.push((payment.submitted_us, 1));
        if let Some(latency_us) = payment.latency_us {
            changes.push((payment.submitted_us.saturating_add(latency_us), -1));
        }
    }
    changes.sort_unstable();
    let mut count = 0;
    for (_, change) in &mut changes {
        count += *change;
        *change = count;
    }
    changes.dedup_by(|later, kept| {
        later.0 == kept.0 && {
            kept.1 = later.1;
            true
        }
    });
    changes
}

/// At most about [`POINTS`] of the points: of many, the lowest and the highest of each stretch.
fn envelope(points: &[(u64, i64)]) -> Vec<(u64, i64)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let stretches = points.chunks(points.len().div_ceil(POINTS / 2));
    let ends = |stretch: &[(u64, i64)]| {
        let low = stretch.iter().copied().min_by_key(|(_, count)| *count);
        let high = stretch.iter().copied().max_by_key(|(_, count)| *count);
        let mut ends: Vec<_> = low.into_iter().chain(high).collect();
        ends.sort_unstable();
        ends
    };
    stretches.flat_map(ends).collect()
}

/// Unconfirmed payments against time.
pub(super) fn mempool(payments: Option<&[Payment]>) -> Result<String, String> {
    let waiting = waiting(present(payments)?);
    let (most, last_us) = (waiting.iter().map(|(_, count)| *count).max(), waiting.last().map(|(at_us, _)| *at_us));
    let (most, last_us) = (most.unwrap_or(0) as f64, last_us.unwrap_or(0) as f64);
    let (unit, us) = time_unit(last_us);
    let x = Axis::new(format!("time since the start ({unit})"), 0.0, last_us / us);
    let mut plot = Plot::new(x, Axis::new("unconfirmed payments", 0.0, most));
    let mut points = vec![(0.0, 0.0)];
    for (at_us, count) in envelope(&waiting) {
        let at = at_us as f64 / us;
        if waiting.len() <= POINTS / 2 {
            points.push((at, points[points.len() - 1].1));
        }
        points.push((at, count as f64));
    }
    plot.line("c0", points, "payments sent and in no block of the chain yet");
    let what = "Payments that were sent and are in no block of the chain yet, whichever mempools hold them.";
    Ok(plot.svg("Unconfirmed payments against time") + &note(what))
}

/// The distribution of confirmation times.
pub(super) fn confirmation(payments: Option<&[Payment]>) -> Result<String, String> {
    let payments = present(payments)?;
    let mut times: Vec<u64> = payments.iter().filter_map(|payment| payment.latency_us).collect();
    times.sort_unstable();
    let last = times.last().ok_or("no payment was confirmed")?;
    let shown = |share| duration(quantile(&times, share).unwrap_or(0));
    let said = format!(
        "{} of {} payments confirmed: half within {}, 90 % within {}, all within {}.",
        times.len(),
        payments.len(),
        shown(0.5),
        shown(0.9),
        duration(*last)
    );
    Ok(histogram(&times, *last as f64, "time from sending to the first block", "payments") + &note(&said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_rises_with_payments_and_falls_with_their_blocks() {
        let payment = |submitted_us, latency_us| Payment { submitted_us, latency_us };
        let payments = [payment(10, Some(20)), payment(20, Some(10)), payment(25, None)];
        assert_eq!(waiting(&payments), [(10, 1), (20, 2), (25, 3), (30, 1)]);
    }
}

//! Payments: how many are unconfirmed, and how long until they are in the chain.

use super::axis::{Axis, Measure};
use super::chart::{Chart, Layer, Look, Mark};
use super::growth::histogram;
use super::section::{Content, Section};
use super::source::{NetworkEvent, Payment, moments, quantile};
use crate::results::duration;

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

/// Unconfirmed payments against time.
pub(super) fn mempool(payments: Option<&[Payment]>, events: &[NetworkEvent]) -> Content {
    let waiting = waiting(present(payments)?).into_iter().map(|(at_us, count)| (at_us as f64, count as f64));
    let layers = vec![Layer::new(Mark::Steps, Look::First, "", [(0.0, 0.0)].into_iter().chain(waiting))];
    let y = Axis::of(Measure::Count, "unconfirmed payments", "payments");
    let chart = Chart::new("mempool", "Unconfirmed payments against time", Axis::since_start(), y, layers);
    let what = "Payments that were sent and are in no block of the chain yet, whichever mempools hold them.";
    Ok(Section::default().chart(&chart.marked(moments(events)))?.note(what))
}

/// The distribution of confirmation times.
pub(super) fn confirmation(payments: Option<&[Payment]>) -> Content {
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
    let layers = vec![Layer::new(Mark::Bars, Look::First, "", histogram(&times).0)];
    let x = Axis::of(Measure::Time, "time from sending to the first block", "latency_us");
    let y = Axis::of(Measure::Count, "payments", "payments");
    let chart = Chart::new("confirmation-times", "Distribution of confirmation times", x, y, layers);
    Ok(Section::default().chart(&chart)?.note(&said))
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

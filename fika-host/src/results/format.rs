//! Numbers and tables as people read them.

use std::fmt::Write;

use fika_core::hash::Id;

/// A time in microseconds, three digits: `1.25 s`, `340 ms`, `3 min 20 s`.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{} ms", three_digits(us, 1_000)),
        1_000_000..60_000_000 => format!("{} s", three_digits(us, 1_000_000)),
        60_000_000..3_600_000_000 => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
        _ => format!("{} h {} min", us / 3_600_000_000, us / 60_000_000 % 60),
    }
}

/// Millionths as a percentage: `2.5 %`.
pub(crate) fn share(ppm: u64) -> String {
    format!("{} %", three_digits(ppm, 10_000))
}

/// A size in binary units: `3.2 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = [("B", 1_u64), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let (unit, scale) = units.into_iter().rev().find(|(_, scale)| bytes >= *scale).unwrap_or(units[0]);
    format!("{} {unit}", three_digits(bytes, scale))
}

/// `value / scale` with at most two decimals and about three digits.
fn three_digits(value: u64, scale: u64) -> String {
    let (value, scale) = (u128::from(value), u128::from(scale));
    let decimals = match value / scale {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let power = 10_u128.pow(decimals);
    let scaled = (value * power + scale / 2) / scale;
    let (whole, part) = (scaled / power, scaled % power);
    if part == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{part:0width$}", width = decimals as usize);
    text.trim_end_matches('0').to_string()
}

/// The value, or a dash.
pub(super) fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".into(), show)
}

/// Rows with columns of equal width; the first is the head. Columns of numbers stand to the right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let is_number =
        |cell: &String| matches!(cell.as_str(), "" | "-") || cell.parse::<f64>().is_ok() || is_measure(cell);
    let numbers = |column: usize| column > 0 && rows.iter().skip(1).filter_map(|row| row.get(column)).all(is_number);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell_width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| cell_width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // Writing to a string does not fail.
            let _ = match numbers(column) {
                false => write!(line, "  {cell:<width$}"),
                true => write!(line, "  {cell:>width$}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A number with its unit: `3 MiB`, `2/4`.
fn is_measure(cell: &str) -> bool {
    let (number, unit) = cell.split_once([' ', '/']).unwrap_or((cell, ""));
    number.parse::<f64>().is_ok() && unit.len() <= 8
}

/// The last twelve digits of an id, as in the nodes' logs: proof of work makes the first ones alike.
pub(crate) fn short(id: Id) -> String {
    let text = id.to_string();
    text[text.len() - 12..].into()
}

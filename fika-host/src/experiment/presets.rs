//! Networks as they were measured. Regions are always in the order of [`REGIONS`].

use super::{Latency, Region};

pub(super) const PRESETS: &[&str] = &["bitcoin-2015", "bitcoin-2019", "litecoin", "dogecoin"];

const REGIONS: [&str; 6] = ["north-america", "europe", "south-america", "asia-pacific", "japan", "australia"];

/// One measured network.
struct Preset {
    /// Of the nodes, in hundredths of a per cent.
    shares: [u32; 6],
    /// Mean time one way, in microseconds; rows from, columns to.
    latency_us: [[u64; 6]; 6],
    /// In kbit/s.
    upload: [u64; 6],
    download: [u64; 6],
    degrees: Degrees,
}

/// How many links each node makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Degrees {
    Fixed(u32),
    /// Parts per million of the nodes that make 1, 2, 3... links.
    Shares(Vec<u32>),
    /// The same from 1, 2, 3... on: sums, in thousandths.
    Cumulative(&'static [u32]),
}

/// Gervais et al., "On the Security and Performance of Proof of Work Blockchains" (CCS 2016): measured 2015.
const LATENCY_2015_US: [[u64; 6]; 6] = [
    [35_500, 119_490, 254_790, 310_110, 154_360, 207_910],
    [119_490, 11_610, 221_080, 241_900, 266_450, 350_070],
    [254_790, 221_080, 137_090, 346_650, 255_950, 268_910],
    [310_110, 241_900, 346_650, 99_460, 172_240, 277_800],
    [154_360, 266_450, 255_950, 172_240, 8_760, 162_590],
    [207_910, 350_070, 268_910, 277_800, 162_590, 21_720],
];
/// The same source.
const DOWNLOAD_2015: [u64; 6] = [25_000, 24_000, 6_500, 10_000, 17_500, 14_000];
/// The same source.
const UPLOAD_2015: [u64; 6] = [4_700, 8_100, 1_800, 5_300, 3_400, 5_200];

/// SimBlock (Aoki et al., 2019): measured 2019.
const LATENCY_2019_US: [[u64; 6]; 6] = [
    [32_000, 124_000, 184_000, 198_000, 151_000, 189_000],
    [124_000, 11_000, 227_000, 237_000, 252_000, 294_000],
    [184_000, 227_000, 88_000, 325_000, 301_000, 322_000],
    [198_000, 237_000, 325_000, 85_000, 58_000, 198_000],
    [151_000, 252_000, 301_000, 58_000, 12_000, 126_000],
    [189_000, 294_000, 322_000, 198_000, 126_000, 16_000],
];
/// The same source.
const DOWNLOAD_2019: [u64; 6] = [52_000, 40_000, 18_000, 22_800, 22_800, 29_900];
/// The same source.
const UPLOAD_2019: [u64; 6] = [19_200, 20_700, 5_800, 15_700, 10_200, 11_300];

/// Miller et al., "Discovering Bitcoin's Public Topology and Influential Nodes" (2015): nodes that make at most
/// 1, 2, 3... links, in thousandths.
const DEGREES_BITCOIN: &[u32] =
    &[25, 50, 75, 100, 200, 300, 400, 500, 600, 700, 800, 850, 900, 950, 970, 970, 980, 990, 995, 1_000];
/// SimBlock, after the same source.
const DEGREES_LITECOIN: &[u32] =
    &[10, 20, 40, 70, 90, 140, 200, 280, 390, 500, 600, 690, 760, 810, 850, 870, 890, 920, 930, 1_000];

fn preset(name: &str) -> Option<Preset> {
    let measured_2015 = |shares, degrees| Preset {
        shares,
        latency_us: LATENCY_2015_US,
        upload: UPLOAD_2015,
        download: DOWNLOAD_2015,
        degrees,
    };
    // Shares of regions: of 2015 and of the two smaller coins Gervais et al. 2016, of 2019 SimBlock.
    Some(match name {
        "bitcoin-2015" => measured_2015([3_869, 5_159, 113, 574, 119, 166], Degrees::Cumulative(DEGREES_BITCOIN)),
        "bitcoin-2019" => Preset {
            shares: [3_316, 4_998, 90, 1_177, 224, 195],
            latency_us: LATENCY_2019_US,
            upload: UPLOAD_2019,
            download: DOWNLOAD_2019,
            degrees: Degrees::Cumulative(DEGREES_BITCOIN),
        },
        "litecoin" => measured_2015([3_661, 4_791, 149, 1_022, 238, 139], Degrees::Cumulative(DEGREES_LITECOIN)),
        "dogecoin" => measured_2015([3_924, 4_879, 212, 697, 106, 182], Degrees::Fixed(8)),
        _ => return None,
    })
}

/// The regions of a preset. Latencies are drawn for each message from a Pareto distribution with shape mean / 5 ms,
/// as both sources model them.
pub(super) fn regions(name: &str) -> Vec<Region> {
    let Some(preset) = preset(name) else { return vec![] };
    let pareto = |mean_us: &u64| Latency::pareto(*mean_us, None).expect("all means are above 5 ms");
    let region = |index: usize| Region {
        name: REGIONS[index].into(),
        share_ppm: preset.shares[index] * 100,
        upload_bps: preset.upload[index] * 1_000,
        download_bps: preset.download[index] * 1_000,
        latency: preset.latency_us[index].iter().map(pareto).collect(),
    };
    (0..REGIONS.len()).map(region).collect()
}

/// How many links each node of a preset makes.
pub(super) fn degrees(name: &str) -> Option<Degrees> {
    preset(name).map(|preset| preset.degrees)
}

impl Degrees {
    /// From the shares of nodes that make at most 1, 2, 3... links, in parts per million.
    ///
    /// # Errors
    /// What is expected of such a list.
    pub(super) fn cumulative(sums: &[u64]) -> Result<Degrees, String> {
        let rising = sums.windows(2).all(|pair| pair[0] <= pair[1]);
        if !rising || sums.last() != Some(&1_000_000) {
            return Err("expected shares that rise and end with 1".into());
        }
        let before = [0].iter().chain(sums);
        Ok(Degrees::Shares(sums.iter().zip(before).map(|(sum, before)| (sum - before) as u32).collect()))
    }

    /// The degrees of `count` nodes: exact shares, in a drawn order.
    pub(super) fn deal(&self, count: usize, seed: u64) -> Vec<u32> {
        let shares = match self {
            Degrees::Fixed(degree) => return vec![*degree; count],
            Degrees::Shares(shares) => shares.clone(),
            Degrees::Cumulative(sums) => {
                let before = [0].iter().chain(*sums);
                sums.iter().zip(before).map(|(sum, before)| (sum - before) * 1_000).collect()
            }
        };
        let dealt = super::shares::dealt(count, &shares, seed, super::shares::purpose(*b"outs"));
        dealt.into_iter().map(|class| u32::from(class) + 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_whole_and_symmetric() {
        for name in PRESETS {
            let regions = regions(name);
            assert_eq!(regions.iter().map(|region| region.share_ppm).sum::<u32>(), 1_000_000, "{name}");
            for (i, region) in regions.iter().enumerate() {
                for (j, latency) in region.latency.iter().enumerate() {
                    assert_eq!(*latency, regions[j].latency[i], "{name} {i} {j}");
                }
            }
            let degrees = degrees(name).unwrap().deal(1_000, 1);
            assert!(degrees.iter().all(|degree| (1..=20).contains(degree)));
            let mean = f64::from(degrees.iter().sum::<u32>()) / 1_000.0;
            assert!((8.0..11.0).contains(&mean), "{name} {mean}");
        }
        assert_eq!(
            regions("bitcoin-2019")[4].latency[4],
            Latency::Pareto { mean_us: 12_000, scale_us: 7_000, shape_milli: 2_400 }
        );
        assert!(regions("x").is_empty() && degrees("x").is_none());
    }
}

//! The four route netlink messages that a cable needs, and a socket that sends many of them at once.
//!
//! An encoder of our own: the netlink crates add seven packages and half a minute of build for these
//! hundred lines, and do not batch. Layouts: `linux/rtnetlink.h`, `linux/if_link.h`, `linux/veth.h`.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

const NLMSG_ERROR: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
/// Messages per send. An answer costs about 800 bytes of the socket's 208 KiB receive buffer.
const BATCH_MAX: usize = 64;

/// One end of a cable: born in `netns` under this index, name and hardware address.
pub(crate) struct End<'a> {
    pub(crate) netns: BorrowedFd<'a>,
    pub(crate) index: u32,
    pub(crate) name: &'a str,
    pub(crate) mac: [u8; 6],
}

/// Messages to be sent together, each answered by the kernel.
#[derive(Clone, Default)]
pub(crate) struct Batch {
    messages: Vec<Vec<u8>>,
}

impl Batch {
    /// Creates a veth pair, both ends down. (An end that is to be up at once fails with `ENOTCONN`:
    /// its peer does not exist yet.)
    pub(crate) fn veth(&mut self, a: &End, b: &End) {
        let mut message = Message::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL);
        message.end(a);
        message.nested(libc::IFLA_LINKINFO, |info| {
            info.attribute(libc::IFLA_INFO_KIND, b"veth");
            info.nested(libc::IFLA_INFO_DATA, |data| data.nested(VETH_INFO_PEER, |peer| peer.end(b)));
        });
        self.messages.push(message.finish());
    }

    /// Sets an interface up.
    pub(crate) fn up(&mut self, index: u32) {
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        message.link_header(index, libc::IFF_UP as u32, libc::IFF_UP as u32);
        self.messages.push(message.finish());
    }

    /// Lets so many packets wait for the reader of a TUN device.
    pub(crate) fn queue(&mut self, index: u32, packets: u32) {
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        message.link_header(index, 0, 0);
        message.attribute(libc::IFLA_TXQLEN, &packets.to_ne_bytes());
        self.messages.push(message.finish());
    }

    /// Sets an interface down. It keeps its address, and forgets its neighbours.
    pub(crate) fn down(&mut self, index: u32) {
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        message.link_header(index, 0, libc::IFF_UP as u32);
        self.messages.push(message.finish());
    }

    /// Gives an interface its address.
    pub(crate) fn address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) {
        let mut message = Message::new(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL);
        message.bytes.extend([libc::AF_INET as u8, prefix, 0, 0]);
        message.bytes.extend(index.to_ne_bytes());
        message.attribute(libc::IFA_LOCAL, &address.octets());
        message.attribute(libc::IFA_ADDRESS, &address.octets());
        self.messages.push(message.finish());
    }

    /// Pins the neighbour's hardware address, so that no ARP is ever sent. The interface must be up.
    pub(crate) fn neighbour(&mut self, index: u32, address: Ipv4Addr, mac: [u8; 6]) {
        let mut message = Message::new(libc::RTM_NEWNEIGH, libc::NLM_F_CREATE | libc::NLM_F_REPLACE);
        message.bytes.extend([libc::AF_INET as u8, 0, 0, 0]);
        message.bytes.extend(index.to_ne_bytes());
        message.bytes.extend(libc::NUD_PERMANENT.to_ne_bytes());
        message.bytes.extend([0, libc::RTN_UNICAST]);
        message.attribute(libc::NDA_DST, &address.octets());
        message.attribute(libc::NDA_LLADDR, &mac);
        self.messages.push(message.finish());
    }
}

/// One message under construction. Numbers are in the machine's order, as netlink wants them.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn new(kind: u16, flags: i32) -> Message {
        let mut bytes = vec![0; 4]; // the length, known at the end
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(((flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16).to_ne_bytes());
        bytes.extend([0; 8]); // sequence number (one batch at a time needs none), port: the kernel fills it in
        Message { bytes }
    }

    fn link_header(&mut self, index: u32, flags: u32, changed: u32) {
        self.bytes.extend([libc::AF_UNSPEC as u8, 0, 0, 0]);
        self.bytes.extend(index.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend(changed.to_ne_bytes());
    }

    fn end(&mut self, end: &End) {
        self.link_header(end.index, 0, 0);
        let mut name = end.name.as_bytes().to_vec();
        name.push(0);
        self.attribute(libc::IFLA_IFNAME, &name);
        self.attribute(libc::IFLA_ADDRESS, &end.mac);
        self.attribute(libc::IFLA_NUM_TX_QUEUES, &1u32.to_ne_bytes());
        self.attribute(libc::IFLA_NUM_RX_QUEUES, &1u32.to_ne_bytes());
        self.attribute(libc::IFLA_NET_NS_FD, &end.netns.as_raw_fd().to_ne_bytes());
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nested(kind, |inside| inside.bytes.extend(value));
    }

    fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Message)) {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        fill(self);
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

/// A route netlink socket. It belongs to the network namespace that its thread was in at `open`.
pub(crate) struct Route(OwnedFd);

impl Route {
    pub(crate) fn open() -> io::Result<Route> {
        let route = None; // protocol 0 of this family
        Ok(Route(socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, route)?))
    }

    /// Sends all messages and returns once the kernel has carried each of them out, or the first refusal.
    pub(crate) fn send(&self, batch: &Batch) -> io::Result<()> {
        for messages in batch.messages.chunks(BATCH_MAX) {
            send(&self.0, &messages.concat(), SendFlags::empty())?;
            self.answers(messages.len())?;
        }
        Ok(())
    }

    fn answers(&self, mut expected: usize) -> io::Result<()> {
        let mut refusal = None;
        let mut buffer = vec![0; 32 * 1024];
        while expected > 0 {
            let (length, _) = recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
            let mut rest = &buffer[..length];
            while let Some((kind, payload, next)) = split(rest) {
                rest = next;
                if kind != NLMSG_ERROR || payload.len() < 4 {
                    continue;
                }
                expected = expected.saturating_sub(1);
                let code = i32::from_ne_bytes([payload[0], payload[1], payload[2], payload[3]]);
                if code != 0 && refusal.is_none() {
                    refusal = Some(io::Error::from_raw_os_error(-code));
                }
            }
        }
        refusal.map_or(Ok(()), Err)
    }
}

/// The first message of a buffer as (kind, payload, what follows it).
fn split(buffer: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let header = buffer.get(..16)?;
    let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let kind = u16::from_ne_bytes([header[4], header[5]]);
    let payload = buffer.get(16..length)?;
    Some((kind, payload, buffer.get(length.next_multiple_of(4)..).unwrap_or(&[])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_the_header_and_the_padding_of_inner_attributes() {
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        message.nested(libc::IFLA_LINKINFO, |info| info.attribute(libc::IFLA_INFO_KIND, b"veth1"));
        let bytes = message.finish();
        assert_eq!(bytes.len(), 16 + 4 + 12);
        assert_eq!(bytes[..4], 32u32.to_ne_bytes());
        assert_eq!(bytes[16..18], 16u16.to_ne_bytes(), "outer: 4 + 4 + 5 padded to 8");
        assert_eq!(bytes[20..22], 9u16.to_ne_bytes(), "inner: 4 + 5, its padding not counted");
        let (kind, payload, rest) = split(&bytes).expect("one message");
        assert_eq!((kind, payload.len(), rest.len()), (libc::RTM_NEWLINK, 16, 0));
    }

    #[test]
    fn a_truncated_answer_is_no_answer() {
        assert!(split(&[0; 15]).is_none());
        let mut short = vec![0; 20];
        short[..4].copy_from_slice(&64u32.to_ne_bytes());
        assert!(split(&short).is_none());
    }
}

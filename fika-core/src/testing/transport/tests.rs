//! Transports with a flaw.

use super::*;
use crate::testing::calls::message_of;
use crate::transport::Frames;

/// Frames with one flaw.
struct Flawed(&'static str);

struct FlawedSession(&'static str, Box<dyn Session>, Vec<u8>);

impl Transport for Flawed {
    fn open(&self, dialed: bool, hello: &Hello) -> Box<dyn Session> {
        Box::new(FlawedSession(self.0, Frames.open(dialed, hello), Vec::new()))
    }

    fn wire_size(&self, message: &Message) -> u64 {
        let size = Frames.wire_size(message);
        match (self.0, message) {
            ("size", Message::Direct(_)) => size + 1,
            ("names", Message::Inv(items)) => size + items.iter().filter(|item| item.id().0[0] == 0).count() as u64,
            _ => size,
        }
    }
}

impl Session for FlawedSession {
    fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Output) {
        match (self.0, input) {
            ("whole", Input::Bytes(bytes)) => {
                // Only what comes in one piece is read.
                *self = FlawedSession(self.0, Frames.open(true, &hello("")), Vec::new());
                self.1.handle(now, Input::Bytes(bytes), out);
            }
            ("order", Input::Bytes(_)) => {
                self.1.handle(now, input, out);
                out.messages.reverse();
            }
            ("panics", Input::Bytes(bytes)) => {
                self.2.extend(bytes);
                let len = self.2.first_chunk().map_or(0, |len| u32::from_le_bytes(*len));
                assert!(len < 1 << 24, "a length beyond all measure");
                self.1.handle(now, input, out);
            }
            ("silent", Input::Open) => {}
            _ => self.1.handle(now, input, out),
        }
    }
}

#[test]
fn every_flaw_is_found() {
    promises(&Flawed("none"));
    for (flaw, said) in [
        ("size", "the bytes of a message of kind direct"),
        ("names", "transactions depends on which these are"),
        ("whole", "what one end says, the other hears"),
        ("order", "what one end says, the other hears"),
        ("panics", "a length beyond all measure"),
        ("silent", "two ends of one chain get ready"),
    ] {
        let message = message_of(|| promises(&Flawed(flaw)));
        assert!(message.contains(said), "{flaw}: expected {said:?}, found {message:?}");
    }
}

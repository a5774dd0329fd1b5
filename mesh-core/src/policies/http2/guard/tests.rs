use std::time::Duration;

use super::*;
use crate::tests::ManualClock;

const PRIORITY: u8 = 2;
const END_STREAM: u8 = 1;

fn frame(kind: u8, flags: u8, length: u16) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let mut bytes = vec![0, high, low, kind, flags, 0, 0, 0, 1];
    bytes.resize(bytes.len() + usize::from(length), 0xff);
    bytes
}

struct Peer {
    guard: FrameGuard,
    clock: ManualClock,
    sent: u64,
}

impl Peer {
    fn new() -> Self {
        Self { guard: FrameGuard::of_server(100_000), clock: ManualClock::default(), sent: 0 }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Flood> {
        self.guard.read(bytes, self.sent, || self.clock.now())
    }

    /// How many of these the peer may send before it is too much.
    fn may_send(&mut self, bytes: &[u8]) -> (usize, Option<Flood>) {
        for count in 0..100_000 {
            if let Err(flood) = self.send(bytes) {
                return (count, Some(flood));
            }
        }
        (100_000, None)
    }
}

#[test]
fn what_costs_the_peer_nothing_is_bounded() {
    let cases = [
        (frame(PING, 0, 8), 1_000, Flood::Control),
        (frame(PING, ACK, 8), 1_000, Flood::Control),
        (frame(SETTINGS, 0, 6), 1_000, Flood::Control),
        (frame(GOAWAY, 0, 8), 1_000, Flood::Control),
        (frame(PRIORITY, 0, 5), 100, Flood::Priority),
        (frame(0x42, 0, 0), 100, Flood::Priority),
        (frame(WINDOW_UPDATE, 0, 4), 1_000, Flood::WindowUpdate),
    ];
    for (bytes, count, flood) in cases {
        assert_eq!(Peer::new().may_send(&bytes), (count, Some(flood)));
    }
}

#[test]
fn what_brings_data_or_ends_something_is_not_bounded_here() {
    for bytes in [frame(DATA, 0, 1), frame(DATA, END_STREAM, 0), frame(RST_STREAM, 0, 4)] {
        assert_eq!(Peer::new().may_send(&bytes).1, None);
    }
    let stream = [frame(HEADERS, END_HEADERS, 30), vec![]].concat();
    assert_eq!(Peer::new().may_send(&stream).1, None);
}

#[test]
fn the_answers_to_pings_earn_none() {
    let (ping, mut peer) = (frame(PING, 0, 8), Peer::new());
    let mut count = 0;
    while peer.send(&ping).is_ok() {
        count += 1;
        peer.sent += PING_ANSWER;
    }
    // The last answer is on its way when the next comes.
    assert_eq!(count, 1_000);
}

#[test]
fn keepalives_go_on_for_ever() {
    let (ping, mut peer) = (frame(PING, 0, 8), Peer::new());
    for _ in 0..100_000 {
        peer.clock.advance(Duration::from_millis(100));
        assert_eq!(peer.send(&ping), Ok(()));
    }
}

#[test]
fn a_busy_peer_may_say_more() {
    // A long download: two updates and a PING for each small DATA frame; and a burst of what was held back.
    let mut peer = Peer::new();
    let read = [frame(WINDOW_UPDATE, 0, 4), frame(WINDOW_UPDATE, 0, 4), frame(PING, 0, 8)].concat();
    for _ in 0..100_000 {
        peer.sent += 26 + PING_ANSWER;
        assert_eq!(peer.send(&read), Ok(()));
    }
    peer.sent += 10 << 20;
    assert_eq!(peer.send(&frame(WINDOW_UPDATE, 0, 4).repeat(20_000)), Ok(()));
    // Many small calls.
    let mut peer = Peer::new();
    let call = [frame(HEADERS, END_HEADERS | END_STREAM, 20), frame(PRIORITY, 0, 5).repeat(3)].concat();
    let call = [call, frame(WINDOW_UPDATE, 0, 4).repeat(2), frame(PING, 0, 8)].concat();
    assert_eq!(peer.may_send(&call).1, None);
}

#[test]
fn frames_are_found_however_they_are_cut() {
    let bytes = [
        frame(SETTINGS, 0, 12),
        frame(HEADERS, 0, 50),
        frame(CONTINUATION, END_HEADERS, 7),
        frame(DATA, 0, 300),
        frame(PING, 0, 8),
        frame(DATA, END_STREAM, 0),
    ]
    .concat();
    for size in [1, 2, 3, 8, 9, 10, 57, bytes.len()] {
        let mut peer = Peer::new();
        peer.guard = FrameGuard::of_client(57);
        for part in [&[b'P'; 24][..], &bytes].concat().chunks(size) {
            peer.send(part).unwrap();
        }
        assert_eq!((peer.guard.streams, peer.guard.answers), (1, PING_ANSWER + SETTINGS_ANSWER), "{size}");
        assert_eq!((peer.guard.come, peer.guard.payload, peer.guard.unfinished()), (0, 0, 0));
    }
}

#[test]
fn fields_that_have_not_ended_are_told() {
    let mut guard = FrameGuard::of_client(1_000);
    let now = ManualClock::default();
    let mut read = |bytes: &[u8]| {
        guard.read(bytes, 0, || now.now()).unwrap();
        guard.unfinished()
    };
    assert_eq!(read(&[0; 23]), 1, "the preface");
    assert_eq!(read(&[0; 1]), 0);
    assert_eq!(read(&frame(SETTINGS, 0, 6)), 0);
    let whole = frame(HEADERS, END_HEADERS, 10);
    assert_eq!(read(&whole), 0);
    assert_eq!(read(&whole[..12]), 3, "the third: one has ended");
    assert_eq!(read(&whole[12..]), 0);
    assert_eq!(read(&frame(HEADERS, 0, 10)), 4);
    assert_eq!(read(&frame(CONTINUATION, 0, 10)), 4);
    assert_eq!(read(&frame(CONTINUATION, END_HEADERS, 0)), 0);
}

#[test]
fn gw_12_a_block_may_not_be_larger_than_the_limit_however_it_is_cut() {
    let whole = |parts: &[u16]| {
        let mut peer = Peer::new();
        peer.guard = FrameGuard::of_server(1_000);
        let kinds = std::iter::once(HEADERS).chain(std::iter::repeat(CONTINUATION));
        parts.iter().zip(kinds).try_for_each(|(length, kind)| peer.send(&frame(kind, 0, *length)))
    };
    assert_eq!(whole(&[1_000]), Ok(()));
    assert_eq!(whole(&[1_001]), Err(Flood::HeaderBlock));
    assert_eq!(whole(&[500, 500]), Ok(()));
    assert_eq!(whole(&[500, 400, 101]), Err(Flood::HeaderBlock));
}

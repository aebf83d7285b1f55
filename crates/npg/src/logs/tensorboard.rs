//! TensorBoard's event files: protobuf messages (tensorflow/core/util/event.proto) in TFRecord frames.

use std::path::{Path, PathBuf};

/// The fields of `Event`.
const WALL_TIME: u32 = 1;
const STEP: u32 = 2;
const FILE_VERSION: u32 = 3;
const SUMMARY: u32 = 5;
const SESSION_LOG: u32 = 7;
/// The repeated field of `Summary`.
const VALUE: u32 = 1;
/// The fields of `Summary.Value`.
const TAG: u32 = 1;
const SIMPLE_VALUE: u32 = 2;
/// The field of `SessionLog`, and its value for the start of a session.
const STATUS: u32 = 1;
const START: u64 = 1;

/// The wire types of encoded fields.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// The first record of every event file.
pub(super) fn version_record(wall_time: f64) -> Vec<u8> {
    record(wall_time, 0, |event| bytes(event, FILE_VERSION, b"brain.Event:2"))
}

/// The record that starts a session at `step`. TensorBoard only takes note of the first such record of a run. From the second
/// one on, it forgets everything at `step` and later, so every file must have one.
pub(super) fn start_record(wall_time: f64, step: u64) -> Vec<u8> {
    let mut status = Vec::new();
    key(&mut status, STATUS, VARINT);
    varint(&mut status, START);
    record(wall_time, step, |event| bytes(event, SESSION_LOG, &status))
}

/// The record of one row of scalars. TensorBoard keeps them in single precision.
pub(super) fn scalars_record(wall_time: f64, step: u64, prefix: &str, scalars: &[(&str, f64)]) -> Vec<u8> {
    let mut summary = Vec::with_capacity(48 * scalars.len());
    for (name, value) in scalars {
        let tag_length = prefix.len() + name.len();
        // The key, length and text of the tag, and the key and four bytes of the value.
        let length = 1 + varint_length(tag_length as u64) + tag_length + 5;
        key(&mut summary, VALUE, BYTES);
        varint(&mut summary, length as u64);
        key(&mut summary, TAG, BYTES);
        varint(&mut summary, tag_length as u64);
        summary.extend(prefix.as_bytes());
        summary.extend(name.as_bytes());
        key(&mut summary, SIMPLE_VALUE, FIXED32);
        summary.extend((*value as f32).to_le_bytes());
    }
    record(wall_time, step, |event| bytes(event, SUMMARY, &summary))
}

/// The path of the next event file in `directory`: `events.out.tfevents.<seconds>.npg-<n>`.
///
/// TensorBoard reads the files of a directory in the order of their names. The new name therefore sorts after the existing
/// ones, even if the clock was set back.
pub(super) fn next_file(directory: &Path, seconds: u64) -> PathBuf {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let last = entries.filter_map(|entry| parts_of(entry.file_name().to_str()?)).max();
    let (seconds, n) = match last {
        Some((last, n)) if last >= seconds => (last, n + 1),
        _ => (seconds, 0),
    };
    directory.join(format!("events.out.tfevents.{seconds:010}.npg-{n:03}"))
}

fn parts_of(name: &str) -> Option<(u64, u64)> {
    let (seconds, n) = name.strip_prefix("events.out.tfevents.")?.split_once(".npg-")?;
    Some((seconds.parse().ok()?, n.parse().ok().filter(|n| *n < u64::MAX)?))
}

/// One `Event` in its TFRecord frame: the length, its checksum, the event, its checksum.
fn record(wall_time: f64, step: u64, what: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut event = Vec::new();
    key(&mut event, WALL_TIME, FIXED64);
    event.extend(wall_time.to_le_bytes());
    key(&mut event, STEP, VARINT);
    varint(&mut event, step);
    what(&mut event);
    let length = (event.len() as u64).to_le_bytes();
    let (length_checksum, event_checksum) = (masked(&length), masked(&event));
    let mut record = Vec::with_capacity(event.len() + 16);
    record.extend(length);
    record.extend(length_checksum.to_le_bytes());
    record.extend(event);
    record.extend(event_checksum.to_le_bytes());
    record
}

/// The CRC-32C (Castagnoli) in the form that TFRecord stores: rotated and offset, so that a checksum over data that contains
/// checksums still works. The crate `crc32fast`, which checkpoints use, computes the other CRC-32.
fn masked(bytes: &[u8]) -> u32 {
    static CRC_32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    CRC_32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn key(to: &mut Vec<u8>, field: u32, kind: u32) {
    varint(to, u64::from(field << 3 | kind));
}

fn bytes(to: &mut Vec<u8>, field: u32, content: &[u8]) {
    key(to, field, BYTES);
    varint(to, content.len() as u64);
    to.extend(content);
}

/// Seven bits in each byte, the lowest bits first. The eighth bit says that more bytes follow.
fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// A reader of its own, written from the format and not from the writer above.
#[cfg(test)]
pub(super) mod decoded {
    use super::masked;

    #[derive(Debug, Default, PartialEq)]
    pub(crate) struct Event {
        pub(crate) wall_time: f64,
        pub(crate) step: i64,
        pub(crate) version: String,
        pub(crate) scalars: Vec<(String, f32)>,
        pub(crate) session: Option<u64>,
    }

    enum Field<'a> {
        Number(u64),
        Bytes(&'a [u8]),
    }

    fn number(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                break;
            }
        }
        value
    }

    fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(count);
        *bytes = rest;
        taken
    }

    fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = number(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(number(&mut bytes)),
                1 => Field::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                2 => {
                    let length = number(&mut bytes) as usize;
                    Field::Bytes(take(&mut bytes, length))
                }
                5 => Field::Number(u32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap()).into()),
                kind => panic!("kind {kind}"),
            };
            fields.push((key >> 3, field));
        }
        fields
    }

    fn scalar(value: &[u8]) -> (String, f32) {
        let mut scalar = (String::new(), f32::NAN);
        for field in fields(value) {
            match field {
                (1, Field::Bytes(tag)) => scalar.0 = String::from_utf8(tag.to_vec()).unwrap(),
                (2, Field::Number(bits)) => scalar.1 = f32::from_bits(bits as u32),
                (other, _) => panic!("field {other} of a value"),
            }
        }
        scalar
    }

    pub(crate) fn events(mut file: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !file.is_empty() {
            let length = take(&mut file, 8);
            assert_eq!(take(&mut file, 4), masked(length).to_le_bytes());
            let event = take(&mut file, u64::from_le_bytes(length.try_into().unwrap()) as usize);
            assert_eq!(take(&mut file, 4), masked(event).to_le_bytes());
            let mut decoded = Event::default();
            for field in fields(event) {
                match field {
                    (1, Field::Number(bits)) => decoded.wall_time = f64::from_bits(bits),
                    (2, Field::Number(step)) => decoded.step = step as i64,
                    (3, Field::Bytes(text)) => decoded.version = String::from_utf8(text.to_vec()).unwrap(),
                    (5, Field::Bytes(summary)) => {
                        for (_, value) in fields(summary) {
                            let Field::Bytes(value) = value else { panic!("a value is a message") };
                            decoded.scalars.push(scalar(value));
                        }
                    }
                    (7, Field::Bytes(session)) => {
                        let [(1, Field::Number(status))] = fields(session)[..] else { panic!("status only") };
                        decoded.session = Some(status);
                    }
                    (other, _) => panic!("field {other} of an event"),
                }
            }
            events.push(decoded);
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use decoded::{Event, events};

    #[test]
    fn records_decode_to_what_was_written() {
        let long = "x".repeat(300);
        let scalars = [("rollout/ep_rew_mean", 21.25), ("npg/kl", f64::NEG_INFINITY), (&long, -0.0)];
        let file = [
            version_record(1.5),
            start_record(2.5, 300),
            scalars_record(3.5, u64::from(u32::MAX), "", &scalars),
            scalars_record(4.5, 0, "eval/", &[]),
        ];
        let expected = [
            Event { wall_time: 1.5, version: "brain.Event:2".into(), ..Event::default() },
            Event { wall_time: 2.5, step: 300, session: Some(1), ..Event::default() },
            Event {
                wall_time: 3.5,
                step: i64::from(u32::MAX),
                scalars: scalars.map(|(name, value)| (name.into(), value as f32)).into(),
                ..Event::default()
            },
            Event { wall_time: 4.5, ..Event::default() },
        ];
        assert_eq!(events(&file.concat()), expected);
        let mut nan = events(&scalars_record(0.0, 1, "eval/", &[("return_mean", f64::NAN)]));
        let (tag, value) = nan.remove(0).scalars.remove(0);
        assert_eq!((tag.as_str(), value.is_nan()), ("eval/return_mean", true));
    }

    #[test]
    fn the_bytes_are_those_of_the_reference_implementation() {
        // tensorboard 2.21, python: RecordWriter(f).write(Event(wall_time=1.5, step=300,
        //     summary=Summary(value=[Summary.Value(tag="a/b", simple_value=0.5)])).SerializeToString())
        let theirs = "1a00000000000000129bd82d09000000000000f83f10ac022a0c0a0a0a03612f62150000003f49db135b";
        let bytes = scalars_record(1.5, 300, "", &[("a/b", 0.5)]);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, theirs);
    }

    #[test]
    fn lengths_of_varints() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_length(value), "{value}");
        }
    }

    #[test]
    fn later_files_sort_last_even_when_the_clock_goes_back() {
        let directory = tempfile::tempdir().unwrap();
        let mut names = Vec::new();
        for seconds in [1_700_000_000, 1_700_000_000, 1_600_000_000, 1_700_000_001] {
            let path = next_file(directory.path(), seconds);
            std::fs::write(&path, "").unwrap();
            names.push(path.file_name().unwrap().to_str().unwrap().to_string());
        }
        assert_eq!(names[2], "events.out.tfevents.1700000000.npg-002");
        assert!(names.is_sorted(), "{names:?}");
    }
}

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn small() -> Archive {
    let mut archive = Archive::new();
    archive.header = json!({ "steps": 4096, "name": "a \"quoted\" \"crc32\":\"00000000\" \u{e9}", "lr": 0.1 });
    archive.insert_f32("odd", &[3], &[1.0, -0.0, f32::MIN_POSITIVE / 4.0]);
    archive.insert_f64("theta", &[2, 2], &[-0.0, 5e-324, 0.1, f64::MAX]);
    archive.insert_u64("positions", &[2], &[u64::MAX, (1 << 53) + 1]);
    archive.insert_i64("signs", &[1], &[i64::MIN]);
    archive.insert_f64("nothing", &[0, 3], &[]);
    archive.insert_f64("scalar", &[], &[2.5]);
    archive
}

fn bits(data: &[f64]) -> Vec<u64> {
    data.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_bit_returns() {
    let archive = small();
    let read = Archive::from_bytes(&archive.to_bytes()).unwrap();
    assert_eq!(read.header, archive.header);
    assert_eq!(bits(&read.f64("theta", &[2, 2]).unwrap()), bits(&[-0.0, 5e-324, 0.1, f64::MAX]));
    let odd: Vec<u32> = read.f32("odd", &[3]).unwrap().iter().map(|x| x.to_bits()).collect();
    assert_eq!(odd, [0x3f80_0000, 0x8000_0000, 0x0020_0000]);
    assert_eq!(read.u64("positions", &[2]).unwrap(), [u64::MAX, 9_007_199_254_740_993]);
    assert_eq!(read.i64("signs", &[1]).unwrap(), [i64::MIN]);
    assert!(read.f64("nothing", &[0, 3]).unwrap().is_empty());
    assert_eq!(read.f64("scalar", &[]).unwrap(), [2.5]);
    assert_eq!(read.field::<u64>("steps").unwrap(), 4096);
    assert_eq!(read.names().collect::<Vec<_>>(), ["nothing", "odd", "positions", "scalar", "signs", "theta"]);
    assert_eq!(read.shape("theta").unwrap(), [2, 2]);
    let empty = Archive::new();
    assert_eq!(Archive::from_bytes(&empty.to_bytes()).unwrap(), empty);
}

#[test]
fn equal_archives_give_equal_bytes() {
    let bytes = small().to_bytes();
    assert_eq!(Archive::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    assert_eq!(small().to_bytes(), bytes);
}

#[test]
fn other_safetensors_readers_can_read_it() {
    let bytes = small().to_bytes();
    let views = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(views.tensor("theta").unwrap().shape(), [2, 2]);
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["format"], FORMAT);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = small().to_bytes();
    for length in 0..bytes.len() {
        assert!(Archive::from_bytes(&bytes[..length]).is_err(), "length {length}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(Archive::from_bytes(&longer), Err(FileFault::Damaged(_))));
}

#[test]
fn every_flipped_bit_is_an_error() {
    let mut bytes = small().to_bytes();
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Archive::from_bytes(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(Archive::from_bytes(&bytes).is_ok());
}

#[test]
fn a_capital_digit_in_the_checksum_counts_too() {
    let mut bytes = small().to_bytes();
    let (digits, _) = checksum(&bytes).unwrap();
    let letter = (digits..digits + 8).find(|&at| bytes[at].is_ascii_lowercase()).expect("some digit is a letter");
    bytes[letter] = bytes[letter].to_ascii_uppercase();
    assert!(matches!(Archive::from_bytes(&bytes), Err(FileFault::Damaged(_))));
}

#[test]
fn foreign_files_are_called_foreign() {
    let theirs = {
        let data = 1.0f64.to_le_bytes();
        let view = safetensors::tensor::TensorView::new(Dtype::F64, vec![1], &data).unwrap();
        safetensors::tensor::serialize([("theta", view)], None).unwrap()
    };
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for bytes in [&b""[..], b"{}", b"# a text file\n", png, &[0; 100], &[0xff; 100], &theirs] {
        let fault = Archive::from_bytes(bytes).unwrap_err();
        assert_eq!(fault.to_string(), "it is not a checkpoint of npg");
    }
}

#[test]
fn a_huge_declared_length_is_damage() {
    for length in [u64::MAX, 1 << 40, 100_000_000] {
        let mut bytes = small().to_bytes();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        assert!(matches!(Archive::from_bytes(&bytes), Err(FileFault::Damaged(_))));
    }
}

/// A file whose JSON was edited by someone who also corrected the length and the checksum.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let bytes = small().to_bytes();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let json = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
    assert!(json.contains(from), "{json}");
    let json = json.replacen(from, to, 1);
    let mut bytes = [&(json.len() as u64).to_le_bytes(), json.as_bytes(), &bytes[8 + length..]].concat();
    if let Some((digits, text)) = checksum(&bytes) {
        bytes[digits..digits + 8].copy_from_slice(&text);
    }
    bytes
}

#[test]
fn a_newer_version_does_not_fit() {
    let fault = Archive::from_bytes(&edited(r#""version":"1""#, r#""version":"12""#)).unwrap_err();
    let sentence = "it does not fit: it has version 12 of the format, and this npg reads version 1; use a newer npg";
    assert_eq!(fault.to_string(), sentence);
}

#[test]
fn inconsistent_contents_are_damage() {
    let cases = [
        (r#""shape":[2,2]"#, r#""shape":[4611686018427387904,4611686018427387904]"#),
        (r#""shape":[2,2]"#, r#""shape":[2,3]"#),
        (r#""dtype":"F64""#, r#""dtype":"F99""#),
        (r#""header":"#, r#""other":"#),
        (r#""version":"#, r#""other":"#),
        (r#""crc32":"#, r#""other":"#),
        (r#""header":"{"#, r#""header":"[[["#),
    ];
    for (from, to) in cases {
        let result = Archive::from_bytes(&edited(from, to));
        assert!(matches!(result, Err(FileFault::Damaged(_))), "{from} -> {to}: {result:?}");
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = "[".repeat(100_000);
    assert!(Archive::from_bytes(&edited(r#""header":"{"#, &format!(r#""header":"{deep}"#))).is_err());
    assert!(Archive::from_bytes(&edited(r#""theta":{"#, &format!(r#""x":{deep},"theta":{{"#))).is_err());
}

#[test]
fn what_is_missing_or_shaped_otherwise_does_not_fit() {
    let archive = small();
    let message = |fault: FileFault| fault.to_string();
    assert_eq!(message(archive.f64("absent", &[1]).unwrap_err()), "it does not fit: it has no tensor `absent`");
    let shape = "it does not fit: tensor `theta` is F64 [2, 2], and F64 [4] is needed";
    assert_eq!(message(archive.f64("theta", &[4]).unwrap_err()), shape);
    let dtype = "it does not fit: tensor `theta` is F64 [2, 2], and F32 [2, 2] is needed";
    assert_eq!(message(archive.f32("theta", &[2, 2]).unwrap_err()), dtype);
    assert_eq!(message(archive.field::<u64>("absent").unwrap_err()), "it does not fit: it has no `absent`");
    assert!(matches!(archive.field::<u64>("name"), Err(FileFault::Mismatch(_))));
}

#[test]
fn non_finite_numbers_are_damage_where_finite_ones_are_needed() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut archive = Archive::new();
        archive.insert_f64("x", &[3], &[0.0, bad, 1.0]);
        archive.insert_f32("y", &[1], &[bad as f32]);
        let read = Archive::from_bytes(&archive.to_bytes()).unwrap();
        assert_eq!(
            read.f64("x", &[3]).unwrap_err().to_string(),
            format!("it is damaged: tensor `x` has {bad} at index 1")
        );
        assert!(matches!(read.f32("y", &[1]), Err(FileFault::Damaged(_))));
        assert_eq!(read.any_f64("x", &[3]).unwrap()[1].to_bits(), bad.to_bits());
    }
}

#[test]
fn files_are_read_and_faults_name_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.safetensors");
    small().write(&path).unwrap();
    assert_eq!(Archive::read(&path).unwrap(), small());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let message = Archive::read(&path).unwrap_err().to_string();
    assert!(message.contains("a.safetensors: it is damaged"), "{message}");
    std::fs::write(&path, "").unwrap();
    let foreign = Archive::read(&path).unwrap_err();
    assert!(matches!(foreign, Error::File { fault: FileFault::Foreign { .. }, .. }));
    assert!(matches!(Archive::read(directory.path()), Err(Error::File { fault: FileFault::Foreign { .. }, .. })));
    assert!(matches!(Archive::read(directory.path().join("no")), Err(Error::Io { .. })));
}

/// The header is small, and it tells the length of the file.
#[test]
fn a_file_of_the_wrong_length_is_not_read_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.safetensors");
    small().write(&path).unwrap();
    let length = std::fs::metadata(&path).unwrap().len();
    // A sparse file, which takes no room on the disk.
    OpenOptions::new().write(true).open(&path).unwrap().set_len(3 << 30).unwrap();
    let message = Archive::read(&path).unwrap_err().to_string();
    let expected = format!("it is damaged: it has {} bytes, but its header says {length}", 3u64 << 30);
    assert!(message.ends_with(&expected), "{message}");
}

#[cfg(unix)]
#[test]
fn endless_devices_are_foreign() {
    assert!(matches!(Archive::read("/dev/zero"), Err(Error::File { fault: FileFault::Foreign { .. }, .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Archive::from_bytes(&bytes).is_err());
    }

    #[test]
    fn any_json_in_a_preamble_is_read_without_a_panic(tail in "[\\[\\]{}\":,a-z0-9 \\\\-]{0,200}") {
        let json = format!("{{\"__metadata__\":{{\"format\":\"{FORMAT}\",{tail}");
        let bytes = [&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat();
        prop_assert!(Archive::from_bytes(&bytes).is_err());
    }

    #[test]
    fn any_alteration_is_found(at in any::<prop::sample::Index>(), patch in proptest::collection::vec(any::<u8>(), 1..20)) {
        let whole = small().to_bytes();
        let mut bytes = whole.clone();
        let at = at.index(bytes.len() - patch.len());
        bytes[at..at + patch.len()].copy_from_slice(&patch);
        prop_assume!(bytes != whole);
        prop_assert!(Archive::from_bytes(&bytes).is_err());
    }

    #[test]
    fn any_numbers_return(data in proptest::collection::vec(any::<u64>(), 0..50)) {
        let mut archive = Archive::new();
        let floats: Vec<f64> = data.iter().map(|bits| f64::from_bits(*bits)).collect();
        archive.insert_f64("x", &[data.len()], &floats);
        archive.insert_u64("n", &[data.len()], &data);
        let read = Archive::from_bytes(&archive.to_bytes()).unwrap();
        prop_assert_eq!(bits(&read.any_f64("x", &[data.len()]).unwrap()), data.clone());
        prop_assert_eq!(read.u64("n", &[data.len()]).unwrap(), data);
    }
}

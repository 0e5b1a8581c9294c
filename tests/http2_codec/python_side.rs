//! Field blocks beside Python's `hpack`: it reads what we write, and we read what it writes, over tables of changing sizes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use fastrand::Rng;
use greengate::http2::hpack::{Decoder, Encoder, Indexing};
use greengate::http2::list::{FieldList, Limits};

const BLOCKS: usize = 400;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    fields: 1000,
};

/// Name, value, and whether it is a secret.
type Field = (Vec<u8>, Vec<u8>, bool);

fn any_fields(rng: &mut Rng) -> Vec<Field> {
    const NAMES: [&str; 8] = [
        "server",
        "content-type",
        "set-cookie",
        "date",
        "x-a",
        "x-b",
        "x-request-id",
        "etag",
    ];
    let value = |rng: &mut Rng| match rng.u8(..5) {
        0 => Vec::new(),
        1 | 2 => format!("value {}", rng.u8(0..6)).into_bytes(),
        3 => (0..rng.usize(1..40)).map(|_| rng.u8(0x21..=0x7e)).collect(),
        _ => (0..rng.usize(1..2000)).map(|_| rng.u8(0x80..)).collect(),
    };
    let field = |rng: &mut Rng| {
        let name = NAMES[rng.usize(..8)].as_bytes().to_vec();
        (name, value(rng), rng.u8(..8) == 0)
    };
    (0..rng.usize(0..10)).map(|_| field(rng)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn words(fields: &[Field]) -> String {
    let word = |(name, value, secret): &Field| format!("{}:{}:{}", hex(name), hex(value), u8::from(*secret));
    fields.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn python(commands: String) -> Vec<String> {
    let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.venv/bin/python"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http2_codec/hpack_side.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/.venv has Python and its h2 (see tests/run)");
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(commands.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn python_reads_the_field_blocks_that_we_write() {
    let rng = &mut Rng::with_seed(7541);
    let mut encoder = Encoder::new(8192);
    let (mut commands, mut expected) = (String::new(), Vec::new());
    for _ in 0..BLOCKS {
        if rng.u8(..10) == 0 {
            let size = [0, 100, 1000, 4096, 8192, 60_000][rng.usize(..6)];
            encoder.set_limit(size);
            writeln!(commands, "allow {size}").unwrap();
        }
        let (fields, mut block) = (any_fields(rng), Vec::new());
        encoder.begin(&mut block);
        for (name, value, is_secret) in &fields {
            let indexing = match rng.u8(..4) {
                _ if *is_secret => Indexing::Never,
                0 => Indexing::Pass,
                _ => Indexing::Keep,
            };
            encoder.field(&mut block, name, value, indexing);
        }
        writeln!(commands, "read {}", hex(&block)).unwrap();
        expected.push(words(&fields));
    }
    let answers = python(commands);
    assert_eq!(answers.len(), BLOCKS);
    for (at, (answer, expected)) in answers.iter().zip(expected).enumerate() {
        assert_eq!(*answer, expected, "block {at}");
    }
}

#[test]
fn we_read_the_field_blocks_that_python_writes() {
    let rng = &mut Rng::with_seed(1457);
    let (mut commands, mut expected) = (String::new(), Vec::new());
    for _ in 0..BLOCKS {
        if rng.u8(..10) == 0 {
            writeln!(commands, "table {}", [0, 100, 1000, 4096][rng.usize(..4)]).unwrap();
        }
        let fields = any_fields(rng);
        writeln!(commands, "write {}", words(&fields)).unwrap();
        expected.push(fields);
    }
    let (mut decoder, mut secrets) = (Decoder::new(4096), 0);
    for (at, (answer, expected)) in python(commands).iter().zip(expected).enumerate() {
        let mut list = FieldList::new(LIMITS);
        decoder.decode(&unhex(answer), &mut list).unwrap();
        let fields: Vec<_> = list.iter().collect();
        let plain: Vec<_> = expected
            .iter()
            .map(|(name, value, _)| (&name[..], &value[..]))
            .collect();
        assert_eq!(fields, plain, "block {at}");
        // A secret that has a place in a table, it takes from there.
        let is_secret = |place: &u32| expected[*place as usize].2;
        assert!(list.never_indexed.iter().all(is_secret), "block {at}");
        secrets += list.never_indexed.len();
    }
    assert!(secrets > 100, "{secrets} secrets");
}

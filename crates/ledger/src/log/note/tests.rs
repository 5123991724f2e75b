//! The vectors are those of golang.org/x/mod/sumdb/note and of the C2SP pages.

use super::*;

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const BY_PETER: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const BY_ENOCH: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const SOFA: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn key(text: &str) -> Verifier {
    text.parse().unwrap()
}

fn names(verified: &Verified) -> Vec<&str> {
    verified.by.iter().map(|signed| signed.name.as_str()).collect()
}

#[test]
fn signs_as_go_signs() {
    let secret: SecretKey = PETER_SECRET.parse().unwrap();
    assert_eq!(secret.verifier().to_string(), PETER);
    assert_eq!(secret.secret(), PETER_SECRET);
    let mut note = Note::new(TEXT).unwrap();
    note.sign(&secret).unwrap();
    assert_eq!(String::from_utf8(note.to_bytes()).unwrap(), format!("{TEXT}\n{BY_PETER}"));
    note.sign(&secret).unwrap();
    assert_eq!(note.signatures().len(), 1, "a key's new signature stands in the place of its old one");
}

#[test]
fn counts_known_keys_and_keeps_the_others() {
    let bytes = format!("{TEXT}\n{BY_PETER}{BY_ENOCH}");
    let by_one = Note::open(bytes.as_bytes(), &[key(PETER)]).unwrap();
    assert_eq!((names(&by_one), by_one.note.signatures().len()), (vec!["PeterNeumann"], 2));
    let by_both = Note::open(bytes.as_bytes(), &[key(ENOCH), key(PETER)]).unwrap();
    assert_eq!(names(&by_both), ["PeterNeumann", "EnochRoot"]);
    assert_eq!(by_both.of(&key(ENOCH)).unwrap().at, None);
    assert_eq!(Note::open(bytes.as_bytes(), &[]), Err(BadNote::Unsigned));
    assert_eq!(by_one.note.to_bytes(), bytes.as_bytes());
}

#[test]
fn a_signature_of_another_algorithm_is_kept_and_not_counted() {
    let odd = Signature { name: "pq.example/k".to_owned(), id: [9; 4], bytes: vec![7; 2_420] };
    let bytes = format!("{TEXT}\n{}{BY_PETER}", odd.line());
    let verified = Note::open(bytes.as_bytes(), &[key(PETER)]).unwrap();
    assert_eq!((names(&verified), verified.note.signatures()[0].clone()), (vec!["PeterNeumann"], odd));
}

#[test]
fn nobody_counts_twice() {
    let bytes = format!("{TEXT}\n{BY_PETER}{BY_PETER}");
    assert_eq!(names(&Note::open(bytes.as_bytes(), &[key(PETER)]).unwrap()), ["PeterNeumann"]);
}

#[test]
fn refuses_a_note_of_which_one_byte_is_changed() {
    let bytes = format!("{TEXT}\n{BY_PETER}").into_bytes();
    for at in 0..bytes.len() {
        for bit in [1u8, 2, 4, 8, 16, 32, 64, 128] {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            assert!(Note::open(&changed, &[key(PETER)]).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn one_wrong_signature_of_a_known_key_spoils_the_note() {
    let wrong = BY_ENOCH.replacen("Bzm", "Azm", 1);
    let bytes = format!("{TEXT}\n{BY_PETER}{wrong}");
    let spoilt = Err(BadNote::WrongSignature("EnochRoot".to_owned()));
    assert_eq!(Note::open(bytes.as_bytes(), &[key(PETER), key(ENOCH)]), spoilt);
    assert!(Note::open(bytes.as_bytes(), &[key(PETER)]).is_ok(), "a key nobody knows says nothing");
}

#[test]
fn refuses_what_is_not_a_note() {
    let bad = [
        String::new(),
        "\n".to_owned(),
        "\n\n".to_owned(),
        format!("\n\n{BY_PETER}"),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}\n{}", BY_PETER.trim_end()),
        format!("\u{1}{TEXT}\n{BY_PETER}"),
        format!("a\tb{TEXT}\n{BY_PETER}"),
        format!("{TEXT}\r\n{BY_PETER}"),
        format!("{TEXT}\n{BY_PETER}Unexpected line.\n"),
        format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "Bad Name")),
        format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "Bad+Name")),
        format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "")),
        format!("{TEXT}\n{}", BY_PETER.replace("— ", "- ")),
        format!("{TEXT}\n— a AAAAAA==\n"),
        format!("{TEXT}\n— a x08go\n"),
        format!("{TEXT}\n{}", BY_PETER.repeat(101)),
        format!("{}\n\n{BY_PETER}", "a".repeat(MAX_BYTES)),
    ];
    for text in &bad {
        assert!(matches!(Note::parse(text.as_bytes()), Err(BadNote::Malformed(_))), "{text:.80}");
    }
    assert!(matches!(Note::parse(b"\xff\n\n"), Err(BadNote::Malformed(_))));
    for text in ["", "\n", "a", "a\rb\n"] {
        assert!(Note::new(text).is_err(), "{text:?}");
    }
    assert!(Note::parse(format!("{TEXT}\n{}", BY_PETER.repeat(100)).as_bytes()).is_ok());
}

#[test]
fn the_last_empty_line_parts_text_and_signatures() {
    let mut note = Note::new("a\n\nb\n\n\n").unwrap();
    note.sign(&PETER_SECRET.parse::<SecretKey>().unwrap()).unwrap();
    let verified = Note::open(&note.to_bytes(), &[key(PETER)]).unwrap();
    assert_eq!(verified.note.text(), "a\n\nb\n\n\n");
}

#[test]
fn refuses_every_mangled_key() {
    for (text, reads) in [
        (PETER, (|text| text.parse::<Verifier>().is_ok()) as fn(&str) -> bool),
        (PETER_SECRET, |text| text.parse::<SecretKey>().is_ok()),
    ] {
        assert!(reads(text));
        for from in 0..text.len() {
            for to in from + 1..=text.len() {
                assert!((from, to) == (0, text.len()) || !reads(text.get(from..to).unwrap()), "{from}..{to}");
            }
            let mut bytes = text.as_bytes().to_vec();
            bytes[from] += 1;
            assert!(!reads(std::str::from_utf8(&bytes).unwrap()), "byte {from}");
        }
    }
    // Another length, and another algorithm, each with the id that fits.
    assert!(
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="
            .parse::<Verifier>()
            .is_err()
    );
    assert!(
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse::<Verifier>().is_err()
    );
    let mut weak = [0; 32];
    weak[0] = 1;
    assert!(Verifier::new("a", Kind::Ed25519, &weak).is_err(), "the neutral point signs everything");
}

#[test]
fn a_secret_key_does_not_print_itself() {
    let secret: SecretKey = PETER_SECRET.parse().unwrap();
    assert_eq!(format!("{secret:?}"), PETER);
    let error = "PRIVATE+KEY+a+00000000+BBBB".parse::<SecretKey>().unwrap_err();
    assert!(!error.to_string().contains("BBBB"));
}

#[test]
fn the_page_s_checkpoint_is_read_as_it_is_written() {
    let note = Note::parse(SOFA.as_bytes()).unwrap();
    assert_eq!(note.to_bytes(), SOFA.as_bytes());
    let witness = &note.signatures()[1];
    assert_eq!(witness.bytes[..8], 1_679_315_147u64.to_be_bytes());
    assert_eq!(witness.bytes.len(), 72);
    assert_eq!(Signature::parse_lines(&witness.line()), Ok(vec![witness.clone()]));
}

#[test]
fn a_cosignature_says_when_and_over_what() {
    let witness = SecretKey::new("witness.example/w", Kind::Cosignature, &[7; 32]).unwrap();
    let known = [witness.verifier().clone()];
    let mut note = Note::new(TEXT).unwrap();
    note.sign(&witness.cosigner(1_679_315_147)).unwrap();
    let verified = Note::open(&note.to_bytes(), &known).unwrap();
    assert_eq!(verified.of(&known[0]).unwrap().at, Some(1_679_315_147));
    let signed = [b"cosignature/v1\ntime 1679315147\n".as_slice(), TEXT.as_bytes()].concat();
    let plain = Verifier::new("witness.example/w", Kind::Ed25519, known[0].key()).unwrap();
    assert_eq!(plain.verify(&signed, &note.signatures()[0].bytes[8..]), Some(None));

    let mut later = note.signatures()[0].clone();
    later.bytes[7] ^= 1;
    note.add(later).unwrap();
    assert_eq!(
        Note::open(&note.to_bytes(), &known).unwrap_err(),
        BadNote::WrongSignature(known[0].name().to_owned())
    );
}

#[test]
fn a_key_signs_only_what_its_kind_says() {
    let log = SecretKey::new("a", Kind::Ed25519, &[7; 32]).unwrap();
    let witness = SecretKey::new("a", Kind::Cosignature, &[7; 32]).unwrap();
    assert_ne!(log.key_id(), witness.key_id(), "the kind is part of the id");
    assert!(log.cosigner(1).sign(b"a\n").is_err());
    assert!(witness.sign(b"a\n").is_err());
}

#[test]
fn a_time_past_the_range_is_refused() {
    let witness = SecretKey::new("a", Kind::Cosignature, &[7; 32]).unwrap();
    let bytes = witness.cosigner(1 << 63).sign(b"a\n").unwrap();
    assert_eq!(witness.verifier().verify(b"a\n", &bytes), None);
}

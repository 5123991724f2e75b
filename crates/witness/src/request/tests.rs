use super::*;
use crate::tests::Grown;

#[test]
fn a_request_is_read_as_it_is_written() {
    let log = Grown::new("log").grown(13, "a");
    let body = Request::body(5, &log.proof(5, 13), &log.note(13).to_bytes());
    let request = Request::parse(&body).unwrap();
    assert_eq!((request.old, request.checkpoint.head), (5, log.head(13)));
    assert_eq!((request.proof, request.note), (log.proof(5, 13), log.note(13)));
}

/// The example of c2sp.org/tlog-witness.
#[test]
fn the_page_s_example_is_read() {
    let body = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
    let request = Request::parse(body.as_bytes()).unwrap();
    assert_eq!((request.old, request.proof.len()), (20_852_014, 4));
    assert_eq!(request.checkpoint.origin, "example.com/behind-the-sofa");
    assert_eq!(request.note.signatures().len(), 2);
}

#[test]
fn lines_that_other_logs_add_are_let_be() {
    let text = format!("{}one more\n", Grown::new("log").note(0).text());
    assert_eq!(checkpoint_of(&text).unwrap().origin, "log");
    assert!(checkpoint_of(&format!("{text}\nmore\n")).is_err());
}

#[test]
fn refuses_what_is_not_a_request() {
    let log = Grown::new("log").grown(3, "a");
    let note = String::from_utf8(log.note(3).to_bytes()).unwrap();
    let hash = encode(&[1; 32]);
    let wrong = [
        String::new(),
        "old 0\n".to_owned(),
        note.clone(),
        format!("old 0\n{note}"),
        format!("old\n\n{note}"),
        format!("old 00\n\n{note}"),
        format!("old -1\n\n{note}"),
        format!("old 1 \n\n{note}"),
        format!("Old 1\n\n{note}"),
        format!("old 1\r\n\r\n{note}"),
        format!("old 99999999999999999999\n\n{note}"),
        format!("old 4\n\n{note}"),
        format!("old 1\nAQ==\n\n{note}"),
        format!("old 1\n{}\n\n{note}", hash.trim_end_matches('=')),
        format!("old 1\n{hash} \n\n{note}"),
        format!("old 1\n{}\n{note}", format!("{hash}\n").repeat(64)),
        format!("old 1\n\n\n{note}"),
        format!("old 1\n\n{}", note.trim_end()),
        format!("old 1\n\n{note}{}", "a".repeat(MAX_BYTES)),
        format!("old 1\n\nlog\n3\n\n{}", log.note(3).signatures()[0].line()),
    ];
    for body in &wrong {
        assert!(Request::parse(body.as_bytes()).is_err(), "{body:.60}");
    }
    assert!(Request::parse(&[b"old 1\n\xff\n\n".as_slice(), note.as_bytes()].concat()).is_err());
    assert!(Request::parse(format!("old 1\n{}\n{note}", format!("{hash}\n").repeat(63)).as_bytes()).is_ok());
}

/// Whatever one byte becomes, it is read to the end or refused; nothing panics.
#[test]
fn survives_every_changed_byte() {
    let log = Grown::new("log").grown(13, "a");
    let body = Request::body(5, &log.proof(5, 13), &log.note(13).to_bytes());
    for at in 0..body.len() {
        for byte in [0, b'\n', b' ', b'=', b'A', 0x80, 0xff] {
            let mut changed = body.clone();
            changed[at] = byte;
            let _ = Request::parse(&changed);
            let _ = Request::parse(&body[..at]);
        }
    }
}

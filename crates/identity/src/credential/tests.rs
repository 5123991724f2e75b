use super::*;
use RiskTier::{ExternalIo, Internal, ReadOnly};

const NOW: u64 = 1_796_000_000_000;
const HOUR: u64 = 3_600_000;

struct Counting(std::sync::atomic::AtomicU8);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    }
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn cap(what: &str) -> Capability {
    Capability::new(what, ExternalIo).unwrap()
}

fn given(to: &SecretKey, capabilities: Vec<Capability>) -> Claim {
    let at = |millis| Timestamp::from_millis(millis);
    Claim { subject: to.did(), capabilities, from: at(NOW - HOUR), until: at(NOW + HOUR) }
}

fn issue(claim: &Claim, by: &SecretKey) -> Credential {
    let entropy = Counting(std::sync::atomic::AtomicU8::new(3));
    Credential::issue(claim, &by.did(), by, Timestamp::from_millis(NOW), &entropy).unwrap()
}

fn accept(chain: &[Credential]) -> Result<Presented, Error> {
    accept_with(chain, NOW, &|_| false)
}

fn accept_with(
    chain: &[Credential],
    now: u64,
    is_revoked: &dyn Fn(&str) -> bool,
) -> Result<Presented, Error> {
    let root = key(1);
    let roots = [(root.did(), root.public())];
    let all = [cap("tool:*").delegable()];
    let trust = Trust { roots: &roots, given: &all, is_revoked, now: Timestamp::from_millis(now) };
    trust.accept(chain)
}

/// Root to an orchestrator, who may pass on, to an agent.
fn chain() -> Vec<Credential> {
    let first = issue(&given(&key(2), vec![cap("tool:m*").delegable()]), &key(1));
    let second = issue(&given(&key(3), vec![cap("tool:mail")]), &key(2));
    vec![first, second]
}

#[test]
fn a_right_is_passed_along_a_chain() {
    let presented = accept(&chain()).unwrap();
    assert_eq!(presented.holder, key(3).did());
    assert!(presented.allows("tool:mail", ExternalIo));
    assert!(!presented.allows("tool:move", ReadOnly));
}

#[test]
fn reads_what_it_wrote_and_nothing_more() {
    let link = chain().remove(0);
    let text = serde_json::to_vec(link.document()).unwrap();
    assert_eq!(accept(&[Credential::parse(&text).unwrap()]).unwrap().holder, key(2).did());
    let mut more = link.document().clone();
    more["termsOfUse"] = json!({"type": "Only on Sundays"});
    assert!(matches!(Credential::parse(more.to_string().as_bytes()), Err(Error::BadCredential(_))));
    assert!(matches!(Credential::parse(&vec![b' '; LARGEST + 1]), Err(Error::TooLarge { .. })));
}

#[test]
fn every_word_of_a_credential_is_signed() {
    let link = chain().remove(0);
    for (pointer, other) in [
        ("/id", json!("urn:uuid:0")),
        ("/credentialSubject/id", json!(key(9).did().as_str())),
        ("/credentialSubject/capability/0/act", json!("tool:*")),
        ("/credentialSubject/capability/0/maxRisk", json!("irreversible")),
        ("/credentialSubject/capability/0/delegable", json!(false)),
        ("/validFrom", json!("2020-01-01T00:00:00Z")),
        ("/validUntil", json!("2099-01-01T00:00:00Z")),
    ] {
        let mut changed = link.document().clone();
        *changed.pointer_mut(pointer).unwrap() = other;
        let changed = Credential::parse(changed.to_string().as_bytes()).unwrap();
        assert!(matches!(accept(&[changed]), Err(Error::BadSignature { .. })), "{pointer}");
    }
}

#[test]
fn holds_from_its_first_moment_until_before_its_last() {
    let chain = chain();
    let at = |now| accept_with(&chain, now, &|_| false);
    assert!(at(NOW - HOUR).is_ok());
    assert!(matches!(at(NOW - HOUR - 1), Err(Error::NotNow { .. })));
    assert!(at(NOW + HOUR - 1).is_ok());
    assert!(matches!(at(NOW + HOUR), Err(Error::NotNow { .. })));
}

#[test]
fn nobody_passes_on_what_is_not_theirs() {
    let first = issue(&given(&key(2), vec![cap("tool:m*").delegable()]), &key(1));
    let wider = issue(&given(&key(3), vec![cap("tool:*")]), &key(2));
    assert!(matches!(accept(&[first.clone(), wider]), Err(Error::NotDelegable { .. })));
    let kept = issue(&given(&key(2), vec![cap("tool:mail")]), &key(1));
    let passed_on = issue(&given(&key(3), vec![cap("tool:mail")]), &key(2));
    assert!(matches!(accept(&[kept, passed_on]), Err(Error::NotDelegable { .. })));
    let worse = Capability::new("tool:mail", RiskTier::Irreversible).unwrap();
    let worse = issue(&given(&key(3), vec![worse]), &key(2));
    assert!(matches!(accept(&[first, worse]), Err(Error::NotDelegable { .. })));
    let of_the_root = issue(&given(&key(2), vec![cap("model:x")]), &key(1));
    assert!(matches!(accept(&[of_the_root]), Err(Error::NotDelegable { .. })));
}

#[test]
fn a_chain_begins_with_a_root_and_has_no_gap() {
    let stranger = issue(&given(&key(3), vec![cap("tool:mail")]), &key(9));
    assert!(matches!(accept(std::slice::from_ref(&stranger)), Err(Error::UnknownIssuer(_))));
    let first = chain().remove(0);
    assert!(matches!(accept(&[first.clone(), stranger]), Err(Error::BrokenChain { .. })));
    assert!(matches!(accept(&[]), Err(Error::BadCredential(_))));
    assert!(matches!(accept(&vec![first; DEEPEST + 1]), Err(Error::TooDeep { .. })));
}

#[test]
fn one_revocation_ends_all_that_came_of_it() {
    let chain = chain();
    let id = chain[0].id().to_owned();
    for gone in [key(1).did().to_string(), key(2).did().to_string(), key(3).did().to_string(), id] {
        let accepted = accept_with(&chain, NOW, &|name| name == gone);
        assert_eq!(accepted, Err(Error::Revoked(gone)));
    }
}

#[test]
fn a_credential_has_its_capabilities_and_its_time() {
    let claim = |change: &dyn Fn(&mut Claim)| {
        let mut claim = given(&key(2), vec![cap("tool:mail")]);
        change(&mut claim);
        let entropy = Counting(std::sync::atomic::AtomicU8::new(0));
        Credential::issue(&claim, &key(1).did(), &key(1), Timestamp::from_millis(NOW), &entropy)
    };
    assert!(claim(&|_| ()).is_ok());
    assert!(claim(&|claim| claim.capabilities.clear()).is_err());
    assert!(claim(&|claim| claim.capabilities = vec![cap("tool:mail"); WIDEST + 1]).is_err());
    assert!(claim(&|claim| claim.until = claim.from).is_err());
    let internal = Capability::new("tool:mail", Internal).unwrap();
    assert!(claim(&|claim| claim.capabilities = vec![internal.clone()]).is_ok());
}

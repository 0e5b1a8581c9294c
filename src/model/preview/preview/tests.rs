//! Tokens, tried by tens of thousands.

use proptest::prelude::*;

use super::*;

/// Makes another preview of one.
type Change = fn(&mut Preview);

const NOW: u64 = 1_800_000_000;

fn preview() -> Preview {
    Preview {
        number: 118,
        environment: "prod".into(),
        slot: Slot::Green,
        generation: Generation(7),
        user: "ann".into(),
        since: "2027-01-15T08:00:00.000Z".into(),
        until: NOW + 3600,
        key: Key::new([0x5a; 32]),
    }
}

fn admits(preview: &Preview, token: &str) -> bool {
    preview.admits("prod", token.as_bytes(), NOW)
}

#[test]
fn n33_a_token_is_valid_for_its_environment_its_side_its_generation_and_its_time() {
    let own = preview();
    let token = own.token();
    assert_eq!(token.len(), 68, "{token}");
    assert!(admits(&own, &token));
    assert!(own.admits("prod", token.as_bytes(), own.until - 1));
    assert!(!own.admits("prod", token.as_bytes(), own.until), "its time is over");
    assert!(
        !own.admits("dev", token.as_bytes(), NOW),
        "it was sent to another environment"
    );
    let others: [(&str, Change); 6] = [
        ("environment", |it| it.environment = "dev".into()),
        ("slot", |it| it.slot = Slot::Blue),
        ("generation", |it| it.generation = Generation(8)),
        ("number", |it| it.number = 119),
        ("key", |it| it.key = Key::new([0x5b; 32])),
        ("end", |it| it.until = NOW),
    ];
    for (what, change) in others {
        let mut other = own.clone();
        change(&mut other);
        assert!(!admits(&other, &token), "another {what}");
        if what != "end" {
            let environment = &other.environment;
            assert!(
                !own.admits(environment, other.token().as_bytes(), NOW),
                "another {what}"
            );
            assert!(!admits(&own, &other.token()), "another {what}");
        }
    }
}

#[test]
fn n33_no_flipped_bit_and_no_missing_or_added_letter_goes_unnoticed() {
    let own = preview();
    let token = own.token().into_bytes();
    for place in 0..token.len() {
        for bit in 0..8 {
            let mut flipped = token.clone();
            flipped[place] ^= 1 << bit;
            assert!(!own.admits("prod", &flipped, NOW), "bit {bit} of letter {place}");
        }
        assert!(!own.admits("prod", &token[..place], NOW), "{place} letters");
        assert!(
            !own.admits("prod", &token[place + 1..], NOW),
            "without {} letters",
            place + 1
        );
        for more in b"A=-_ ,;\"" {
            let mut longer = token.clone();
            longer.insert(place, *more);
            assert!(!own.admits("prod", &longer, NOW), "{more} at {place}");
        }
    }
}

#[test]
fn n33_an_end_that_was_written_anew_is_not_signed() {
    let own = preview();
    let longer = Preview {
        until: own.until + 3600,
        key: Key::new([0; 32]),
        ..own.clone()
    };
    assert!(!admits(&own, &longer.token()));
    // Should a key ever be kept while the end moves, the earlier of both counts.
    let signed = Preview {
        until: own.until + 3600,
        ..own.clone()
    };
    assert!(!own.admits("prod", signed.token().as_bytes(), own.until));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn n33_none_of_ten_thousand_made_up_tokens_is_valid(
        letters in "[A-Za-z0-9_-]{64}",
        anything in proptest::collection::vec(any::<u8>(), 0..100),
        number in prop_oneof![Just(118u64), any::<u64>()],
        until in prop_oneof![Just(NOW + 3600), any::<u64>()],
        signature in any::<[u8; 32]>(),
    ) {
        use base64::Engine as _;
        let own = preview();
        let of_the_form = format!("ggp_{letters}");
        prop_assert!(!admits(&own, &of_the_form));
        prop_assert!(!own.admits("prod", &anything, NOW));
        let bytes = [&number.to_be_bytes()[..], &until.to_be_bytes(), &signature].concat();
        let made_up = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let made_up = format!("ggp_{made_up}");
        prop_assert!(!admits(&own, &made_up));
        let foreign = Preview { number, until, key: Key::new(signature), ..own.clone() };
        prop_assert!(!admits(&own, &foreign.token()));
    }
}

#[test]
fn what_is_over_is_forgotten_and_its_cookies_are_known_for_as_long_as_they_may_come() {
    let mut previews = Previews::default();
    assert!(previews.is_empty() && !previews.are_around(0));
    let dev = Preview {
        number: 119,
        environment: "dev".into(),
        until: NOW + 60,
        ..preview()
    };
    previews.add(preview());
    previews.add(dev);
    previews.move_on("dev", Generation(7));
    assert_eq!(previews.of("dev").count(), 1);
    previews.move_on("dev", Generation(8));
    assert_eq!((previews.of("dev").count(), previews.of("prod").count()), (0, 1));
    previews.remove(&[118]);
    assert!(previews.open.is_empty() && !previews.is_empty());
    assert!(previews.are_around(NOW + 3599) && !previews.are_around(NOW + 3600));
}

use super::*;

fn claim(kind: Kind, support: f32) -> Claim {
    Claim {
        question: String::new(),
        place: String::new(),
        kind,
        text: String::new(),
        support: Some(support),
        marked: support < 0.5,
        findings: Vec::new(),
    }
}

#[test]
fn figures_are_shares_of_their_kinds() {
    let all = [
        claim(Kind::Verbatim, 1.0),
        claim(Kind::Reworded, 0.4),
        claim(Kind::Told, 0.3),
        claim(Kind::OtherName, 0.2),
        claim(Kind::OtherPage, 0.6),
        claim(Kind::Denied, 0.9),
    ];
    let claims = Claims::of(&all);
    assert_eq!(claims.wrongly_marked, Some(0.5));
    assert_eq!(claims.own_words_marked, Some(0.0));
    assert_eq!(claims.told_marked, Some(1.0));
    assert_eq!((claims.plain_caught, claims.hard_caught), (Some(0.5), Some(0.0)));
    assert_eq!((claims.plain_auroc, claims.hard_auroc), (Some(0.75), Some(0.5)));
    assert_eq!(claims.kinds.len(), 6);
    assert_eq!(Claims::of(&[]).plain_caught, None);
}

const CORPUS: &str = r#"{"id": "motors", "title": "Motors", "text": "In 1889 Mikhail Dobrovolsky built the first three-phase motor in Berlin, which turned at 2,800 revolutions. It was not loud. Oskar von Miller showed it in Frankfurt."}
{"id": "wheels", "title": "Wheels", "text": "Potters in Uruk turned clay on wheels around 3500, long before carts had any. The oldest wheel was found near Ljubljana in Slovenia."}
"#;

const QUERIES: &str = r#"{"id": "q1", "text": "Who built the first three-phase motor?", "answers": ["Mikhail Dobrovolsky"]}
{"id": "q2", "text": "Where was the oldest wheel found?", "answers": ["Ljubljana"]}
{"id": "q3", "text": "Who built the first three-phase wheel?", "answerable": false, "doc": "motors"}
"#;

#[tokio::test]
async fn statements_are_made_cited_and_checked() {
    let set = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(set.path().join(name), text).expect("written");
    write("corpus.jsonl", CORPUS);
    write("queries.jsonl", QUERIES);
    write("qrels.tsv", "query-id\tcorpus-id\tgrade\nq1\tmotors\t1\nq2\twheels\t1\n");
    let measure = || async {
        let measurement = ClaimsMeasurement {
            set: set.path(),
            book: None,
            embedder: &Embedder::None,
            vectors: &set.path().join("vectors"),
            questions: 0,
        };
        claims(measurement).await.expect("measured")
    };
    let (figures, all) = measure().await;
    let said = |kind: Kind| -> Vec<&str> {
        all.iter().filter(|claim| claim.kind == kind).map(|claim| claim.text.as_str()).collect()
    };
    assert!(
        said(Kind::Reworded).contains(&"Mikhail Dobrovolsky built the first three-phase motor [1]."),
        "{all:#?}"
    );
    assert_eq!(
        said(Kind::Shortened)[0],
        "In 1889 Mikhail Dobrovolsky built the first three-phase motor in Berlin [1]."
    );
    assert!(said(Kind::Denied).iter().all(|text| text.contains(" not ")), "{all:#?}");
    assert!(
        said(Kind::OtherName).iter().all(|text| !text.contains("Mikhail") || !text.contains("Berlin")),
        "{all:#?}"
    );
    assert_eq!(figures.own_words_marked, Some(0.0), "{all:#?}");
    let again: Vec<String> = measure().await.1.into_iter().map(|claim| claim.text).collect();
    assert_eq!(
        all.iter().map(|claim| claim.text.as_str()).collect::<Vec<_>>(),
        again,
        "the same set, the same statements"
    );
}

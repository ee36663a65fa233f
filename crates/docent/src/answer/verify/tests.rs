use super::*;
use crate::answer::testing::{index, passages};

const MOTORS: &str = "# Motors\n\nThe stall torque of the motor is 12 newton metres. It is measured at standstill.\n\n\
                      The gearbox needs oil every 500 hours.\n";

const CONQUEST: &str = "# The conquest\n\nIn 1066 William of Normandy defeated Harold Godwinson near Hastings. His coronation \
    took place at Westminster on Christmas Day.\n\nThe Domesday Book of 1086 counted 13,418 places in England. Taxes were \
    increased in the whole kingdom. Peasants could not leave the land of their lord. The European Union did not exist.\n";

const GERMAN: &str = "# Motoren\n\nDas Drehmoment des Motors beträgt 12 Newtonmeter. Es wird im Stillstand gemessen.\n\n\
    Das Getriebe braucht alle 500 Stunden Öl.\n";

const FRENCH: &str = "# Moteurs\n\nLe couple du moteur est de 12 newtons-mètres. Il se mesure à l'arrêt.\n\n\
    La boîte de vitesses demande de l'huile toutes les 500 heures.\n";

const CHINESE: &str =
    "# 电机\n\n电机的额定扭矩为12牛米。扭矩在静止状态下测量。\n\n齿轮箱每500小时需要加油。\n";

async fn unsupported_in(page: &str, language: &str, answer: &str) -> (usize, Vec<String>) {
    let support = verify("", answer, &passages(page), &index(page, language), &Embedder::None).await;
    (support.sentences, support.unsupported)
}

async fn unsupported(answer: &str) -> (usize, Vec<String>) {
    unsupported_in(MOTORS, "en", answer).await
}

/// One sentence that is checked, and whether it is supported.
async fn check(page: &str, language: &str, said: &str, is_supported: bool) {
    let (sentences, unsupported) = unsupported_in(page, language, said).await;
    assert_eq!((sentences, unsupported.is_empty()), (1, is_supported), "{said}");
}

#[tokio::test]
async fn what_the_passage_says_is_supported() {
    for said in [
        "In 1066 William of Normandy defeated Harold Godwinson near Hastings [1].",
        "William defeated Harold Godwinson in 1066 [1].",
        "Harold Godwinson was defeated near Hastings by William, a Norman [1].",
        "The coronation of William took place at Westminster on Christmas Day [1].",
        "The Domesday Book counted 13418 places [1].",
        "Peasants could not leave the land of their lord [1].",
        "However, taxes were increased in the kingdom [1].",
        "The EU did not exist in the kingdom [1].",
        "2. Look at the Domesday Book: it counted 13,418 places [1].",
    ] {
        check(CONQUEST, "en", said, true).await;
    }
}

#[tokio::test]
async fn what_it_does_not_say_is_not() {
    for (what, said) in [
        ("another name", "In 1066 Robert of Normandy defeated Harold Godwinson near Hastings [1]."),
        ("a name at the start", "Robert defeated Harold Godwinson near Hastings [1]."),
        (
            "a name of another sentence",
            "In 1066 William of Normandy defeated Harold Godwinson near Westminster [1].",
        ),
        ("another number", "The Domesday Book counted 13,419 places [1]."),
        ("a number of another sentence", "The Domesday Book of 1066 counted 13,418 places [1]."),
        ("a denial", "William of Normandy did not defeat Harold Godwinson near Hastings [1]."),
        ("no denial", "Peasants could leave the land of their lord [1]."),
        ("the opposite", "Taxes were decreased in the whole kingdom [1]."),
        ("something else", "Elephants prefer blue bicycles on Sundays [1]."),
    ] {
        let (sentences, unsupported) = unsupported_in(CONQUEST, "en", said).await;
        assert_eq!((sentences, unsupported.len()), (1, 1), "{what}: {said}");
    }
}

#[tokio::test]
async fn other_languages_are_not_wrongly_marked() {
    for (page, language, said, is_supported) in [
        (GERMAN, "de", "Gemessen wird das Drehmoment des Motors im Stillstand [1].", true),
        (GERMAN, "de", "Das Getriebe benötigt alle 500 Stunden neues Öl [1].", true),
        (GERMAN, "de", "Das Getriebe braucht alle 600 Stunden Öl [1].", false),
        (FRENCH, "fr", "Le couple du moteur se mesure à l'arrêt [1].", true),
        (FRENCH, "fr", "Toutes les 500 heures, la boîte de vitesses demande de l'huile [1].", true),
        (FRENCH, "fr", "La boîte de vitesses demande de l'huile toutes les 600 heures [1].", false),
        (CHINESE, "zh", "齿轮箱每500小时需要加油 [1]。", true),
        (CHINESE, "zh", "齿轮箱每600小时需要加油 [1]。", false),
    ] {
        check(page, language, said, is_supported).await;
    }
}

#[tokio::test]
async fn an_invented_sentence_is_marked_beside_a_true_one() {
    let answer = "The gearbox needs oil every 500 hours [1]. Elephants prefer blue bicycles on Sundays.";
    assert_eq!(unsupported(answer).await, (2, vec!["Elephants prefer blue bicycles on Sundays.".to_owned()]));
}

#[tokio::test]
async fn what_claims_nothing_is_not_checked() {
    for said in [
        "Yes. See below:\n\n```\nrm -rf nothing to see here\n```\n",
        "Would you like to hear about elephants on bicycles?",
        "The passages do not mention the price of the elephants.",
        "How heavy the elephants are is not stated in the book.",
    ] {
        assert_eq!(unsupported(said).await, (0, vec![]), "{said}");
    }
}

#[tokio::test]
async fn another_language_is_not_checked() {
    for said in [
        "Das Drehmoment ist mit dem Getriebe und der Achse nicht zu messen [1].",
        "Drehmoment: Newtonmeter, größer als nichts [1].",
        "齿轮箱每500小时需要加油 [1]。",
        "Коробка передач требует масла каждые 500 часов [1].",
    ] {
        assert_eq!(unsupported(said).await.0, 0, "{said}");
    }
}

#[tokio::test]
async fn a_passage_that_was_not_given_supports_nothing() {
    let said = "The gearbox needs oil every 500 hours [7].";
    assert_eq!(unsupported(said).await.1.len(), 1);
}

#[test]
fn an_answer_is_doubtful_when_most_of_it_is_missing() {
    let support = |sentences, missing| Support { sentences, unsupported: vec![String::new(); missing] };
    for (sentences, missing, is_doubtful) in [(0, 0, false), (1, 1, true), (2, 1, false), (3, 2, true)] {
        assert_eq!(support(sentences, missing).is_mostly_missing(), is_doubtful, "{missing} of {sentences}");
    }
}

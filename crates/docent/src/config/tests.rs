use super::*;

fn problems(settings: &[(&str, &str)]) -> Vec<String> {
    match Config::from_values(&Values::with(settings), Vec::new()) {
        Ok(_) => Vec::new(),
        Err(ConfigError(problems)) => {
            problems.into_iter().map(|problem| format!("{}: {}", problem.variable, problem.message)).collect()
        }
    }
}

fn config(settings: &[(&str, &str)]) -> Config {
    Config::from_values(&Values::with(settings), Vec::new()).expect("valid settings")
}

#[test]
fn defaults_need_no_setting() {
    let config = config(&[]);
    assert_eq!(config.port, 7860);
    assert!(config.gemini.is_none() && config.openai.is_none());
}

#[test]
fn all_problems_are_reported_together_and_name_their_variable() {
    let found = problems(&[
        ("PORT", "eighty"),
        ("HOST", "localhost:1"),
        ("LOG_LEVEL", "chatty=?"),
        ("ALLOWED_ORIGINS", "example.org"),
        ("DOCENT_GENERATOR", "gpt"),
        ("DOCENT_EMBEDDER", "gemini"),
        ("OPENAI_API_KEY", "k"),
    ]);
    for name in [
        "PORT",
        "HOST",
        "LOG_LEVEL",
        "ALLOWED_ORIGINS",
        "DOCENT_GENERATOR",
        "GEMINI_API_KEY",
        "OPENAI_BASE_URL",
    ] {
        assert!(found.iter().any(|line| line.starts_with(name)), "{name} is missing in {found:#?}");
    }
}

#[test]
fn pasted_values_lose_their_quotes_and_spaces() {
    let config = config(&[("GEMINI_API_KEY", "  \"abc\" \n"), ("port", " 8080 ")]);
    assert_eq!(config.gemini.expect("key is set").key.expose(), "abc");
    assert_eq!(config.port, 8080);
}

#[test]
fn secrets_do_not_show() {
    let config = config(&[
        ("GEMINI_API_KEY", "very-secret"),
        ("OPENAI_BASE_URL", "http://h/v1"),
        ("OPENAI_MODEL", "m"),
    ]);
    assert!(!format!("{config:?}").contains("very-secret"));
    assert_eq!(redact_url("postgres://user:pass@host/db?sslmode=x"), "postgres://host/db");
}

#[test]
fn pythons_level_names_are_understood() {
    assert_eq!(config(&[("LOG_LEVEL", "WARNING")]).log_level, "warn");
}

#[test]
fn a_file_is_read_and_the_unknown_key_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "port = 9000\nallowed_origins = [\"https://a.example\", \"https://b.example\"]\nprot = 1\ngemini_api_key = \"x\"\n[book]\ntitle = \"T\"\n";
    fs_err::write(folder.path().join("docent.toml"), text).expect("written");
    let (values, problems) = Values::gather(Some(folder.path()));
    assert_eq!(values.get("PORT"), "9000");
    assert_eq!(values.get("ALLOWED_ORIGINS"), "https://a.example,https://b.example");
    let names: Vec<&str> = problems.iter().map(|problem| problem.variable.as_str()).collect();
    assert_eq!(names, ["gemini_api_key", "prot"]);
}

#[test]
fn a_database_is_read_from_what_was_pasted() {
    let pasted = "psql 'postgresql+asyncpg://me:geheim@ep-a-pooler.eu.aws.neon.tech/neondb?sslmode=require'";
    let config = config(&[("DATABASE_URL", pasted)]);
    let settings = config.database.as_ref().expect("a database");
    assert_eq!(settings.database.shown(), "ep-a-pooler.eu.aws.neon.tech/neondb");
    assert!(!format!("{config:?}").contains("geheim"));
}

#[test]
fn a_wrong_database_is_named_without_its_password() {
    for (settings, start) in [
        (&[("DATABASE_URL", "postgres://me:geheim@h:x/d")][..], "DATABASE_URL: has the port"),
        (
            &[("DATABASE_URL", "postgres://me:geheim@h/d"), ("DOCENT_POSTGRES_TRANSPORT", "https")],
            "DOCENT_POSTGRES_TRANSPORT: is https, but",
        ),
        (&[("DOCENT_POSTGRES_TRANSPORT", "udp")], "DOCENT_POSTGRES_TRANSPORT: is 'udp'"),
        (
            &[("DOCENT_POSTGRES_HTTPS_URL", "http://me:geheim@h.example/sql")],
            "DOCENT_POSTGRES_HTTPS_URL: is 'http://h.example/sql'",
        ),
    ] {
        let found = problems(settings);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(start) && !found[0].contains("geheim"), "{found:?}");
    }
}

#[test]
fn what_is_required_must_be_configured() {
    let required = ("DOCENT_REQUIRE", "gemini, Qdrant,postgres,moon");
    let found = problems(&[required]);
    for start in ["GEMINI_API_KEY: is not set", "QDRANT_URL: is not set", "DATABASE_URL: is not set"] {
        assert!(found.iter().any(|line| line.starts_with(start)), "{start} is missing in {found:#?}");
    }
    assert!(found.iter().any(|line| line.starts_with("DOCENT_REQUIRE: names 'moon'")), "{found:#?}");
    assert_eq!(problems(&[("DOCENT_REQUIRE", "gemini"), ("GEMINI_API_KEY", "k")]), [""; 0]);
}

#[test]
fn an_admin_token_is_no_short_word() {
    assert!(problems(&[("DOCENT_ADMIN_TOKEN", "letmein")])[0].contains("openssl rand"));
    assert!(config(&[("DOCENT_ADMIN_TOKEN", "0123456789abcdef")]).admin_token.is_some());
    assert!(config(&[]).admin_token.is_none());
}

#[test]
fn a_qdrant_server_needs_its_address_only() {
    assert!(config(&[]).qdrant.is_none());
    let settings =
        config(&[("QDRANT_URL", "https://a.cloud.qdrant.io:6333/"), ("QDRANT_API_KEY", " \"eyJ.x\" ")]);
    let qdrant = settings.qdrant.clone().expect("an address is set");
    assert_eq!(
        (qdrant.url.as_str(), qdrant.collection.as_str()),
        ("https://a.cloud.qdrant.io:6333", "docusaurus-book")
    );
    assert_eq!(qdrant.key.expect("a key").expose(), "eyJ.x");
    assert!(!format!("{settings:?}").contains("eyJ"));
    let found = problems(&[("QDRANT_API_KEY", "k"), ("QDRANT_COLLECTION", "a/b")]);
    assert!(found[0].starts_with("QDRANT_COLLECTION") && found[1].starts_with("QDRANT_URL"), "{found:?}");
    assert!(problems(&[("QDRANT_URL", "cluster.example:6333")])[0].starts_with("QDRANT_URL"));
}

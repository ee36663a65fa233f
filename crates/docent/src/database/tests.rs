use super::*;

/// `user password host:port database tls` of an address.
fn read(pasted: &str) -> String {
    match Database::parse(pasted) {
        Ok(database) => {
            let host = match &database.host {
                Host::Network(host, port) => format!("{host}:{port}"),
                Host::Socket(folder, port) => format!("{}:{port}", folder.display()),
            };
            let password = database.password.as_ref().map_or("-", Secret::expose);
            let tls = match &database.tls {
                Tls::Off => "plain".to_owned(),
                Tls::Verified(None) => "tls".to_owned(),
                Tls::Verified(Some(path)) => format!("tls({})", path.display()),
            };
            format!("{} {password} {host} {} {tls}", database.user, database.name)
        }
        Err(problem) => format!("refused: {problem}"),
    }
}

#[test]
fn every_pasted_form_means_the_same() {
    let url = "postgresql://neondb_owner:npg_Ab1@ep-cool-a1b2-pooler.c-2.us-east-2.aws.neon.tech/neondb?sslmode=require&channel_binding=require";
    let expected = "neondb_owner npg_Ab1 ep-cool-a1b2-pooler.c-2.us-east-2.aws.neon.tech:5432 neondb tls";
    let forms = [
        url.to_owned(),
        format!("psql '{url}'"),
        format!("psql \"{url}\"\n"),
        format!("  \"{url}\"  "),
        format!("'{url}';"),
        format!("“{url}”"),
        format!("DATABASE_URL={url}"),
        format!("export DATABASE_URL='{url}'"),
        format!("DATABASE_URL: {url}"),
        url.replace("postgresql:", "postgres:"),
        url.replace("postgresql:", "postgresql+asyncpg:"),
        url.replace("postgresql:", "postgresql+psycopg2:"),
        url.replace("postgresql:", "POSTGRESQL:"),
        url.replace("sslmode=require&channel_binding=require", "ssl=require"),
        url.replace("sslmode=require&channel_binding=require", ""),
        url.replace("sslmode=require", "sslmode=prefer"),
        url.replace("neon.tech/", "neon.tech:5432/"),
        "jdbc:postgresql://ep-cool-a1b2-pooler.c-2.us-east-2.aws.neon.tech/neondb?user=neondb_owner&password=npg_Ab1&sslmode=require".to_owned(),
        "host=ep-cool-a1b2-pooler.c-2.us-east-2.aws.neon.tech dbname=neondb user=neondb_owner password='npg_Ab1' sslmode=require".to_owned(),
    ];
    for form in forms {
        assert_eq!(read(&form), expected, "{form}");
    }
}

#[test]
fn passwords_may_be_encoded_or_raw() {
    for (password, meant) in [
        ("a%40b%3Ac", "a@b:c"),
        ("a@b:c", "a@b:c"),
        ("a/b#c", "a/b#c"),
        ("a?b", "a?b"),
        ("a/b?c", "a/b?c"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("%2B+1", "++1"),
        ("p%C3%A4ss", "päss"),
    ] {
        let pasted = format!("postgres://me:{password}@db.example:6543/book");
        assert_eq!(read(&pasted), format!("me {meant} db.example:6543 book tls"), "{password}");
    }
}

#[test]
fn only_this_machine_may_do_without_tls_unless_told() {
    for (pasted, meant) in [
        ("postgres://me@localhost/book", "me - localhost:5432 book plain"),
        ("postgres://me@127.0.0.1:5433", "me - 127.0.0.1:5433 me plain"),
        ("postgres://me@[::1]:5433/book", "me - ::1:5433 book plain"),
        ("postgres://me@localhost/book?sslmode=require", "me - localhost:5432 book tls"),
        ("postgres://me@localhost/book?sslrootcert=/ca.pem", "me - localhost:5432 book tls(/ca.pem)"),
        ("postgres://me@db/book?sslmode=disable", "me - db:5432 book plain"),
        ("postgres://me@db/book?sslmode=verify-full&sslrootcert=/ca.pem", "me - db:5432 book tls(/ca.pem)"),
        ("postgres://me@db/book?sslrootcert=system", "me - db:5432 book tls"),
        ("postgres://me@/book?host=/run/postgresql", "me - /run/postgresql:5432 book plain"),
        ("postgres://me@DB.example/book", "me - db.example:5432 book tls"),
    ] {
        assert_eq!(read(pasted), meant, "{pasted}");
    }
}

#[test]
fn what_is_no_address_is_named_without_its_password() {
    for (pasted, words) in [
        ("mysql://me:geheim@h/d", "begins with 'mysql:'"),
        ("neondb", "is no address"),
        ("postgres://h/d", "names no user"),
        ("postgres://me:geheim@/d", "names no host"),
        ("postgres://me:geheim@a,b/d", "several hosts"),
        ("postgres://me:geheim@h:port/d", "the port 'port'"),
        ("postgres://me:geheim@h/d?sslmode=on", "sslmode=on"),
        ("postgres://me:********@h/d", "password hidden"),
        ("postgres://me:[YOUR-PASSWORD]@h/d", "password hidden"),
        ("host=h user", "without '='"),
    ] {
        let problem = read(pasted);
        assert!(problem.starts_with("refused: ") && problem.contains(words), "{pasted}: {problem}");
        assert!(!problem.contains("geheim"), "{problem}");
    }
}

#[test]
fn the_shown_address_has_neither_user_nor_password() {
    let database = Database::parse("postgres://me:geheim@h:1/d").expect("an address");
    assert_eq!(database.shown(), "h:1/d");
    assert!(!format!("{database:?}").contains("geheim"));
}

#[test]
fn neon_takes_sql_over_https() {
    let at = |host: &str| {
        Database::parse(&format!("postgres://me:x@{host}/d")).expect("an address").https_address()
    };
    assert_eq!(
        at("ep-a-pooler.us-east-2.aws.neon.tech").as_deref(),
        Some("https://api.us-east-2.aws.neon.tech/sql")
    );
    assert_eq!(at("db.example.org"), None);
    assert_eq!(at("neon.tech.example.org"), None);
}

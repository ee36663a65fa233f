//! Every time that a reader or an operator waits for something, in one place: limits, pauses, rests, and how often
//! something is tried. The rooms take their numbers from here, and [`table`] is the table of the manual.

use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// One answer in all, when `DOCENT_ANSWER_TIMEOUT` says nothing else.
pub const ANSWER: Duration = seconds(60);

/// The part of it in which the first word of a model must come, over all models, retries and waits: one half. The other
/// half is for the words.
pub const FIRST_WORD_SHARE: u32 = 2;

/// A name server, a handshake and a slow network fit in this; a dead address does not cost the reader more.
pub const CONNECT: Duration = seconds(10);

/// Longest silence inside of an answer that a model has begun.
pub const SILENCE: Duration = seconds(60);

/// A question is better answered from lexical hits than late: its embedding may take this long, retries included.
pub const EMBED_QUESTION: Duration = seconds(4);

/// The same for whatever embeds: a stand-in for the limit above where a provider keeps none.
pub const EMBED_AT_MOST: Duration = seconds(5);

/// A reader waits no longer for better search words: those of the conversation do as well, most of the time.
pub const WRITE_OUT: Duration = seconds(2);

/// Attempts with the last model for a failure that passes.
pub const LAST_MODEL_ATTEMPTS: u32 = 4;

/// The same when another model stands ready: one second chance, since overload comes in bursts.
pub const OTHER_MODEL_ATTEMPTS: u32 = 2;

/// First wait after a failure that named no wait; doubles with each attempt.
pub const FIRST_PAUSE: Duration = milliseconds(300);

/// An attempt that has less time than this is not worth starting.
pub const SHORTEST_ATTEMPT: Duration = milliseconds(500);

/// Questions that must fail one after the other before a model rests; a single failure is everyday life.
pub const MODEL_FAILURES: u32 = 3;

/// Rest after them: long enough to spare readers, short enough that nobody notices the return late.
pub const MODEL_REST: Duration = seconds(30);

/// While one question tries a model again after its rest, the others go on without it for so long.
pub const MODEL_TRIAL: Duration = seconds(5);

/// Longest wait that a provider may ask for without naming the day: a clock that is wrong must not silence a model.
pub const LONGEST_MODEL_REST: Duration = seconds(3600);

/// Asking a provider whether its models exist; what takes longer says enough.
pub const MODEL_CHECK: Duration = seconds(10);

/// How long the start may wait for the quota of the embedder; for more, readers are answered from the last index or from
/// words meanwhile.
pub const START_WAIT: Duration = seconds(10);

/// First pause until a book that could not be embedded is tried again, and the longest: it doubles with each try.
pub const EMBED_AGAIN: (Duration, Duration) = (seconds(60), seconds(3600));

/// Longest wait for a quota that is kept to while a book is embedded.
pub const QUOTA_WAIT: Duration = seconds(180);

/// Waits in a row, without a batch in between, after which the provider is given up: something else is wrong.
pub const QUOTA_WAITS: u32 = 8;

/// Time for taking vectors from Qdrant where nobody waits for them; what it does not give in time is embedded.
pub const BORROWING: Duration = seconds(20);

/// Time that Qdrant may take for one question. A free cluster on another continent needs some 300 ms; what takes longer
/// than this is better answered from the index file.
pub const QDRANT_QUESTION: Duration = seconds(3);

/// Time of that which may go by until the pages around the passages are there. Without them an answer has a little less to
/// stand on, which is better than a slow one.
pub const QDRANT_PAGES: Duration = seconds(1);

/// Time for the first look at the collection, at the start.
pub const QDRANT_START: Duration = seconds(6);

/// How long a look at the collection is good for: an ingest elsewhere is noticed within this time.
pub const QDRANT_FRESH: Duration = seconds(60);

/// Passing failures in a row before Qdrant rests: one is everyday life, and each costs a reader the whole wait.
pub const QDRANT_FAILURES: u32 = 2;

/// Its rest: short enough that nobody notices the return late.
pub const QDRANT_REST: Duration = seconds(30);

/// While somebody tries Qdrant again, the others go on without for so long.
pub const QDRANT_TRIAL: Duration = seconds(10);

/// Longest wait that a rate limit of Qdrant may ask for.
pub const LONGEST_QDRANT_REST: Duration = seconds(60);

/// Each attempt of an ingest's call to Qdrant; creating a collection in a cluster takes some seconds.
pub const QDRANT_CALL: Duration = seconds(60);

/// Attempts of such a call.
pub const QDRANT_ATTEMPTS: u32 = 6;

/// A probe of all services that takes longer says enough.
pub const PROBE: Duration = seconds(15);

/// Probes on demand come at most this often; one that comes sooner gets what the last one found.
pub const PROBE_EVERY: Duration = seconds(10);

/// First pause before a service that is in trouble is looked at again without a reader's question, and the longest: it
/// doubles with each look.
pub const LOOK_AGAIN: (Duration, Duration) = (seconds(30), seconds(900));

/// A connection to Postgres must come about within this; a sleeping database needs a few seconds of it.
pub const POSTGRES_CONNECT: Duration = seconds(12);

/// The same where HTTPS may stand in: a closed port swallows packets, and readers wait meanwhile.
pub const POSTGRES_PROBE: Duration = seconds(5);

/// Longest silence of SQL over HTTPS.
pub const POSTGRES_REQUEST: Duration = seconds(15);

/// Tries on a database that wakes up or is busy, and the pause after the first; it doubles.
pub const POSTGRES_ATTEMPTS: u32 = 4;
/// See [`POSTGRES_ATTEMPTS`].
pub const POSTGRES_PAUSE: Duration = milliseconds(250);

/// How long a turn waits for its message to arrive before it leaves it to the outbox. A database that is awake needs a few
/// hundredths of it.
pub const DELIVERY: Duration = milliseconds(500);

/// The same when the outbox cannot be written: the database is the only place left.
pub const ONLY_DELIVERY: Duration = seconds(3);

/// How long a reader waits for a conversation; a database that wakes up needs a few seconds.
pub const READ: Duration = seconds(5);

/// How long a reader who deletes or judges something waits for the database's word on whether it was there.
pub const REPLY: Duration = seconds(5);

/// How long one delivery from the outbox may take.
pub const WRITE: Duration = seconds(30);

/// First and longest pause of the outbox after a failure of Postgres that may pass.
pub const DELIVER_AGAIN: (Duration, Duration) = (milliseconds(250), seconds(15));

/// The same after one that only the owner can mend: a wrong password does not get right by itself, and every try may be
/// counted against us.
pub const DELIVER_AGAIN_LATER: (Duration, Duration) = (seconds(60), seconds(900));

/// How long readers do not ask a Postgres that failed, after its first failure and at most; it doubles with each. The
/// outbox goes on trying, and a success ends it.
pub const POSTGRES_AWAY: (Duration, Duration) = (seconds(2), seconds(60));

/// An unused connection to Postgres is closed after this: far below the five minutes after which hosted databases fall
/// asleep.
pub const POSTGRES_IDLE: Duration = seconds(60);

/// How long a writer waits for the lock of the SQLite file.
pub const SQLITE_LOCK: Duration = seconds(10);

/// A request's body comes within this time even over a bad line; who is slower keeps a connection for nothing.
pub const BODY: Duration = seconds(30);

/// Proxies close a connection that stays silent; a comment keeps it open.
pub const PING_EVERY: Duration = seconds(15);

/// A connection whose next request has not come whole. Proxies commonly keep an idle connection for 60 s: they should be
/// the ones who close it, or a request may meet a closing connection.
pub const IDLE_CONNECTION: Duration = seconds(75);

/// Bytes that the other side does not take: four pings that nobody takes mean that nobody is there.
pub const UNREAD: Duration = seconds(60);

/// A finished stream can be resumed, when `DOCENT_RESUME_SECONDS` says nothing else.
pub const RESUME: Duration = seconds(300);

/// How long running answers may go on after a signal to end.
pub const LAST_ANSWERS: Duration = seconds(10);

/// How long the last messages may take to arrive before the program ends; the journal keeps the others.
pub const LAST_MESSAGES: Duration = seconds(5);

/// What the manual says: what is limited, and how.
pub fn table() -> Vec<(&'static str, String)> {
    let doubled = |(first, longest): (Duration, Duration)| {
        format!("after {}, doubled up to {}", shown(first), shown(longest))
    };
    let part = match FIRST_WORD_SHARE {
        2 => "half of it".to_owned(),
        share => format!("one part of {share}"),
    };
    vec![
        ("one answer in all", format!("`DOCENT_ANSWER_TIMEOUT`, {}", shown(ANSWER))),
        ("until the first word of a model, over all models, retries and waits", part),
        ("one try, while another model stands ready", "half of what is left".to_owned()),
        ("connecting to a provider", shown(CONNECT)),
        ("silence inside a model's answer", shown(SILENCE)),
        ("embedding a question, retries included", format!("{}, then words alone", shown(EMBED_QUESTION))),
        (
            "a model writing a follow-up out",
            format!("{}, then the words of the conversation are searched for", shown(WRITE_OUT)),
        ),
        (
            "tries with a model",
            format!(
                "{OTHER_MODEL_ATTEMPTS} while another stands ready, {LAST_MODEL_ATTEMPTS} with the last; pauses from {} on, doubled, with jitter",
                shown(FIRST_PAUSE)
            ),
        ),
        ("a stated wait", "kept to when it fits into the time that is left".to_owned()),
        ("failures in a row until a model rests", format!("{MODEL_FAILURES} questions")),
        ("its rest", format!("{}, then one question tries it", shown(MODEL_REST))),
        ("quota of the day", "until midnight Pacific".to_owned()),
        ("asking whether the models exist", shown(MODEL_CHECK)),
        (
            "waiting for the embedder's quota at the start of `serve BOOK`",
            format!("{}, then the book is embedded while readers are answered", shown(START_WAIT)),
        ),
        (
            "a wait that a provider states while a book is embedded",
            format!("kept to up to {}, {QUOTA_WAITS} times in a row", shown(QUOTA_WAIT)),
        ),
        ("a served book that could not be embedded", format!("tried again {}", doubled(EMBED_AGAIN))),
        ("taking vectors from Qdrant at the start", format!("{}, then they are computed", shown(BORROWING))),
        (
            "a question to Qdrant",
            format!(
                "{}, of these {} for what stands around the passages",
                shown(QDRANT_QUESTION),
                shown(QDRANT_PAGES)
            ),
        ),
        (
            "a look at the collection in Qdrant",
            format!("{} at the start; good for {}", shown(QDRANT_START), shown(QDRANT_FRESH)),
        ),
        ("failures in a row until Qdrant rests", format!("{QDRANT_FAILURES}, or one that will not pass")),
        (
            "its rest",
            format!(
                "{}, or the wait that it states, up to {}",
                shown(QDRANT_REST),
                shown(LONGEST_QDRANT_REST)
            ),
        ),
        ("a call of an ingest to Qdrant", format!("{QDRANT_ATTEMPTS} tries of {}", shown(QDRANT_CALL))),
        ("a probe of the services", format!("{}, at most every {}", shown(PROBE), shown(PROBE_EVERY))),
        (
            "Gemini, Qdrant or the store on this disk after a failure, for health",
            format!("looked at again without cost {}", doubled(LOOK_AGAIN)),
        ),
        (
            "connecting to Postgres",
            format!(
                "{}, or {} where SQL over HTTPS may stand in",
                shown(POSTGRES_CONNECT),
                shown(POSTGRES_PROBE)
            ),
        ),
        (
            "a Postgres that wakes up or is busy",
            format!("{POSTGRES_ATTEMPTS} tries, pauses from {} on, doubled", shown(POSTGRES_PAUSE)),
        ),
        ("a message to Postgres", format!("{}, then it waits in the outbox", shown(DELIVERY))),
        ("the same without outbox, because the disk is full", shown(ONLY_DELIVERY)),
        ("reading a conversation from Postgres", shown(READ)),
        (
            "Postgres after a failure, for the outbox and for health",
            format!(
                "tried again {}; after a wrong password or a spent quota {}",
                doubled(DELIVER_AGAIN),
                doubled(DELIVER_AGAIN_LATER)
            ),
        ),
        (
            "Postgres after a failure, for readers",
            format!(
                "not asked for {}, doubled up to {}, or until the outbox reached it",
                shown(POSTGRES_AWAY.0),
                shown(POSTGRES_AWAY.1)
            ),
        ),
        ("an unused connection to Postgres", format!("closed after {}", shown(POSTGRES_IDLE))),
        ("the lock of the SQLite file", shown(SQLITE_LOCK)),
        ("the body of a request", shown(BODY)),
        ("ping on a quiet stream", format!("every {}", shown(PING_EVERY))),
        (
            "a connection without request, or one that takes no bytes",
            format!("closed after {}, or {}", shown(IDLE_CONNECTION), shown(UNREAD)),
        ),
        ("a finished stream can be resumed", format!("`DOCENT_RESUME_SECONDS`, {}", shown(RESUME))),
        (
            "running answers at the end, and their messages",
            format!("{}, and {}", shown(LAST_ANSWERS), shown(LAST_MESSAGES)),
        ),
    ]
}

/// In the words of the manual: `0.25 s`, `60 s`, `15 minutes`.
fn shown(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 120.0 && seconds % 60.0 == 0.0 {
        return format!("{} minutes", seconds / 60.0);
    }
    format!("{seconds} s")
}

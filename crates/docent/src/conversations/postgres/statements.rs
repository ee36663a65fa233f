//! The tables and everything that is said to them. Parameters and results are text, so that every statement is the same
//! over both transports.

/// Makes what is missing, and changes nothing when all is there: one statement, so one transaction also through a pooler.
///
/// Tables and columns are those of the earlier service, with `outcome`, the index and `feedback` added behind. Times are
/// UTC without zone, as there. The lock lets several processes start together; it is taken only when something is
/// missing, because changing a table that is in use waits for everyone who reads it.
pub(super) const TABLES: &str = "DO $docent$
BEGIN
  IF to_regclass('conversations') IS NOT NULL AND to_regclass('feedback') IS NOT NULL
    AND to_regclass('messages_by_conversation') IS NOT NULL
    AND EXISTS (SELECT FROM pg_attribute
      WHERE attrelid = to_regclass('messages') AND attname = 'outcome' AND NOT attisdropped)
  THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(7233183902431);
  CREATE TABLE IF NOT EXISTS conversations (
    id uuid PRIMARY KEY,
    created_at timestamp without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
    updated_at timestamp without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
  );
  CREATE TABLE IF NOT EXISTS messages (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    role varchar(20) NOT NULL,
    content text NOT NULL,
    sources jsonb,
    created_at timestamp without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
  );
  ALTER TABLE messages ADD COLUMN IF NOT EXISTS outcome text;
  CREATE INDEX IF NOT EXISTS messages_by_conversation ON messages (conversation_id, created_at);
  CREATE TABLE IF NOT EXISTS feedback (
    message_id uuid PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    helpful boolean NOT NULL,
    reason text,
    note text,
    created_at timestamp without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
  );
END
$docent$";

/// What somebody wants to know who looks before the tables are made: version, which of the tables are there, and whether
/// the missing ones may be made.
pub(super) const LOOK: &str = "SELECT json_build_object(
  'version', current_setting('server_version'),
  'tables', (SELECT count(to_regclass(name)) FROM unnest(ARRAY['conversations', 'messages', 'feedback']) AS name),
  'may_create', coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
  'read_only', current_setting('transaction_read_only') = 'on')::text";

/// `$1`: a JSON array of rows of `messages`. The row type of the table reads them, so columns may have other types than
/// ours (a time with zone, an id as text). A message that is there already is replaced: delivering twice changes nothing. A stopped answer
/// replaces none: it may be the draft of a process that was killed after the whole answer had arrived.
pub(super) const SAVE: &str = "WITH incoming AS MATERIALIZED (
  SELECT * FROM jsonb_populate_recordset(NULL::messages, $1::text::jsonb)
), known AS (
  INSERT INTO conversations (id, created_at, updated_at)
  SELECT conversation_id, min(created_at), max(created_at) FROM incoming
  GROUP BY conversation_id ORDER BY conversation_id
  ON CONFLICT (id) DO UPDATE SET updated_at = greatest(conversations.updated_at, excluded.updated_at)
)
INSERT INTO messages (id, conversation_id, role, content, sources, created_at, outcome)
SELECT id, conversation_id, role, content, sources, created_at, outcome FROM incoming
ON CONFLICT (id) DO UPDATE SET
  content = excluded.content, sources = excluded.sources, outcome = excluded.outcome
WHERE excluded.outcome IS DISTINCT FROM 'stopped'";

/// `$1`: a conversation. One row when there is one.
pub(super) const EXISTS: &str = "SELECT 'yes'::text FROM conversations WHERE id = $1::text::uuid";

/// `$1`: a conversation, `$2`: how many messages. Newest first, as JSON; one null row for a conversation without
/// messages, no row when there is no conversation. A question and its answer may carry the same instant.
pub(super) const LATEST: &str = "SELECT CASE WHEN m.id IS NOT NULL THEN jsonb_build_object(
  'id', m.id, 'conversation_id', c.id, 'role', m.role, 'content', m.content, 'sources', m.sources,
  'created_at', m.created_at, 'outcome', m.outcome)::text END
FROM conversations c LEFT JOIN LATERAL (
  SELECT * FROM messages WHERE conversation_id = c.id
  ORDER BY created_at DESC, role, id DESC LIMIT $2::text::bigint
) m ON true
WHERE c.id = $1::text::uuid
ORDER BY m.created_at DESC, m.role, m.id DESC";

/// `$1`: a conversation. One row when there was one.
pub(super) const FORGET: &str = "DELETE FROM conversations WHERE id = $1::text::uuid RETURNING 'gone'::text";

/// `$1`: one row of `feedback` as JSON. One row when there is such an answer.
pub(super) const FEEDBACK: &str = "INSERT INTO feedback (message_id, helpful, reason, note, created_at)
SELECT given.message_id, given.helpful, given.reason, given.note, given.created_at
FROM jsonb_populate_record(NULL::feedback, $1::text::jsonb) given
JOIN messages ON messages.id = given.message_id AND messages.role = 'assistant'
ON CONFLICT (message_id) DO UPDATE SET
  helpful = excluded.helpful, reason = excluded.reason, note = excluded.note, created_at = excluded.created_at
RETURNING 'kept'::text";

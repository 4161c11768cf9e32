/* Fields of the messages of a connection, in the order of docs/PROTOCOL.md §3.1, which a test
 * compares with these tables. A later version only adds rows: a reader skips keys that it does
 * not know. */

#include "proto/codec_table.h"

static const struct field ability[] = {
    UINT(msg_ability, kind, SCORER_KINDS - 1),
    TEXT(msg_ability, name, MAX_NAME),
};
static const struct field_table ability_table = TABLE(msg_ability, ability);

static const struct field hello[] = {
    ID(msg_hello, peer),
    ANY64(msg_hello, incarnation),
    UINT(msg_hello, role, ROLE_LAST),
    UINT(msg_hello, major_min, LIMIT_MAJOR),
    UINT(msg_hello, major_max, LIMIT_MAJOR),
    ANY64(msg_hello, features),
    TEXT(msg_hello, name, MAX_NAME),
    TEXT(msg_hello, build, MAX_NAME),
    MAP(msg_hello, settled, codec_noun_settled),
    VERSION(msg_hello, newest),
    ANY32(msg_hello, table),
    LIST(msg_hello, scorer, n_scorer, MAX_SCORERS, codec_noun_scorer),
    LIST(msg_hello, artifact, n_artifact, MAX_ARTIFACTS, codec_noun_artifact),
    UINT(msg_hello, body_max, LIMIT_COUNT),
    COLUMN(msg_hello, claim, n_claim, MAX_CLAIMS, codec_noun_claim),
    COLUMN(msg_hello, image, n_image, MAX_IMAGES, codec_noun_version),
    LIST(msg_hello, offer, n_offer, MAX_SCORERS, ability_table),
    UINT(msg_hello, slots, LIMIT_SLOTS),
    TEXT(msg_hello, host, MAX_NAME),
    ID(msg_hello, own),
    UINT(msg_hello, vocabulary, LIMIT_TOKEN),
    TEXT(msg_hello, serve, MAX_NAME),
    BOOL(msg_hello, head),
    TEXT(msg_hello, isa, MAX_NAME),
    UINT(msg_hello, threads, LIMIT_SHOWN),
    ANY32(msg_hello, numerics),
    COLUMN(msg_hello, golden, n_golden, MAX_IMAGES, codec_noun_any32),
    TEXT(msg_hello, run_name, MAX_NAME),
    BOOL(msg_hello, begun),
    UINT(msg_hello, waited_ms, LIMIT_MS),
};
const struct field_table codec_peer_hello = TABLE(msg_hello, hello);

static const struct field welcome[] = {
    ANY64(msg_welcome, incarnation),
    BOOL(msg_welcome, run),
    BOOL(msg_welcome, done),
    MAP(msg_welcome, settled, codec_noun_settled),
    VERSION(msg_welcome, newest),
    UINT(msg_welcome, smallest_live, LIMIT_VERSION),
    ANY32(msg_welcome, table),
    LIST(msg_welcome, scorer, n_scorer, MAX_SCORERS, codec_noun_scorer),
    LIST(msg_welcome, artifact, n_artifact, MAX_ARTIFACTS, codec_noun_artifact),
    UINT(msg_welcome, body_max, LIMIT_COUNT),
    UINT(msg_welcome, credit_max, LIMIT_CREDIT),
    TEXT(msg_welcome, bulk, MAX_NAME),
    TEXT(msg_welcome, bulk_key, MAX_NAME),
    UINT(msg_welcome, open_to, LIMIT_TASK_END),
    COLUMN(msg_welcome, unsettled, n_unsettled, MAX_CLAIMS, codec_noun_claim),
    COLUMN(msg_welcome, verdict, n_verdict, MAX_CLAIMS, codec_noun_claim),
    COLUMN(msg_welcome, wanted, n_wanted, MAX_WANTED, codec_noun_version),
};
const struct field_table codec_peer_welcome = TABLE(msg_welcome, welcome);

static const struct field refuse[] = {
    UINT(msg_refuse, code, REFUSE_NUMERICS),
    TEXT(msg_refuse, words, MAX_WORDS),
};
const struct field_table codec_peer_refuse = TABLE(msg_refuse, refuse);

static const struct field wait[] = {
    TEXT(msg_wait, name, MAX_WORDS),   UINT(msg_wait, age_ms, LIMIT_MS),
    TEXT(msg_wait, scorer, MAX_NAME),  BOOL(msg_wait, paused),
    TEXT(msg_wait, advice, MAX_WORDS),
};
const struct field_table codec_peer_wait = TABLE(msg_wait, wait);

static const struct field hb[] = {
    UINT(msg_hb, progress, LIMIT_COUNT),
    UINT(msg_hb, tokens, LIMIT_COUNT),
    UINT(msg_hb, busy_ms, LIMIT_COUNT),
    UINT(msg_hb, idle_ms, LIMIT_COUNT),
    UINT(msg_hb, rss_bytes, LIMIT_COUNT),
    UINT(msg_hb, queued, LIMIT_SHOWN),
    UINT(msg_hb, lag_ms, LIMIT_MS),
    UINT(msg_hb, lease_seen, LIMIT_SERIAL),
    UINT(msg_hb, credit, LIMIT_CREDIT),
    UINT(msg_hb, credit_bytes, LIMIT_COUNT),
    COLUMN(msg_hb, lease, n_lease, MAX_LEASES, codec_noun_serial),
    MAP(msg_hb, settled, codec_noun_settled),
    VERSION(msg_hb, newest),
    COLUMN(msg_hb, image, n_image, MAX_IMAGES, codec_noun_version),
    UINT(msg_hb, smallest_live, LIMIT_VERSION),
    UINT(msg_hb, open_to, LIMIT_TASK_END),
    BOOL(msg_hb, done),
    UINT(msg_hb, step, LIMIT_VERSION),
    TEXT(msg_hb, metrics, MAX_JSON),
    TEXT(msg_hb, note, MAX_WORDS),
    TEXT(msg_hb, wants_own, MAX_WORDS),
    LIST(msg_hb, wait, n_wait, MAX_HOLD, codec_peer_wait),
    COLUMN(msg_hb, wanted, n_wanted, MAX_WANTED, codec_noun_version),
    COLUMN(msg_hb, unbegun, n_unbegun, MAX_LEASES, codec_noun_u32),
    UINT(msg_hb, wire_bytes, LIMIT_COUNT),
    UINT(msg_hb, wire_rate, LIMIT_COUNT),
    TEXT(msg_hb, next_key, MAX_NAME),
    UINT(msg_hb, steps_total, LIMIT_VERSION),
    COLUMN(msg_hb, golden, n_golden, MAX_IMAGES, codec_noun_any32),
    TEXT(msg_hb, trouble, MAX_WORDS),
    UINT(msg_hb, annotator, LIMIT_SERIAL),
    UINT(msg_hb, drafted, LIMIT_COUNT),
    UINT(msg_hb, accepted, LIMIT_COUNT),
};
const struct field_table codec_peer_hb = TABLE(msg_hb, hb);

static const struct field admin[] = {
    ANY64(msg_admin, request),
    ID(msg_admin, asker),
    TEXT(msg_admin, order, MAX_NAME),
    UINT(msg_admin, role, ROLE_LAST),
    UINT(msg_admin, count, LIMIT_PROCESSES),
    TEXT(msg_admin, arguments, MAX_WORDS),
    TEXT(msg_admin, host, MAX_NAME),
    HASH(msg_admin, key),
    TEXT(msg_admin, address, MAX_NAME),
};
const struct field_table codec_peer_admin = TABLE(msg_admin, admin);

static const struct field admin_ok[] = {
    ANY64(msg_admin_ok, request),
    ID(msg_admin_ok, asker),
    BOOL(msg_admin_ok, ok),
    TEXT(msg_admin_ok, words, MAX_WORDS),
    TEXT(msg_admin_ok, result, MAX_JSON / 2),
    BOOL(msg_admin_ok, away),
};
const struct field_table codec_peer_admin_ok = TABLE(msg_admin_ok, admin_ok);

static const struct field drain[] = {
    UINT(msg_drain, deadline_ms, LIMIT_MS),
};
const struct field_table codec_peer_drain = TABLE(msg_drain, drain);

static const struct field bye[] = {
    TEXT(msg_bye, reason, MAX_WORDS),
};
const struct field_table codec_peer_bye = TABLE(msg_bye, bye);

const struct field_table codec_peer_nothing = {0, NULL, 0, 0};

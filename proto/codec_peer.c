#include "proto/codec_table.h"

static const struct field ability[] = {
    UINT(msg_ability, kind, SCORER_JUDGE),
    TEXT(msg_ability, name, MAX_NAME),
};
static const struct table ability_table = TABLE(msg_ability, ability);

static const struct field hello[] = {
    ID(msg_hello, peer),
    U64(msg_hello, incarnation),
    UINT(msg_hello, role, ROLES - 1),
    U32(msg_hello, major_min),
    U32(msg_hello, major_max),
    U64(msg_hello, features),
    TEXT(msg_hello, name, MAX_NAME),
    TEXT(msg_hello, build, MAX_NAME),
    MAP(msg_hello, settled, codec_noun_settled),
    VERSION(msg_hello, newest),
    U32(msg_hello, table),
    LIST(msg_hello, scorer, scorers, MAX_SCORERS, codec_noun_scorer),
    LIST(msg_hello, artifact, artifacts, MAX_ARTIFACTS, codec_noun_artifact),
    U64(msg_hello, body_max),
    COLUMN(msg_hello, claim, claims, MAX_CLAIMS, codec_noun_claim),
    COLUMN(msg_hello, image, images, MAX_IMAGES, codec_noun_version),
    LIST(msg_hello, offer, offers, MAX_SCORERS, ability_table),
    U32(msg_hello, slots),
    TEXT(msg_hello, host, MAX_NAME),
    ID(msg_hello, own),
    U32(msg_hello, vocabulary),
};
const struct table codec_peer_hello = TABLE(msg_hello, hello);

static const struct field welcome[] = {
    U64(msg_welcome, incarnation),
    BOOL(msg_welcome, run),
    BOOL(msg_welcome, done),
    MAP(msg_welcome, settled, codec_noun_settled),
    VERSION(msg_welcome, newest),
    U64(msg_welcome, smallest_live),
    U32(msg_welcome, table),
    LIST(msg_welcome, scorer, scorers, MAX_SCORERS, codec_noun_scorer),
    LIST(msg_welcome, artifact, artifacts, MAX_ARTIFACTS, codec_noun_artifact),
    U64(msg_welcome, body_max),
    U64(msg_welcome, credit_max),
    TEXT(msg_welcome, bulk, MAX_NAME),
    TEXT(msg_welcome, bulk_key, MAX_NAME),
    U64(msg_welcome, open_to),
    COLUMN(msg_welcome, unsettled, unsettleds, MAX_CLAIMS, codec_noun_claim),
    COLUMN(msg_welcome, verdict, verdicts, MAX_CLAIMS, codec_noun_claim),
};
const struct table codec_peer_welcome = TABLE(msg_welcome, welcome);

static const struct field refuse[] = {
    UINT(msg_refuse, code, REFUSE_STRIKES),
    TEXT(msg_refuse, words, MAX_WORDS),
};
const struct table codec_peer_refuse = TABLE(msg_refuse, refuse);

static const struct field wait[] = {
    TEXT(msg_wait, name, MAX_WORDS),
    U32(msg_wait, age_ms),
    TEXT(msg_wait, scorer, MAX_NAME),
    BOOL(msg_wait, paused),
};
const struct table codec_peer_wait = TABLE(msg_wait, wait);

static const struct field hb[] = {
    U64(msg_hb, progress),
    U64(msg_hb, tokens),
    U64(msg_hb, busy_ms),
    U64(msg_hb, idle_ms),
    U64(msg_hb, rss_bytes),
    U32(msg_hb, queued),
    U32(msg_hb, lag_ms),
    U64(msg_hb, lease_seen),
    U32(msg_hb, credit),
    U64(msg_hb, credit_bytes),
    COLUMN(msg_hb, lease, leases, MAX_LEASES, codec_noun_u64),
    MAP(msg_hb, settled, codec_noun_settled),
    VERSION(msg_hb, newest),
    COLUMN(msg_hb, image, images, MAX_IMAGES, codec_noun_version),
    U64(msg_hb, smallest_live),
    U64(msg_hb, open_to),
    BOOL(msg_hb, done),
    U64(msg_hb, step),
    TEXT(msg_hb, metrics, MAX_JSON),
    TEXT(msg_hb, note, MAX_WORDS),
    TEXT(msg_hb, wants_own, MAX_WORDS),
    LIST(msg_hb, wait, waits, MAX_HOLD, codec_peer_wait),
};
const struct table codec_peer_hb = TABLE(msg_hb, hb);

static const struct field admin[] = {
    U64(msg_admin, request),
    ID(msg_admin, asker),
    TEXT(msg_admin, order, MAX_NAME),
    UINT(msg_admin, role, ROLES - 1),
    U32(msg_admin, count),
    TEXT(msg_admin, arguments, MAX_WORDS),
};
const struct table codec_peer_admin = TABLE(msg_admin, admin);

static const struct field admin_ok[] = {
    U64(msg_admin_ok, request),
    ID(msg_admin_ok, asker),
    BOOL(msg_admin_ok, ok),
    TEXT(msg_admin_ok, words, MAX_WORDS),
    TEXT(msg_admin_ok, result, MAX_JSON / 2),
};
const struct table codec_peer_admin_ok = TABLE(msg_admin_ok, admin_ok);

static const struct field drain[] = {
    U32(msg_drain, deadline_ms),
};
const struct table codec_peer_drain = TABLE(msg_drain, drain);

static const struct field bye[] = {
    TEXT(msg_bye, reason, MAX_WORDS),
};
const struct table codec_peer_bye = TABLE(msg_bye, bye);

const struct table codec_peer_nothing = {0, NULL, 0};

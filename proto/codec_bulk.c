#include "proto/codec_table.h"

static const struct field offer[] = {
    LIST(msg_offer, artifact, artifacts, MAX_ARTIFACTS, codec_noun_artifact),
};
const struct table codec_bulk_offer = TABLE(msg_offer, offer);

static const struct field wreq[] = {
    HEAD_TASK(msg_wreq, route), HASH(msg_wreq, hash),      UINT(msg_wreq, kind, CHUNK_BYTES),
    U32(msg_wreq, first),       UINT(msg_wreq, count, 64),
};
const struct table codec_bulk_wreq = TABLE(msg_wreq, wreq);

static const struct field wchunk[] = {
    HEAD_TASK(msg_wchunk, route),
    HASH(msg_wchunk, hash),
    UINT(msg_wchunk, kind, CHUNK_BYTES),
    U32(msg_wchunk, index),
    U64(msg_wchunk, total),
    COLUMN(msg_wchunk, data, bytes, MAX_CHUNK, codec_noun_u8),
};
const struct table codec_bulk_wchunk = TABLE(msg_wchunk, wchunk);

static const struct field wnone[] = {
    HEAD_TASK(msg_wnone, route),
    HASH(msg_wnone, hash),
    TEXT(msg_wnone, reason, MAX_WORDS),
};
const struct table codec_bulk_wnone = TABLE(msg_wnone, wnone);

static const struct field peer[] = {
    ID(msg_stats_peer, id),
    UINT(msg_stats_peer, role, ROLES - 1),
    U32(msg_stats_peer, age_ms),
    TEXT(msg_stats_peer, name, MAX_NAME),
    U64(msg_stats_peer, tokens),
    U64(msg_stats_peer, busy_ms),
    U64(msg_stats_peer, idle_ms),
    U64(msg_stats_peer, rss_bytes),
    U64(msg_stats_peer, version),
    REAL(msg_stats_peer, tokens_s),
    U32(msg_stats_peer, queued),
    U32(msg_stats_peer, leases),
    U32(msg_stats_peer, credit),
    U32(msg_stats_peer, lag_ms),
    U32(msg_stats_peer, strikes),
    TEXT(msg_stats_peer, note, MAX_WORDS),
    TEXT(msg_stats_peer, error, MAX_WORDS),
};
static const struct table peer_table = TABLE(msg_stats_peer, peer);

static const struct field reason[] = {
    TEXT(msg_stats_reason, reason, MAX_WORDS),
    U64(msg_stats_reason, count),
};
static const struct table reason_table = TABLE(msg_stats_reason, reason);

static const struct field lease[] = {
    U64(msg_stats_lease, lease), U64(msg_stats_lease, task),   U32(msg_stats_lease, first),
    U32(msg_stats_lease, count), U32(msg_stats_lease, age_ms), U32(msg_stats_lease, quiet_ms),
    ID(msg_stats_lease, peer),
};
static const struct table lease_table = TABLE(msg_stats_lease, lease);

static const struct field suspect[] = {
    MAP(msg_stats_suspect, writer, codec_noun_writer),
    U64(msg_stats_suspect, count),
    U32(msg_stats_suspect, age_ms),
    BOOL(msg_stats_suspect, aside),
    TEXT(msg_stats_suspect, words, MAX_WORDS),
};
static const struct table suspect_table = TABLE(msg_stats_suspect, suspect);

static const struct field stats[] = {
    U64(msg_stats, incarnation),
    U64(msg_stats, uptime_ms),
    U64(msg_stats, step),
    BOOL(msg_stats, run),
    BOOL(msg_stats, done),
    VERSION(msg_stats, newest),
    U64(msg_stats, opened),
    U64(msg_stats, settled),
    U64(msg_stats, trained),
    U64(msg_stats, waiting),
    U64(msg_stats, leased),
    U64(msg_stats, scoring),
    U64(msg_stats, unsettled),
    U64(msg_stats, duplicates),
    U64(msg_stats, disputed),
    U64(msg_stats, expired),
    U64(msg_stats, reissued),
    U64(msg_stats, bad_frames),
    U64(msg_stats, refused),
    REAL(msg_stats, tokens_s),
    REAL(msg_stats, samples_s),
    REAL(msg_stats, actor_busy),
    REAL(msg_stats, rewarder_busy),
    REAL(msg_stats, learner_busy),
    COLUMN(msg_stats, staleness, stalenesses, MAX_HOLD, codec_noun_u64),
    LIST(msg_stats, drop, drops, MAX_HOLD, reason_table),
    LIST(msg_stats, peer, peers, MAX_PEERS, peer_table),
    LIST(msg_stats, lease, leases, MAX_HOLD, lease_table),
    LIST(msg_stats, wait, waits, MAX_HOLD, codec_peer_wait),
    U64(msg_stats, found_false),
    LIST(msg_stats, suspect, suspects, MAX_HOLD, suspect_table),
    TEXT(msg_stats, advice, MAX_WORDS),
    TEXT(msg_stats, metrics, MAX_JSON),
};
const struct table codec_bulk_stats = TABLE(msg_stats, stats);

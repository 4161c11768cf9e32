/* Fields of the messages of the bulk and the dashboard port, in the order of docs/PROTOCOL.md
 * §3.3 and §3.4, which a test compares with these tables. A limit is proto/limit.h's. */

#include "proto/codec_table.h"

static const struct field offer[] = {
    LIST(msg_offer, artifact, n_artifact, MAX_ARTIFACTS, codec_noun_artifact),
};
const struct field_table codec_bulk_offer = TABLE(msg_offer, offer);

static const struct field wreq[] = {
    HEAD_TASK(msg_wreq, route, UINT32_MAX),
    HASH(msg_wreq, hash),
    UINT(msg_wreq, kind, CHUNK_WAYS),
    UINT(msg_wreq, first, LIMIT_PIECES - 1),
    UINT(msg_wreq, count, 64),
    COLUMN(msg_wreq, have, n_have, MAX_HAVE, codec_noun_u8),
    HASH(msg_wreq, base),
};
const struct field_table codec_bulk_wreq = TABLE_LATER(msg_wreq, wreq, 1);

static const struct field wchunk[] = {
    HEAD_TASK(msg_wchunk, route, UINT32_MAX),
    HASH(msg_wchunk, hash),
    UINT(msg_wchunk, kind, CHUNK_DIGEST_PIECES),
    UINT(msg_wchunk, index, LIMIT_PIECES - 1),
    UINT(msg_wchunk, total, LIMIT_ARTIFACT),
    COLUMN(msg_wchunk, data, bytes, MAX_CHUNK, codec_noun_u8),
    COLUMN(msg_wchunk, there, n_there, MAX_HAVE, codec_noun_u8),
};
const struct field_table codec_bulk_wchunk = TABLE_LATER(msg_wchunk, wchunk, 1);

static const struct field wnone[] = {
    HEAD_TASK(msg_wnone, route, UINT32_MAX),
    HASH(msg_wnone, hash),
    TEXT(msg_wnone, reason, MAX_WORDS),
};
const struct field_table codec_bulk_wnone = TABLE(msg_wnone, wnone);

static const struct field parent[] = {
    HASH(msg_parent, hash),
    TEXT(msg_parent, endpoint, MAX_NAME),
    TEXT(msg_parent, key, MAX_NAME),
};
const struct field_table codec_bulk_parent = TABLE(msg_parent, parent);

static const struct field guests[] = {
    COLUMN(msg_guests, key, n_key, MAX_GUESTS, codec_noun_hash),
};
const struct field_table codec_bulk_guests = TABLE(msg_guests, guests);

static const struct field peer[] = {
    ID(msg_stats_peer, id),
    UINT(msg_stats_peer, role, ROLES - 1),
    UINT(msg_stats_peer, age_ms, LIMIT_MS),
    TEXT(msg_stats_peer, name, MAX_NAME),
    UINT(msg_stats_peer, tokens, LIMIT_COUNT),
    UINT(msg_stats_peer, busy_ms, LIMIT_COUNT),
    UINT(msg_stats_peer, idle_ms, LIMIT_COUNT),
    UINT(msg_stats_peer, rss_bytes, LIMIT_COUNT),
    UINT(msg_stats_peer, version, LIMIT_VERSION),
    REAL(msg_stats_peer, tokens_s),
    UINT(msg_stats_peer, queued, LIMIT_SHOWN),
    UINT(msg_stats_peer, leases, LIMIT_SHOWN),
    UINT(msg_stats_peer, credit, LIMIT_CREDIT),
    UINT(msg_stats_peer, lag_ms, LIMIT_MS),
    UINT(msg_stats_peer, strikes, LIMIT_SHOWN),
    TEXT(msg_stats_peer, note, MAX_WORDS),
    TEXT(msg_stats_peer, error, MAX_WORDS),
    TEXT(msg_stats_peer, host, MAX_NAME),
    TEXT(msg_stats_peer, address, MAX_NAME),
    TEXT(msg_stats_peer, build, MAX_NAME),
    TEXT(msg_stats_peer, isa, MAX_NAME),
    UINT(msg_stats_peer, threads, LIMIT_SHOWN),
    UINT(msg_stats_peer, note_ms, LIMIT_MS),
    UINT(msg_stats_peer, uptime_ms, LIMIT_COUNT),
    UINT(msg_stats_peer, wire_bytes, LIMIT_COUNT),
    UINT(msg_stats_peer, wire_rate, LIMIT_COUNT),
    UINT(msg_stats_peer, expired, LIMIT_COUNT),
    UINT(msg_stats_peer, failed, LIMIT_COUNT),
    BOOL(msg_stats_peer, probation),
    UINT(msg_stats_peer, drafted, LIMIT_COUNT),
    UINT(msg_stats_peer, accepted, LIMIT_COUNT),
};
static const struct field_table peer_table = TABLE(msg_stats_peer, peer);

static const struct field host[] = {
    TEXT(msg_stats_host, name, MAX_NAME),
    UINT(msg_stats_host, processes, LIMIT_SHOWN),
    UINT(msg_stats_host, actors, LIMIT_SHOWN),
    REAL(msg_stats_host, tokens_s),
    UINT(msg_stats_host, wire_bytes, LIMIT_COUNT),
    UINT(msg_stats_host, wire_rate, LIMIT_COUNT),
    UINT(msg_stats_host, lacking, LIMIT_SHOWN),
    UINT(msg_stats_host, left_ms, LIMIT_MS),
    BOOL(msg_stats_host, head),
    TEXT(msg_stats_host, metrics, MAX_JSON),
};
static const struct field_table host_table = TABLE(msg_stats_host, host);

static const struct field event[] = {
    UINT(msg_stats_event, role, ROLES - 1),
    UINT(msg_stats_event, age_ms, LIMIT_MS),
    TEXT(msg_stats_event, name, MAX_NAME),
    TEXT(msg_stats_event, host, MAX_NAME),
    TEXT(msg_stats_event, address, MAX_NAME),
    BOOL(msg_stats_event, joined),
    BOOL(msg_stats_event, died),
    TEXT(msg_stats_event, cause, MAX_WORDS),
};
static const struct field_table event_table = TABLE(msg_stats_event, event);

static const struct field reason[] = {
    TEXT(msg_stats_reason, reason, MAX_WORDS),
    UINT(msg_stats_reason, count, LIMIT_COUNT),
};
static const struct field_table reason_table = TABLE(msg_stats_reason, reason);

static const struct field turn[] = {
    ID(msg_stats_turn, run),
    TEXT(msg_stats_turn, name, MAX_NAME),
    TEXT(msg_stats_turn, host, MAX_NAME),
    TEXT(msg_stats_turn, address, MAX_NAME),
    UINT(msg_stats_turn, place, LIMIT_SHOWN),
    UINT(msg_stats_turn, wait_ms, LIMIT_COUNT),
};
static const struct field_table turn_table = TABLE(msg_stats_turn, turn);

static const struct field lease[] = {
    UINT(msg_stats_lease, lease, LIMIT_SERIAL),
    UINT(msg_stats_lease, task, LIMIT_TASK),
    UINT(msg_stats_lease, first, MAX_SAMPLES),
    UINT(msg_stats_lease, count, MAX_SAMPLES),
    UINT(msg_stats_lease, age_ms, LIMIT_MS),
    UINT(msg_stats_lease, quiet_ms, LIMIT_MS),
    ID(msg_stats_lease, peer),
};
static const struct field_table lease_table = TABLE(msg_stats_lease, lease);

static const struct field suspect[] = {
    MAP(msg_stats_suspect, writer, codec_noun_writer),
    UINT(msg_stats_suspect, count, LIMIT_COUNT),
    UINT(msg_stats_suspect, age_ms, LIMIT_MS),
    BOOL(msg_stats_suspect, aside),
    TEXT(msg_stats_suspect, words, MAX_WORDS),
};
static const struct field_table suspect_table = TABLE(msg_stats_suspect, suspect);

static const struct field key[] = {
    TEXT(msg_stats_key, name, MAX_NAME),
    UINT(msg_stats_key, role, ROLES - 1),
    UINT(msg_stats_key, age_ms, LIMIT_MS),
    UINT(msg_stats_key, connections, LIMIT_SHOWN),
};
static const struct field_table key_table = TABLE(msg_stats_key, key);

static const struct field stats[] = {
    ANY64(msg_stats, incarnation),
    UINT(msg_stats, uptime_ms, LIMIT_COUNT),
    UINT(msg_stats, step, LIMIT_VERSION),
    BOOL(msg_stats, run),
    BOOL(msg_stats, done),
    VERSION(msg_stats, newest),
    UINT(msg_stats, opened, LIMIT_COUNT),
    UINT(msg_stats, settled, LIMIT_COUNT),
    UINT(msg_stats, trained, LIMIT_COUNT),
    UINT(msg_stats, waiting, LIMIT_COUNT),
    UINT(msg_stats, leased, LIMIT_COUNT),
    UINT(msg_stats, scoring, LIMIT_COUNT),
    UINT(msg_stats, unsettled, LIMIT_COUNT),
    UINT(msg_stats, duplicates, LIMIT_COUNT),
    UINT(msg_stats, disputed, LIMIT_COUNT),
    UINT(msg_stats, expired, LIMIT_COUNT),
    UINT(msg_stats, reissued, LIMIT_COUNT),
    UINT(msg_stats, bad_frames, LIMIT_COUNT),
    UINT(msg_stats, refused, LIMIT_COUNT),
    REAL(msg_stats, tokens_s),
    REAL(msg_stats, samples_s),
    REAL(msg_stats, actor_busy),
    REAL(msg_stats, rewarder_busy),
    REAL(msg_stats, learner_busy),
    COLUMN(msg_stats, staleness, n_staleness, MAX_HOLD, codec_noun_count),
    LIST(msg_stats, drop, n_drop, MAX_HOLD, reason_table),
    LIST(msg_stats, peer, n_peer, MAX_PEERS, peer_table),
    LIST(msg_stats, lease, n_lease, MAX_HOLD, lease_table),
    LIST(msg_stats, wait, n_wait, MAX_HOLD, codec_peer_wait),
    UINT(msg_stats, found_false, LIMIT_COUNT),
    LIST(msg_stats, suspect, n_suspect, MAX_HOLD, suspect_table),
    TEXT(msg_stats, advice, MAX_WORDS),
    TEXT(msg_stats, metrics, MAX_JSON),
    LIST(msg_stats, refusal, n_refusal, MAX_HOLD, reason_table),
    UINT(msg_stats, peers, LIMIT_SHOWN),
    LIST(msg_stats, host, n_host, MAX_HOLD, host_table),
    LIST(msg_stats, event, n_event, MAX_HOLD, event_table),
    REAL(msg_stats, actor_idle),
    REAL(msg_stats, rewarder_idle),
    REAL(msg_stats, learner_idle),
    COLUMN(msg_stats, staleness_minute, n_staleness_minute, MAX_HOLD, codec_noun_count),
    TEXT(msg_stats, bottleneck, MAX_WORDS),
    TEXT(msg_stats, holds, MAX_NAME),
    UINT(msg_stats, actors_wanted, LIMIT_SHOWN),
    UINT(msg_stats, moved, LIMIT_COUNT),
    UINT(msg_stats, copied, LIMIT_COUNT),
    UINT(msg_stats, steps_total, LIMIT_VERSION),
    UINT(msg_stats, left_ms, LIMIT_COUNT),
    TEXT(msg_stats, history, MAX_JSON),
    TEXT(msg_stats, run_name, MAX_NAME),
    LIST(msg_stats, queue, n_queue, MAX_HOLD, turn_table),
    TEXT(msg_stats, builds, MAX_WORDS),
    TEXT(msg_stats, next_key, MAX_NAME),
    LIST(msg_stats, key, n_key, MAX_HOLD, key_table),
};
const struct field_table codec_bulk_stats = TABLE(msg_stats, stats);

/* broker: the road between learner, actors and rewarders, as a state machine.
 *
 * Events go in (a decoded message of a member, a member gone, a tick), messages come out
 * through the sink. No socket, no clock, no disk; everything bounded. What it holds can be
 * lost at any time: members say what they hold when they say HELLO, and work goes on.
 * Rules: docs/PROTOCOL.md. The hub sees to HELLO before anything else, WHO, strikes, silence.
 *
 * STATS, the snapshot (proto/msg_stats.h), in samples:
 *   opened = trained + waiting + leased + scoring + unsettled + sum of drop[]
 *   waiting    opened, with no actor        leased     with an actor
 *   scoring    body here, a score missing   unsettled  all scores in, the learner to settle it
 *   trained    settled by the learner       settled    the same and the settled drops
 *   duplicates answers for what was here already    expired   leases and tickets that ran out
 *   disputed   of these, whose hash differs under the one version that was wanted
 *   reissued   samples and tickets given again because their holder left or refused
 *   staleness[i] samples given to the learner i versions late (the last one: or later)
 *   tokens_s, samples_s over the last 10 s; *_busy: share of its time that a role worked
 *   drop[] by reason; lease[] oldest first; wait[] what stands still, for how long
 *   advice  "add N actors", "add a rewarder", ... ; metrics: what the learner's note holds */

#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "broker/limits.h"
#include "broker/sink.h"

struct broker;
struct broker_member;

/* incarnation: random. first_number: leases and tickets count from here; above what any
 * earlier broker gave, e.g. wall-clock ms * 1024. bulk, bulk_key: for WELCOME. */
struct broker_birth {
    uint64_t incarnation, first_number;
    const char *bulk, *bulk_key;
    bool restarted; /* one was here before: a run may be under way */
};
void broker_new(struct broker **out, const struct broker_limits *limits,
                const struct broker_sink *sink, const struct broker_birth *birth,
                int64_t now_ms);
void broker_free(struct broker *broker);

/* HELLO: of a new member (`was` NULL), or of a known one, mostly on a new connection. Answers
 * WELCOME, or refuses through the sink: then NULL, and `was`, if any, is gone. */
struct broker_member *broker_hello(struct broker *broker, struct broker_member *was, void *link,
                                   const struct msg *msg, int64_t now_ms);
/* The member is void afterwards. `died`: silent or replaced, not by BYE. */
void broker_gone(struct broker *broker, struct broker_member *member, bool died,
                 int64_t now_ms);

/* May a role say this to the broker? Rows for the hub. */
bool broker_hears(enum role role, enum msg_type type);
/* Errors: ERR_RANGE for what a correct peer never says: a strike, with words. */
enum err broker_take(struct broker *broker, struct broker_member *from, const struct msg *msg,
                     int64_t now_ms) MUST_CHECK;

/* It sent a frame that cannot be read. */
void broker_bad(struct broker *broker, struct broker_member *from, enum msg_type type,
                const char *words, int64_t now_ms);

/* Each 100 ms or so: expiry, heartbeats, STATS. */
void broker_tick(struct broker *broker, int64_t now_ms);
/* Does something wait behind a full pipe? Then resume is to be called some milliseconds later: the
 * pipe does not tell when it has room, and nothing else may happen before the next tick. */
bool broker_waits(const struct broker *broker);
void broker_resume(struct broker *broker, int64_t now_ms);
/* A snapshot now: somebody subscribed. `key`: those that were used, in order (NULL: none). */
void broker_stats(struct broker *broker, const struct msg_stats_key *key, uint32_t n_key,
                  int64_t now_ms);

/* Tells everybody to drain; true from broker_drained once all workers have left. */
void broker_drain(struct broker *broker, uint32_t deadline_ms);
bool broker_drained(const struct broker *broker);

/* The run that is served: what the heads of messages carry; false before a learner. */
bool broker_run(const struct broker *broker, struct id *run, uint64_t *epoch);

/* Is it the id of the actor that the learner starts itself? */
bool broker_own(const struct broker *broker, const struct id *id);
/* The broker's public key that follows: it is in each heartbeat. "": none does. */
void broker_next_key(struct broker *broker, const char *next_key);

/* Bytes held for tasks and bodies, reserved ones included: never above the limits' sum. */
size_t broker_bytes(const struct broker *broker);
/* Counters that the hub keeps, for STATS; and what was refused, by reason (words that live on). */
void broker_refusals(struct broker *broker, const struct msg_stats_reason *refusal, uint32_t n);
/* What of this process is missing, and since when; "": nothing. It is among what STATS says waits. */
void broker_missing(struct broker *broker, const char *words, int64_t since_ms);
void broker_heard(struct broker *broker, uint64_t bad_frames, uint64_t refused);
/* Does a learner owe the bulk port chunks now; bytes of artifacts that came from learners so far. */
void broker_uplink(struct broker *broker, bool owes, uint64_t bytes, int64_t now_ms);
/* A host whose weights another did not take, in words, and when; 0: none that is still here. */
void broker_giver(struct broker *broker, const char *words, int64_t failed_ms);

#endif

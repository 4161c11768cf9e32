/* What a table of fields cannot say: numbers that belong together, ranges with a meaning,
 * kinds that begin at 1 (a member that is missing is 0, and no kind). Run before a message is
 * written and after it was read, so that neither side can say what the other may not. */

#include "proto/codec_table.h"
#include "proto/column.h"

#include <math.h>
#include <string.h>

/* Tokens are indices: a negative one would be a read before a table. */
static enum err tokens(const int32_t *token, uint32_t n, const char *what)
{
    uint32_t i = 0;

    if (column_within(token, n, INT32_MAX))
        return OK;
    while (token[i] >= 0)
        i++;
    return err_set(ERR_RANGE, "%s: token %u is %d", what, i, token[i]);
}

/* A claim without a state says nothing: 0 is what a missing key gives. */
static enum err claims(const struct claim *claim, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (claim[i].state < CLAIM_RUNNING || claim[i].state > CLAIM_FREE ||
            claim[i].sample >= MAX_SAMPLES)
            return err_set(ERR_RANGE, "claim %u: sample %u, state %u", i, claim[i].sample,
                           claim[i].state);
    return OK;
}

/* An empty range, or one that wraps around, would settle what nobody has. */
static enum err settled(const struct settled *settled)
{
    for (uint32_t i = 0; i < settled->n_range; i++) {
        const struct range *const r = &settled->range[i];
        if (!r->count || r->count > MAX_SAMPLES || r->first > MAX_SAMPLES - r->count)
            return err_set(ERR_RANGE, "settled: samples %u+%u of task %llu", r->first, r->count,
                           (unsigned long long)r->task);
    }
    return OK;
}

/* Answers that do not lie one behind the other would be read beyond their end. */
static enum err earlier(const struct earlier *e)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < e->n_each; i++) {
        if (!e->each[i])
            return err_set(ERR_RANGE, "earlier: answer %u has no tokens", i);
        sum += e->each[i];
    }
    if (sum != e->n_token)
        return err_set(ERR_RANGE, "earlier: %u tokens of answers that say %llu", e->n_token,
                       (unsigned long long)sum);
    return tokens(e->token, e->n_token, "earlier");
}

/* What an actor could not decode is not a task: nothing to read, nothing to write, or a
 * distribution that is none. Comparisons are written so that NaN fails them. */
static enum err task(const struct task *task)
{
    const struct decoding *const d = &task->decoding;
    enum err err;

    if (!task->n_prompt)
        return err_set(ERR_RANGE, "prompt: empty");
    if (!task->samples || !d->max_new)
        return err_set(ERR_RANGE, "samples %u, max_new %u: at least 1", task->samples,
                       d->max_new);
    if (!(d->temperature >= 0 && d->top_p > 0 && d->top_p <= 1 && d->min_p >= 0 &&
          d->min_p <= 1))
        return err_set(ERR_RANGE, "decoding: temperature %g, top_p %g, min_p %g",
                       (double)d->temperature, (double)d->top_p, (double)d->min_p);
    err = tokens(task->prompt, task->n_prompt, "prompt");
    if (!err)
        err = tokens(d->stop, d->n_stop, "stop");
    if (!err)
        err = tokens(task->tail, task->n_tail, "tail");
    return err ? err : earlier(&task->earlier);
}

/* Subtracted rather than added: the sum of two numbers within limits could be above both. */
static enum err lease(const struct msg_lease *lease)
{
    if (!lease->count || lease->count > lease->task.samples ||
        lease->first > lease->task.samples - lease->count)
        return err_set(ERR_RANGE, "samples %u+%u of %u", lease->first, lease->count,
                       lease->task.samples);
    return task(&lease->task);
}

/* Its parts agree with one another: every token is of some version, and the mask, where there
 * is one, has a bit for each. Whether it answers its task is answer.c's. */
static enum err rollout(const struct rollout *r)
{
    if (!r->n_token || r->sample >= MAX_SAMPLES || r->end < ROLLOUT_STOP)
        return err_set(ERR_RANGE, "sample %u: %u tokens, end %u", r->sample, r->n_token,
                       r->end);
    if (r->n_mask && r->n_mask != (r->n_token + 7) / 8)
        return err_set(ERR_RANGE, "mask: %u bytes for %u tokens", r->n_mask, r->n_token);
    if (!r->n_span || r->span[0].start)
        return err_set(ERR_RANGE, "span: none, or the first starts late");
    for (uint32_t i = 0; i < r->n_span; i++)
        if (r->span[i].start >= r->n_token || (i && r->span[i].start <= r->span[i - 1].start))
            return err_set(ERR_RANGE, "span %u: starts at %u", i, r->span[i].start);
    return tokens(r->token, r->n_token, "token");
}

/* Of a SAMPLE. What a rewarder says in SCORE is the broker's to judge, who has words for it. */
static enum err score(const struct score *score)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < score->n_value; i++)
        if (!isfinite(score->value[i]))
            return err_set(ERR_RANGE, "value: element %u is not a finite number", i);
    for (uint32_t i = 0; i < score->n_rollout; i++)
        sum += score->each[i];
    if (!score->n_rollout || sum != score->n_value)
        return err_set(ERR_RANGE, "%u values for %u rollouts that say %llu", score->n_value,
                       score->n_rollout, (unsigned long long)sum);
    return OK;
}

/* A rollout without tokens has no score, and a unit is never empty. */
static enum err ask(const struct msg_ask *ask)
{
    enum err err = OK;

    if (!ask->n_item || ask->unit < UNIT_ROLLOUT || !(ask->temperature >= 0))
        return err_set(ERR_RANGE, "%u items, unit %u", ask->n_item, ask->unit);
    for (uint32_t i = 0; !err && i < ask->n_item; i++) {
        const struct msg_item *const item = &ask->item[i];
        err = item->n_token ? tokens(item->prompt, item->n_prompt, "prompt")
                            : err_set(ERR_RANGE, "item %u: no tokens", i);
        if (!err)
            err = tokens(item->token, item->n_token, "token");
        if (!err)
            err = tokens(item->tail, item->n_tail, "tail");
    }
    return err;
}

/* Who gave each score is said for all of them or, by an older broker, for none. */
static enum err sample(const struct msg_sample *s)
{
    enum err err = rollout(&s->rollout);

    for (uint32_t i = 0; !err && i < s->n_score; i++)
        err = score(&s->score[i]);
    if (!err && s->n_scored && s->n_scored != s->n_score)
        err = err_set(ERR_RANGE, "%u writers of %u scores", s->n_scored, s->n_score);
    return err;
}

/* Kinds begin at 1: a member that is missing is 0, and no kind. */
static enum err kind(uint32_t kind, const char *what)
{
    return kind ? OK : err_set(ERR_RANGE, "%s: no such kind", what);
}

static enum err artifacts(const struct artifact *artifact, uint32_t n)
{
    static const struct hash none;
    enum err err = OK;

    for (uint32_t i = 0; !err && i < n; i++) {
        const bool way = artifact[i].kind >= ARTIFACT_PATCH;
        err = kind(artifact[i].kind, "artifact");
        if (!err && way &&
            (hash_same(&artifact[i].of, &none) ||
             hash_same(&artifact[i].of, &artifact[i].base)))
            err = err_set(ERR_RANGE,
                          "artifact: what leads from one image to another, but not which");
    }
    return err;
}

static enum err scorers(const struct scorer *scorer, uint32_t n)
{
    enum err err = OK;

    for (uint32_t i = 0; !err && i < n; i++) {
        err = kind(scorer[i].kind, "scorer");
        if (!err)
            err = kind(scorer[i].unit, "scorer's unit");
    }
    return err;
}

/* A column beside another one has as many cells, or none. */
static enum err beside(uint32_t n, uint32_t of, const char *what)
{
    if (n && n != of)
        return err_set(ERR_RANGE, "%s: %u numbers beside %u", what, n, of);
    return OK;
}

/* The role decides what else is read of it, so it stands first. */
static enum err hello(const struct msg_hello *hello)
{
    static const struct id nobody;
    enum err err;

    if (!memcmp(&hello->peer, &nobody,
                sizeof nobody)) /* as nobody is called wherever ids stand */
        return err_set(ERR_RANGE, "a peer without an id");
    if (hello->role == ROLE_NONE || hello->role == ROLE_GUEST ||
        hello->major_min > hello->major_max)
        return err_set(ERR_RANGE, "role %u, versions %u to %u", hello->role, hello->major_min,
                       hello->major_max);
    err = claims(hello->claim, hello->n_claim);
    if (!err)
        err = beside(hello->n_golden, hello->n_image, "golden");
    if (!err)
        err = artifacts(hello->artifact, hello->n_artifact);
    if (!err)
        err = scorers(hello->scorer, hello->n_scorer);
    for (uint32_t i = 0; !err && i < hello->n_offer; i++)
        err = kind(hello->offer[i].kind, "offer");
    return err ? err : settled(&hello->settled);
}

static enum err welcome(const struct msg_welcome *w)
{
    enum err err = claims(w->unsettled, w->n_unsettled);

    if (!err)
        err = claims(w->verdict, w->n_verdict);
    if (!err)
        err = artifacts(w->artifact, w->n_artifact);
    if (!err)
        err = scorers(w->scorer, w->n_scorer);
    return err ? err : settled(&w->settled);
}

/* How many of a kind an artifact may have; 0: no such kind. */
static uint32_t chunks_of(uint32_t kind)
{
    static const uint32_t most[] = {
        [CHUNK_DIGESTS] = LIMIT_CHUNKS, /* its number says nothing */
        [CHUNK_BYTES] = LIMIT_CHUNKS,
        [CHUNK_PIECES] = LIMIT_PIECES,
        [CHUNK_DIGEST_PIECES] = LIMIT_CHUNKS / PIECE_DIGESTS,
    };

    return kind < sizeof most / sizeof *most ? most[kind] : 0;
}

/* Digests are whole hashes; how many there must be only the artifact's size says (blob_pull). */
static enum err chunk(const struct msg_wchunk *c)
{
    const bool digests = c->kind == CHUNK_DIGESTS || c->kind == CHUNK_DIGEST_PIECES;
    const bool piece = c->kind == CHUNK_PIECES || c->kind == CHUNK_DIGEST_PIECES;

    if (c->index >= chunks_of(c->kind) || (digests && c->bytes % HASH_BYTES) ||
        (piece && c->bytes > PIECE))
        return err_set(ERR_RANGE, "kind %u, number %u of %u bytes", c->kind, c->index,
                       c->bytes);
    return OK;
}

static enum err asked(const struct msg_wreq *ask)
{
    if (ask->kind == CHUNK_WAYS ? ask->first > 0 : ask->first >= chunks_of(ask->kind))
        return err_set(ERR_RANGE, "chunk: kind %u, number %u", ask->kind, ask->first);
    return OK;
}

static enum err heartbeat(const struct msg_hb *hb)
{
    enum err err = beside(hb->n_unbegun, hb->n_lease, "unbegun");

    if (!err)
        err = beside(hb->n_golden, hb->n_image, "golden");
    return err ? err : settled(&hb->settled);
}

static bool is_zero(const struct id *id)
{
    static const struct id none;

    return !memcmp(id, &none, sizeof none);
}

/* Two answers, and not one with itself. */
static enum err pair(const struct msg_export *pair)
{
    if (is_zero(&pair->pair) || pair->a.sample == pair->b.sample)
        return err_set(ERR_RANGE, "a pair of samples %u and %u", pair->a.sample,
                       pair->b.sample);
    return OK;
}

/* Either it says something, or it takes something back. */
static enum err judgement(const struct msg_judgement *j)
{
    if (is_zero(&j->id) || !j->verdict != !is_zero(&j->undo) || !*j->annotator)
        return err_set(ERR_RANGE,
                       "a judgement: without id or annotator, or its verdict is %u and it %s",
                       j->verdict, is_zero(&j->undo) ? "undoes nothing" : "undoes another");
    return OK;
}

static enum err judged(const struct msg_judged *judged)
{
    enum err err = judged->n_id ? OK : err_set(ERR_RANGE, "judged: nothing");

    for (uint32_t i = 0; !err && i < judged->n_id; i++)
        err = kind(judged->answer[i], "judged");
    return err;
}

static enum err people(const struct msg *msg)
{
    switch (msg->head.type) {
    case MSG_EXPORT:
        return pair(&msg->export);
    case MSG_EXPORT_OK:
        return msg->export_ok.n_pair ? OK : err_set(ERR_RANGE, "no pair");
    case MSG_JUDGEMENT:
        return judgement(&msg->judgement);
    case MSG_JUDGED:
        return judged(&msg->judged);
    default:
        return OK;
    }
}

/* Messages of which only a kind is to be checked. */
static enum err lone_kind(const struct msg *msg)
{
    switch (msg->head.type) {
    case MSG_PUBLISH:
        return kind(msg->publish.kind, "publish");
    case MSG_REFUSE:
        return kind(msg->refuse.code, "refuse");
    case MSG_DROPPED:
        return kind(msg->dropped.reason, "dropped");
    default:
        return people(msg);
    }
}

enum err codec_check(const struct msg *msg)
{
    switch (msg->head.type) {
    case MSG_HELLO:
        return hello(&msg->hello);
    case MSG_WELCOME:
        return welcome(&msg->welcome);
    case MSG_HB:
        return heartbeat(&msg->hb);
    case MSG_REVOKE:
        return beside(msg->revoke.n_from, msg->revoke.n_lease, "revoke");
    case MSG_OPEN:
        return task(&msg->open.task);
    case MSG_LEASE:
        return lease(&msg->lease);
    case MSG_WANT:
        return claims(msg->want.claim, msg->want.n_claim);
    case MSG_ROLLOUT:
        return rollout(&msg->rollout.rollout);
    case MSG_ASK:
        return ask(&msg->ask);
    case MSG_SAMPLE:
        return sample(&msg->sample);
    case MSG_SETTLED:
        return settled(&msg->settled.settled);
    case MSG_OFFER:
        return artifacts(msg->offer.artifact, msg->offer.n_artifact);
    case MSG_WREQ:
        return asked(&msg->wreq);
    case MSG_WCHUNK:
        return chunk(&msg->wchunk);
    default:
        return lone_kind(msg);
    }
}

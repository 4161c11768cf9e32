#include "proto/codec_table.h"

#include <math.h>

static enum err tokens(const int32_t *token, uint32_t n, const char *what)
{
    for (uint32_t i = 0; i < n; i++)
        if (token[i] < 0)
            return err_set(ERR_RANGE, "%s: token %u is %d", what, i, token[i]);
    return OK;
}

static enum err task_ids(const uint64_t *id, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (id[i] >= TASK_IDS)
            return err_set(ERR_RANGE, "task %llu: ids end at 2^62", (unsigned long long)id[i]);
    return OK;
}

/* Behind the last one. */
static enum err task_end(uint64_t id)
{
    return id ? task_ids(&(uint64_t){id - 1}, 1) : OK;
}

static enum err claims(const struct claim *claim, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (task_ids(&claim[i].task, 1))
            return ERR_RANGE;
    for (uint32_t i = 0; i < n; i++)
        if (claim[i].state < CLAIM_RUNNING || claim[i].state > CLAIM_FREE ||
            claim[i].sample >= MAX_SAMPLES)
            return err_set(ERR_RANGE, "claim %u: sample %u, state %u", i, claim[i].sample,
                           claim[i].state);
    return OK;
}

static enum err settled(const struct settled *settled)
{
    if (task_end(settled->watermark))
        return ERR_RANGE;
    for (uint32_t i = 0; i < settled->ranges; i++) {
        const struct range *const r = &settled->range[i];
        if (task_ids(&r->task, 1))
            return ERR_RANGE;
        if (!r->count || r->count > MAX_SAMPLES || r->first > MAX_SAMPLES - r->count)
            return err_set(ERR_RANGE, "settled: samples %u+%u of task %llu", r->first, r->count,
                           (unsigned long long)r->task);
    }
    return OK;
}

static enum err task(const struct task *task)
{
    const struct decoding *const d = &task->decoding;
    enum err err;

    if (task_ids(&task->id, 1))
        return ERR_RANGE;
    if (!task->prompts)
        return err_set(ERR_RANGE, "prompt: empty");
    if (!task->samples || !d->max_new)
        return err_set(ERR_RANGE, "samples %u, max_new %u: at least 1", task->samples,
                       d->max_new);
    if (!(d->temperature >= 0 && d->top_p > 0 && d->top_p <= 1 && d->min_p >= 0 &&
          d->min_p <= 1))
        return err_set(ERR_RANGE, "decoding: temperature %g, top_p %g, min_p %g",
                       (double)d->temperature, (double)d->top_p, (double)d->min_p);
    err = tokens(task->prompt, task->prompts, "prompt");
    if (!err)
        err = tokens(d->stop, d->stops, "stop");
    return err ? err : tokens(task->tail, task->tails, "tail");
}

static enum err lease(const struct msg_lease *lease)
{
    if (!lease->count || lease->count > lease->task.samples ||
        lease->first > lease->task.samples - lease->count)
        return err_set(ERR_RANGE, "samples %u+%u of %u", lease->first, lease->count,
                       lease->task.samples);
    return task(&lease->task);
}

static enum err rollout(const struct rollout *r)
{
    if (task_ids(&r->task, 1))
        return ERR_RANGE;
    if (!r->tokens || r->sample >= MAX_SAMPLES || r->end < ROLLOUT_STOP)
        return err_set(ERR_RANGE, "sample %u: %u tokens, end %u", r->sample, r->tokens, r->end);
    if (r->masks && r->masks != (r->tokens + 7) / 8)
        return err_set(ERR_RANGE, "mask: %u bytes for %u tokens", r->masks, r->tokens);
    if (!r->spans || r->span[0].start)
        return err_set(ERR_RANGE, "span: none, or the first starts late");
    for (uint32_t i = 0; i < r->spans; i++)
        if (r->span[i].start >= r->tokens || (i && r->span[i].start <= r->span[i - 1].start))
            return err_set(ERR_RANGE, "span %u: starts at %u", i, r->span[i].start);
    return tokens(r->token, r->tokens, "token");
}

/* Of a SAMPLE. What a rewarder says in SCORE is the broker's to judge, who has words for it. */
static enum err score(const struct score *score)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < score->values; i++)
        if (!isfinite(score->value[i]))
            return err_set(ERR_RANGE, "value: element %u is not a finite number", i);
    for (uint32_t i = 0; i < score->rollouts; i++)
        sum += score->each[i];
    if (!score->rollouts || sum != score->values)
        return err_set(ERR_RANGE, "%u values for %u rollouts that say %llu", score->values,
                       score->rollouts, (unsigned long long)sum);
    return OK;
}

static enum err ask(const struct msg_ask *ask)
{
    enum err err = OK;

    if (!ask->items || ask->unit < UNIT_ROLLOUT || !(ask->temperature >= 0))
        return err_set(ERR_RANGE, "%u items, unit %u", ask->items, ask->unit);
    for (uint32_t i = 0; !err && i < ask->items; i++) {
        const struct msg_item *const item = &ask->item[i];
        err = item->tokens ? tokens(item->prompt, item->prompts, "prompt")
                           : err_set(ERR_RANGE, "item %u: no tokens", i);
        if (!err)
            err = task_ids(&item->task, 1);
        if (!err)
            err = tokens(item->token, item->tokens, "token");
        if (!err)
            err = tokens(item->tail, item->tails, "tail");
    }
    return err;
}

static enum err sample(const struct msg_sample *s)
{
    enum err err = rollout(&s->rollout);

    for (uint32_t i = 0; !err && i < s->scores; i++)
        err = score(&s->score[i]);
    if (!err && s->scoreds && s->scoreds != s->scores)
        err = err_set(ERR_RANGE, "%u writers of %u scores", s->scoreds, s->scores);
    return err;
}

static enum err hello(const struct msg_hello *hello)
{
    enum err err;

    if (hello->role == ROLE_NONE || hello->major_min > hello->major_max)
        return err_set(ERR_RANGE, "role %u, versions %u to %u", hello->role, hello->major_min,
                       hello->major_max);
    err = claims(hello->claim, hello->claims);
    return err ? err : settled(&hello->settled);
}

static enum err welcome(const struct msg_welcome *w)
{
    enum err err = claims(w->unsettled, w->unsettleds);

    if (!err)
        err = claims(w->verdict, w->verdicts);
    if (!err)
        err = task_end(w->open_to);
    return err ? err : settled(&w->settled);
}

static enum err heartbeat(const struct msg_hb *hb)
{
    const enum err err = task_end(hb->open_to);

    return err ? err : settled(&hb->settled);
}

static enum err chunk(const struct msg_wchunk *c)
{
    if (c->kind < CHUNK_DIGESTS || (c->kind == CHUNK_DIGESTS && c->bytes % HASH_BYTES))
        return err_set(ERR_RANGE, "kind %u of %u bytes", c->kind, c->bytes);
    return OK;
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
    case MSG_OPEN:
        return task(&msg->open.task);
    case MSG_CANCEL:
        return task_ids(msg->cancel.task, msg->cancel.tasks);
    case MSG_LEASE:
        return lease(&msg->lease);
    case MSG_WANT:
        return claims(msg->want.claim, msg->want.claims);
    case MSG_ROLLOUT:
        return rollout(&msg->rollout.rollout);
    case MSG_FAIL:
        return task_ids(&msg->fail.task, 1);
    case MSG_DROPPED:
        return task_ids(&msg->dropped.task, 1);
    case MSG_ASK:
        return ask(&msg->ask);
    case MSG_SAMPLE:
        return sample(&msg->sample);
    case MSG_SETTLED:
        return settled(&msg->settled.settled);
    case MSG_WCHUNK:
        return chunk(&msg->wchunk);
    default:
        return OK;
    }
}

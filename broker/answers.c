/* What rewarders answer. A score joins a rollout by its hash; with the last one that is missing
 * the sample is ready.
 *
 * An answer that is none (a number that is not finite, not as many as asked for, of other
 * rollouts) is a failure of the scorer, with words that say which; so is a FAIL. What it was
 * asked about rests, then somebody is asked again. No sample is blamed for it: see breaker.c.
 */

#include "broker/answers.h"

#include "base/mem.h"
#include "broker/scores.h"
#include "broker/to_learner.h"
#include "proto/text.h"

#include <math.h>
#include <string.h>

enum { DIAGNOSTICS_MAX = 4096 };

/* What is wrong with an answer; or nothing. */
struct wrong {
    char words[MEMBERS_WORDS];
};

/* Does it say something usable about this rollout? `at`: where its values begin in the answer.
 */
static bool usable(const struct scorer *scorer, const struct rollout *body,
                   const struct score *score, uint32_t at, uint32_t n, struct wrong *wrong)
{
    const uint32_t want = msg_score_values(scorer, body->n_token);

    if (n != want) {
        text_print(wrong->words, sizeof wrong->words,
                   "returned %u values for task %llu sample %u, %u asked for", n,
                   (unsigned long long)body->task, body->sample, want);
        return false;
    }
    for (uint32_t i = at; i < at + n; i++)
        if (!isfinite(score->value[i])) {
            text_print(wrong->words, sizeof wrong->words,
                       "returned %s for value %u of %u (task %llu sample %u)",
                       isnan(score->value[i]) ? "nan"
                       : score->value[i] > 0  ? "inf"
                                              : "-inf",
                       i + 1, score->n_value, (unsigned long long)body->task, body->sample);
            return false;
        }
    return true;
}

static void join(struct broker *b, struct open_task *task, uint32_t i, uint32_t j,
                 const float *value, uint32_t n, const char *diagnostics, int64_t now_ms)
{
    struct open_sample *sample = &task->sample[i];
    struct open_score *score = &sample->score[j];

    score->ask = ASK_IN;
    score->n_value = n;
    score->value = mem_new(n, sizeof *value);
    memcpy(score->value, value, n * sizeof *value);
    /* For people; too long ones are left out, since JSON cannot be cut. */
    if (diagnostics[0] && strlen(diagnostics) < DIAGNOSTICS_MAX)
        score->diagnostics = mem_text(diagnostics);
    if (--sample->missing == 0) {
        tasks_move(&b->tasks, task, i, SAMPLE_READY, now_ms);
        to_learner_queue(b, task, i);
    }
}

/* A score of a group or a pair joins all of its rollouts, or none. */
static bool covers(const struct broker *b, const struct ticket *ticket,
                   const struct score *score, struct wrong *wrong)
{
    const struct scorer *scorer = &b->run.scorer[ticket->scorer];
    uint32_t at = 0;

    if (scorer->unit == UNIT_ROLLOUT)
        return true;
    text_print(wrong->words, sizeof wrong->words, "returned a score of %u of the %u answers",
               score->n_rollout, ticket->n_item);
    if (score->n_rollout != ticket->n_item)
        return false;
    for (uint32_t i = 0; i < ticket->n_item; at += score->each[i++]) {
        const struct open_sample *sample = tasks_named(&b->tasks, &ticket->item[i], NULL);

        text_print(wrong->words, sizeof wrong->words, "returned a score of other answers");
        if (!sample || !sample->body || !hash_same(&sample->body->hash, &score->rollout[i]) ||
            !usable(scorer, sample->body, score, at, score->each[i], wrong))
            return false;
    }
    return true;
}

/* Nothing is read of an answer whose parts contradict one another. */
static bool adds_up(const struct score *score, struct wrong *wrong)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < score->n_rollout; i++)
        sum += score->each[i];
    if (sum == score->n_value)
        return true;
    text_print(wrong->words, sizeof wrong->words,
               "returned %u values for %u answers that say %llu", score->n_value,
               score->n_rollout, (unsigned long long)sum);
    return false;
}

/* Joins what of rollout r of the answer is here; the number of them. False: unusable. */
static bool join_one(struct broker *b, const struct ticket *ticket,
                     const struct broker_member *from, const struct score *score, uint32_t r,
                     uint32_t at, struct wrong *wrong, int64_t now_ms)
{
    const struct scorer *scorer = &b->run.scorer[ticket->scorer];
    bool good = true;

    for (uint32_t i = 0; i < ticket->n_item; i++) {
        struct open_task *task = NULL;
        const uint32_t s = ticket->item[i].sample;
        const struct open_sample *sample = tasks_named(&b->tasks, &ticket->item[i], &task);

        /* A score that is here already is never replaced: the first one counts, as with
         * answers. */
        if (!sample || !sample->body || sample->score[ticket->scorer].ask == ASK_IN ||
            !hash_same(&sample->body->hash, &score->rollout[r]))
            continue;
        if (!usable(scorer, sample->body, score, at, score->each[r], wrong)) {
            good = false;
            continue;
        }
        task->sample[s].score[ticket->scorer].by = origin_copy(&from->origin);
        join(b, task, s, ticket->scorer, score->value + at, score->each[r],
             score->n_rollout == 1 ? score->diagnostics : "", now_ms);
    }
    return good;
}

/* Joins what of the answer belongs to rollouts that are here; false if some of it is unusable.
 */
static bool join_all(struct broker *b, const struct ticket *ticket,
                     const struct broker_member *from, const struct score *score,
                     struct wrong *wrong, int64_t now_ms)
{
    uint32_t at = 0;
    bool good = true;

    for (uint32_t r = 0; r < score->n_rollout; at += score->each[r++])
        good &= join_one(b, ticket, from, score, r, at, wrong, now_ms);
    return good;
}

/* How many of a ticket's samples still wait for its answer. */
static uint32_t unanswered(const struct broker *b, const struct ticket *ticket)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < ticket->n_item; i++) {
        const struct open_sample *sample = tasks_named(&b->tasks, &ticket->item[i], NULL);
        const struct open_score *score =
            sample && sample->body ? &sample->score[ticket->scorer] : NULL;

        n += score && score->ask == ASK_OUT && score->ticket == ticket->number;
    }
    return n;
}

/* Its samples rest, then somebody is asked again. */
static void rest(struct broker *b, struct ticket *ticket, struct broker_member *from,
                 const char *reason, int64_t now_ms)
{
    const uint32_t fails = b->breaker[ticket->scorer].fails;

    text_print(from->error, sizeof from->error, "scorer %s: %s",
               b->run.scorer[ticket->scorer].name, reason);
    from->failed++;
    scores_failed(b, ticket, from, reason, now_ms);
    if (ticket->holder)
        ticket_expire(&b->tickets, ticket);
    ticket->again_ms = now_ms + limits_rest_ms(&b->limits, fails);
    b->counters.reissued++;
}

/* False: with words for what is wrong. What is right of it is joined all the same. */
static bool take(struct broker *b, const struct ticket *ticket,
                 const struct broker_member *from, const struct score *score,
                 struct wrong *wrong, int64_t now_ms)
{
    const uint32_t before = unanswered(b, ticket);

    if (!adds_up(score, wrong) || !covers(b, ticket, score, wrong) ||
        !join_all(b, ticket, from, score, wrong, now_ms))
        return false;
    /* Late: what it was asked about others have answered since. That is no failure. */
    if (!before || unanswered(b, ticket) < before)
        return true;
    text_print(wrong->words, sizeof wrong->words, "answered none of the %u it was asked about",
               before);
    return false;
}

enum err answers_on_score(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now)
{
    struct ticket *ticket = ticket_find(&b->tickets, msg->score.ticket);
    const struct score *score = &msg->score.score;
    struct wrong wrong = {""};

    /* Ended long ago, or of another table: nobody's fault. */
    if (!ticket || !hash_same(&b->run.scorer[ticket->scorer].hash, &score->scorer)) {
        b->counters.late++;
        return OK;
    }
    if (memcmp(&ticket->to, &from->id, sizeof from->id)) /* a number that it made up */
        return err_set(ERR_RANGE, "score: ticket %llu is another peer's",
                       (unsigned long long)ticket->number);
    if (take(b, ticket, from, score, &wrong, now)) {
        breaker_good(&b->breaker[ticket->scorer], b->run.scorer[ticket->scorer].name);
        from->failed = 0;
        scores_requeue(b, ticket); /* what it left out */
        ticket_end(&b->tickets, ticket);
    } else {
        rest(b, ticket, from, wrong.words, now);
    }
    return OK;
}

enum err answers_on_fail(struct broker *b, struct broker_member *from, const struct msg *msg,
                         int64_t now)
{
    struct ticket *ticket = ticket_find(&b->tickets, msg->fail.ticket);

    if (ticket && ticket->holder == from)
        rest(b, ticket, from, msg->fail.reason, now);
    return OK;
}

void answers_on_bad(struct broker *b, struct broker_member *from, const char *words,
                    int64_t now_ms)
{
    for (uint32_t i = 0; i < b->tickets.window; i++) {
        struct ticket *ticket = &b->tickets.slot[i];

        if (!ticket->number || ticket->holder != from)
            continue;
        rest(b, ticket, from, words, now_ms); /* which one it was about nobody knows: all */
    }
}

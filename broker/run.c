/* One run at a time is served, and of it one start of its learner: the epoch fences off earlier
 * ones. Who comes first with a run is taken; another run waits (BUSY) until this one is done, its
 * learner has left, or was not heard for hold_ms. Of the same run a higher epoch always wins; the
 * same epoch only by the process whose start it is.
 *
 * All here is looking and copying: what else a HELLO changes (tasks, leases, what is settled)
 * stands in learner.c, in the order in which it must happen. */

#include "broker/run.h"

#include "base/log.h"
#include "broker/copy.h"

#include <stdlib.h>
#include <string.h>

static const struct hash any;
static const struct id nobody;

void run_fini(struct run_state *run)
{
    settled_fini(&run->settled);
    free(run->scorer);
    free(run->artifact);
    free(run->metrics);
}

static bool same_id(const struct id *a, const struct id *b)
{
    return !memcmp(a, b, sizeof *a);
}

bool run_is_other(const struct run_state *run, const struct msg *msg)
{
    return !run->bound || !same_id(&run->id, &msg->head.run);
}

/* The process whose start it is, on a new connection or after the broker took it for dead. */
static bool is_same(const struct run_state *run, const struct broker_member *was,
                    const struct msg *msg)
{
    return (was && run->learner == was) ||
           (!run->learner && same_id(&run->process, &msg->hello.peer) &&
            run->process_start == msg->hello.incarnation);
}

/* Code and words are set before each answer: they count only when it is no. */
bool run_admits(const struct run_state *run, const struct broker_member *was,
                const struct msg *msg, int64_t hold_ms, int64_t now_ms, enum refuse_code *code,
                const char **words)
{
    if (!run->bound)
        return true;
    if (run_is_other(run, msg)) {
        *code = REFUSE_BUSY;
        *words = "another run is served here";
        /* Done, left, not heard for long, or this is the very connection that served the old
         * one. */
        return run->done ||
               (!run->learner && (run->left || now_ms - run->seen_ms >= hold_ms)) ||
               (was && run->learner == was);
    }
    if (msg->head.epoch > run->epoch ||
        (msg->head.epoch == run->epoch && is_same(run, was, msg)))
        return true;
    /* The same start, or an earlier one, by another process: while one is served it waits, or,
     * if it was welcome before, knows that it was followed. */
    *code = REFUSE_FENCED;
    *words = "a later start of this run was served here";
    if (run->learner && run->learner != was) {
        *code = REFUSE_BUSY;
        *words = "another process serves this run here";
    }
    return false;
}

bool run_same_artifacts(const struct run_state *run, const struct msg_hello *hello)
{
    if (run->n_artifact != hello->n_artifact)
        return false;
    for (uint32_t i = 0; i < run->n_artifact; i++)
        if (!hash_same(&run->artifact[i].hash, &hello->artifact[i].hash))
            return false;
    return true;
}

/* A hash is the learner's word: what tasks were measured by is compared itself. */
static bool same_scorer(const struct scorer *a, const struct scorer *b)
{
    return hash_same(&a->hash, &b->hash) && a->kind == b->kind && a->unit == b->unit &&
           a->needs_text == b->needs_text && a->per_token == b->per_token;
}

bool run_same_table(const struct run_state *run, const struct msg_hello *hello)
{
    if (run->table != hello->table || run->n_scorer != hello->n_scorer)
        return false;
    for (uint32_t i = 0; i < run->n_scorer; i++)
        if (!same_scorer(&run->scorer[i], &hello->scorer[i]))
            return false;
    return true;
}

/* Both or none: copies first, so that what was there stays when memory is short. */
void run_take_tables(struct run_state *run, const struct msg_hello *hello)
{
    struct scorer *scorer = NULL;
    struct artifact *artifact = NULL;

    if (copy_scorers(&scorer, hello->scorer, hello->n_scorer) ||
        copy_artifacts(&artifact, hello->artifact, hello->n_artifact)) {
        log_error("tables", "reason=\"%s\"", err_text());
        free(scorer);
        return; /* the learner's next HELLO tries again */
    }
    free(run->scorer);
    free(run->artifact);
    run->scorer = scorer;
    run->n_scorer = hello->n_scorer;
    run->artifact = artifact;
    run->n_artifact = hello->n_artifact;
    run->table = hello->table;
    run->body_max = hello->body_max;
    run->vocabulary = hello->vocabulary;
}

/* By number in a ring: of the last RUN_VERSIONS ones the hash is known as well. */
void run_take_newest(struct run_state *run, const struct version *version)
{
    run->newest = *version;
    run->known[version->number % RUN_VERSIONS] = *version;
}

enum err run_announced(const struct run_state *run, const struct version *v)
{
    const struct version *known = &run->known[v->number % RUN_VERSIONS];

    if (v->number > run->newest.number)
        return err_set(ERR_RANGE, "answer: version %llu was never announced",
                       (unsigned long long)v->number);
    /* A version older than the ring has only its number to be judged by. */
    if (known->number == v->number && !hash_same(&known->hash, &any) &&
        !hash_same(&known->hash, &v->hash))
        return err_set(ERR_RANGE, "answer: version %llu has another hash",
                       (unsigned long long)v->number);
    return OK;
}

void run_take_golden(struct run_state *run, const struct version *version,
                     const uint32_t *golden, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        run->golden[version[i].number % RUN_VERSIONS] =
            (struct run_golden){version[i], golden[i]};
}

uint32_t run_golden(const struct run_state *run, const struct version *version)
{
    const struct run_golden *const at = &run->golden[version->number % RUN_VERSIONS];

    return at->version.number == version->number && hash_same(&at->version.hash, &version->hash)
               ? at->bits
               : 0;
}

bool run_fetchable(const struct run_state *run, const struct version *version)
{
    /* Any version will do: so some image must exist that can be fetched. */
    if (hash_same(&version->hash, &any))
        return !hash_same(&run->newest.hash, &any);
    return version->number <= run->newest.number && version->number >= run->smallest_live;
}

bool run_has_own(const struct run_state *run)
{
    return !same_id(&run->own, &nobody);
}

/* Only an actor can be it, whatever id another peer says. */
bool run_is_own(const struct run_state *run, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && run_has_own(run) && same_id(&run->own, &m->id);
}

bool run_wants_text(const struct run_state *run)
{
    for (uint32_t i = 0; i < run->n_scorer; i++)
        if (run->scorer[i].needs_text)
            return true;
    return false;
}

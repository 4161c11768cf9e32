/* OPEN. Tasks come in the order of their ids without gaps: `open_to` is the first that is not
 * known here, every heartbeat says it to the learner, and from there on it sends again. So one
 * that does not fit now is simply not opened.
 *
 * Of a learner's earlier life tasks may be here already. The same one keeps its samples and
 * their bodies, and belongs to the new epoch from now on; another one under its id replaces it.
 *
 * Order, for a new one: its size and its space are known (measure) before anything may refer to
 * it; what of it is settled already is settled; then whose answers to it were false before.
 * Claims of actors that waited for it are judged last, since that leases its samples. */

#include "broker/opening.h"

#include "base/log.h"
#include "broker/blame.h"
#include "broker/copy.h"
#include "broker/handshake.h"
#include "broker/hold.h"
#include "broker/to_learner.h"
#include "broker/wanted.h"
#include "proto/text.h"

/* May the space for it ever be there? */
static enum err fits(const struct broker *b, const struct open_task *task)
{
    const size_t need = task->space_each * (task->whole ? task->def->samples : 1);

    if (need <= b->limits.body_bytes)
        return OK;
    return err_set(ERR_RANGE,
                   "task %llu: its answers may take %zu bytes, this broker holds %zu",
                   (unsigned long long)task->def->id, need, b->limits.body_bytes);
}

/* Bytes that one answer and its scores may take: what a lease reserves. Columns of numbers are
 * known by max_new; 1024 and 8 bytes a token stand for texts, which have no bound but a
 * message's: what is longer asks for more (tasks_extend). */
static void measure(const struct broker *b, struct open_task *task)
{
    const size_t tokens = task->def->decoding.max_new;
    size_t each = sizeof(struct rollout) + sizeof(struct origin) + 1024 +
                  tokens * (4 + 4 + sizeof(struct span) / 8) + tokens / 8;

    for (uint32_t i = 0; i < b->run.n_scorer; i++) {
        const struct scorer *scorer = &b->run.scorer[i];

        each += sizeof(struct open_score) + sizeof(struct origin) +
                (scorer->per_token ? tokens * 4 : 64);
        if (scorer->needs_text)
            each += tokens * 8;
        task->whole |= scorer->unit != UNIT_ROLLOUT;
    }
    task->space_each = each;
}

static enum err open_task(struct broker *b, const struct task *def, int64_t now_ms)
{
    struct open_task *task = tasks_find(&b->tasks, def->id);
    enum err err;

    /* Poison is tried again (blame_renew), what is ready goes to the new life, and so do the
     * tries, which it may not have in its journal. */
    if (task && copy_same_task(task->def, def)) { /* of the learner's earlier life */
        task->epoch = b->run.epoch;
        for (uint32_t i = 0; i < def->samples; i++) {
            blame_renew(b, task, i, now_ms);
            to_learner_queue(b, task, i);
            blame_again(b, task, i);
        }
        return OK;
    }
    if (task) {
        for (uint32_t i = 0; i < task->def->samples; i++)
            hold_release(b, &task->sample[i], NULL);
        tasks_remove(&b->tasks, def->id);
    }
    err = tasks_add(&b->tasks, def, b->run.n_scorer, now_ms);
    if (err)
        return err;
    task = tasks_find(&b->tasks, def->id);
    task->epoch = b->run.epoch;
    measure(b, task);
    err = fits(b, task);
    if (err) {
        tasks_remove(&b->tasks, def->id);
        return err;
    }
    for (uint32_t i = 0; i < def->samples; i++)
        if (settled_has(&b->run.settled, def->id, i))
            tasks_move(&b->tasks, task, i, SAMPLE_SETTLED, now_ms);
    blame_opened(b, task, now_ms);
    wanted_add(b, &task->def->version);
    if (!task->open)
        tasks_remove(&b->tasks, def->id);
    return OK;
}

enum err opening_on_open(struct broker *b, struct broker_member *from, const struct msg *msg,
                         int64_t now)
{
    const struct task *def = &msg->open.task;
    struct open_tasks *tasks = &b->tasks;
    enum err err;

    if (def->table != b->run.table)
        return err_set(ERR_RANGE, "task %llu: scorer table %u, HELLO gave %u",
                       (unsigned long long)def->id, def->table, b->run.table);
    /* What is settled as a whole the learner does not open again: no gap. */
    while (tasks->open_to < def->id && settled_whole(&b->run.settled, tasks->open_to, 0))
        tasks->open_to++;
    if (def->id < tasks->open_to)
        return OK; /* again: it has not heard our heartbeat */
    if (def->id > tasks->open_to) {
        b->counters.gaps++; /* an earlier one did not fit; the heartbeat says from where on */
        return OK;
    }
    err = open_task(b, def, now);
    if (err) {
        text_print(from->error, sizeof from->error, "%s", err_text());
        log_warn("open", "reason=\"%s\"", err_text());
        return tasks->base == tasks->end ? err : OK; /* full now, or never possible */
    }
    tasks->open_to = def->id + 1;
    handshake_claims(b, def->id, now);
    return OK;
}

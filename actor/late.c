/* Nothing overtakes: while anything waits here, what comes waits behind it, so the thread never
 * sees a job before its weights.
 *
 * Weights that are dropped would be ours in each heartbeat and nobody's in truth: each job of them
 * would stand still. So they always find a place, however many words about work stand before them;
 * that does not grow without end, since each of them is an image that was pulled. */

#include "actor/late.h"

#include "actor/compute_item.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/worker.h"

#include <stdlib.h>
#include <string.h>

/* What the broker gives again, or does not miss. */
static bool is_work(const struct compute_item *item)
{
    return item->kind == ITEM_JOB || item->kind == ITEM_CANCEL || item->kind == ITEM_SHED;
}

void late_post(struct late *late, struct worker *worker, struct compute_item *item)
{
    if (!late->n && worker_post(worker, item))
        return;
    if (late->n >= LATE_WORK && is_work(item)) {
        /* Cannot happen while credit is respected: the lease will expire and be given again. */
        log_warn("queue", "reason=\"compute queue full\" task=%llu",
                 (unsigned long long)item->task);
        compute_item_free(item);
        return;
    }
    if (late->n == late->room) {
        late->room = late->room ? 2 * late->room : LATE_WORK;
        late->item = mem_grow(late->item, late->room, sizeof *late->item);
    }
    late->item[late->n++] = item;
}

enum err late_rebuild(const struct late *late, struct worker *worker, struct fetch_rebuild *job)
{
    struct compute_item *const item = compute_item(ITEM_REBUILD);

    item->rebuild = job;
    if (!late->n && worker_post(worker, item))
        return OK;
    item->rebuild = NULL;
    compute_item_free(item);
    return err_set(ERR_STATE, "the compute thread takes no more");
}

void late_go(struct late *late, struct worker *worker)
{
    uint32_t went = 0;

    while (went < late->n && worker_post(worker, late->item[went]))
        went++;
    late->n -= went;
    if (went)
        memmove(late->item, late->item + went, late->n * sizeof(struct compute_item *));
}

void late_fini(struct late *late)
{
    while (late->n)
        compute_item_free(late->item[--late->n]);
    free(late->item);
    *late = (struct late){0};
}

/* Nothing overtakes: while anything waits here, what comes waits behind it, so the thread never
 * sees a job before its weights. */

#include "actor/late.h"

#include "actor/compute_item.h"
#include "base/log.h"
#include "net/worker.h"

#include <string.h>

void late_post(struct late *late, struct worker *worker, struct compute_item *item)
{
    if (!late->n && worker_post(worker, item))
        return;
    if (late->n < sizeof late->item / sizeof *late->item) {
        late->item[late->n++] = item;
        return;
    }
    /* Cannot happen while credit is respected: the lease will expire and be given again. */
    log_warn("queue", "reason=\"compute queue full\" task=%llu",
             (unsigned long long)item->task);
    compute_item_free(item);
}

void late_go(struct late *late, struct worker *worker)
{
    uint32_t went = 0;

    while (went < late->n && worker_post(worker, late->item[went]))
        went++;
    late->n -= went;
    memmove(late->item, late->item + went, late->n * sizeof *late->item);
}

void late_fini(struct late *late)
{
    while (late->n)
        compute_item_free(late->item[--late->n]);
}

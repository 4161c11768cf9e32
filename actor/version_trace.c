/* A list of turns, each a step and the version from there on. An answer of n tokens that ends
 * with this step was made by the last n steps: its spans are the turns that overlap them. Where there
 * is one turn alone all was made by its version, in however many steps. */

#include "actor/version_trace.h"

#include "base/mem.h"

#include <stdlib.h>

void version_trace_free(struct version_trace *s)
{
    free(s->item);
}

void version_trace_turn(struct version_trace *s, const struct version *version, bool idle)
{
    if (idle)
        s->n = 0;
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 16;
        s->item = mem_grow(s->item, s->room, sizeof *s->item);
    }
    s->item[s->n++] = (struct version_turn){s->steps, *version};
}

struct span *version_trace_spans(const struct version_trace *s, uint64_t n, uint32_t *spans)
{
    const uint64_t first = s->steps + 1 - n;
    struct span *span = mem_new(s->n, sizeof *span);

    *spans = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (i + 1 < s->n && s->item[i + 1].step <= first)
            continue; /* it was over before the answer began */
        const uint64_t from = s->n > 1 && s->item[i].step > first ? s->item[i].step - first : 0;
        span[(*spans)++] = (struct span){(uint32_t)from, s->item[i].version};
    }
    return span;
}

/* A broker that serves another run refuses this one each second, with the same words as long as
 * nothing has changed: so they are told when they are new. What has been waited is said in HELLO: a
 * broker that was restarted knows nobody's place.
 *
 * A run whose journal has an answer was served before: it goes first at a broker that has just begun
 * (docs/PROTOCOL.md, REFUSE). */

#include "learner/fleet/fleet_turn.h"

#include "base/log.h"
#include "learner/context/run_context.h"
#include "proto/limit.h"
#include "proto/msg.h"
#include "proto/text.h"

#include <string.h>

/* What the person calls it, else the folder that it is in. */
static const char *name_of(struct fleet_turn *t, const struct keys *k)
{
    const char *const path = k->output_dir;
    size_t end = strlen(path), from;

    while (end > 1 && path[end - 1] == '/')
        end--;
    for (from = end; from && path[from - 1] != '/';)
        from--;
    if (k->run_name && *k->run_name)
        text_print(t->name, sizeof t->name, "%s", k->run_name);
    else
        text_print(t->name, sizeof t->name, "%.*s", (int)(end - from), path + from);
    return t->name;
}

void fleet_turn_hello(struct fleet_turn *t, const struct run_context *run,
                      struct msg_hello *out)
{
    const struct settled settled = ledger_settled(run->ledger);
    const int64_t ms = t->waits ? t->now_ms - t->since_ms : 0;

    out->run_name = name_of(t, &run->keys->keys);
    out->begun = t->begun || settled.watermark || settled.n_range;
    /* One that was just refused has waited, too. */
    out->waited_ms = !t->waits ? 0 : ms < 1 ? 1 : ms > LIMIT_MS ? LIMIT_MS : (uint32_t)ms;
}

void fleet_turn_wait(struct fleet_turn *t, struct progress *progress, const char *words,
                     int64_t now_ms)
{
    char now[sizeof t->words];

    if (!t->waits)
        t->since_ms = t->now_ms = now_ms;
    t->waits = true;
    text_print(now, sizeof now, "%s", words);
    if (!strcmp(now, t->words))
        return;
    memcpy(t->words, now, sizeof now);
    progress_line(progress, "the broker: %s", now);
    log_info("turn", "state=waits reason=\"%s\"", now);
}

void fleet_turn_come(struct fleet_turn *t, struct progress *progress, int64_t now_ms)
{
    if (t->waits)
        progress_line(progress, "its turn has come, after %.0f s",
                      (double)(now_ms - t->since_ms) / 1e3);
    t->waits = false;
    t->begun = true;
    *t->words = 0;
}

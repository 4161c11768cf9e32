/* How it works: each line of METHODS is a file of this folder, which defines NAME_method
 * (learner/run/method.h). Nothing else lists methods: help, `drover METHOD`, the learner's
 * choice and the tests read this table. A file without a line here is found by
 * tests/lint/methods.sh. */
#include "learner/methods/methods.h"

#include <string.h>

#define METHODS(ROW) \
    ROW(sft) \
    ROW(reward) \
    ROW(prm) \
    ROW(dpo) \
    ROW(simpo) \
    ROW(orpo) \
    ROW(cpo) \
    ROW(kto) \
    ROW(ppo) \
    ROW(grpo) \
    ROW(rloo) \
    ROW(reinforce) \
    ROW(raft) \
    ROW(online_dpo) \
    ROW(xpo) \
    ROW(nash_md) \
    ROW(spin)

#define DECLARE(name) extern const struct method name##_method;
METHODS(DECLARE)

#define POINT(name) &name##_method,
static const struct method *const all[] = {METHODS(POINT) NULL};

const struct method *methods_at(size_t i)
{
    return all[i];
}

const struct method *methods_find(const char *name)
{
    for (size_t i = 0; all[i]; i++)
        if (!strcmp(all[i]->name, name))
            return all[i];
    return NULL;
}

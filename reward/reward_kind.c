/* The table of kinds. Nothing else lists them: the parser of `rewards:`, the table of scorers
 * that a fleet is sent, what a rewarder offers and how it scores all go through these rows. The
 * rows themselves stand in kind_NAME.c, beside the functions they point to.
 *
 *   row              named by   its number (proto/noun.h)   scored by
 *   kind_model       model      SCORER_REWARD_MODEL         a rewarder
 *   kind_rule        rule       SCORER_RULE                 a rewarder
 *   kind_judge       judge      SCORER_JUDGE                a rewarder
 *   kind_worker      worker     SCORER_WORKER               a process of that name
 *   kind_reference   (nothing)  SCORER_REFERENCE            a rewarder, or the learner */

#include "reward/reward_kind.h"

#include <stddef.h>

extern const struct reward_kind kind_model, kind_rule, kind_judge, kind_worker, kind_reference;
static const struct reward_kind *const rows[] = {&kind_model, &kind_rule, &kind_judge,
                                                 &kind_worker, &kind_reference};
enum { ROWS = sizeof rows / sizeof *rows };
_Static_assert((int)ROWS == (int)SCORER_KINDS - 1, "each number of proto/noun.h has its row");

const struct reward_kind *reward_kind_of(uint32_t number)
{
    for (int i = 0; i < ROWS; i++)
        if ((uint32_t)rows[i]->number == number)
            return rows[i];
    return NULL;
}

const struct reward_kind *reward_kind_named(const json_t *entry, bool alone, int *given)
{
    const struct reward_kind *found = NULL;

    *given = 0;
    for (int i = 0; i < ROWS; i++)
        if (rows[i]->word && (!alone || rows[i]->score) && rows[i]->name(entry)) {
            found = rows[i];
            ++*given;
        }
    return *given == 1 ? found : NULL;
}

const struct reward_kind *reward_kind_row(int i)
{
    for (int k = 0; k < ROWS; k++)
        if (rows[k]->word && !i--)
            return rows[k];
    return NULL;
}

/* A number that falls by one with each item that a person is done with, whichever kind it was: else
 * "12 to go", seen before and after, would tell which items are gold questions or repeats. So it
 * is made of sums in which the kind makes no difference:
 *
 *   plan    what is needed and this person has not had, and all that was had by plan
 *   all     plan, and as many gold questions and repeats as come beside so many at their rates
 *   ahead   all, less what is done
 *
 * An item by plan goes from the first part of `plan` to the second, a gold question touches
 * neither; done is done. That fewer or more of them come than their rates say is the error: the
 * page says "to go", and that all is done is not read off it. */

#include "prefs/assign.h"
#include "prefs/sql.h"

#include <math.h>

/* What of gold questions and repeats comes beside `plan` items, at most as many as there are. */
static double beside(const struct prefs_settings *s, double plan, double gold)
{
    const double planned = fmax(1 - s->gold_rate - s->repeat_rate, 0.1), all = plan / planned;

    return fmin(s->gold_rate * all, gold) +
           fmin(s->repeat_rate * fmax(all - s->repeat_gap, 0), plan);
}

enum err prefs_ahead(struct prefs *prefs, int64_t annotator, int64_t *out)
{
    int64_t left, had = 0, done = 0, gold = 0;
    double plan;
    enum err err = prefs_left(prefs, annotator, &left);

    if (!err)
        err = sql_number(prefs, &had, 0,
                         "SELECT count(*) FROM assignment WHERE annotator = ?1 AND state IN"
                         " ('open', 'done', 'skipped') AND why IN"
                         " ('plan', 'active', 'disagreement')",
                         "i", annotator);
    if (!err)
        err = sql_number(prefs, &done, 0,
                         "SELECT count(*) FROM assignment WHERE annotator = ?1 AND state IN"
                         " ('done', 'skipped') AND why <> 'adjudication'",
                         "i", annotator);
    if (!err)
        err = sql_number(prefs, &gold, 0,
                         "SELECT count(*) FROM item WHERE gold IS NOT NULL AND NOT withdrawn",
                         "");
    plan = (double)(left + had);
    *out =
        err ? 0
            : (int64_t)fmax(
                  round(plan + beside(&prefs->settings, plan, (double)gold)) - (double)done, 0);
    return err;
}

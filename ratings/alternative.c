/* How: the planned units with the judge and at least two people each give, for each person,
 * whether the judge and whether he agrees at least as much with the others (duel); the
 * difference of the two, less epsilon, is what the tests are of. All planned judgements of
 * people count, whatever the overlap: the judge is one more annotator, and must not push a
 * person out of the first k. */

#include "ratings/alternative.h"

#include "base/mem.h"
#include "base/say.h"
#include "ratings/units.h"
#include "stats/binomial.h"
#include "stats/holm.h"
#include "stats/student.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct alternative_duel {
    uint32_t person, cluster;
    bool judge, himself; /* who was at least as near to the others */
};

static int by_person(const void *a, const void *b)
{
    const struct alternative_duel *x = a, *y = b;

    if (x->person != y->person)
        return x->person < y->person ? -1 : 1;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return 2 * x->judge + x->himself - (2 * y->judge + y->himself);
}

/* How near `value` is to what the others of the unit said: all but the judge and `but`. */
static double nearness(const struct judgements *all, const struct units *units, size_t u,
                       uint32_t value, size_t judge, size_t but)
{
    const bool far = all->level == JUDGEMENTS_INTERVAL || all->level == JUDGEMENTS_RATIO;
    double sum = 0, n = 0;

    for (size_t i = units->start[u]; i < units->start[u + 1]; i++) {
        if (i == judge || i == but)
            continue;
        n++;
        if (far) {
            const double off = all->number[units->value[i]] - all->number[value];
            sum += off * off;
        } else {
            sum += units->value[i] == value;
        }
    }
    return far ? -sqrt(sum / n) : sum / n;
}

/* The judge's place in the unit, or its end. */
static size_t place_of(const struct units *units, size_t u, uint32_t judge)
{
    size_t i = units->start[u];

    while (i < units->start[u + 1] && units->annotator[i] != judge)
        i++;
    return i;
}

/* Two others at least: against himself alone nobody can be measured. */
static size_t fight(struct alternative *out, struct alternative_duel *duel,
                    const struct judgements *all, const struct units *units)
{
    size_t n = 0;

    for (size_t u = 0; u < units->n; u++) {
        const size_t judge = place_of(units, u, out->judge), end = units->start[u + 1];
        if (judge == end || end - units->start[u] < 3)
            continue;
        out->items++;
        for (size_t i = units->start[u]; i < end; i++) {
            double near[2];
            if (i == judge)
                continue;
            near[0] = nearness(all, units, u, units->value[judge], judge, i);
            near[1] = nearness(all, units, u, units->value[i], judge, i);
            duel[n++] = (struct alternative_duel){units->annotator[i], units->cluster[u],
                                                  near[0] >= near[1], near[1] >= near[0]};
        }
    }
    qsort(duel, n, sizeof *duel, by_person);
    return n;
}

/* P of a mean as small as this one, were it epsilon: Student's by cluster. Without any spread
 * the answer is plain. */
static double student(const struct alternative_duel *duel, size_t n, double mean,
                      double epsilon)
{
    double square = 0, sum = 0, clusters = 0, se;

    for (size_t i = 0; i < n; i++) {
        sum += duel[i].himself - (double)duel[i].judge - mean;
        if (i + 1 < n && duel[i + 1].cluster == duel[i].cluster)
            continue;
        square += sum * sum;
        sum = 0;
        clusters++;
    }
    if (clusters < 2)
        return NAN;
    se = sqrt(square * clusters / (clusters - 1)) / (double)n;
    if (!(se > 1e-12))
        return mean < epsilon ? 0 : 1;
    return student_cdf((mean - epsilon) / se, clusters - 1);
}

/* Few items: ranks, exact; their order does not matter, so the first ones are all there are. */
static void judge_person(struct alternative_person *out, const struct alternative_duel *duel,
                         size_t n, double epsilon)
{
    double off[ALTERNATIVE_ITEMS], mean = 0;

    *out = (struct alternative_person){.annotator = duel->person, .items = n, .p = NAN};
    for (size_t i = 0; i < n; i++) {
        out->judge_wins += duel[i].judge / (double)n;
        out->person_wins += duel[i].himself / (double)n;
        mean += (duel[i].himself - (double)duel[i].judge) / (double)n;
        if (i < ALTERNATIVE_ITEMS)
            off[i] = duel[i].himself - (double)duel[i].judge - epsilon;
    }
    if (n >= ALTERNATIVE_ITEMS)
        out->p = student(duel, n, mean, epsilon);
    else if (n > 1)
        out->p = binomial_ranks(off, n);
}

/* People without a p (two items are needed) cannot be replaced, and count in omega. */
static void decide(struct alternative *out)
{
    double *p = mem_new(out->people + 1, sizeof *p), replaced = 0;

    out->advantage = out->omega = NAN;
    for (size_t i = 0; i < out->people; i++)
        p[i] = out->person[i].p;
    holm_yekutieli(p, out->people);
    for (size_t i = 0; i < out->people; i++) {
        struct alternative_person *one = &out->person[i];
        one->p_adjusted = p[i];
        one->replaced = p[i] <= out->q;
        replaced += one->replaced;
        out->advantage = (i ? out->advantage : 0) + one->judge_wins / (double)out->people;
    }
    free(p);
    if (out->people)
        out->omega = replaced / (double)out->people;
    out->weak = out->people == 2;
    if (out->items < ALTERNATIVE_ITEMS || out->people < 2)
        out->verdict = ALTERNATIVE_CANNOT_TELL;
    else
        out->verdict = out->omega >= .5 ? ALTERNATIVE_YES : ALTERNATIVE_NO;
}

enum err alternative_run(struct alternative *out, const struct judgements *all,
                         const char *judge, double epsilon, double q)
{
    struct alternative_duel *duel;
    struct units units;
    size_t n;
    enum err err;

    *out = (struct alternative){.epsilon = epsilon, .q = q};
    if (!(epsilon >= 0 && epsilon < 1 && q > 0 && q < 1))
        return err_set(ERR_RANGE, "epsilon %g, q %g: in [0, 1)", epsilon, q);
    err = judgements_annotator(&out->judge, all, judge);
    if (err)
        return err;
    units_take(&units, all, JUDGEMENTS_NONE, 0, 2);
    duel = mem_new(units.judgements + 1, sizeof *duel);
    n = fight(out, duel, all, &units);
    out->person = mem_new(all->annotator.n + 1, sizeof *out->person);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && duel[to].person == duel[from].person;)
            to++;
        judge_person(&out->person[out->people++], duel + from, to - from, epsilon);
    }
    decide(out);
    free(duel);
    units_fini(&units);
    return OK;
}

void alternative_fini(struct alternative *alternative)
{
    free(alternative->person);
    *alternative = (struct alternative){.people = 0};
}

static const char *const verdicts[] = {"yes", "no", "cannot tell"};

json_t *alternative_json(const struct alternative *a, const struct judgements *all)
{
    json_t *people = json_array();

    for (size_t i = 0; i < a->people; i++) {
        const struct alternative_person *one = &a->person[i];
        json_array_append_new(
            people,
            json_pack("{s:s,s:I,s:f,s:f,s:o,s:o,s:b}", "annotator",
                      all->annotator.text[one->annotator], "items", (json_int_t)one->items,
                      "judge_wins", one->judge_wins, "person_wins", one->person_wins, "p",
                      agreement_tell_number(one->p), "p_adjusted",
                      agreement_tell_number(one->p_adjusted), "replaced", one->replaced));
    }
    return json_pack("{s:s,s:f,s:f,s:I,s:o,s:o,s:s,s:b,s:o}", "judge",
                     all->annotator.text[a->judge], "epsilon", a->epsilon, "q", a->q, "items",
                     (json_int_t)a->items, "omega", agreement_tell_number(a->omega),
                     "advantage", agreement_tell_number(a->advantage), "may_replace",
                     verdicts[a->verdict], "weak", a->weak, "people", people);
}

void alternative_say(FILE *to, const struct alternative *a, const struct judgements *all)
{
    say(to, "\nmay %s replace one of these people? ", all->annotator.text[a->judge]);
    if (a->verdict == ALTERNATIVE_CANNOT_TELL)
        say(to,
            "cannot tell: %zu items that it and two people judged, %zu people; %d items and 2 "
            "people are needed\n",
            a->items, a->people, ALTERNATIVE_ITEMS);
    else
        say(to, "%s%s\n", verdicts[a->verdict],
            a->weak ? ", and weak evidence: of two people each is measured by the other alone"
                    : "");
    if (!a->people)
        return;
    say(to,
        "  for %.0f %% of them it is no worse than they are less %.2f (omega; 50 %% are "
        "needed); "
        "it "
        "does as well or better on %.3f of their items\n",
        100 * a->omega, a->epsilon, a->advantage);
    for (size_t i = 0; i < a->people; i++) {
        const struct alternative_person *one = &a->person[i];
        say(to, "  %-16.16s %5zu items   judge %.3f   person %.3f   p %.3g (%.3g over all)%s\n",
            all->annotator.text[one->annotator], one->items, one->judge_wins, one->person_wins,
            one->p, one->p_adjusted, one->replaced ? "   replaced" : "");
    }
}

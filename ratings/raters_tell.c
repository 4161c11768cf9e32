/* How: one object and one line an annotator; what has no data is null, or a dash. A bias is
 * named in words only where Holm's p says so, with its share and its number. */

#include "ratings/raters.h"

#include "base/say.h"

#include <math.h>

static json_t *share_json(const struct raters_share *s)
{
    return json_pack("{s:o,s:o,s:o,s:I}", "value", agreement_tell_number(s->value), "low",
                     agreement_tell_number(s->low), "high", agreement_tell_number(s->high), "n",
                     (json_int_t)s->n);
}

static json_t *test_json(const struct raters_test *t)
{
    json_t *out = share_json(&t->share);

    json_object_set_new(out, "p", agreement_tell_number(t->p));
    json_object_set_new(out, "p_holm", agreement_tell_number(t->p_holm));
    return out;
}

json_t *raters_tell_json(const struct raters *annotators, const struct judgements *all)
{
    json_t *out = json_array();

    for (size_t i = 0; i < annotators->n; i++) {
        const struct raters_one *one = &annotators->one[i];
        json_array_append_new(
            out, json_pack("{s:s,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "name",
                           all->annotator.text[i], "judgements", (json_int_t)one->judgements,
                           "open", (json_int_t)one->open, "skipped", (json_int_t)one->skipped,
                           "agreement", agreement_tell_figure(&one->others), "gold",
                           share_json(&one->gold), "self", share_json(&one->self), "seconds",
                           agreement_tell_number(one->seconds), "left", test_json(&one->left),
                           "longer", test_json(&one->longer), "reliability",
                           agreement_tell_number(one->reliability)));
    }
    return out;
}

static void column(FILE *to, double value, size_t n)
{
    if (isnan(value))
        say(to, " %12s", "-");
    else if (n)
        say(to, "  %.3f /%4zu", value, n);
    else
        say(to, " %12.3f", value);
}

static void say_bias(FILE *to, const char *name, const struct raters_test *t, const char *what)
{
    if (t->p_holm < .05)
        say(to,
            "%s chooses the %s answer in %zu of %zu choices (%.3f .. %.3f; sign test, p = %.2g "
            "after Holm)\n",
            name, what, t->share.right, t->share.n, t->share.low, t->share.high, t->p_holm);
}

void raters_tell_say(FILE *to, const struct raters *annotators, const struct judgements *all)
{
    say(to, "%-16s %6s %12s %12s %12s %12s %12s %12s %8s\n", "annotator", "n", "with others",
        "gold", "self", "left", "longer", "reliability", "seconds");
    for (size_t i = 0; i < annotators->n; i++) {
        const struct raters_one *one = &annotators->one[i];
        say(to, "%-16.16s %6zu", all->annotator.text[i], one->judgements);
        column(to, one->others.value, 0);
        column(to, one->gold.value, one->gold.n);
        column(to, one->self.value, one->self.n);
        column(to, one->left.share.value, one->left.share.n);
        column(to, one->longer.share.value, one->longer.share.n);
        column(to, one->reliability, 0);
        if (isnan(one->seconds))
            say(to, " %8s\n", "-");
        else
            say(to, " %8.1f\n", one->seconds);
    }
    for (size_t i = 0; i < annotators->n; i++) {
        say_bias(to, all->annotator.text[i], &annotators->one[i].left, "left");
        say_bias(to, all->annotator.text[i], &annotators->one[i].longer, "longer");
    }
    if (annotators->no_consensus)
        say(to, "no reliabilities: %s\n", annotators->no_consensus);
    else if (!annotators->converged)
        say(to, "reliabilities: EM had not converged when its steps ended\n");
}

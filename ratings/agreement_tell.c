/* How: figures become JSON with null where there is no number, and "why" beside it; a terminal
 * gets one line each. What was left out is part of both, so that nobody takes a figure for one
 * of all rows. */

#include "ratings/agreement.h"

#include "base/say.h"

#include <math.h>
#include <string.h>

json_t *agreement_tell_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *agreement_tell_figure(const struct agreement_figure *f)
{
    json_t *out =
        json_pack("{s:o,s:o,s:o}", "value", agreement_tell_number(f->value), "low",
                  agreement_tell_number(f->low), "high", agreement_tell_number(f->high));

    if (f->method)
        json_object_set_new(out, "method", json_string(f->method));
    if (f->why)
        json_object_set_new(out, "why", json_string(f->why));
    if (isfinite(f->low_by_item))
        json_object_set_new(
            out, "by_item",
            json_pack("{s:f,s:f}", "low", f->low_by_item, "high", f->high_by_item));
    return out;
}

/* All keys are always there: who reads them must not ask which. */
static json_t *block_json(const struct agreement_block *b, bool by_prompt)
{
    json_t *out = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "items", (json_int_t)b->items, "asked",
        (json_int_t)b->asked, "annotators", (json_int_t)b->annotators, "judgements",
        (json_int_t)b->judgements, "overlap", (json_int_t)b->overlap, "unfinished",
        (json_int_t)b->unfinished, "open", (json_int_t)b->open, "extra", (json_int_t)b->extra,
        "percent", agreement_tell_figure(&b->percent), "krippendorff_alpha",
        agreement_tell_figure(&b->alpha), "fleiss_kappa", agreement_tell_figure(&b->fleiss));

    if (by_prompt)
        json_object_set_new(out, "prompts", json_integer((json_int_t)b->prompts));
    return out;
}

json_t *agreement_tell_json(const struct agreement *agreement, const struct judgements *all)
{
    json_t *out = block_json(&agreement->block[0], agreement->by_prompt);
    json_t *active = json_object(), *left = json_object();

    json_object_set_new(out, "level", json_string(judgements_levels[all->level]));
    json_object_set_new(out, "cluster", json_string(agreement->by_prompt ? "prompt" : "item"));
    for (size_t b = 1; b < agreement->blocks; b++)
        json_object_set_new(active, all->strategy.text[agreement->block[b].strategy],
                            block_json(&agreement->block[b], agreement->by_prompt));
    json_object_set_new(out, "active", active);
    for (int w = 0; w < WHYS; w++)
        if (w != WHY_PLAN && w != WHY_ACTIVE)
            json_object_set_new(left, judgements_whys[w],
                                json_integer((json_int_t)agreement->left_out[w]));
    json_object_set_new(left, "undone", json_integer((json_int_t)all->undone));
    json_object_set_new(left, "replaced", json_integer((json_int_t)all->replaced));
    json_object_set_new(left, "skipped", json_integer((json_int_t)all->skipped));
    json_object_set_new(out, "left_out", left);
    return out;
}

/* ---- for people */

void agreement_tell_line(FILE *to, const char *name, const struct agreement_figure *f)
{
    if (isnan(f->value)) {
        say(to, "%-22s none: %s\n", name, f->why ? f->why : "not a number");
        return;
    }
    say(to, "%-22s %.3f", name, f->value);
    if (isnan(f->low))
        say(to, "   no interval: %s", f->why ? f->why : "none");
    else
        say(to, "   %.3f .. %.3f", f->low, f->high);
    if (isfinite(f->low_by_item))
        say(to, "   (as if each item stood alone: %.3f .. %.3f)", f->low_by_item,
            f->high_by_item);
    say(to, "\n");
}

/* What is not finished or not counted comes before the figures that lack it. */
static void block_say(FILE *to, const struct agreement_block *b, bool by_prompt)
{
    say(to,
        "%-22s %zu with two judgements or more, of %zu; %zu judgements of %zu annotators on "
        "them\n",
        "items", b->items, b->asked, b->judgements, b->annotators);
    if (by_prompt)
        say(to, "%-22s %zu: intervals are over these\n", "prompts", b->prompts);
    if (b->unfinished || b->open)
        say(to,
            "%-22s %zu items have fewer than %zu judgements; %zu were asked for and did not "
            "come\n",
            "unfinished", b->unfinished, b->overlap, b->open);
    if (b->extra)
        say(to, "%-22s %zu judgements behind the first %zu of an item: not counted\n", "extra",
            b->extra, b->overlap);
    agreement_tell_line(to, "percent", &b->percent);
    agreement_tell_line(to, "Krippendorff's alpha", &b->alpha);
    agreement_tell_line(to, "Fleiss' kappa", &b->fleiss);
}

static void say_left(FILE *to, const char *what, size_t n)
{
    if (n)
        say(to, "%-22s %zu %s: in no figure of agreement\n", "left out", n, what);
}

void agreement_tell_say(FILE *to, const struct agreement *agreement,
                        const struct judgements *all)
{
    block_say(to, &agreement->block[0], agreement->by_prompt);
    say_left(to, "asked for because others disagreed", agreement->left_out[WHY_DISAGREEMENT]);
    say_left(to, "of gold questions", agreement->left_out[WHY_GOLD]);
    say_left(to, "repeats", agreement->left_out[WHY_REPEAT]);
    say_left(to, "adjudications", agreement->left_out[WHY_ADJUDICATION]);
    say_left(to, "taken back", all->undone);
    say_left(to, "replaced by a later one of the same annotator", all->replaced);
    say_left(to, "skipped", all->skipped);
    for (size_t b = 1; b < agreement->blocks; b++) {
        say(to,
            "\nitems chosen by '%s' (no random ones: their agreement is not that of the "
            "rest)\n",
            all->strategy.text[agreement->block[b].strategy]);
        block_say(to, &agreement->block[b], agreement->by_prompt);
    }
}

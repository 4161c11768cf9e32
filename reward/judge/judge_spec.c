/* A judge's keys are strings, in a configuration as in what travels: judge_spec_write writes
 * all of them, defaults included, so that a rewarder of another build with other defaults
 * judges alike, and a judge that was told its defaults has the same hash as one that was not.
 * Only the template changes on the way: a path is read here, on the learner's machine, and its
 * text is what is written. */

#include "base/mem.h"
#include "reward/judge/judge.h"
#include "reward/judge/template.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUBRIC_MAX = 16 << 10 };

const char *const judge_keys[JUDGE_KEYS] = {"judge", "template",   "template_text",
                                            "mode",  "verdict",    "rubric",
                                            "swap",  "tie_margin", "max_new_tokens"};

static const char *text_at(const json_t *entry, const char *key)
{
    return json_string_value(json_object_get(entry, key));
}

/* One of two words; unset is the first. */
static enum err choice(bool *second, const json_t *entry, const char *key, const char *one,
                       const char *two)
{
    const char *word = text_at(entry, key);

    *second = word && !strcmp(word, two);
    if (!json_object_get(entry, key) || *second || (word && !strcmp(word, one)))
        return OK;
    return err_set(ERR_RANGE, "%s: '%s': expected %s or %s", key, word ? word : "?", one, two);
}

/* Any fault gives the same words, with the range: it is what a person wants to know. */
static enum err number(double *out, const json_t *entry, const char *key, double low,
                       double high)
{
    const char *word = text_at(entry, key);
    char *end = NULL;
    const double value = word ? strtod(word, &end) : NAN;

    if (!json_object_get(entry, key))
        return OK;
    if (!word || end == word || *end || !(value >= low && value <= high))
        return err_set(ERR_RANGE, "%s: expected a number from %g to %g", key, low, high);
    *out = value;
    return OK;
}

static enum err read_template(struct judge_spec *out, const json_t *entry)
{
    const char *path = text_at(entry, "template"), *text = text_at(entry, "template_text");

    if (!path == !text) /* neither, or both */
        return err_set(ERR_PARSE,
                       "template is missing: a file like examples/judge/pairwise.txt");
    return text ? template_read(&out->template, text, strlen(text), "template")
                : template_file(&out->template, path);
}

enum err judge_spec_read(struct judge_spec *out, const json_t *entry)
{
    const char *rubric = text_at(entry, "rubric");
    bool pointwise = false, unswapped = false;
    double margin, tokens = 256;
    enum err err;

    memset(out, 0, sizeof *out);
    err = choice(&pointwise, entry, "mode", "pairwise", "pointwise");
    if (!err)
        err = choice(&out->text, entry, "verdict", "logprob", "text");
    if (!err)
        err = choice(&unswapped, entry, "swap", "true", "false");
    /* Of text an order says 0, 1/2 or 1. A win in one and a tie in the other make 3/4, and are
     * no win yet: the place may have decided. */
    margin = out->text && !unswapped ? 0.25 : 0;
    if (!err)
        err = number(&margin, entry, "tie_margin", 0, 0.5);
    if (!err)
        err = number(&tokens, entry, "max_new_tokens", 1, 4096);
    if (!err && rubric && strlen(rubric) > RUBRIC_MAX)
        err = err_set(ERR_RANGE, "rubric: at most %d bytes", RUBRIC_MAX);
    if (!err)
        err = read_template(out, entry);
    if (err)
        return err;
    out->mode = pointwise ? JUDGE_POINTWISE : JUDGE_PAIRWISE;
    out->swap = !unswapped;
    out->tie_margin = margin;
    out->max_new = (int)tokens;
    out->rubric = mem_text(rubric ? rubric : "");
    return OK;
}

void judge_spec_fini(struct judge_spec *spec)
{
    template_free(spec->template);
    free(spec->rubric);
    memset(spec, 0, sizeof *spec);
}

json_t *judge_spec_write(const struct judge_spec *spec)
{
    char *margin = mem_print("%.17g", spec->tie_margin),
         *tokens = mem_print("%d", spec->max_new);
    json_t *object =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "mode",
                  spec->mode == JUDGE_POINTWISE ? "pointwise" : "pairwise", "verdict",
                  spec->text ? "text" : "logprob", "swap", spec->swap ? "true" : "false",
                  "tie_margin", margin, "max_new_tokens", tokens, "rubric", spec->rubric,
                  "template_text", template_text(spec->template));

    free(margin);
    free(tokens);
    return object;
}

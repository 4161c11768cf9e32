/* How it works: as TRL's PRMTrainer tokenises: the prompt's text, then each step and the
 * separator apart, so that the separator's last token is always the same and carries the label.
 * Cutting goes by TRL's three limits in its order (prompt from the left, completion and whole
 * from the right); a step whose end was cut off has no label and no place.
 *
 * steps_cut is the way back: the steps of an answer by its separator, with the byte at which
 * each ends, for tokens of the policy need not end where a step does. */

#include "lm/text/steps.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Tokens in the making, with a target each. */
struct steps_line {
    int *ids;
    float *target;
    size_t n, room;
};

/* Without a label (-1) until put_steps says otherwise. */
static void put(struct steps_line *line, const int *ids, size_t n)
{
    if (line->n + n > line->room) {
        line->room = 2 * (line->n + n) + 64;
        line->ids = mem_grow(line->ids, line->room, sizeof(*line->ids));
        line->target = mem_grow(line->target, line->room, sizeof(*line->target));
    }
    memcpy(line->ids + line->n, ids, n * sizeof(*ids));
    for (size_t i = 0; i < n; i++)
        line->target[line->n + i] = -1;
    line->n += n;
}

/* Special tokens are read as such, as TRL's calls of the tokenizer read them. */
static enum err put_text(struct steps_line *line, const struct encode *encode, const char *text,
                         size_t bytes)
{
    int *ids = NULL;
    size_t n = 0;
    const enum err err = tokenizer_encode(encode->tokenizer, text, bytes, true, &ids, &n);

    if (!err)
        put(line, ids, n);
    free(ids);
    return err;
}

/* Keeps the first or the last `limit` tokens: the last ones of the prompt alone, whose targets
 * are all -1, so those need not move. */
static void keep_last(struct steps_line *line, int limit)
{
    const size_t cut = limit && line->n > (size_t)limit ? line->n - (size_t)limit : 0;

    line->n -= cut;
    memmove(line->ids, line->ids + cut, line->n * sizeof(*line->ids));
}

static void keep_first(struct steps_line *line, int limit)
{
    if (limit && line->n > (size_t)limit)
        line->n = (size_t)limit;
}

/* TRL puts BOS in front of the prompt's tokens, then cuts: so BOS goes first when the prompt is
 * too long. */
static enum err put_prompt(struct steps_line *line, const json_t *prompt,
                           const struct encode *encode, const struct steps_rule *rule)
{
    char *text = NULL;
    size_t n = 0;
    enum err err;

    if (!prompt)
        return err_set(ERR_PARSE, "'prompt' is missing");
    err = encode_text(encode, prompt, NULL, true, &text, &n);
    if (err)
        return err_add("'prompt'");
    if (rule->bos >= 0)
        put(line, &rule->bos, 1);
    err = put_text(line, encode, text, n);
    free(text);
    keep_last(line, rule->max_prompt);
    return err;
}

/* 2: nothing is known of this step, and nothing is learnt there. */
static enum err label_of(float *out, const json_t *label, size_t i)
{
    *out = 2;
    if (!label || json_is_null(label))
        return OK;
    if (json_is_boolean(label))
        *out = json_is_true(label) ? 1 : 0;
    else if (json_is_number(label) && json_number_value(label) >= 0 &&
             json_number_value(label) <= 1)
        *out = (float)json_number_value(label);
    else
        return err_set(ERR_PARSE,
                       "'labels'[%zu]: expected true, false, null or a number in [0, 1]", i);
    return OK;
}

/* With first_error what follows the first wrong step is not judged: it was written in error. */
static enum err put_steps(struct steps_line *line, int *end, const json_t *steps,
                          const json_t *labels, const struct encode *encode,
                          const struct steps_rule *rule)
{
    const size_t n = json_array_size(steps);
    bool wrong = false;
    enum err err = OK;

    for (size_t i = 0; i < n && !err; i++) {
        const json_t *step = json_array_get(steps, i);
        const size_t before = line->n;
        float label;
        if (!json_string_length(step))
            return err_set(ERR_PARSE, "'completions'[%zu] is empty or not a string", i);
        err = label_of(&label, json_array_get(labels, i), i);
        if (!err)
            err = put_text(line, encode, json_string_value(step), json_string_length(step));
        if (!err)
            err = put_text(line, encode, rule->separator, strlen(rule->separator));
        if (err)
            break;
        if (line->n == before)
            return err_set(ERR_PARSE, "'completions'[%zu] has no token", i);
        if ((rule->last_only && i + 1 < n) || (rule->first_error && wrong))
            label = 2;
        /* After the test above: the first wrong step itself is still learnt. */
        wrong = wrong || label < .5f;
        line->target[line->n - 1] = label;
        end[i] = (int)line->n - 1;
    }
    keep_first(line, rule->max_completion);
    return err;
}

/* Step ends count in the whole sequence; those that were cut off are -1. */
static void place(struct steps *out, int kept)
{
    for (int i = 0; i < out->count; i++) {
        /* Cut off by the completion's limit, or by that of the whole behind it. */
        const int at = out->end[i] < kept ? out->prompt + out->end[i] : out->n;
        out->end[i] = at < out->n ? at : -1;
    }
}

enum err steps_encode(struct steps *out, const json_t *row, const struct encode *encode,
                      const struct steps_rule *rule)
{
    const json_t *steps = json_object_get(row, "completions");
    const json_t *labels = json_object_get(row, "labels");
    struct steps_line prompt = {0}, line = {0};
    enum err err = OK;

    *out = (struct steps){0};
    if (!json_is_array(steps) || !json_array_size(steps))
        err = err_set(ERR_PARSE, "'completions' is missing or not a list of steps");
    else if (labels && json_array_size(labels) != json_array_size(steps))
        err = err_set(ERR_PARSE, "'labels': %zu of them for %zu steps", json_array_size(labels),
                      json_array_size(steps));
    if (!err)
        err = put_prompt(&prompt, json_object_get(row, "prompt"), encode, rule);
    if (!err) {
        out->count = (int)json_array_size(steps);
        out->end = mem_new((size_t)out->count, sizeof(*out->end));
        err = put_steps(&line, out->end, steps, labels, encode, rule);
    }
    if (!err) {
        out->prompt = (int)prompt.n;
        put(&prompt, line.ids, line.n);
        memcpy(prompt.target + out->prompt, line.target, line.n * sizeof(*line.target));
        keep_first(&prompt, rule->max_length);
        out->ids = prompt.ids;
        out->target = prompt.target;
        out->n = (int)prompt.n;
        place(out, (int)line.n);
    } else {
        free(out->end);
        *out = (struct steps){0};
        free(prompt.ids);
        free(prompt.target);
    }
    free(line.ids);
    free(line.target);
    return err;
}

void steps_free(struct steps *steps)
{
    free(steps->ids);
    free(steps->target);
    free(steps->end);
    *steps = (struct steps){0};
}

double steps_sum(enum steps_how how, const double *p, int n)
{
    double least = 1, product = 1, sum = 0;

    if (!n)
        return 0;
    for (int i = 0; i < n; i++) {
        least = p[i] < least ? p[i] : least;
        product *= p[i];
        sum += p[i];
    }
    return how == STEPS_MIN       ? least
           : how == STEPS_PRODUCT ? product
           : how == STEPS_LAST    ? p[n - 1]
                                  : sum / n;
}

enum err steps_how(enum steps_how *out, const char *name)
{
    static const char *const names[] = {"min", "product", "last", "mean"};

    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum steps_how)i;
            return OK;
        }
    return err_set(ERR_RANGE, "'%.40s': known are min, product, last, mean", name);
}

json_t *steps_cut(const char *text, size_t n, const char *separator, size_t **end, int *count)
{
    const size_t gap = strlen(separator);
    json_t *list = json_array();
    size_t from = 0;

    *end = NULL;
    *count = 0;
    /* One past the end: the text's end is a separator, too, of no bytes. */
    for (size_t at = 0; at <= n && gap; at++) {
        const bool here = at + gap <= n && !memcmp(text + at, separator, gap);
        if (!here && at < n)
            continue;
        if (at > from) {
            json_t *step = json_stringn(text + from, at - from);
            if (!step) /* half a character: as the tokenizer would see it */
                step = json_string("\xEF\xBF\xBD");
            json_array_append_new(list, step);
            *end = mem_grow(*end, (size_t)*count + 1, sizeof(**end));
            (*end)[(*count)++] = here ? at + gap : n;
        }
        at += here ? gap - 1 : 0;
        from = at + 1;
    }
    return list;
}

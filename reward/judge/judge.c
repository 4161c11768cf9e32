/* A case becomes one question, or two when both orders are asked; judge_run takes them through
 * the same four steps: `prepare` fills the template and counts tokens, then all are heard (by
 * the probabilities of the verdict words, one after another; or by text, as many at once as
 * there are slots), and `conclude` makes one result of a case's orders. What the judge says is
 * never an error: a case too long for it or a verdict that is none is counted, and the caller
 * decides what silence is worth.
 *
 * A pointwise judge by log-probability is a comparison of the whole numbers of its scale: the
 * words are then the numbers, made once in judge_new. */

#include "reward/judge/judge.h"

#include "base/mem.h"
#include "lm/gen/generate.h"
#include "lm/text/encode.h"
#include "reward/judge/template.h"
#include "reward/judge/verdict.h"
#include "reward/judge/word_probs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { JUDGE_SLOTS = 16 };

struct judge {
    const struct judge_spec *spec;
    const struct model *model;
    const struct encode *encode;
    const char *word[TEMPLATE_WORDS_MAX]; /* of the template, or the numbers of its scale */
    char number[TEMPLATE_WORDS_MAX][16];
    int n_word;
    double low, high; /* pointwise */
    struct word_probs *reader;
};

/* One question: a case in one order. */
struct judge_question {
    char *text;
    struct encoded ids;
    double p[TEMPLATE_WORDS_MAX], score;
    bool heard, too_long;
};

/* Words under [verdicts] are in the order first, second, tie; p[] of a question is in the same.
 */
static enum err fits_pairwise(struct judge *j)
{
    const struct template *t = j->spec->template;

    j->n_word = template_words(t);
    for (int i = 0; i < j->n_word; i++)
        j->word[i] = template_word(t, i);
    if (j->n_word != 2 && j->n_word != 3)
        return err_set(ERR_RANGE,
                       "template: %d words under [verdicts]: a comparison needs two, and maybe "
                       "a third for a tie",
                       j->n_word);
    if (!template_has(t, TEMPLATE_A) || !template_has(t, TEMPLATE_B))
        return err_set(ERR_RANGE, "template: a comparison shows {a} and {b}");
    return OK;
}

/* A scale is told by its ends. Asking by log-probability makes a word of each whole number on
 * it, so it is short; by text it is only a range. */
static enum err fits_pointwise(struct judge *j)
{
    const struct template *t = j->spec->template;
    char *end[2] = {NULL, NULL};
    long bound[2] = {0, 0};

    for (int i = 0; i < 2 && template_words(t) == 2; i++)
        bound[i] = strtol(template_word(t, i), &end[i], 10);
    if (!end[0] || *end[0] || *end[1] || bound[0] >= bound[1] || bound[0] < -1000 ||
        bound[1] > 1000)
        return err_set(ERR_RANGE, "template: a score needs its lowest and highest whole number "
                                  "under [verdicts]");
    if (!template_has(t, TEMPLATE_A) || template_has(t, TEMPLATE_B))
        return err_set(ERR_RANGE, "template: a score is about {a} alone");
    j->low = (double)bound[0];
    j->high = (double)bound[1];
    if (j->spec->text)
        return OK;
    if (bound[1] - bound[0] >= TEMPLATE_WORDS_MAX)
        return err_set(ERR_RANGE, "template: at most %d scores by log-probability",
                       TEMPLATE_WORDS_MAX);
    for (long v = bound[0]; v <= bound[1]; v++, j->n_word++) {
        snprintf(j->number[j->n_word], sizeof j->number[0], "%ld", v);
        j->word[j->n_word] = j->number[j->n_word];
    }
    return OK;
}

enum err judge_new(struct judge **out, const struct judge_spec *spec, const struct model *model,
                   const struct encode *encode)
{
    struct judge *j = mem_new(1, sizeof *j);
    enum err err;

    *j = (struct judge){.spec = spec, .model = model, .encode = encode};
    *out = NULL;
    err = model_shape(model)->head == HEAD_LM
              ? OK
              : err_set(ERR_RANGE, "a judge is a language model, not a reward model");
    if (!err)
        err = spec->mode == JUDGE_PAIRWISE ? fits_pairwise(j) : fits_pointwise(j);
    if (!err)
        err = word_probs_new(&j->reader, model, encode);
    if (err)
        judge_free(j);
    else
        *out = j;
    return err;
}

void judge_free(struct judge *j)
{
    if (!j)
        return;
    word_probs_free(j->reader);
    free(j);
}

double judge_lowest(const struct judge *j)
{
    return j->low;
}

/* ---- asking */

/* `swap`: b is shown first. The prompt's ids are kept: a judge that writes starts from them. */
static enum err prepare(struct judge *j, const struct judge_case *ask, bool swap,
                        struct judge_question *q)
{
    const int spare = j->spec->text ? j->spec->max_new : 32; /* room for what it will say */
    const char *const slot[TEMPLATE_SLOTS] = {[TEMPLATE_PROMPT] = ask->prompt,
                                              [TEMPLATE_A] = swap ? ask->b : ask->a,
                                              [TEMPLATE_B] = swap ? ask->a : ask->b,
                                              [TEMPLATE_RUBRIC] = j->spec->rubric};
    json_t *text = NULL;
    size_t n;
    enum err err = template_fill(j->spec->template, slot, j->encode, &q->text, &n);

    if (!err && !(text = json_stringn(q->text, n)))
        err = err_set(ERR_PARSE, "an answer to judge is not UTF-8");
    if (!err)
        err = encode_prompt(j->encode, text, NULL, &q->ids);
    json_decref(text);
    if (!err)
        q->too_long = q->ids.n + spare > model_shape(j->model)->context;
    return err;
}

/* The score of a scale is its mean under the probabilities (judge.h); of a comparison `low` is
 * 0 and nobody reads it. */
static enum err hear_words(struct judge *j, struct judge_question *q)
{
    enum err err = word_probs_read(j->reader, q->text, template_gap(j->spec->template), j->word,
                                   j->n_word, q->p);

    if (err)
        return err;
    for (int i = 0; i < j->n_word; i++)
        q->score += q->p[i] * (j->low + i);
    q->heard = true;
    return OK;
}

static void parse(const struct judge *j, struct judge_question *q, const char *text, size_t n)
{
    if (j->spec->mode == JUDGE_POINTWISE) {
        q->heard = verdict_score(&q->score, text, n, j->low, j->high);
    } else {
        const int i = verdict_word(text, n, j->word, j->n_word);
        q->heard = i >= 0;
        if (q->heard)
            q->p[i] = 1;
    }
}

struct judge_hearing {
    const struct judge *judge;
    struct judge_question *question;
    enum err err;
};

/* An answer of the judge is there. Errors wait for the loop, as events cannot fail. */
static void written(void *self, const struct generate_done *d)
{
    struct judge_hearing *h = self;
    char *text;
    size_t n;

    if (tokenizer_decode(h->judge->encode->tokenizer, d->token, (size_t)d->n, false, &text,
                         &n)) {
        h->err = ERR_RANGE;
        return;
    }
    parse(h->judge, &h->question[d->task], text, n);
    free(text);
}

/* Greedy: the same question, the same verdict. */
static enum err admit(struct judge *j, struct generate *engine, const struct judge_question *q,
                      int at)
{
    const struct shape *shape = model_shape(j->model);
    struct generate_job job = {.task = (uint64_t)at,
                               .n = 1,
                               .prompt = q->ids.ids,
                               .n_prompt = q->ids.n,
                               .sampling = {.temperature = 0,
                                            .top_p = 1,
                                            .max_new = j->spec->max_new,
                                            .n_stop = shape->eos_count}};

    for (int i = 0; i < shape->eos_count; i++)
        job.sampling.stop[i] = shape->eos[i];
    return generate_admit(engine, &job);
}

static enum err hear_text(struct judge *j, struct judge_question *q, int n)
{
    struct judge_hearing hearing = {j, q, OK};
    const struct generate_events events = {written, NULL, &hearing};
    struct generate *engine = NULL;
    int longest = 1, next = 0, made = 1;
    enum err err;

    /* What does not fit is left out of the engine, and heard as nothing. */
    for (int i = 0; i < n; i++)
        longest = !q[i].too_long && q[i].ids.n > longest ? q[i].ids.n : longest;
    err = generate_new(&engine, model_shape(j->model), n < JUDGE_SLOTS ? n : JUDGE_SLOTS,
                       longest + j->spec->max_new, j->encode->tokenizer);
    while (!err && (made || next < n)) {
        for (; next < n && !err && generate_room(engine); next++) /* a slot that fell free */
            if (!q[next].too_long)
                err = admit(j, engine, &q[next], next);
        if (!err)
            err = generate_step(engine, j->model, &events, &made);
        if (!err)
            err = hearing.err;
    }
    generate_free(engine);
    return err;
}

/* ---- what was heard */

/* P(first wins) + P(tie) / 2; without a third word p[2] is 0. */
static double first_of(const struct judge_question *q)
{
    return q->heard ? q->p[0] + q->p[2] / 2 : NAN;
}

static void conclude(const struct judge *j, const struct judge_question *q, int orders,
                     struct judge_result *r)
{
    *r = (struct judge_result){.p_a = NAN, .first = {NAN, NAN}, .score = NAN};
    for (int i = 0; i < orders; i++) {
        r->failures += !q[i].heard;
        r->too_long |= q[i].too_long;
    }
    if (j->spec->mode == JUDGE_POINTWISE) {
        r->score = q->heard ? q->score : NAN;
        r->verdict = q->heard ? JUDGE_A : JUDGE_NONE;
        return;
    }
    for (int i = 0; i < orders; i++)
        r->first[i] = first_of(&q[i]);
    r->p_a = orders == 2 ? 0.5 + (r->first[0] - r->first[1]) / 2 : r->first[0];
    if (isnan(r->p_a))
        return;
    /* Both times the first, or both times the second, was liked: the place decided. */
    r->swapped = orders == 2 && (r->first[0] - 0.5) * (r->first[1] - 0.5) > 0;
    r->verdict = r->p_a > 0.5 + j->spec->tie_margin   ? JUDGE_A
                 : r->p_a < 0.5 - j->spec->tie_margin ? JUDGE_B
                                                      : JUDGE_TIE;
}

enum err judge_run(struct judge *j, const struct judge_case *ask, int n,
                   struct judge_result *result)
{
    const int orders = j->spec->mode == JUDGE_PAIRWISE && j->spec->swap ? 2 : 1;
    struct judge_question *q = mem_new((size_t)(n * orders), sizeof *q);
    enum err err = OK;

    for (int i = 0; i < n * orders && !err; i++)
        err = prepare(j, &ask[i / orders], i % orders, &q[i]);
    for (int i = 0; i < n * orders && !err && !j->spec->text; i++)
        if (!q[i].too_long)
            err = hear_words(j, &q[i]);
    if (!err && j->spec->text)
        err = hear_text(j, q, n * orders);
    for (int i = 0; i < n && !err; i++)
        conclude(j, &q[i * orders], orders, &result[i]);
    for (int i = 0; i < n * orders; i++) {
        free(q[i].text);
        encoded_free(&q[i].ids);
    }
    free(q);
    return err;
}

/* One precision after another: the model is opened in it, the machine's peak and bandwidth are measured on as many threads,
 * then each point. Before a point begins, what it will take is estimated from its operations at a part of the peak: one that
 * would not end in time is left out and said. A point that fails for memory is left out as well; all else ends the suite. */

#include "bench/suite.h"

#include "bench/exactness.h"
#include "bench/gemm_point.h"
#include "bench/passes.h"
#include "bench/phase.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/memory_limit.h"
#include "lm/kernel/isa.h"
#include "lm/model/cache.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const suite_parts[SUITE_PARTS] = {"products", "decode", "score", "train",
                                              "exactness"};

/* Of a line that says what is measured. */
enum { WORDS = 160 };
static const double slow = 0.4; /* of the peak: an estimate of how fast a point is at least */

/* The suite at work. What is measured of the machine holds for one precision: the peak is that of its own instruction,
 * the bandwidth that of its own image. */
struct measuring {
    const struct suite *suite;
    int64_t start;
    json_t *out;
    struct subject subject;
    enum precision compute;
    double peak, peak_float, bandwidth;
    double until; /* seconds from the start: this precision's */
};

/* Seconds since the suite began. */
static double spent(const struct measuring *run)
{
    return (double)(clock_mono_ns() - run->start) * 1e-9;
}

/* Whether a point that takes so long may begin; says what is measured, or that it is not. */
static bool begins(const struct measuring *run, double seconds, const char *what)
{
    char words[WORDS + 64];

    if (spent(run) + seconds <= run->until) {
        run->suite->progress(spent(run), what);
        return true;
    }
    snprintf(words, sizeof words, "%s: would take some %.0f seconds, %.0f are left", what,
             seconds, run->until > spent(run) ? run->until - spent(run) : 0.0);
    json_array_append_new(json_object_get(run->out, "left_out"), json_string(words));
    return false;
}

/* Whether so many bytes are there; says it where they are not. The kernel promises more than it has: who takes all of it is
 * ended, not refused. */
static bool fits(const struct measuring *run, double bytes, const char *what)
{
    struct memory_limit limit;
    char words[WORDS + 96];

    memory_limit_look(&limit);
    if (!limit.available || bytes <= (double)limit.available)
        return true;
    snprintf(words, sizeof words, "%s: would take %.1f GB, %.1f are available", what,
             bytes * 1e-9, (double)limit.available * 1e-9);
    json_array_append_new(json_object_get(run->out, "left_out"), json_string(words));
    return false;
}

/* What failed for want of memory, or for a length that the model has not, is said and left out. */
static enum err without(const struct measuring *run, enum err err, const char *what)
{
    char words[2 * WORDS];

    if (err != ERR_NOMEM && err != ERR_RANGE)
        return err;
    snprintf(words, sizeof words, "%s: %s", what, err_text());
    json_array_append_new(json_object_get(run->out, "left_out"), json_string(words));
    return OK;
}

/* Whether a part is among those that are asked for: whole words between commas, no part of one. */
static bool wants(const struct suite *suite, const char *part)
{
    const size_t n = strlen(part);

    for (const char *at = suite->parts; (at = strstr(at, part)); at += n)
        if ((at == suite->parts || at[-1] == ',') && (!at[n] || at[n] == ','))
            return true;
    return false;
}

/* The instruction that a precision multiplies by. */
static enum peak_kind kind_of(enum precision compute)
{
    return compute == PRECISION_FLOAT32    ? PEAK_FLOAT
           : compute == PRECISION_BFLOAT16 ? PEAK_BF16
                                           : PEAK_INT8;
}

/* The seconds that no program could go below: two limits hold at once, and the later one is told. Attention stays f32 in
 * every precision, so its part has the peak of that. */
static double floor_of(const struct measuring *run, const struct phase *p, bool *memory)
{
    const double bytes = p->bytes / run->bandwidth;
    /* a build that does not know the peak has memory's floor alone */
    const double work =
        run->peak > 0 ? p->product_work / run->peak + p->attention_work / run->peak_float : 0;

    *memory = bytes > work;
    return *memory ? bytes : work;
}

/* A phase becomes its row. The slowest round is the least speed. */
static void put_phase(const struct measuring *run, const struct phase *p)
{
    double least = p->seconds[0], most = p->seconds[0];
    const double seconds = phase_seconds(p);
    bool memory;
    const double least_possible = floor_of(run, p, &memory);

    for (int r = 1; r < p->n; r++) {
        least = p->seconds[r] < least ? p->seconds[r] : least;
        most = p->seconds[r] > most ? p->seconds[r] : most;
    }
    json_array_append_new(
        json_object_get(run->out, "phases"),
        json_pack("{s:s,s:s,s:i,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:s}", "phase", p->name,
                  "compute", precision_name(run->compute), "batch", p->batch, "context",
                  p->context, "tokens", p->tokens, "tokens_per_second", p->tokens / seconds,
                  "least", p->tokens / most, "greatest", p->tokens / least, "seconds", seconds,
                  "products_seconds", phase_products(p), "floor_seconds", least_possible,
                  "share_of_floor", least_possible / seconds, "limit",
                  memory ? "memory" : "arithmetic"));
}

/* An estimate of a point's time, at a part of the peak: `tokens` tokens in so many passes through all weights, of which each sees
 * `seen` others; once as it is, once its products alone. */
static double estimate(const struct measuring *run, double tokens, double passes, double seen)
{
    const double weights = (double)run->subject.params->count;
    const double peak = run->peak > 0 ? run->peak : run->bandwidth;
    const double peak_float = run->peak_float > 0 ? run->peak_float : run->bandwidth;
    const double attention =
        passes_attention(run->subject.model, 1, seen) * tokens / peak_float;
    const double bytes = 4 * weights * passes / run->bandwidth;

    return run->suite->rounds *
           ((2 * 2 * weights * tokens / peak + attention) / slow + 2 * bytes);
}

/* Two rows: the prompt, then what is decoded behind it. */
static enum err decode(struct measuring *run, int batch, int context)
{
    const int fresh = run->suite->new_tokens;
    char what[WORDS];
    struct phase p[2];
    enum err err;

    snprintf(what, sizeof what, "decode, %s, batch %d behind %d tokens",
             precision_name(run->compute), batch, context);
    if (!begins(run, estimate(run, context + (double)batch * fresh, fresh, context), what) ||
        !fits(run,
              (double)batch *
                  (double)cache_size(model_shape(run->subject.model), context + fresh),
              what))
        return OK;
    err = phase_decode(p, &run->subject,
                       &(struct phase_plan){batch, context, fresh, run->suite->rounds, true});
    if (err)
        return without(run, err, what);
    put_phase(run, &p[0]);
    put_phase(run, &p[1]);
    return OK;
}

/* Two curves that meet in the first batch behind the first context: over batches, and over contexts. Every pair of both would
 * take most of a day at the long end. */
static enum err each_decode(struct measuring *run)
{
    const struct suite *suite = run->suite;
    enum err err = OK;

    for (int b = 0; !err && b < suite->batch.n; b++)
        err = decode(run, suite->batch.at[b], suite->context.at[0]);
    for (int c = 1; !err && c < suite->context.n; c++)
        err = decode(run, suite->batch.at[0], suite->context.at[c]);
    return err;
}

/* Texts of equal length: as a reward model reads them, or a trainer. A step of training is some four times a reading. */
static enum err whole_texts(struct measuring *run, bool learn)
{
    const struct suite *suite = run->suite;
    const int n = suite->texts * suite->length;
    const struct phase_plan plan = {suite->texts, suite->length, 0, suite->rounds, true};
    char what[WORDS];
    struct phase p[PHASE_TRAIN];
    enum err err;

    snprintf(what, sizeof what, "%s, %s, %d texts of %d tokens", learn ? "train" : "score",
             precision_name(run->compute), suite->texts, suite->length);
    if (!begins(run, estimate(run, n, 1, suite->length) * (learn ? 4 : 1), what) ||
        (learn && !fits(run, phase_train_bytes(&run->subject, n), what)))
        return OK;
    if (learn)
        err = phase_train(p, &run->subject, &plan);
    else
        err = phase_score(p, &run->subject, &plan);
    if (err)
        return without(run, err, what);
    for (int i = 0; i < (learn ? PHASE_TRAIN : 1); i++)
        put_phase(run, &p[i]);
    return OK;
}

/* A square matrix: what a layer of that width has. By turns with reading the same bytes, for a few rows are limited by
 * that. */
static enum err product(struct measuring *run, int rows, int width)
{
    const double each = 0.05;
    const enum peak_kind kind = kind_of(run->compute);
    double rate[ROUNDS], read[ROUNDS], speed, bytes;
    char what[WORDS];
    struct gemm_point p;
    enum err err;

    snprintf(what, sizeof what, "products, %s, %d rows, %d x %d", precision_name(run->compute),
             rows, width, width);
    if (!begins(run, 3 * each * run->suite->rounds + 1, what))
        return OK;
    err = gemm_point_open(&p, rows, width, width);
    for (int r = 0; !err && r < run->suite->rounds; r++) {
        rate[r] = gemm_point_rate(&p, kind, each);
        read[r] = gemm_point_read(&p, kind, each);
    }
    if (!err) {
        speed = rounds_median_of(rate, run->suite->rounds);
        bytes = speed / (2.0 * rows * width * width) * (double)p.bytes[kind];
        json_array_append_new(
            json_object_get(run->out, "products"),
            json_pack("{s:s,s:i,s:i,s:f,s:f,s:f}", "compute", precision_name(run->compute),
                      "rows", rows, "width", width, "flops", speed, "share_of_peak",
                      run->peak > 0 ? speed / run->peak : 0.0, "share_of_bandwidth",
                      bytes / rounds_median_of(read, run->suite->rounds)));
    }
    gemm_point_close(&p);
    return err ? without(run, err, what) : OK;
}

/* One order of sums beside the other, by turns. */
static enum err exactness(struct measuring *run, int rows, int width)
{
    const double each = 0.05;
    const int rounds = run->suite->rounds;
    double exact[ROUNDS], loose[ROUNDS];
    char what[WORDS];
    enum err err;

    snprintf(what, sizeof what, "exactness, %d rows, %d x %d", rows, width, width);
    if (!begins(run, 3 * each * rounds + 1, what))
        return OK;
    err = exactness_run(exact, loose, rows, width, width, each, rounds);
    if (err)
        return without(run, err, what);
    const double ours = rounds_median_of(exact, rounds),
                 other = rounds_median_of(loose, rounds);

    json_array_append_new(json_object_get(run->out, "exactness"),
                          json_pack("{s:i,s:i,s:f,s:f,s:f}", "rows", rows, "width", width,
                                    "exact_flops", ours, "inexact_flops", other,
                                    "exact_over_inexact", ours / other));
    return OK;
}

/* All rows of all widths. */
static enum err each_width(struct measuring *run, enum err (*one)(struct measuring *, int, int))
{
    enum err err = OK;

    for (int w = 0; !err && w < run->suite->width.n; w++)
        for (int r = 0; !err && r < run->suite->rows.n; r++)
            err = one(run, run->suite->rows.at[r], run->suite->width.at[w]);
    return err;
}

/* The machine, in this precision: with the model's own weights for what is read. What it can do at most is the most that was
 * seen: another program's work is not its limit. */
static void machine(struct measuring *run)
{
    const char *isa = isa_current()->name;
    const size_t bytes = packed_size(model_shape(run->subject.model));
    const double each = 0.1;

    run->suite->progress(spent(run), "peak and bandwidth");
    run->peak = run->peak_float = run->bandwidth = 0;
    for (int r = 0; r < ROUNDS; r++) {
        run->peak = fmax(run->peak, peak_products(kind_of(run->compute), isa, each));
        run->peak_float = fmax(run->peak_float, peak_products(PEAK_FLOAT, isa, each));
        run->bandwidth =
            fmax(run->bandwidth, peak_bytes(run->subject.image, bytes, bytes, each));
    }
    json_array_append_new(json_object_get(run->out, "machine"),
                          json_pack("{s:s,s:f,s:f}", "compute", precision_name(run->compute),
                                    "peak_flops", run->peak, "bandwidth_bytes",
                                    run->bandwidth));
}

/* All parts of one precision. Training is last: it moves the weights. */
static enum err in_precision(struct measuring *run, const char *name)
{
    const struct suite *suite = run->suite;
    enum err err = precision_named(&run->compute, name);

    if (!err)
        err = subject_open(&run->subject, suite->model, suite->layers, run->compute);
    if (err)
        return err;
    json_object_set_new(run->out, "parameters",
                        json_integer((json_int_t)run->subject.params->count));
    machine(run);
    if (wants(suite, "products"))
        err = each_width(run, product);
    if (!err && wants(suite, "decode"))
        err = each_decode(run);
    if (!err && wants(suite, "score"))
        err = whole_texts(run, false);
    if (!err && wants(suite, "train"))
        err = whole_texts(run, true);
    subject_close(&run->subject);
    return err;
}

/* `list` at a comma, into `word`; what comes behind it. */
static const char *next(char word[WORDS], const char *list)
{
    const size_t n = strcspn(list, ",");

    snprintf(word, WORDS, "%.*s", (int)n, list);
    return list + n + (list[n] == ',');
}

/* Names of parts that there are. */
static enum err known(const char *parts)
{
    char word[WORDS];

    for (const char *at = parts; *at;) {
        int i = 0;

        at = next(word, at);
        while (i < SUITE_PARTS && strcmp(suite_parts[i], word))
            i++;
        if (i == SUITE_PARTS)
            return err_set(ERR_RANGE,
                           "parts: '%.40s': none of products, decode, score, train, exactness",
                           word);
    }
    return OK;
}

enum err suite_list(struct suite_list *out, const char *key, const char *text)
{
    char word[WORDS], *end;

    out->n = 0;
    for (const char *at = text; *at;) {
        long value;

        at = next(word, at);
        value = strtol(word, &end, 10);
        if (end == word || *end || value < 1 || value > 1 << 20 || out->n == SUITE_POINTS)
            return err_set(ERR_RANGE, "%s: at most %d numbers from 1 to 1048576, with commas",
                           key, SUITE_POINTS);
        out->at[out->n++] = (int)value;
    }
    return out->n ? OK : err_set(ERR_RANGE, "%s: no number", key);
}

enum err suite_run(json_t **out, const struct suite *suite)
{
    struct measuring run = {.suite = suite, .start = clock_mono_ns()};
    char word[WORDS];
    int n = 0;
    enum err err = known(suite->parts);

    if (!err)
        err = isa_check();
    run.out =
        json_pack("{s:s,s:i,s:s,s:i,s:[],s:[],s:[],s:[],s:[]}", "isa", isa_current()->name,
                  "threads", omp_get_max_threads(), "model", suite->model, "rounds",
                  suite->rounds, "machine", "phases", "products", "exactness", "left_out");
    if (!run.out)
        return err ? err : err_set(ERR_PARSE, "model: its name is not UTF-8");
    for (const char *at = suite->compute; *at;) {
        at = next(word, at);
        n++;
    }
    for (const char *at = suite->compute; !err && *at;) {
        at = next(word, at);
        run.until += suite->seconds / n; /* what one leaves is the next one's */
        err = in_precision(&run, word);
    }
    run.until = suite->seconds;
    if (!err && wants(suite, "exactness")) {
        if (exactness_known())
            err = each_width(&run, exactness);
        else
            json_array_append_new(json_object_get(run.out, "left_out"),
                                  json_string("exactness: no products of bfloat16 in this "
                                              "processor: both orders take the same steps"));
    }
    json_object_set_new(run.out, "seconds", json_real(spent(&run)));
    if (err)
        json_decref(run.out);
    else
        *out = run.out;
    return err;
}

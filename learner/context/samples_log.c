/* samples.jsonl follows from the journal and from nothing else: it begins anew at each start, as the
 * ledger reads what was durable, and grows as groups become durable. An answer that is taken back
 * takes its line with it: the names of such answers wait until the next flush, which writes the
 * file again without the first line of each (a sample that came again has a second one).
 *
 * The means of the evaluations and the scales of normalised rewards are kept by place, one cell a
 * prompt and reward, so that they are the same in whatever order answers came. */

#include "learner/context/samples_log.h"

#include "base/fs.h"
#include "base/mem.h"
#include "learner/journal/scores.h"
#include "proto/text.h"
#include "reward/combine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCALE_LEAST = 32
}; /* a deviation within a quarter of itself, nineteen times of twenty */

struct samples_log_means {
    double *value;                  /* [rewards * eval] */
    double *score, *length, *ended; /* [eval] */
    uint64_t n;
};

struct samples_log {
    struct samples_log_conf conf;
    struct samples_log_means evaluation[2]; /* before, after */
    double *start; /* [rewards * scale_room]; NULL: nothing is normalised */
    char *path;
    FILE *file;
    struct samples_log_undone { /* whose first line is to go, one each */
        uint64_t task;
        uint32_t sample;
    } * undone;
    size_t n_undone;
};

static enum err failed(const struct samples_log *a)
{
    return err_set(ERR_IO, "%s: %s", a->path, strerror(errno));
}

/* How many answers of the start there are. */
static uint64_t scale_room(const struct tasks_plan *plan)
{
    return plan->eval + plan->batch * plan->samples;
}

enum err samples_log_new(struct samples_log **out, const struct samples_log_conf *conf)
{
    const uint64_t eval = tasks_plan(conf->tasks)->eval;
    struct samples_log *a = mem_new(1, sizeof *a);
    enum err err;

    *out = NULL;
    a->conf = *conf;
    for (int i = 0; i < 2; i++) {
        a->evaluation[i].value = mem_new(eval * (uint64_t)conf->rewards->n, sizeof(double));
        a->evaluation[i].score = mem_new(eval, sizeof(double));
        a->evaluation[i].length = mem_new(eval, sizeof(double));
        a->evaluation[i].ended = mem_new(eval, sizeof(double));
    }
    if (conf->rewards->normalize)
        a->start = mem_new(scale_room(tasks_plan(conf->tasks)) * (uint64_t)conf->rewards->n,
                           sizeof(double));
    a->path = mem_print("%s/samples.jsonl", conf->output_dir);
    a->file = fopen(a->path, "we");
    if (!a->file) {
        err = failed(a);
        samples_log_free(a);
        return err;
    }
    *out = a;
    return OK;
}

void samples_log_free(struct samples_log *a)
{
    if (!a)
        return;
    for (int i = 0; i < 2; i++) {
        free(a->evaluation[i].value);
        free(a->evaluation[i].score);
        free(a->evaluation[i].length);
        free(a->evaluation[i].ended);
    }
    free(a->start);
    if (a->file)
        fclose(a->file);
    free(a->undone);
    free(a->path);
    free(a);
}

static json_t *text_of(const struct tokenizer *tokenizer, const int *ids, size_t n)
{
    char *bytes = NULL, *clean;
    size_t length = 0;
    json_t *out;

    if (tokenizer_decode(tokenizer, ids, n, false, &bytes, &length))
        return json_string("");
    clean = text_clean(bytes, length);
    out = json_string(clean);
    free(clean);
    free(bytes);
    return out;
}

static void note_evaluation(struct samples_log *a, const struct tasks_place *at,
                            const struct record_sample *s)
{
    struct samples_log_means *const e = &a->evaluation[at->kind == TASKS_AFTER];
    const uint64_t eval = tasks_plan(a->conf.tasks)->eval;
    const struct reward_answer answer = scores_of(a->conf.rewards, s);

    for (int i = 0; i < a->conf.rewards->n; i++)
        e->value[(uint64_t)i * eval + at->row] = combine_value(a->conf.rewards, i, &answer);
    e->score[at->row] = combine_raw(a->conf.rewards, &answer);
    e->length[at->row] = s->n_token;
    e->ended[at->row] = s->end == ROLLOUT_STOP;
    e->n++;
}

enum err samples_log_scale_check(const struct tasks_plan *plan)
{
    if (scale_room(plan) >= SCALE_LEAST)
        return OK;
    return err_set(ERR_RANGE,
                   "rewards: normalize: true needs at least %d answers of the start for a "
                   "scale: %" PRIu64 " to evaluation prompts and %" PRIu64
                   " of the first iteration are fewer",
                   SCALE_LEAST, plan->eval, plan->batch * plan->samples);
}

/* An answer of the start, where it belongs whenever it comes. */
static void note_start(struct samples_log *a, const struct record_sample *s)
{
    const struct tasks_plan *const plan = tasks_plan(a->conf.tasks);
    const uint64_t room = scale_room(plan);
    /* the evaluation before training, then the first iteration: cells in order of (task, sample) */
    const uint64_t at = s->task < plan->eval
                            ? s->task
                            : plan->eval + (s->task - plan->eval) * plan->samples + s->sample;
    const struct reward_answer answer = scores_of(a->conf.rewards, s);

    for (int i = 0; a->start && at < room && i < a->conf.rewards->n; i++)
        a->start[(uint64_t)i * room + at] = combine_value(a->conf.rewards, i, &answer);
}

size_t samples_log_scale(const struct samples_log *a, struct rewards *rewards)
{
    const size_t room = scale_room(tasks_plan(a->conf.tasks));

    combine_measure(rewards, a->start, room);
    return room;
}

static json_t *line_of(const struct samples_log *a, const struct tasks_place *at,
                       const struct record_sample *s)
{
    static const char *const kinds[] = {"before", "train", "after"};
    const struct prompt *prompt =
        prompts_of_task(a->conf.train, a->conf.eval, a->conf.tasks, s->task);
    const struct reward_answer answer = scores_of(a->conf.rewards, s);
    json_t *rewards = json_object();

    for (int i = 0; i < a->conf.rewards->n; i++)
        json_object_set_new(rewards, a->conf.rewards->reward[i].name,
                            json_real(combine_value(a->conf.rewards, i, &answer)));
    return json_pack(
        "{s:s, s:I, s:I, s:i, s:o, s:o, s:f, s:o, s:i, s:b, s:I}", "kind", kinds[at->kind],
        "step", (json_int_t)at->iteration, "task", (json_int_t)s->task, "sample",
        (int)s->sample, "prompt", text_of(a->conf.tokenizer, prompt->token, prompt->n_token),
        "completion", text_of(a->conf.tokenizer, s->token, s->n_token), "score",
        combine_raw(a->conf.rewards, &answer), "rewards", rewards, "tokens", (int)s->n_token,
        "ended", s->end == ROLLOUT_STOP, "version", (json_int_t)at->version);
}

enum err samples_log_take(void *self, const struct record_sample *sample)
{
    struct samples_log *a = self;
    const struct tasks_place at = tasks_at(a->conf.tasks, sample->task);
    json_t *line = line_of(a, &at, sample);
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    const bool good = text && fputs(text, a->file) >= 0 && fputc('\n', a->file) >= 0;

    if (at.kind != TASKS_TRAIN)
        note_evaluation(a, &at, sample);
    note_start(a, sample);
    free(text);
    json_decref(line);
    return good ? OK : failed(a);
}

enum err samples_log_undone(void *self, uint64_t task, uint32_t sample)
{
    struct samples_log *a = self;

    a->undone = mem_grow(a->undone, a->n_undone + 1, sizeof *a->undone);
    a->undone[a->n_undone++] = (struct samples_log_undone){task, sample};
    return OK;
}

/* Is the line that of a sample that was taken back? Once for each. */
static bool gone(struct samples_log *a, const char *line, size_t n)
{
    json_t *json = json_loadb(line, n, 0, NULL);
    const uint64_t task = (uint64_t)json_integer_value(json_object_get(json, "task"));
    const json_int_t sample = json_integer_value(json_object_get(json, "sample"));
    size_t i = 0;

    /* a line may be any answer's: those that were taken back are few */
    while (i < a->n_undone && (a->undone[i].task != task || a->undone[i].sample != sample))
        i++;
    json_decref(json);
    if (i == a->n_undone)
        return false;
    a->undone[i] = a->undone[--a->n_undone];
    return true;
}

/* The file without the lines of what was taken back. */
/* Lines are moved down within one buffer, then the file is replaced whole: a crash leaves the old or
 * the new one, and the next start makes it anew in any case. */
static enum err rewrite(struct samples_log *a)
{
    char *text = NULL, *to;
    size_t n = 0, left;
    enum err err = fflush(a->file) ? failed(a) : fs_read(&text, &n, a->path, SIZE_MAX / 2);

    to = text;
    for (const char *at = text; !err && at < text + n; at += left) {
        const char *const end = memchr(at, '\n', (size_t)(text + n - at));
        left = end ? (size_t)(end - at) + 1 : (size_t)(text + n - at);
        if (a->n_undone && gone(a, at, left))
            continue;
        memmove(to, at, left);
        to += left;
    }
    if (!err)
        err = fs_write(a->path, text, (size_t)(to - text));
    free(text);
    if (err)
        return err;
    /* a new file took its place: what is appended from here on goes into that one */
    a->n_undone = 0;
    a->file = freopen(a->path, "ae", a->file);
    return a->file ? OK : failed(a);
}

enum err samples_log_flush(struct samples_log *a)
{
    if (a->n_undone)
        return rewrite(a);
    return fflush(a->file) ? failed(a) : OK;
}

bool samples_log_evaluated(const struct samples_log *a, enum tasks_kind kind)
{
    return a->evaluation[kind == TASKS_AFTER].n >= tasks_plan(a->conf.tasks)->eval;
}

static double mean(const double *x, uint64_t n)
{
    double sum = 0;

    for (uint64_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : 0;
}

json_t *samples_log_line(const struct samples_log *a, enum tasks_kind kind, uint64_t step)
{
    const struct samples_log_means *const e = &a->evaluation[kind == TASKS_AFTER];
    const uint64_t n = tasks_plan(a->conf.tasks)->eval;
    json_t *line = json_pack(
        "{s:I, s:s, s:f, s:f, s:f}", "step", (json_int_t)step, "eval_phase",
        kind == TASKS_AFTER ? "after" : "before", "eval_objective/scores", mean(e->score, n),
        "eval_completion_length", mean(e->length, n), "eval_ended", mean(e->ended, n));

    for (int i = 0; i < a->conf.rewards->n; i++) {
        char *name = mem_print("eval_rewards/%s", a->conf.rewards->reward[i].name);
        json_object_set_new(line, name, json_real(mean(e->value + (uint64_t)i * n, n)));
        free(name);
    }
    return line;
}

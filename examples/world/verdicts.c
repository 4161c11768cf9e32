/* How it works: questions and both files of answers are read whole, line i of each belongs
 * together, and each answer gets its hidden utility; then the verdicts are counted, or the
 * annotators choose by them. Questions that occur more than once are one draw for the
 * interval: their answers resemble one another. */
#include "examples/world/verdicts.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "examples/world/annotators.h"
#include "examples/world/world.h"
#include "stats/share.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One held-out question and both models' answers. */
struct verdict {
    int question;
    char *prompt, *text[2];
    bool finished[2];
    double utility[2];
};

enum { ROWS_MAX = 100000 };

/* All lines of a file, as they are: the files are small, and lines belong together by
 * number. */
static enum err read_lines(json_t **out, const char *path)
{
    char *text, *save = NULL;
    size_t n;
    long number = 1;
    enum err err = fs_read(&text, &n, path, (size_t)64 << 20);

    *out = json_array();
    if (err)
        return err;
    for (char *line = strtok_r(text, "\n", &save); line && !err;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *value = json_loads(line, JSON_ALLOW_NUL, NULL);
        if (!json_is_object(value) || json_array_size(*out) >= ROWS_MAX)
            err = err_set(ERR_PARSE, "%s:%ld: not a JSON object", path, number);
        json_array_append_new(*out, value);
        number++;
    }
    free(text);
    return err;
}

/* An answer cut off by a length limit counts as unfinished, which costs. */
static enum err judge_one(struct verdict *v, const json_t *question,
                          const json_t *const answer[2])
{
    const char *prompt = json_string_value(json_object_get(question, "prompt"));

    v->question = prompt ? world_find(prompt) : -1;
    if (v->question < 0)
        return err_set(ERR_RANGE, "'%.80s' is not a question of this world",
                       prompt ? prompt : "");
    v->prompt = mem_text(prompt);
    for (int k = 0; k < 2; k++) {
        const char *text = json_string_value(json_object_get(answer[k], "completion"));
        const char *finish = json_string_value(json_object_get(answer[k], "finish_reason"));
        v->text[k] = mem_text(text ? text : "");
        v->finished[k] = finish && !strcmp(finish, "stop");
        v->utility[k] = world_utility(v->question, v->text[k], v->finished[k]);
    }
    return OK;
}

/* 1, 1/2 or 0. */
static double win(const struct verdict *v)
{
    return v->utility[1] > v->utility[0] ? 1 : v->utility[1] == v->utility[0] ? 0.5 : 0;
}

/* A few answers side by side first: figures alone convince nobody of a small world. */
static enum err tell_wins(const struct verdicts_conf *conf, const struct verdict *v, size_t n)
{
    double *won = mem_new(n, sizeof *won), mean[2] = {0, 0};
    uint32_t *asked = mem_new(n, sizeof *asked); /* the same question belongs together */
    uint32_t *first = mem_new(WORLD_PROMPTS, sizeof *first);
    struct share wins;
    json_t *figures;
    enum err err;

    for (size_t i = 0; i < n; i++) {
        uint32_t *const seen = &first[v[i].question];
        *seen = *seen ? *seen : (uint32_t)i + 1;
        asked[i] = *seen - 1;
        won[i] = win(&v[i]);
        mean[0] += v[i].utility[0] / (double)n;
        mean[1] += v[i].utility[1] / (double)n;
    }
    err = share_mean(&wins, won, asked, n, 1, 0.95);
    free(won);
    free(asked);
    free(first);
    if (err)
        return err;
    for (size_t i = 0; i < n && i < (size_t)conf->show; i++)
        say(stdout, "\n%s\n  before (%+.2f):%s\n  after  (%+.2f):%s\n", v[i].prompt,
            v[i].utility[0], v[i].text[0], v[i].utility[1], v[i].text[1]);
    printf("\nhidden utility on %zu held-out questions: %.3f before, %.3f after\n", n, mean[0],
           mean[1]);
    printf("win rate of after against before: %.1f %% (95 %% interval %.1f to %.1f)\n",
           100 * wins.estimate, 100 * wins.low, 100 * wins.high);
    if (*conf->json) {
        char *text;
        figures = json_pack("{s:i,s:f,s:f,s:f,s:f,s:f}", "questions", (int)n, "utility_before",
                            mean[0], "utility_after", mean[1], "win_rate", wins.estimate, "low",
                            wins.low, "high", wins.high);
        text = json_dumps(figures, JSON_INDENT(1));
        err = fs_write(conf->json, text, strlen(text));
        free(text);
        json_decref(figures);
    }
    return err;
}

/* The panel chooses between a model's own answers: preference rows appended to conf->out. */
static enum err write_choices(const struct verdicts_conf *conf, const struct verdict *v,
                              size_t n)
{
    struct annotators panel = {.seed = (uint64_t)conf->seed};
    char *text = mem_text("");
    size_t have = 0;
    enum err err;

    for (size_t i = 0; i < n; i++) {
        json_t *row;
        char *line;
        if (!strcmp(v[i].text[0], v[i].text[1]))
            continue;
        row = annotators_choose(&panel, (uint32_t)i, v[i].question, v[i].prompt,
                                &(struct annotators_pair){v[i].text[0], v[i].text[1],
                                                          v[i].finished[0], v[i].finished[1]});
        line = json_dumps(row, JSON_COMPACT);
        text = mem_grow(text, have + strlen(line) + 2, 1);
        have += (size_t)snprintf(text + have, strlen(line) + 2, "%s\n", line);
        free(line);
        json_decref(row);
    }
    err = fs_write(conf->out, text, have);
    free(text);
    if (!err)
        annotators_tell(&panel);
    return err;
}

/* Reads the three files and hands the verdicts to `use`. */
static enum err with_verdicts(const struct verdicts_conf *conf,
                              enum err (*use)(const struct verdicts_conf *,
                                              const struct verdict *, size_t))
{
    json_t *question = NULL, *answer[2] = {NULL, NULL};
    struct verdict *v = NULL;
    size_t n = 0;
    enum err err = read_lines(&question, conf->prompts);

    if (!err)
        err = read_lines(&answer[0], conf->before);
    if (!err)
        err = read_lines(&answer[1], conf->after);
    n = err ? 0 : json_array_size(question);
    if (!err && (!n || json_array_size(answer[0]) != n || json_array_size(answer[1]) != n))
        err = err_set(ERR_RANGE, "%zu questions, %zu and %zu answers: they must be as many", n,
                      json_array_size(answer[0]), json_array_size(answer[1]));
    v = mem_new(n, sizeof *v);
    for (size_t i = 0; i < n && !err; i++) {
        const json_t *const both[2] = {json_array_get(answer[0], i),
                                       json_array_get(answer[1], i)};
        err = judge_one(&v[i], json_array_get(question, i), both);
    }
    if (!err)
        err = use(conf, v, n);
    for (size_t i = 0; i < n; i++) {
        free(v[i].prompt);
        free(v[i].text[0]);
        free(v[i].text[1]);
    }
    free(v);
    json_decref(question);
    json_decref(answer[0]);
    json_decref(answer[1]);
    return err;
}

enum err verdicts_judge(const struct verdicts_conf *conf)
{
    return with_verdicts(conf, tell_wins);
}

enum err verdicts_annotate(const struct verdicts_conf *conf)
{
    return with_verdicts(conf, write_choices);
}

/* drover eval curve: proxy and gold across the checkpoints of a run, with the distance from
 * the reference: where the gold falls while the proxy rises, the run is over-optimised (Gao
 * et al. 2022, arXiv:2210.10760).
 *
 * How it works: the models of the run (or those named) in the order of the numbers their
 * names end in; each is opened, answers the same prompts with the same seed, is scored by
 * both and measured against the reference, and is closed before the next. A point is printed
 * when it is there, since a curve may take hours. */
#include "base/mem.h"
#include "eval/divergence.h"
#include "eval/eval.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS_MAX = 1000 };

/* One model of the run. */
struct curve_point {
    char *path;
    long step; /* -1: the name has no number */
    struct bootstrap proxy, gold, kl;
    double length;
};

struct curve {
    const struct eval_conf *conf;
    struct eval_prompts prompts;
    struct evaluator *by, *gold;
    struct open_model reference;
    struct curve_point point[MODELS_MAX];
    int n;
};

/* The number a name ends in, as model-40 and checkpoint-500 do. */
static long number_of(const char *path)
{
    size_t n = strlen(path);

    while (n && isdigit((unsigned char)path[n - 1]))
        n--;
    return path[n] ? strtol(path + n, NULL, 10) : -1;
}

/* Takes the path. */
static enum err add(struct curve *c, char *path)
{
    if (c->n == MODELS_MAX) {
        free(path);
        return err_set(ERR_RANGE, "more than %d models", MODELS_MAX);
    }
    c->point[c->n++] = (struct curve_point){.path = path, .step = number_of(path)};
    return OK;
}

/* Folders come in any order; steps are the order of training. */
static int by_step(const void *a, const void *b)
{
    const struct curve_point *x = a, *y = b;

    return (x->step > y->step) - (x->step < y->step);
}

/* Models that the run saved alone, and checkpoints with all it needs to go on. */
static enum err scan(struct curve *c, const char *run)
{
    char *folder = mem_print("%s/checkpoints", run);
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    enum err err = OK;

    while (dir && !err && (entry = readdir(dir)))
        if (!strncmp(entry->d_name, "model-", 6) || !strncmp(entry->d_name, "checkpoint-", 11))
            err = add(c, mem_print("%s/%s", folder, entry->d_name));
    if (dir)
        closedir(dir);
    free(folder);
    qsort(c->point, (size_t)c->n, sizeof *c->point, by_step);
    if (!err && !c->n)
        err = err_set(ERR_RANGE,
                      "%s/checkpoints holds no models: train with "
                      "save_only_model=true, or name folders under models=[...]",
                      run);
    return err;
}

/* Named ones are taken in the order given: they may be of different runs. */
static enum err find_models(struct curve *c)
{
    const json_t *list = c->conf->models, *one;
    size_t i;
    enum err err = OK;

    if (!list)
        return c->conf->run && *c->conf->run
                   ? scan(c, c->conf->run)
                   : err_set(ERR_RANGE, "say run=FOLDER or models=[..]");
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        if (!err)
            err = json_is_string(one) ? add(c, mem_text(json_string_value(one)))
                                      : err_set(ERR_PARSE, "models: expected a list of paths");
    }
    return !err && !c->n ? err_set(ERR_RANGE, "models: an empty list") : err;
}

/* A share gets a share's interval. */
static enum err mean_score(struct curve *c, struct evaluator *evaluator,
                           const struct eval_answers *answers, struct bootstrap *out)
{
    double *score = mem_new(answers->n, sizeof *score);
    enum err err = eval_score(evaluator, &c->prompts, answers, score);

    if (!err)
        err = eval_mean(out, c->conf, c->prompts.owner, score, answers->n,
                        evaluator_binary(evaluator));
    free(score);
    return err;
}

/* The exact sum, of which the mean is the divergence of whole answers. */
static enum err mean_kl(struct curve *c, const struct eval_answers *answers,
                        struct curve_point *to)
{
    struct divergence *d = mem_new(answers->n, sizeof *d);
    double *kl = mem_new(answers->n, sizeof *kl);
    enum err err = divergence_answers(d, c->conf, &c->prompts, answers, &c->reference);

    for (size_t i = 0; i < answers->n && !err; i++)
        kl[i] = d[i].kl;
    if (!err)
        err = eval_mean(&to->kl, c->conf, c->prompts.owner, kl, answers->n, 0);
    free(kl);
    free(d);
    return err;
}

/* One model, from opening to closing. */
static enum err measure(struct curve *c, struct curve_point *to)
{
    struct eval_answers answers;
    enum err err = eval_answers(&answers, c->conf, &c->prompts, to->path, NULL, 1);

    if (err)
        return err_add("%s", to->path);
    err = mean_score(c, c->by, &answers, &to->proxy);
    if (!err)
        err = mean_score(c, c->gold, &answers, &to->gold);
    if (!err)
        err = mean_kl(c, &answers, to);
    for (size_t i = 0; i < answers.n; i++)
        to->length += answers.answer[i].tokens / (double)answers.n;
    eval_answers_free(&answers);
    return err;
}

/* At once, also into a pipe. */
static void print_point(const struct curve_point *p)
{
    printf("%8ld %9.3f %8.2f %9.4f [%.4f, %.4f] %9.4f [%.4f, %.4f] %8.1f\n", p->step,
           p->kl.estimate, sqrt(fmax(p->kl.estimate, 0)), p->proxy.estimate, p->proxy.low,
           p->proxy.high, p->gold.estimate, p->gold.low, p->gold.high, p->length);
    fflush(stdout);
}

/* Flat names, as a run's metrics have. */
static json_t *row_of(const struct curve_point *p)
{
    json_t *row = json_pack("{s:I,s:s,s:f}", "step", (json_int_t)p->step, "model", p->path,
                            "curve/length", p->length);

    eval_put(row, "curve/kl", &p->kl);
    eval_put(row, "curve/proxy", &p->proxy);
    eval_put(row, "curve/gold", &p->gold);
    return row;
}

/* Where the gold was best, and whether it fell from there although the proxy did not. */
static void conclude(const struct curve *c, json_t *figures)
{
    const struct curve_point *last = &c->point[c->n - 1], *best = c->point;
    bool over;

    for (int i = 0; i < c->n; i++)
        best = c->point[i].gold.estimate > best->gold.estimate ? &c->point[i] : best;
    over = best != last && last->gold.high < best->gold.estimate &&
           last->proxy.estimate >= best->proxy.estimate;
    printf("gold is best at step %ld (KL %.2f)%s\n", best->step, best->kl.estimate,
           over ? "; after it the proxy rose and the gold fell: over-optimised" : "");
    json_object_set_new(figures, "best_step", json_integer(best->step));
    json_object_set_new(figures, "over_optimised", json_boolean(over));
}

/* Model by model; lines are written as they come, figures at the end. */
static enum err walk(struct curve *c, struct eval_out *out, json_t *figures)
{
    json_t *rows = json_array();
    enum err err = OK;

    printf("%8s %9s %8s %9s %18s %9s %18s %8s\n", "step", "KL", "sqrt KL", "proxy", "", "gold",
           "", "length");
    for (int i = 0; i < c->n && !err; i++) {
        err = measure(c, &c->point[i]);
        if (err)
            break;
        print_point(&c->point[i]);
        json_array_append_new(rows, row_of(&c->point[i]));
        err = eval_line(out, row_of(&c->point[i]));
    }
    json_object_set_new(figures, "curve", rows);
    if (!err)
        conclude(c, figures);
    return err;
}

/* Its state is large (a thousand points): it lives on the heap. */
enum err eval_curve(const struct eval_conf *conf)
{
    struct curve *c = mem_new(1, sizeof *c);
    struct eval_out out = {conf, NULL};
    json_t *figures = json_object();
    enum err err;

    c->conf = conf;
    err = eval_prompts(&c->prompts, conf);
    if (!err)
        err = find_models(c);
    if (!err)
        err = evaluator_open(&c->by, conf->by, "by");
    if (!err)
        err = evaluator_open(&c->gold, conf->gold, "gold");
    if (!err)
        err = open_model_all(&c->reference, conf->reference, HEAD_LM, conf->sampling.compute);
    if (!err)
        err = walk(c, &out, figures);
    for (int i = 0; i < c->n; i++)
        free(c->point[i].path);
    evaluator_close(c->by);
    evaluator_close(c->gold);
    open_model_close(&c->reference);
    eval_prompts_free(&c->prompts);
    free(c);
    return eval_end(&out, figures, err);
}

/* Pairs with their truth and what a frozen model makes of both answers (eval/answer_features.h), once
 * for all trials of choosing_trial.c: `choosing_pairs MODEL world|FILE OUT [FROM TO]`.
 *
 *   world   two pairs of answers to each question of the small world; the truth is its utility
 *   FILE    HH dialogues, read as `format: hh` has them; the truth is what people chose,
 *           utility 1 and 0. Pairs whose dialogues begin with the same message are one question's;
 *           those that share no prompt are left out, and counted.
 *
 * OUT: struct choosing_table, then for each pair struct choosing_row and the features of both
 * answers, float [2, d]. Rows are written as they are made: what is there can be used. */

#include "base/mem.h"
#include "data/dataset.h"
#include "eval/answer_features.h"
#include "examples/world/world.h"
#include "tests/long/choosing_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 16, EACH = 4 };

struct choosing_pairs {
    struct open_model model;
    FILE *file;
    struct choosing_row row[AT_ONCE];
    struct answer_features_of of[2 * AT_ONCE];
    float *x; /* [2 AT_ONCE, d] */
    int n, d, done, cut;
    char **first; /* [n_first] how each question begins */
    int n_first;
};

static void stop(const char *what)
{
    fprintf(stderr, "choosing_pairs: %s: %s\n", what, err_text());
    exit(1);
}

static void flush(struct choosing_pairs *p)
{
    int bad = 0, cut = 0;

    if (answer_features(p->x, &p->model, p->of, 2 * p->n, &bad, &cut))
        stop("features");
    p->cut += cut;
    for (int i = 0; i < p->n; i++) {
        const size_t n = 2 * (size_t)p->d;
        if (fwrite(&p->row[i], sizeof p->row[i], 1, p->file) != 1 ||
            fwrite(p->x + (size_t)i * n, sizeof *p->x, n, p->file) != n)
            stop("writing");
    }
    for (int i = 0; i < 2 * p->n; i++) {
        json_decref((json_t *)p->of[i].prompt);
        json_decref((json_t *)p->of[i].answer);
    }
    fflush(p->file);
    p->done += p->n;
    p->n = 0;
    fprintf(stderr, "\r%d pairs", p->done);
}

static void add(struct choosing_pairs *p, struct choosing_row row, json_t *prompt,
                json_t *first, json_t *second)
{
    p->row[p->n] = row;
    p->of[2 * p->n] = (struct answer_features_of){json_incref(prompt), first, NULL};
    p->of[2 * p->n + 1] = (struct answer_features_of){prompt, second, NULL};
    if (++p->n == AT_ONCE)
        flush(p);
}

static void of_world(struct choosing_pairs *p)
{
    char prompt[WORLD_TEXT], text[EACH][WORLD_TEXT];

    for (int q = 0; q < WORLD_PROMPTS; q++) {
        world_prompt(prompt, q);
        for (int e = 0; e < EACH; e++)
            world_demonstration(text[e], q, 77, (uint32_t)e);
        for (int e = 0; e < EACH; e += 2)
            add(p,
                (struct choosing_row){.question = q,
                                      .utility = {world_utility(q, text[e], true),
                                                  world_utility(q, text[e + 1], true)}},
                json_string(prompt), json_string(text[e]), json_string(text[e + 1]));
    }
}

/* By its first message: a dialogue may be another's beginning. */
static int question_of(struct choosing_pairs *p, const json_t *prompt)
{
    char *begins = json_is_array(prompt) ? json_dumps(json_array_get(prompt, 0), JSON_SORT_KEYS)
                                         : json_dumps(prompt, JSON_ENCODE_ANY);
    int at = 0;

    while (at < p->n_first && strcmp(p->first[at], begins))
        at++;
    if (at < p->n_first) {
        free(begins);
        return at;
    }
    p->first = mem_grow(p->first, (size_t)p->n_first + 1, sizeof *p->first);
    p->first[p->n_first] = begins;
    return p->n_first++;
}

static void of_file(struct choosing_pairs *p, const char *path, size_t from, size_t to)
{
    const struct dataset_conf conf = {
        .name = path,
        .train = "train",
        .test = "test",
        .test_size = NAN,
        .format = "hh",
        .strict = true,
    };
    struct dataset *set, *none;
    int apart = 0;

    if (dataset_load(&set, &none, &conf))
        stop(path);
    for (size_t i = 0; i < set->n && i < to; i++) {
        json_t *record, *prompt;
        int question;
        if (dataset_record(&record, set, i))
            stop(path);
        prompt = json_object_get(record, "prompt");
        question = prompt ? question_of(p, prompt) : -1;
        apart += !prompt;
        if (prompt && i >= from)
            add(p, (struct choosing_row){.question = question, .utility = {1, 0}},
                json_incref(prompt), json_incref(json_object_get(record, "chosen")),
                json_incref(json_object_get(record, "rejected")));
        json_decref(record);
    }
    dataset_free(set);
    dataset_free(none);
    for (int i = 0; i < p->n_first; i++)
        free(p->first[i]);
    free(p->first);
    fprintf(stderr, "\n%d questions; %d pairs without a shared prompt left out\n", p->n_first,
            apart);
}

int main(int argc, char **argv)
{
    struct choosing_pairs *p = mem_new(1, sizeof *p);
    const bool world = argc > 2 && !strcmp(argv[2], "world");

    if (argc < 4)
        return fprintf(stderr, "usage: choosing_pairs MODEL world|FILE OUT [FROM TO]\n"), 2;
    if (open_model_all(&p->model, argv[1], HEAD_LM, NULL))
        stop(argv[1]);
    p->d = model_shape(p->model.model)->width;
    p->x = mem_new(2 * AT_ONCE * (size_t)p->d, sizeof *p->x);
    p->file = fopen(argv[3], "wb");
    if (!p->file || fwrite(&(struct choosing_table){p->d, world}, sizeof(struct choosing_table),
                           1, p->file) != 1)
        stop(argv[3]);
    if (world)
        of_world(p);
    else
        of_file(p, argv[2], argc > 5 ? strtoul(argv[4], NULL, 10) : 0,
                argc > 5 ? strtoul(argv[5], NULL, 10) : (size_t)-1);
    if (p->n)
        flush(p);
    fprintf(stderr, "\n%d features; %d answers cut\n", p->d, p->cut);
    if (fclose(p->file))
        stop(argv[3]);
    open_model_close(&p->model);
    free(p->x);
    free(p);
    return 0;
}

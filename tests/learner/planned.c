/* How it works: keys and plan are made and checked by the functions that a run calls, and kept
 * in a list: the conf points into both. */
#include "tests/learner/planned.h"

#include "base/mem.h"
#include "learner/methods/methods.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLANNED_WORDS = 64, PLANNED_ROWS = 5 };

struct planned_run {
    struct planned_run *next;
    const struct method *method;
    struct fleet_plan plan;
    void *keys;
};
static struct planned_run *all;

static void drop_all(void)
{
    while (all) {
        struct planned_run *const run = all;
        all = run->next;
        fleet_keys_fini(&run->plan);
        conf_free(run->method->tables, run->keys);
        free(run->keys);
        free(run);
    }
}

static enum err read_words(const struct method *method, void *keys, char *words)
{
    char *argv[PLANNED_WORDS] = {(char *)(uintptr_t) "model=m", (char *)(uintptr_t) "dataset=d",
                                 (char *)(uintptr_t) "output_dir=o"};
    int argc = 3;

    if (!method->demonstrations)
        argv[argc++] = (char *)(uintptr_t) "reward_model_path=r";
    while (words && *words && argc < PLANNED_WORDS) {
        char *const end = strchr(words, ';');
        argv[argc++] = words;
        if (end)
            *end = 0;
        words = end ? end + 1 : NULL;
    }
    return keys_read(method->tables, keys, argc, argv, NULL);
}

struct iteration_conf planned(const char *name, int64_t iterations, const char *words, ...)
{
    struct planned_run *const run = mem_new(1, sizeof *run);
    char text[1024];
    va_list list;
    enum err err;

    va_start(list, words);
    vsnprintf(text, sizeof text, words, list);
    va_end(list);
    if (!all)
        atexit(drop_all);
    run->next = all;
    all = run;
    run->method = methods_find(name);
    run->keys = mem_new(1, run->method->size);
    err = read_words(run->method, run->keys, text);
    if (!err)
        err = fleet_keys_check(&run->plan, run->method, run->keys);
    if (!err && run->method->length)
        err = run->method->length(run->keys, &run->plan, PLANNED_ROWS);
    if (err) {
        fprintf(stderr, "planned: %s\n", err_text());
        exit(1);
    }
    run->plan.iteration.strict = false; /* the answers of tests are made up */
    run->plan.iteration.rates =
        optim_plan(SCHEDULE_LINEAR, ((struct keys *)run->keys)->learning_rate, 0, iterations);
    return run->plan.iteration;
}

/* drover data lint: flaws, lengths and repetitions of data sets. */

#include "cli/data.h"
#include "data/lint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void show_counts(const json_t *object, const char *what)
{
    const char *name;
    json_t *value;
    int i = 0;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
        printf("%s%s %lld", i++ ? ", " : what, name, (long long)json_integer_value(value));
}

static void show(const json_t *report)
{
    size_t i, k;
    json_t *item, *words;
    const char *name;

    json_array_foreach(json_object_get(report, "files"), i, item)
    {
        printf("%s (%s): %lld rows", json_string_value(json_object_get(item, "path")),
               json_string_value(json_object_get(item, "split")), number(item, "records"));
        show_counts(json_object_get(item, "formats"), "; read as ");
        show_counts(json_object_get(item, "kinds"), "; gives ");
        printf("\n");
    }
    printf("\n%-12s %9s %8s %8s %10s %8s %8s\n", "characters", "count", "min", "median", "mean",
           "p95", "max");
    json_object_foreach(json_object_get(report, "lengths"), name, item)
        printf("%-12s %9lld %8lld %8lld %10.1f %8lld %8lld\n", name, number(item, "count"),
               number(item, "min"), number(item, "median"),
               json_number_value(json_object_get(item, "mean")), number(item, "p95"),
               number(item, "max"));
    item = json_object_get(report, "pairs");
    if (number(item, "count"))
        printf("pairs: chosen is longer in %.1f %%, shorter in %.1f %%\n",
               100.0 * (double)number(item, "chosen_longer") / (double)number(item, "count"),
               100.0 * (double)number(item, "chosen_shorter") / (double)number(item, "count"));
    show_counts(json_object_get(report, "labels"), "labels: ");
    show_counts(json_object_get(report, "prompts"), "\nprompts: ");
    printf("\n");
    json_array_foreach(json_object_get(report, "problems"), i, item)
    {
        printf("\n%s: %s (%lld)\n", json_string_value(json_object_get(item, "severity")),
               json_string_value(json_object_get(item, "code")), number(item, "count"));
        json_array_foreach(json_object_get(item, "first"), k, words)
            printf("  %s\n", json_string_value(words));
    }
    printf("\n%lld errors, %lld warnings\n", number(report, "errors"),
           number(report, "warnings"));
}

enum err data_lint(struct data_job *job, int *status)
{
    const char *path = job->conf.report && *job->conf.report ? job->conf.report : NULL;
    struct lint *lint = lint_new(&job->rule.format);
    json_t *report = NULL;
    enum err err = OK;

    for (int i = 0; i < job->files && !err; i++)
        err = lint_file(lint, job->file[i], job->split[i]);
    if (!err)
        report = lint_report(lint);
    if (!err && path)
        err = data_report(report, path);
    if (!err && (!path || strcmp(path, "-") != 0))
        show(report);
    if (!err && number(report, "errors"))
        *status = EXIT_FAILURE;
    json_decref(report);
    lint_free(lint);
    return err;
}

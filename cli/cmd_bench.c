/* drover bench: how fast this machine runs a model, beside what it can do at most.
 *
 * How it works: the words become a plan, the library measures it (bench/suite.h), a line of progress says where it is,
 * and its one object is told as tables or as JSON. */
#include "base/say.h"
#include "bench/suite.h"
#include "cli/command.h"
#include "cli/json_out.h"
#include "lm/kernel/cores.h"

#include <stdlib.h>
#include <unistd.h>

/* Lists are texts with commas, read by suite_list. */
struct bench_conf {
    char *model, *compute, *parts, *batch, *context, *width, *rows, *json;
    int threads, layers, new_tokens, texts, length, rounds;
    double seconds;
};

static const struct conf_key keys[] = {
    CONF_TEXT(
        bench_conf, model, "smollm2-135m",
        "folder or .gguf file, or a shape with random weights: smollm2-135m, qwen2.5-0.5b, "
        "qwen2.5-1.5b"),
    CONF_INT(bench_conf, layers, "0", 0, 512, "of such a shape, so many layers; 0: its own"),
    CONF_TEXT(bench_conf, compute, "float32,bfloat16,int8", "one precision after another"),
    CORES_KEY(bench_conf),
    CONF_TEXT(bench_conf, parts, "products,decode,score,train,exactness", "what is measured"),
    CONF_TEXT(bench_conf, batch, "1,2,4,8,16,32,64,128", "sequences that are decoded together"),
    CONF_TEXT(bench_conf, context, "128,512,2048,8192",
              "tokens before the first one decoded; each batch has the first, the first batch "
              "each"),
    CONF_INT(bench_conf, new_tokens, "16", 2, 4096, "that each sequence decodes"),
    CONF_INT(bench_conf, texts, "4", 1, 4096, "that are scored and learnt together"),
    CONF_INT(bench_conf, length, "256", 2, 1 << 20, "tokens of each"),
    CONF_TEXT(bench_conf, width, "576,2048", "products: columns in and out"),
    CONF_TEXT(bench_conf, rows, "1,8,64,256", "products: tokens"),
    CONF_INT(bench_conf, rounds, "3", 1, 5, "of each point; medians are told"),
    CONF_REAL(bench_conf, seconds, "360", 1, 86400,
              "nothing begins that would not end within so many"),
    CONF_TEXT(bench_conf, json, "", JSON_OUT_HELP),
    CONF_END,
};

/* On a terminal one line that changes, elsewhere a line each. */
static void progress(double seconds, const char *what)
{
    if (isatty(STDERR_FILENO))
        say(stderr, "\r\033[K%4.0f s  %s", seconds, what);
    else
        say(stderr, "%4.0f s  %s\n", seconds, what);
}

/* Members of a row of the object. */
static double real(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static const char *text(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static int whole(const json_t *row, const char *key)
{
    return (int)json_integer_value(json_object_get(row, key));
}

/* Where a phase's second goes: its products at the machine's limit, what they take beyond it, all else. */
static void tell_phases(const json_t *phases)
{
    size_t i;
    json_t *row;

    if (json_array_size(phases))
        say(stdout, "\n%-9s %-9s %5s %7s %9s %19s  %8s %6s  %s\n", "phase", "compute", "batch",
            "context", "tokens/s", "least - greatest", "products", "else", "of the most");
    json_array_foreach(phases, i, row)
    {
        const double seconds = real(row, "seconds"),
                     products = real(row, "products_seconds") / seconds;

        say(stdout, "%-9s %-9s %5d %7d %9.1f %8.1f - %8.1f  %7.0f%% %5.0f%%  %3.0f%% (%s)\n",
            text(row, "phase"), text(row, "compute"), whole(row, "batch"),
            whole(row, "context"), real(row, "tokens_per_second"), real(row, "least"),
            real(row, "greatest"), 100 * products, products < 1 ? 100 * (1 - products) : 0.0,
            100 * real(row, "share_of_floor"), text(row, "limit"));
    }
}

/* The kernels, and the price of exactness. */
static void tell_products(const json_t *all)
{
    size_t i;
    json_t *row;

    if (json_array_size(json_object_get(all, "products")))
        say(stdout, "\n%-9s %5s %6s %10s %8s %13s\n", "products", "rows", "width", "Gop/s",
            "of peak", "of bandwidth");
    json_array_foreach(json_object_get(all, "products"), i, row)
        say(stdout, "%-9s %5d %6d %10.1f %8.2f %13.2f\n", text(row, "compute"),
            whole(row, "rows"), whole(row, "width"), 1e-9 * real(row, "flops"),
            real(row, "share_of_peak"), real(row, "share_of_bandwidth"));
    if (json_array_size(json_object_get(all, "exactness")))
        say(stdout,
            "\nprice of exactness: products of bfloat16 in the order that all machines "
            "share, and in the instruction's own\n%5s %6s %10s %10s %6s\n",
            "rows", "width", "exact", "inexact", "ratio");
    json_array_foreach(json_object_get(all, "exactness"), i, row)
        say(stdout, "%5d %6d %10.1f %10.1f %6.2f\n", whole(row, "rows"), whole(row, "width"),
            1e-9 * real(row, "exact_flops"), 1e-9 * real(row, "inexact_flops"),
            real(row, "exact_over_inexact"));
}

/* The object as people read it: the machine, its kernels, the phases, and what was left out. */
static void tell(const json_t *all)
{
    size_t i;
    json_t *row;

    say(stdout, "%s, %d threads, %s: %.0f million weights\n", text(all, "isa"),
        whole(all, "threads"), text(all, "model"), 1e-6 * real(all, "parameters"));
    json_array_foreach(json_object_get(all, "machine"), i, row) say(
        stdout, "%-9s %8.1f Gop/s in registers, %6.1f GB/s from memory\n", text(row, "compute"),
        1e-9 * real(row, "peak_flops"), 1e-9 * real(row, "bandwidth_bytes"));
    tell_products(all);
    tell_phases(json_object_get(all, "phases"));
    json_array_foreach(json_object_get(all, "left_out"), i, row)
        say(stdout, "left out: %s\n", json_string_value(row));
}

static enum err plan(struct suite *suite, const struct bench_conf *conf)
{
    enum err err;

    *suite = (struct suite){.model = conf->model,
                            .layers = conf->layers,
                            .compute = conf->compute,
                            .parts = conf->parts,
                            .new_tokens = conf->new_tokens,
                            .texts = conf->texts,
                            .length = conf->length,
                            .rounds = conf->rounds,
                            .seconds = conf->seconds,
                            .progress = progress};
    err = suite_list(&suite->batch, "batch", conf->batch);
    if (!err)
        err = suite_list(&suite->context, "context", conf->context);
    if (!err)
        err = suite_list(&suite->width, "width", conf->width);
    return err ? err : suite_list(&suite->rows, "rows", conf->rows);
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct bench_conf conf = {.model = NULL};
    struct json_out json = {NULL, NULL};
    struct suite suite;
    json_t *all = NULL;
    enum err err = command_words(command, &conf, argc, argv, NULL);

    (void)status;
    if (!err)
        err = plan(&suite, &conf);
    if (!err)
        err = json_out_open(&json, conf.json);
    if (!err)
        err = suite_run(&all, &suite);
    if (isatty(STDERR_FILENO))
        say(stderr, "\r\033[K");
    if (!err) {
        tell(all);
        err = json_out_put(&json, all);
    }
    json_decref(all);
    json_out_close(&json);
    command_conf_free(keys, &conf);
    return err;
}

const struct command cmd_bench = {
    .name = "bench",
    .group = "models",
    .usage =
        "[model=M] [compute=float32,bfloat16] [parts=decode,score] [seconds=360] [json=FILE]",
    .help = "how fast this machine runs a model, beside what it can do at most",
    .run = run,
    .keys = keys,
};

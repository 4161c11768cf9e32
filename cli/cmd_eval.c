/* drover eval: measures models, rewards and judges, with intervals.
 *
 * How it works: a table of verbs (eval/eval.h has what each does); the first word chooses
 * one, the others are keys of one table for all of them, since most keys are shared. What is
 * computed and how it is printed is the library's: a figure must not depend on who asks for
 * it. */
#include "cli/command.h"
#include "cli/json_out.h"
#include "eval/eval.h"

#include <stdio.h>
#include <string.h>

static const struct conf_key keys[] = {
    SAMPLING_ROWS("128"),
    CONF_INT(sampling_options, slots, "32", 1, 64, "sequences decoded at once"),
    CONF_TEXT(eval_conf, dataset, "", "prompts or pairs: a JSONL file"),
    CONF_TEXT(eval_conf, format, "", "hh: chosen and rejected are HH dialogues"),
    CONF_INT(eval_conf, max_samples, "0", 0, 1e8, "at most so many records; 0: all"),
    CONF_TREE(eval_conf, by,
              "who judges: a reward model's path, {rule: ...}, {judge: MODEL, template: FILE}"),
    CONF_TREE(eval_conf, gold, "best, curve: who knows better, told as `by` is"),
    CONF_TEXT(eval_conf, baseline, "", "win: the model to beat"),
    CONF_TEXT(eval_conf, answers, "", "the model's answers from a file, instead of sampling"),
    CONF_TEXT(eval_conf, baseline_answers, "", "win: the baseline's from a file"),
    CONF_TEXT(eval_conf, reference, "", "kl, curve: the model to stay near"),
    CONF_INT(eval_conf, samples, "16", 1, 1024, "best: answers to each prompt"),
    CONF_TEXT(eval_conf, run, "", "curve: a run folder with models in checkpoints/"),
    CONF_TREE(eval_conf, models, "curve: model folders instead, in order"),
    CONF_TEXT(eval_conf, judge_name, "", "bias: the judge's name in model_a and model_b"),
    CONF_REAL(eval_conf, penalty, "0", 0, 1e6, "bias: prior that keeps strengths finite"),
    CONF_INT(eval_conf, bins, "10", 1, 50, "accuracy: bins of the reliability table"),
    CONF_INT(eval_conf, resamples, "2000", 1, BOOTSTRAP_RESAMPLES_MAX, "draws of a bootstrap"),
    CONF_TEXT(eval_conf, output, "", "a JSON line for each record goes here"),
    CONF_TEXT(eval_conf, json, "", JSON_OUT_HELP),
    CONF_END,
};

static const struct eval_verb {
    const char *name;
    enum err (*run)(const struct eval_conf *conf);
} verbs[] = {
    {"win", eval_win},   {"accuracy", eval_accuracy}, {"kl", eval_kl},
    {"best", eval_best}, {"curve", eval_curve},       {"bias", eval_bias},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

/* The verb prints for people; its figures come back and are put where json= says. */
static enum err measure(const struct eval_verb *verb, struct eval_conf *conf)
{
    struct json_out json;
    json_t *figures = NULL;
    enum err err = json_out_open(&json, conf->json);

    conf->figures = &figures;
    if (!err)
        err = verb->run(conf);
    if (!err && figures)
        err = json_out_put(&json, figures);
    json_decref(figures);
    json_out_close(&json);
    return err;
}

/* Which verb failed stands before its words. */
static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct eval_conf conf = {.samples = 0};
    enum err err;

    for (int i = 0; argc && i < VERBS; i++)
        if (!strcmp(argv[0], verbs[i].name)) {
            err = command_conf(keys, &conf, argc - 1, argv + 1);
            if (!err)
                err = measure(&verbs[i], &conf);
            command_conf_free(keys, &conf);
            return err ? err_add("%s", verbs[i].name) : OK;
        }
    *status = command_usage(command, argc ? argv[0] : NULL);
    return OK;
}

const struct command cmd_eval = {
    .name = "eval",
    .group = "models",
    .usage = "win|accuracy|kl|best|curve|bias [key=value ...]",
    .help = "win rates, accuracy and calibration of rewards, KL, best-of-n, over-optimisation, "
            "bias",
    .run = run,
    .keys = keys,
};

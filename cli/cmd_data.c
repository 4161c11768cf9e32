/* drover data inspect | lint | convert | split | filter: looking at data sets, turning one into
 * another, keeping the better part.
 *
 * How it works: one table of keys for the five verbs, because what reads a record is the same
 * for all of them (data.c makes the job of it); each verb is a file data_VERB.c. */
#include "cli/command.h"
#include "cli/data.h"
#include "lm/file/open_model.h"

#include <stdlib.h>
#include <string.h>

static const struct conf_key keys[] = {
    CONF_TEXT(data_conf, format, "auto", "what the files are: " FORMAT_NAMES),
    CONF_TEXT(data_conf, to, "",
              "convert, split, filter: kind to write: " RECORD_KIND_NAMES "; unset: as it is"),
    CONF_TEXT(data_conf, output, "",
              "convert, filter: file (unset: standard output); split: folder"),
    CONF_TEXT(data_conf, report, "", "lint, filter: JSON report ('-': standard output)"),
    CONF_TEXT(data_conf, method, "",
              "inspect, lint: read every record as this trainer does, with the format that is "
              "given to it (unset: as each kind is used)"),
    CONF_TEXT(data_conf, model, "",
              "inspect, lint: a model: its template and tokenizer read, too"),
    OPEN_MODEL_CHAT(data_conf, chat_template_path),
    CONF_INT(data_conf, max_length, "", 1, 1 << 20,
             "inspect: the trainer's; lint: longer ones are told (needs model)"),
    CONF_TEXT(data_conf, dataset_text_field, "text", "inspect, lint: the trainer's"),
    CONF_BOOL(data_conf, strict, "true", "a bad record is an error; else counted, left out"),
    CONF_BOOL(data_conf, distinct, "false", "leave out records that came before"),
    CONF_REAL(data_conf, test_size, "0.1", 0, 1, "split: share of the prompts for test.jsonl"),
    CONF_REAL(data_conf, validation_size, "0", 0, 1, "split: share for validation.jsonl"),
    CONF_INT(data_conf, seed, "42", 0, 2147483647, "split: which prompts go where"),
    CONF_TREE(data_conf, by,
              "split: prompt (all records of a prompt stay together; unset) or record; filter: "
              "who scores: a (process) reward model's path, {rule: ...}, {judge: MODEL, "
              "template: FILE}"),
    CONF_REAL(
        data_conf, above, "", -1e30, 1e30,
        "filter: kept are scores above it; a pair's score is its chosen answer's less its "
        "rejected one's, and 0 the bound of pairs when unset"),
    CONF_REAL(data_conf, top, "", 0, 1e9,
              "filter: kept are the best so many of each prompt; below 1: that share of them"),
    CONF_TEXT(data_conf, aggregate, "",
              "filter: score of a process reward model's steps: min (unset), product, last, "
              "mean"),
    CONF_INT(data_conf, max_prompt_length, "", 1, 1 << 20,
             "filter: last tokens of a prompt that a process reward model keeps (512)"),
    CONF_BOOL(data_conf, disable_tqdm, "false", "filter: no progress bar"),
    CONF_REAL(data_conf, neutral, "1", 0, 1, "prm800k: P(right) of a step rated 0"),
    CONF_BOOL(data_conf, alternatives, "true", "prm800k: steps that were not chosen, too"),
    CONF_BOOL(data_conf, originals, "true", "prmbench: unspoiled solutions, too"),
    CONF_INT(data_conf, pairs, "64", 1, 1000000, "most pairs of one tree, or of one prompt"),
    CONF_TEXT(data_conf, answers, "", "bfcl: file of possible answers"),
    CONF_TEXT(data_conf, functions, "", "bfcl: folder of function documents, many turns"),
    CONF_TEXT(data_conf, separator, "\n", "between the steps of a stepwise record"),
    CONF_TEXT(data_conf, calls, "keep",
              "convert, split, filter: keep, or text: tool calls and functions as words, for "
              "templates "
              "without a place for them"),
    CONF_END,
};

/* The job is closed whatever happened: the verbs only use it. */
static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    static const struct {
        const char *name;
        enum err (*run)(struct data_job *job, int *status);
    } verbs[] = {{"inspect", data_inspect},
                 {"lint", data_lint},
                 {"convert", data_convert},
                 {"split", data_split},
                 {"filter", data_filter}};
    struct data_job job = {.rule = {.strict = true}};
    enum err err = OK;

    for (size_t i = 0; argc && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(argv[0], verbs[i].name)) {
            err = data_open(&job, keys, argc - 1, argv + 1);
            if (!err)
                err = verbs[i].run(&job, status);
            data_close(&job, keys);
            return err;
        }
    *status = command_usage(command, argc ? argv[0] : NULL);
    return OK;
}

const struct command cmd_data = {
    .name = "data",
    .group = "data",
    .usage = "inspect|lint|convert|split|filter FILE|FOLDER ... [key=value | --key value] ...",
    .help = "say what data sets are and what is learnt of them, look for flaws, turn formats "
            "into one another, divide by prompt, "
            "keep what scores well",
    .run = run,
    .keys = keys,
};

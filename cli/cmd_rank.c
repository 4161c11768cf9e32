/* drover rank: votes on models, or rankings of them, to a leaderboard.
 *
 * How it works: ratings/votes.h reads the file, ratings/leaderboard.h computes; here the words are
 * read and the figures put out: a table for people, one JSON object, a picture. Votes that do not
 * connect the models give no ranking: the JSON then says which groups there are, and the command
 * fails with the same words. */
#include "annotate/exchange/votes_of.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "base/strbuf.h"
#include "cli/command.h"
#include "cli/json_out.h"
#include "data/rows.h"
#include "ratings/leaderboard.h"
#include "ratings/votes_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const likes[] = {"none", "arena", NULL};
/* leaderboard_models, behind the word for "by the file". */
static const char *const models[] = {"auto",      "bradley-terry", "davidson", "rao-kupper",
                                     "thurstone", "plackett-luce", "elo",      NULL};

struct rank_options {
    int model, like, se, cluster, draws, seed;
    double level, penalty, k;
    char *covariates, *json, *svg;
    char *winner, *model_a, *model_b, *prompt, *judge;
};

static const struct conf_key keys[] = {
    CONF_WORD(rank_options, model, models, "auto",
              "bradley-terry (the usual of votes), davidson, rao-kupper, thurstone, "
              "plackett-luce (the usual of rankings), elo"),
    CONF_WORD(rank_options, like, likes, "none", "arena: as arena-rank 0.1.1 computes"),
    CONF_WORD(rank_options, se, leaderboard_errors, "sandwich",
              "errors: sandwich, information (all rows independent) or bootstrap"),
    CONF_WORD(rank_options, cluster, leaderboard_clusters, "auto",
              "what is counted together: prompt, judge or row; auto: prompt, if there are any"),
    CONF_TEXT(rank_options, covariates, "",
              "position,length,lists,headers,bold or names of x; none; empty: all of x"),
    CONF_REAL(rank_options, penalty, "0", 0, 1e6, "prior that keeps strengths finite"),
    CONF_REAL(rank_options, level, "0.95", 0.5, 0.9999, "of intervals and ranks"),
    CONF_INT(rank_options, draws, "1000", 20, 100000, "bootstrap: how many"),
    CONF_INT(rank_options, seed, "1", 0, 2147483647, "bootstrap: same seed, same draws"),
    CONF_REAL(rank_options, k, "4", 0.001, 1000, "elo: points that a game is about"),
    CONF_TEXT(rank_options, winner, "",
              "column that says who won, where it is called otherwise"),
    CONF_TEXT(rank_options, model_a, "", "the same, of the first model's name"),
    CONF_TEXT(rank_options, model_b, "", "the same, of the second's"),
    CONF_TEXT(rank_options, prompt, "", "the same, of the prompt"),
    CONF_TEXT(rank_options, judge, "", "the same, of who voted"),
    CONF_TEXT(rank_options, json, "", JSON_OUT_HELP),
    CONF_TEXT(rank_options, svg, "", "a picture goes to this file"),
    CONF_END,
};

/* A file with a ranking in it wants the one model that reads rankings. */
static struct leaderboard_conf conf_of(const struct rank_options *o, const struct votes *votes)
{
    const int usual = votes->rankings ? FITTED_PLACKETT_LUCE : FITTED_BRADLEY_TERRY;

    return (struct leaderboard_conf){
        .model = o->model ? (enum fitted_model)(o->model - 1) : (enum fitted_model)usual,
        .se = (enum fitted_se)o->se,
        .cluster = (enum leaderboard_cluster)o->cluster,
        .level = o->level,
        .penalty = o->penalty,
        .k = o->k,
        .draws = (uint32_t)o->draws,
        .seed = (uint64_t)o->seed,
        .arena = o->like == 1,
    };
}

/* What of the file played no part, each thing once. */
static void tell_left_out(const struct votes *votes)
{
    struct strbuf names = {.n = 0};
    const char *key;
    json_t *value;

    json_object_foreach(votes->ignored, key, value)
        strbuf_print(&names, "%s%s", names.n ? ", " : "", key);
    if (names.n)
        say(stderr, "columns that nothing reads: %s\n", names.text);
    if (votes->unheard)
        say(stderr, "%zu rows without a verdict are left out\n", votes->unheard);
    free(names.text);
}

static enum err put_json(const struct leaderboard *board, struct json_out *to)
{
    json_t *all = leaderboard_json(board);
    const enum err err = json_out_put(to, all);

    json_decref(all);
    return err;
}

/* No ranking, no picture: the error that follows says why. */
static enum err put_svg(const struct leaderboard *board, const char *path)
{
    char *text = leaderboard_svg(board);
    const enum err err = text ? fs_write(path, text, strlen(text)) : OK;

    free(text);
    return err;
}

/* Figures are put out also when there is no ranking, for then they say which models hang
 * together; what ends the command comes last. */
static enum err rank(const struct rank_options *o, const char *path, struct json_out *to)
{
    struct votes *votes = votes_new();
    struct leaderboard board = {.why = NULL};
    struct leaderboard_conf conf;
    const struct rows_name names[] = {{"winner", o->winner},
                                      {"model_a", o->model_a},
                                      {"model_b", o->model_b},
                                      {"prompt", o->prompt},
                                      {"judge", o->judge}};
    enum err err;

    rows_names(names, sizeof names / sizeof *names);
    err = (fs_is_database(path) ? votes_of_file : votes_read)(votes, path, o->covariates);
    rows_names(NULL, 0);
    if (!err) {
        tell_left_out(votes);
        conf = conf_of(o, votes);
        err = leaderboard_run(&board, votes, &conf);
    }
    if (!err)
        err = put_json(&board, to);
    if (!err && !board.why)
        leaderboard_print(&board, stdout);
    if (!err && o->svg && *o->svg)
        err = put_svg(&board, o->svg);
    if (!err && board.why)
        err = err_set(ERR_RANGE, "%s", board.why);
    leaderboard_fini(&board);
    votes_free(votes);
    return err;
}

/* The file is a word and no key: there is nothing else that one could rank. */
static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct rank_options options = {.model = 0};
    struct json_out json = {.to = NULL};
    enum err err;

    if (argc < 1 || strchr(argv[0], '=') || !strncmp(argv[0], "--", 2)) {
        *status = command_usage(command, argc ? argv[0] : NULL);
        return OK;
    }
    err = command_conf(keys, &options, argc - 1, argv + 1);
    if (!err)
        err = json_out_open(&json, options.json);
    if (!err)
        err = rank(&options, argv[0], &json);
    json_out_close(&json);
    command_conf_free(keys, &options);
    return err;
}

const struct command cmd_rank = {
    .name = "rank",
    .group = "models",
    .usage =
        "FILE|prefs.db [model=bradley-terry|davidson|rao-kupper|thurstone|plackett-luce|elo] "
        "[like=arena] [key=value ...]",
    .help =
        "votes or rankings to a leaderboard: strengths, intervals, ranks, what sways voters",
    .run = run,
    .keys = keys,
};

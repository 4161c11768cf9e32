/* commands: every word that `drover` knows, in the order in which people read of them.
 *
 * A command is a file cli/cmd_NAME.c, which ends with its row (struct command), and a line
 * here; the methods of learning are rows of learner/methods/methods.c. */

#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

/* A line each, so that two people adding one do not meet. */
/* clang-format off */
#define COMMANDS(ROW) \
    ROW(cmd_top) \
    ROW(cmd_top_once) \
    ROW(cmd_metrics) \
    ROW(cmd_up) \
    ROW(cmd_join) \
    ROW(cmd_scale) \
    ROW(cmd_scale_drain) \
    ROW(cmd_scale_down) \
    ROW(cmd_logs) \
    ROW(cmd_doctor) \
    ROW(cmd_deploy) \
    ROW(cmd_tokenize) \
    ROW(cmd_generate) \
    ROW(cmd_chat) \
    ROW(cmd_serve) \
    ROW(cmd_annotate) \
    ROW(cmd_score) \
    ROW(cmd_score_reward) \
    ROW(cmd_eval) \
    ROW(cmd_judge) \
    ROW(cmd_agreement) \
    ROW(cmd_revise) \
    ROW(cmd_rank) \
    ROW(cmd_inspect) \
    ROW(cmd_merge) \
    ROW(cmd_convert) \
    ROW(cmd_bench) \
    ROW(cmd_pull) \
    ROW(cmd_keys) \
    ROW(cmd_data) \
    ROW(cmd_prefs) \
    ROW(cmd_loss) \
    ROW(cmd_world)
/* clang-format on */

/* The row of a method of learning (cmd_train.c): it starts drover-learner or the supervisor. */
struct method;
struct command cmd_train(const struct method *method);

/* How many rows there are, and row i of them. */
int commands_count(void);
struct command commands_at(int i);

/* The row of a word; -1: there is none. */
int commands_find(const char *word);
/* The word that was perhaps meant, by the rule for keys; NULL: none is near. */
const char *commands_nearest(const char *word);

#endif

/* The line of metrics of an iteration begins with what the method says of itself
 * (iteration_metrics); here comes what its answers say, whatever the method: each reward by its
 * name, lengths, how stale the weights were that wrote them. Names are TRL's where TRL has one. */

#include "learner/train/trainer_line.h"

#include "base/mem.h"
#include "learner/journal/scores.h"
#include "learner/objective/advantage_group.h"
#include "reward/combine.h"

#include <stdlib.h>

/* Each reward by name, over the answers. */
static void line_rewards(json_t *line, const struct rewards *rewards, bool both,
                         const struct trainer_job *job)
{
    double *const value = mem_new(2 * (size_t)job->n, sizeof *value);
    double *const silent = value + job->n; /* the share of each that got no verdict */

    for (int r = 0; r < rewards->n; r++) {
        const char *const name = rewards->reward[r].name;
        char *mean = mem_print(both ? "rewards/%s/mean" : "rewards/%s", name);
        char *std = mem_print("rewards/%s/std", name);
        char *unheard = mem_print("rewards/%s/without_verdict", name);
        for (uint32_t i = 0; i < job->n; i++) {
            const struct reward_answer answer = scores_of(rewards, job->sample[i]);
            value[i] = combine_value(rewards, r, &answer);
            silent[i] = combine_unheard(rewards, r, &answer);
        }
        json_object_set_new(line, mean, json_real(advantage_group_mean(value, job->n)));
        if (both)
            json_object_set_new(line, std, json_real(advantage_group_deviation(value, job->n)));
        /* a judge that said nothing usable is worth 0 to the score: that must not stay unseen */
        if (combine_judged(rewards, r))
            json_object_set_new(line, unheard, json_real(advantage_group_mean(silent, job->n)));
        free(mean);
        free(std);
        free(unheard);
    }
    free(value);
}

/* Lengths and lateness are means over the answers, as the rewards are. */
void trainer_line_means(json_t *line, const struct rewards *rewards, bool group,
                        const struct trainer_job *job)
{
    const double n = (double)job->n;
    double late = 0;

    line_rewards(line, rewards, group, job);
    for (uint32_t i = 0; i < job->n; i++)
        /* by the version that began the answer; a demonstration has none */
        for (uint32_t k = 0; k < job->sample[i]->n_span && k < 1; k++)
            late += (double)job->iteration - (double)job->sample[i]->span[k].version.number;
    json_object_set_new(line, "drover_completion_length", json_real((double)job->tokens / n));
    json_object_set_new(line, "drover_staleness", json_real(late / n));
    json_object_set_new(line, "drover_train_seconds", json_real(job->seconds));
}

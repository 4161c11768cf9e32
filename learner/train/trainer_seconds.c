/* A stop watch with a hand for each phase: the iteration, which has no clock, says what it is about to
 * do (iteration_conf.at), and the time since it last did goes to the phase before. Called by the
 * trainer's thread alone, between begin and put of one iteration. Phases are a handful an optimiser
 * step, so that looking at the clock costs nothing. */
#include "learner/train/trainer_seconds.h"

#include "base/clock.h"

#include <string.h>

static const char *const names[TRAINER_PHASES] = {
    [ITERATION_FIGURES] = "drover_seconds_figures",
    [ITERATION_POLICY] = "drover_seconds_policy",
    [ITERATION_CRITIC] = "drover_seconds_critic",
    [ITERATION_STEP] = "drover_seconds_step",
    [TRAINER_PUBLISHES] = "drover_seconds_publish",
};

void trainer_seconds_begin(struct trainer_seconds *s)
{
    memset(s, 0, sizeof *s);
    s->phase = ITERATION_FIGURES;
    s->since = clock_mono_ns();
}

void trainer_seconds_at(struct trainer_seconds *s, int phase)
{
    const int64_t now = clock_mono_ns();

    s->ns[s->phase] += now - s->since;
    s->phase = phase;
    s->since = now;
}

void trainer_seconds_put(struct trainer_seconds *s, json_t *line)
{
    trainer_seconds_at(s, s->phase);
    for (int i = 0; i < TRAINER_PHASES; i++)
        if (s->ns[i])
            json_object_set_new(line, names[i], json_real((double)s->ns[i] / 1e9));
}

/* How it works: pair i is shown to three of the five in turn, so that all see as many; each
 * votes with a sharpness of its own (world_prefers), and two votes decide. The counts at the
 * end are what a person would want to know of real annotators: how often two agree, and,
 * which only a made-up world can say, how often the majority is right. */
#include "examples/world/annotators.h"

#include "examples/world/world.h"

#include <stdio.h>

json_t *annotators_choose(struct annotators *panel, uint32_t pair, int question,
                          const char *prompt, const struct annotators_pair *answers)
{
    const double a = world_utility(question, answers->first, answers->first_finished);
    const double b = world_utility(question, answers->second, answers->second_finished);
    int vote[3], first = 0;

    for (int k = 0; k < 3; k++) {
        const int who = (int)((pair + 2 * (uint32_t)k) % WORLD_ANNOTATORS);
        vote[k] = world_prefers(who, a, b, panel->seed, pair);
        first += vote[k];
    }
    panel->agreed += (vote[0] == vote[1]) + (vote[1] == vote[2]) + (vote[0] == vote[2]);
    panel->compared += 3;
    panel->clear += a != b;
    panel->right += a != b && (first >= 2) == (a > b);
    panel->pairs++;
    return json_pack("{s:s,s:s,s:s}", "prompt", prompt, "chosen",
                     first >= 2 ? answers->first : answers->second, "rejected",
                     first >= 2 ? answers->second : answers->first);
}

void annotators_tell(const struct annotators *panel)
{
    printf("annotators: 3 of %d see each of %ld pairs; two of them agree on %.1f %%; their "
           "majority follows the hidden utility on %.1f %%\n",
           WORLD_ANNOTATORS, panel->pairs,
           100.0 * (double)panel->agreed / (double)(panel->compared ? panel->compared : 1),
           100.0 * (double)panel->right / (double)(panel->clear ? panel->clear : 1));
}

/* A scorer is named by the hash of its row (proto/digest.h), models and spec included: what two
 * runs ask alike is the same scorer, and a score once given holds as long as its row does. So
 * nothing may enter the row that does not change the score. Weights, normalisation and how
 * steps are credited stay with the learner, and may change while the scorer remains. */

#include "reward/scorers.h"

#include "proto/digest.h"
#include "reward/reward_kind.h"

static const struct hash no_hash;

static struct scorer row_of(const struct reward *reward, const struct hash *card,
                            const struct hash *image)
{
    const struct reward_kind *kind = reward_kind_of(reward->kind);

    return (struct scorer){.name = reward->worker ? reward->worker : reward->name,
                           .kind = reward->kind,
                           .unit = reward->group ? UNIT_GROUP : UNIT_ROLLOUT,
                           .pure = !kind->impure,
                           .needs_text = kind->text,
                           .per_token = reward->steps != REWARDS_NO_STEPS,
                           .card = *card,
                           .image = *image,
                           .spec = reward->spec ? reward->spec : "",
                           .timeout_ms = reward->timeout_ms};
}

void scorers_table(struct rewards *r, const struct hash *card, const struct hash *image,
                   const struct hash *reference_card, const struct hash *reference_image)
{
    r->n_table = r->n;
    for (int i = 0; i < r->n; i++)
        r->table[i] = row_of(&r->reward[i], &card[i], &image[i]);
    if (r->reference)
        r->table[r->n_table++] =
            (struct scorer){.name = "reference",
                            .kind = SCORER_REFERENCE,
                            .unit = UNIT_ROLLOUT,
                            .pure = true,
                            .per_token = true,
                            .card = reference_card ? *reference_card : no_hash,
                            .image = reference_image ? *reference_image : no_hash,
                            .spec = ""};
    for (int i = 0; i < r->n_table; i++) {
        r->table[i].id = (uint32_t)i;
        r->table[i].hash = digest_scorer(&r->table[i]);
        if (i < r->n)
            r->reward[i].scorer = r->table[i].hash;
    }
}

bool scorers_grouped(const struct rewards *rewards)
{
    for (int i = 0; i < rewards->n_table; i++)
        if (rewards->table[i].unit != UNIT_ROLLOUT)
            return true;
    return false;
}

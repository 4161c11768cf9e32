/* scorers: the rewards as the table of scorers that a fleet is sent. */

#ifndef REWARD_SCORERS_H
#define REWARD_SCORERS_H

#include "reward/reward.h"

/* Fills rewards->table and each reward's hash. `card`, `image` [n]: artifacts of the models,
 * zero for rewards without; with rewards->reference a last row gives log-probabilities under
 * the model of the last two. */
void scorers_table(struct rewards *rewards, const struct hash *card, const struct hash *image,
                   const struct hash *reference_card, const struct hash *reference_image);

/* Does one of the table's scorers judge all answers to a prompt at once? */
bool scorers_grouped(const struct rewards *rewards);

#endif

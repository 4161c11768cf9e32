/* world: a small world with a known hidden utility, for the demo.
 *
 * Guests of an inn ask about twelve things; answers are made of clauses: greetings, facts, idle
 * talk, rudeness, farewells. What makes an answer good is a fixed formula that annotators feel
 * (they choose as Bradley and Terry say, each with a sharpness of their own) and that nothing
 * on the reward path ever computes. Everything is a pure function of a seed. */

#ifndef EXAMPLES_WORLD_H
#define EXAMPLES_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORLD_PROMPTS = 12 * 6 * 4 * 8, WORLD_TEXT = 512, WORLD_ANNOTATORS = 5 };

/* Question `index` of WORLD_PROMPTS, as the text a model continues: "guest : … ?\ninn :". */
void world_prompt(char out[WORLD_TEXT], int index);

/* Which question a prompt is; -1 if it is none. */
int world_find(const char *prompt);

/* A mediocre demonstration for the question, with a leading space. */
void world_demonstration(char out[WORLD_TEXT], int index, uint64_t seed, uint32_t draw);

/* The hidden utility of an answer. `finished`: it ended by itself rather than by a length
 * limit. +0.6 greeting at the start · +1.5 the first fact about what was asked · -0.4 each
 * repetition -0.8 a fact about something else · -0.5 idle talk · -1.5 rudeness · +0.6 farewell
 * at the end -1.0 a sentence that is none of these · -1.0 unfinished · -0.05 a word beyond 24
 */
double world_utility(int index, const char *answer, bool finished);

/* Does annotator `who` prefer a to b? P = sigmoid(sharpness(who) * (U(a) - U(b))). */
bool world_prefers(int who, double a, double b, uint64_t seed, uint32_t pair);

/* Every word of the world, for a tokenizer; NULL-ended. */
const char *const *world_words(void);

#endif

/* throughput: tokens a second, and what they are of the most that this machine can do; for metrics.jsonl.
 *
 * A token that is learnt costs 6 operations a parameter (Kaplan et al. 2020, "Scaling Laws for Neural
 * Language Models", eq. 2.1: 2 forward, 4 backward), 4 where the matrices are frozen and an adapter
 * learns, 2 where it is only written. What is computed again, or once for several, is not counted: it
 * is the work that was to be done, beside what the machine's instructions for these products would do. */

#ifndef LEARNER_RUN_THROUGHPUT_H
#define LEARNER_RUN_THROUGHPUT_H

#include <jansson.h>
#include <stdbool.h>

struct params;

struct throughput {
    double parameters; /* of one model */
    int learning;      /* operations a parameter and learnt token */
    int kind;          /* of products (enum peak_kind) */
    double peak; /* operations a second, of all threads; 0: not measured yet, or not known */
    bool measured;
};

void throughput_new(struct throughput *out, const struct params *params, bool adapter);

/* Operations a second; the first call takes a twentieth of a second on all threads of the caller. */
double throughput_peak(struct throughput *throughput);

/* Puts train_tokens_per_second (transformers' name) and drover_train_peak, a share: of `tokens` that
 * models learnt (a token that two learn is two) in `seconds`. Nothing for no seconds. */
void throughput_put(struct throughput *throughput, json_t *line, double tokens, double seconds);

/* Tokens a second that would be written at the peak; 0: not known. */
double throughput_writes(struct throughput *throughput);

#endif

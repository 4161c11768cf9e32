/* softmax: log-probabilities, entropy and probabilities of rows of logits.
 *
 * Everything is of softmax(l / temperature), computed as l * rate with rate = softmax_rate(T)
 * in every place that draws, scores or trains, so that all of them agree in every bit. */

#ifndef LM_KERNEL_SOFTMAX_H
#define LM_KERNEL_SOFTMAX_H

struct softmax {
    float rate, max, sum; /* z = l * rate, max z, sum exp(z - max) */
    float log_sum;        /* log(sum) */
    float entropy;        /* nats: log_sum - sum e*(z - max) / sum */
    float square;         /* sum p^2 = (sum e^2 / sum) / sum */
};

/* 1 / temperature; temperature > 0. */
float softmax_rate(float temperature);

/* Of one row of n logits. */
void softmax_row(struct softmax *out, const float *logit, int n, float rate);

/* log p of the token whose logit this is: (l*rate - max) - log_sum, nats. */
float softmax_logprob(const struct softmax *row, float logit);

/* p [n] = exp(l*rate - max) * (1 / sum); p may be the logits. */
void softmax_probability(float *p, const float *logit, int n, const struct softmax *row);

#endif

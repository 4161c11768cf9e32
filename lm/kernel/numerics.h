/* numerics: which bits this build computes, as one number.
 *
 * Two builds whose numbers are equal give the same log-probabilities and the same tokens of the same
 * weights, to the last bit, on every machine; workers of one run must, for answers are compared.
 * HELLO carries it, and the broker gives no work to who has another one than the learner.
 *
 * It is raised, by one, with every change after which some output bit of decoding, scoring or
 * merging may be another one:
 *   - a kernel's order of summation, its blocks, its fused or unfused products (gemm, attention,
 *     softmax, rows, real; any instruction set);
 *   - exp, silu and their like, whose polynomials are drover's own (decisions 3 and 4);
 *   - the forward pass: norms, rotations, caches, types that values are kept in;
 *   - how a token is drawn: seeds, counters, thresholds, the order of filters;
 *   - how an adapter is merged, and how differences of images are taken in.
 * Not with: speed, memory, messages, training (the learner's own is in no answer). */

#ifndef LM_KERNEL_NUMERICS_H
#define LM_KERNEL_NUMERICS_H

enum { NUMERICS = 1 };

#endif

/* Log-probabilities of tokens that nobody chose, read as one sequence: so every weight of every layer,
 * attention over all of them and the head's softmax are in the last one, and a bit that differs
 * anywhere shows in some of the sixteen with near certainty. Their bits are hashed, not added up:
 * two differences cannot cancel.
 *
 * What is not finite is left out of the matter: which bits a NaN has, the same-bits rules do not say. */

#include "lm/model/golden.h"

#include "base/hash.h"
#include "base/log.h"
#include "lm/model/forward.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static uint8_t *put(uint8_t *to, float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    for (int i = 0; i < 4; i++)
        *to++ = (uint8_t)(bits >> 8 * i);
    return to;
}

uint32_t golden_number(const struct model *model)
{
    const struct shape *const shape = model_shape(model);
    const int n = shape->context < GOLDEN_TOKENS ? shape->context : GOLDEN_TOKENS;
    const int seq[2] = {0, n};
    uint8_t byte[4 * GOLDEN_TOKENS], *end = byte;
    float logprob[GOLDEN_TOKENS];
    int token[GOLDEN_TOKENS];
    uint32_t number;

    for (int i = 0; i < n; i++) /* Knuth's multiplicative hash: far apart in any vocabulary */
        token[i] = (int)((uint32_t)i * UINT32_C(2654435761) % (uint32_t)shape->vocab);
    if (forward_score(model, token, seq, 1, 1, logprob, NULL, NULL)) {
        log_warn("golden", "reason=\"%s\"", err_text());
        return 0;
    }
    for (int i = 1; i < n; i++) {
        if (!isfinite(logprob[i]))
            return 0;
        end = put(end, logprob[i]);
    }
    number = hash_crc32c(0, byte, (size_t)(end - byte));
    return number ? number : 1;
}

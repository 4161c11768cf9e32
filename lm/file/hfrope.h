/* hfrope: how positions become angles, as config.json says it. */

#ifndef LM_FILE_HFROPE_H
#define LM_FILE_HFROPE_H

#include "lm/file/hfreader.h"
#include "lm/model/shape.h"

/* Sets what of the shape belongs to rope; family, head_dim and context must be set. Of longrope's
 * lists the short one holds, until shape_reach says otherwise. */
void hfrope_read(struct hfreader *reader, struct shape *shape);
/* In the form of transformers 4, which 5 reads. */
void hfrope_write(json_t *config, const struct shape *shape);

/* The double with the fewest digits that rounds to this float: 1e-05, not 9.99999974737875e-06. */
json_t *hfrope_plain(float value);

/* What longrope multiplies sines and cosines by where nothing else is said: sqrt(1 + ln(whole /
 * original) / ln original). Ding et al. 2024, arXiv:2402.13753; transformers' default. */
double hfrope_attention(int whole, int original);

/* What sines and cosines of yarn are multiplied by where nothing is said. */
double hfrope_yarn(double factor);

#endif

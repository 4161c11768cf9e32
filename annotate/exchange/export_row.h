/* export_row: the rows of one item in one format. */

#ifndef ANNOTATE_EXCHANGE_EXPORT_ROW_H
#define ANNOTATE_EXCHANGE_EXPORT_ROW_H

#include "annotate/exchange/export_rule.h"

/* A training row of a label, or NULL (counted) where the format has none. *second: another row
 * of the same label (unpaired), or NULL. The caller's. */
json_t *export_row_label(const struct prefs_item *item, const struct labels_one *label,
                         const struct export_rule *rule, json_t **second,
                         struct export_count *count);

/* A row of one judgement for arena, judgements or csv, or NULL where the format has none. */
json_t *export_row_said(struct prefs *prefs, const struct prefs_item *item,
                        const struct gather_said *said, enum export_format format);

#endif

/* hfwindow: which layers attend to a window only, as config.json says it. */

#ifndef LM_FILE_HFWINDOW_H
#define LM_FILE_HFWINDOW_H

#include "lm/file/hfreader.h"
#include "lm/model/shape.h"

/* Sets window and local; family, layers and context must be set. A window that never slides is
 * none. */
void hfwindow_read(struct hfreader *reader, struct shape *shape);
void hfwindow_write(json_t *config, const struct shape *shape);

#endif

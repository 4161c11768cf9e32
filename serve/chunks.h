/* chunks: an answer as it is made, as server-sent events. */

#ifndef SERVE_CHUNKS_H
#define SERVE_CHUNKS_H

#include "serve/job.h"

/* Appends events of all that is new since the last call; *ended once the last has been written
 * ("data: [DONE]"). With the engine's lock while the job is inside. */
void chunks_write(struct strbuf *to, struct job *job, const struct ask_model *model,
                  bool *ended);

#endif

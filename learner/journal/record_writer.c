/* Who wrote a rollout or a score: its texts are copied, for a record outlives the message. A
 * record of version 1 has none: its texts are NULL, and read as "". */

#include "base/mem.h"
#include "learner/journal/record.h"

static char *text_of(const char *text)
{
    return mem_text(text ? text : "");
}

void record_writer_from(struct record_writer *out, const struct writer *from)
{
    *out = (struct record_writer){from->peer, from->key, text_of(from->address),
                                  text_of(from->name), text_of(from->build)};
}

void record_writer_copy(struct record_writer *out, const struct record_writer *from)
{
    const struct writer noun = record_writer_noun(from);

    record_writer_from(out, &noun);
}

struct writer record_writer_noun(const struct record_writer *writer)
{
    return (struct writer){writer->peer, writer->key, writer->address ? writer->address : "",
                           writer->name ? writer->name : "",
                           writer->build ? writer->build : ""};
}

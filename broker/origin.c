/* Texts are cut where they do not fit: they are for people, and for being compared with what
 * was cut by the same rule. */

#include "broker/origin.h"

#include "base/mem.h"
#include "proto/text.h"

struct origin *origin_copy(const struct origin *from)
{
    struct origin *out = mem_new(1, sizeof *out);

    *out = *from;
    return out;
}

static void cut(char *to, const char *from)
{
    text_print(to, ORIGIN_TEXT, "%s", from ? from : "");
}

void origin_take(struct origin *out, const struct writer *from)
{
    *out = (struct origin){.peer = from->peer, .key = from->key};
    cut(out->address, from->address);
    cut(out->name, from->name);
    cut(out->build, from->build);
}

struct writer origin_writer(const struct origin *from)
{
    static const struct origin nobody;

    from = from ? from : &nobody;
    return (struct writer){from->peer, from->key, from->address, from->name, from->build};
}

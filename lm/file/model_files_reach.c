/* Whose rotation depends on how long sequences are (longrope) has to be told once, before anything
 * is computed: the card that actors and rewarders go by is made anew, and says it. */
#include "base/say.h"
#include "lm/file/model_files.h"
#include "lm/model/params.h"

enum err model_files_reach(struct model_files *files, int longest)
{
    if (files->shape.rope != ROPE_LONG)
        return OK;
    shape_reach(&files->shape, longest);
    if (files->params) /* who trains or packs goes by its own copy */
        files->params->shape = files->shape;
    say(stderr,
        "longrope: the %s factors hold: no sequence of this run has more than %d tokens\n",
        files->shape.rope_far ? "long" : "short", files->shape.context);
    return model_files_make_meta(files);
}

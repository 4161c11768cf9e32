/* fuzz_template: a template's text, over a small conversation. */

#include "lm/text/template/jinja.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char variables[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\","
    "\"content\":\" na\\u00efve "
    "\\ud83d\\ude00\\n\"},{\"role\":\"assistant\",\"content\":\"<think>a"
    "</think>b\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":[1,2.5,"
    "null,true]}}}]}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"s\":"
    "\"Hello World\",\"i\":7,\"f\":2.5,\"d\":{\"b\":2,\"a\":1},\"nums\":[3,1,2],"
    "\"add_generation_prompt\":true,\"bos_token\":\"<s>\"}";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct tm now = {.tm_year = 124, .tm_mday = 1};
    json_t *root = json_loads(variables, 0, NULL);
    struct jinja_text text;
    struct jinja *jinja;

    assert(root);
    if (!jinja_open(&jinja, (const char *)bytes, n)) {
        (void)jinja_mentions(jinja, "tools");
        if (!jinja_run(jinja, root, &now, &text)) {
            assert(strlen(text.text) <= text.n);
            for (size_t i = 0; i < text.spans; i++)
                assert(text.span[2 * i] <= text.span[2 * i + 1]);
            jinja_text_free(&text);
        }
        jinja_free(jinja);
    } else {
        assert(!jinja);
    }
    json_decref(root);
    return 0;
}

/* What a card says of precision: a stranger may have written it. */
#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/file/model_meta.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void a_card_of_another_kind_is_refused(void **state)
{
    struct model_files *files;
    struct model_meta meta;
    char *text, *at;

    (void)state;
    assert_ok(model_files_open_as(&files, GOLDEN "/model/llama5", MODEL_FILES_META,
                                  PRECISION_BFLOAT16));
    text = mem_text(files->card);
    at = strstr(text, "\"compute\":\"bfloat16\"");
    assert_non_null(at);
    memcpy(at, "\"compute\":\"cfloat16\"", 20);
    assert_err(ERR_PARSE, model_meta_read(&meta, text, strlen(text), "card"));
    model_meta_fini(&meta);
    free(text);
    model_files_free(files);
}

/* In the card of a run: answers coarser than what is learnt, which who answers goes by. */
static void a_card_says_how_answers_are_written(void **state)
{
    static const char *const bad[] = {"\"generation\":\"int4\"", "\"generation\":888888"};
    struct model_files *files;
    struct model_meta meta;
    struct shape answers;
    char *text, *at;

    (void)state;
    assert_ok(model_files_open_as(&files, GOLDEN "/model/llama5", MODEL_FILES_META,
                                  PRECISION_BFLOAT16));
    assert_null(strstr(files->card, "generation\":")); /* as ever where nothing is said */
    files->shape.answers_int8 = true;
    assert_ok(model_files_make_meta(files));
    assert_ok(model_meta_read(&meta, files->card, files->card_size, "card"));
    answers = shape_answers(&meta.shape);
    assert_true(answers.compute == PRECISION_INT8 && meta.shape.compute == PRECISION_BFLOAT16);
    assert_int_equal(packed_size(&answers), packed_size(&meta.shape)); /* one image for all */
    model_meta_fini(&meta);
    for (int i = 0; i < 2; i++) {
        text = mem_text(files->card);
        at = strstr(text, "\"generation\":\"int8\"");
        assert_non_null(at);
        memcpy(at, bad[i], strlen(bad[i]));
        assert_err(ERR_PARSE, model_meta_read(&meta, text, strlen(text), "card"));
        model_meta_fini(&meta);
        free(text);
    }
    files->shape.compute = PRECISION_FLOAT32;
    assert_err(ERR_RANGE, shape_check(&files->shape));
    model_files_free(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_of_another_kind_is_refused),
        cmocka_unit_test(a_card_says_how_answers_are_written),
    };

    return cmocka_run_group_tests_name("lm/model_meta", tests, NULL, NULL);
}

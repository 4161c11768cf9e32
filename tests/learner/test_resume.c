/* Whether a run may go on in a folder: the keys must be the same, and what differs is said as
 * people wrote it. */

#include "tests/support/test.h"

#include "learner/run/resume.h"

#include <string.h>

static void expect(const char *was, const char *now, const char *words)
{
    json_t *a = json_loads(was, 0, NULL), *b = json_loads(now, 0, NULL);

    if (words) {
        assert_err(ERR_STATE, resume_same(a, b));
        if (!strstr(err_text(), words))
            fail_msg("'%s' does not say '%s'", err_text(), words);
    } else {
        assert_ok(resume_same(a, b));
    }
    json_decref(a);
    json_decref(b);
}

static void what_differs_is_named(void **state)
{
    (void)state;
    expect("{\"kl_coef\":0.05}", "{\"kl_coef\":0.05}", NULL);
    expect("{\"kl_coef\":0.05}", "{\"kl_coef\":0.1}",
           "kl_coef was 0.05 in the run that output_dir holds, is 0.1 now");
    expect("{\"learning_rate\":3e-6}", "{\"learning_rate\":1e-6}", "was 3e-6 in");
    expect("{\"seed\":1}", "{\"seed\":2}", "seed was 1 in");
    expect("{\"seed\":1}", "{}", "seed was 1 in the run that output_dir holds, is unset now");
    expect("{}", "{\"beta\":0.5}", "beta was unset in the run that output_dir holds, is 0.5");
    expect("{\"rewards\":[{\"weight\":0.3}]}", "{\"rewards\":[{\"weight\":0.7}]}",
           "rewards was [{\"weight\":0.3}] in");
    /* two that look alike with 15 digits are told apart */
    expect("{\"lam\":0.1}", "{\"lam\":0.10000000000000002}", "is 0.10000000000000002 now");
}

static void where_and_how_long_may_change(void **state)
{
    (void)state;
    expect("{\"output_dir\":\"a\",\"save_steps\":5,\"broker\":\"x\"}",
           "{\"output_dir\":\"b\",\"save_steps\":7,\"broker_wait\":3}", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_named),
        cmocka_unit_test(where_and_how_long_may_change),
    };

    return cmocka_run_group_tests_name("learner/resume", tests, NULL, NULL);
}

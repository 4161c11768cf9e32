drover_test(learner/parity NEEDS learner TIMEOUT 120)
target_compile_definitions(test_learner_parity PRIVATE GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/golden/trl")

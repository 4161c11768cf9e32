drover_test(learner/parity_direct NEEDS learner TIMEOUT 120)
target_compile_definitions(test_learner_parity_direct PRIVATE GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/golden/trl")

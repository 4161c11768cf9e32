drover_test(learner/prm NEEDS learner learner_trl)
target_compile_definitions(test_learner_prm PRIVATE GOLDEN="${CMAKE_CURRENT_SOURCE_DIR}/golden/prm")
